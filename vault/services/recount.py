"""Recount: compare the index tokens and pairwise ids that stand with those that must."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from typing_extensions import override

from vault.domain.grants import token_bytes
from vault.domain.instants import moment, month
from vault.domain.kinds import Kind
from vault.domain.terms import (
    ZERO_ID,
    Action,
    AppId,
    RequestId,
    RoleId,
    SpaceId,
    SubjectId,
    id_text,
)
from vault.errors import Corrupt, VaultError
from vault.services.authenticate import policy_in_force, stand
from vault.services.governing import GOVERNED_FOR
from vault.services.indexing import due, is_indexed
from vault.services.locating import Located, locate_known, locate_subjects
from vault.services.parts import Call, Parts
from vault.services.releasing import release
from vault.services.system import house_itself, permit_comparing
from vault.storage import audit, keys, outbox, subjects, tokens

PAGE = 500
_ROLE = RoleId("system:index")
# An audit token and its month.
Told: TypeAlias = tuple[int, bytes]
_ISSUING = frozenset({Kind.SUBJECT_ADMITTED.value, Kind.IDS_ISSUED.value})


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is missing, too many, or does not open; ids and field names, never values."""

    subject: SubjectId
    code: str
    what: str

    @override
    def __str__(self) -> str:
        """Say it in one line."""
        return f"{id_text('sub', self.subject)}: {self.code} ({self.what})"


def recount(parts: Parts) -> Iterator[Finding]:
    """Go through every subject, page by page, and yield what is wrong with its indexes and its ids.

    Values are opened by ``system:index`` under one entry a page; what was to be there of ids is read from
    the ledger, which tells each app that ever learned a customer.
    """
    call = _call(parts)
    issued, admitted = _told(parts)
    months = {period for period, _ in admitted}
    spaces = {AppId(app): row.space for app, row in call.standing.apps.items()}
    after: SubjectId | None = None
    while True:
        with parts.stores.data.read() as conn:
            page = [row.subject for row in subjects.page(conn, parts.tenant, after=after, limit=PAGE)]
        if not page:
            break
        yield from _indexes(parts, call, page)
        yield from _untold(parts, page)
        located = [one for one in locate_subjects(parts, page).values() if isinstance(one, Located)]
        yield from _pairwise(parts, located, issued, spaces)
        admitted -= {(period, one.identity.audit_token(period)) for one in located for period in months}
        after = page[-1]
    if admitted:
        yield Finding(
            SubjectId(ZERO_ID), "subject_missing", f"{len(admitted)} were admitted and are not there"
        )


def _call(parts: Parts) -> Call:
    standing = stand(parts, AppId(ZERO_ID))
    policy = policy_in_force(parts, standing)
    # Keeping the indexes whole is part of keeping the data safe (PRIVACY 5.2).
    return Call(house_itself(_ROLE), standing, policy, GOVERNED_FOR, RequestId(parts.new_id()), source="")


def _indexes(parts: Parts, call: Call, page: Sequence[SubjectId]) -> Iterator[Finding]:
    fields = [
        field
        for field in call.policy.catalogue.by_name.values()
        if is_indexed(field) and field.tier in parts.keyring.served
    ]
    opened = release(
        parts,
        call,
        Action.PROCESS,
        [field.name for field in fields],
        targets=page,
        find=locate_known,
        permitting=permit_comparing,
    )
    with parts.stores.data.read() as conn:
        standing = tokens.tokens_of(conn, parts.tenant, page)
        epochs = tokens.index_epochs(conn, parts.tenant, locked=False)
    for subject, one in zip(page, opened, strict=True):
        if isinstance(one, VaultError):
            yield Finding(
                subject, "rejected" if isinstance(one, Corrupt) else one.code, getattr(one, "reason", "")
            )
            continue
        held = {(row.index_id, row.epoch, row.item, row.token) for row in standing.get(subject, ())}
        wanted = {
            (index_id, epoch, item, token): field
            for field in fields
            for item, plain in one.profile.values(field)
            if plain is not None
            for index_id, epoch, token in due(parts, field, plain, epochs)
        }
        for key in sorted(wanted.keys() - held):
            yield Finding(subject, "index_token_missing", wanted[key].name)
        served = {index for field in fields for index in (field.exact_index, field.suffix_index)}
        for index_id, *_ in sorted(key for key in held - wanted.keys() if key[0] in served):
            yield Finding(subject, "index_token_unexplained", f"index {index_id}")


def _untold(parts: Parts, page: Sequence[SubjectId]) -> Iterator[Finding]:
    """Find a revision in force whose entry neither the ledger has nor the outbox holds.

    The floor rises before the outbox row goes: who reads data first and keys second sees one or the other.
    """
    with parts.stores.data.read() as conn:
        rows = subjects.rows(conn, parts.tenant, page)
        waiting = outbox.waiting_for(conn, parts.tenant, page)
    with parts.stores.keys.read() as conn:
        idents = keys.idents(conn, parts.tenant, page)
    for subject, row in rows.items():
        if subject in idents and row.revision > idents[subject].rev_floor and subject not in waiting:
            yield Finding(subject, "change_untold", f"revision {row.revision}")


def _pairwise(
    parts: Parts,
    located: Sequence[Located],
    issued: Mapping[Told, frozenset[AppId]],
    spaces: Mapping[AppId, SpaceId],
) -> Iterator[Finding]:
    months = {period for period, _ in issued}
    due: dict[SpaceId, dict[bytes, SubjectId]] = {}
    for one in located:
        for app in {
            app for period in months for app in issued.get((period, one.identity.audit_token(period)), ())
        }:
            if app in spaces:
                space = spaces[app]
                due.setdefault(space, {})[one.identity.pairwise(space, one.row.subject)] = one.row.subject
    for space, ids in due.items():
        with parts.stores.keys.read() as conn:
            standing = keys.resolve(conn, parts.tenant, space, list(ids))
        name = next(id_text("app", app) for app, own in spaces.items() if own == space)
        for pairwise, subject in ids.items():
            if pairwise not in standing:
                yield Finding(subject, "pairwise_missing", name)


def _told(parts: Parts) -> tuple[Mapping[Told, frozenset[AppId]], set[Told]]:
    """Read from the ledger which app learned which audit token, by month, and which were admitted."""
    admitted: set[Told] = set()
    found: dict[Told, frozenset[AppId]] = {}
    start = 0
    while True:
        with parts.stores.audit.read() as conn:
            rows = audit.entries(conn, start, limit=PAGE)
        if not rows:
            return found, admitted
        for row in rows:
            body = json.loads(row.body)
            actor = body["actor"]
            # An app that acts on behalf of a person learns the customer by its own id, as ever.
            learner = actor["id"] if actor["type"] == "app" else actor.get("on_behalf") or actor["id"]
            if body["kind"] in _ISSUING and actor["type"] in {"app", "operator"}:
                period = month(moment(body["t"]))
                for token in (token for one in body["sets"] for token in one.get("subjects", ())):
                    key = (period, token_bytes(token))
                    found[key] = found.get(key, frozenset()) | {AppId(token_bytes(learner))}
                    if body["kind"] == Kind.SUBJECT_ADMITTED:
                        admitted.add(key)
        start = rows[-1].idx + 1
