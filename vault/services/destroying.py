"""Destroying: the steps by which a subject is erased; each may be the last before a crash, and repeats."""

import json
from dataclasses import replace
from typing import Final

from vault.domain.access import Actor
from vault.domain.canonical import canonical
from vault.domain.entry import ObjectRef
from vault.domain.erasure import Certificate, Held, register_ref
from vault.domain.instants import day, millis
from vault.domain.kinds import Kind
from vault.domain.manifest import parse_body
from vault.domain.terms import (
    ZERO_ID,
    ActorId,
    AppId,
    EntryId,
    Gate,
    Millis,
    SpaceId,
    SubjectId,
    Tier,
)
from vault.errors import Corrupt, Stale
from vault.services import ending, mirroring, writing
from vault.services.authenticate import stand
from vault.services.commanding import WITHDRAWN
from vault.services.governing import Change, Told, amend
from vault.services.locating import Located, locate_subjects
from vault.services.parts import Parts
from vault.services.revealing import Reveal
from vault.services.undertaking import ACTOR, ERASED, Agreed, is_ours, signed, told
from vault.storage import erasing, erasures, floors, key_states, outbox, register, subjects
from vault.storage.erasures import EndedRow, ErasureRow
from vault.storage.people import ApprovalRow
from vault.storage.unit_of_work import Connection

_DAY_MS: Final = 24 * 60 * 60 * 1000
# Others may still be at work on the subject when it begins; what they do is looked at again.
_ROUNDS: Final = 5
_WHY_KEPT: Final[tuple[tuple[str, str], ...]] = (
    ("ledger", "accountability (GDPR 5(2), PIPL 54): entries name the subject by tokens that lead to nobody"),
    ("register", "no restore may revive what ended; a hash and a day, which only the subject's id gives"),
    ("index.tokens", "in the index of the ledger: the same tokens, which lead to nobody"),
    ("backups", "sets taken before still hold sealed rows until they end, or their key epoch does"),
)


# ---- what is held ----


def holdings(parts: Parts, located: Located) -> Held:
    """Say what the stores hold of a subject, by names and counts; nothing is opened."""
    subject = located.row.subject
    with parts.stores.keys.read() as conn:
        wrapped = erasing.wrapped(conn, parts.tenant, subject)
        known = erasing.spaces_of(conn, parts.tenant, subject)
        places = erasing.held(conn, "keys", parts.tenant, subject)
    with parts.stores.data.read() as conn:
        bodies = subjects.bodies(conn, parts.tenant, subject)
        places |= erasing.held(conn, "data", parts.tenant, subject)
        _, answers = erasing.answers_about(conn, parts.tenant, subject)
    if answers:
        places["data_idempotency"] = answers
    if requests := len(_approvals(parts, subject)):
        places["data_approval"] = requests
    return Held(
        located.row.gates,
        located.row.revision,
        tuple(cell for body in bodies for cell in parse_body(body)),
        tuple(wrapped),
        tuple({space for space, _ in known}),
        located.facts,
        places,
    )


# ---- the steps ----


def carry_on(parts: Parts, row: ErasureRow) -> None:
    """Do what is left to do of an erasure that was begun; two that do it at once do no harm.

    Raises Corrupt ``erasure`` for a row that is not ours or a subject that is not being erased, Conflict
    ``mirror_missing``, LedgerUnavailable and StoreUnavailable: it is gone on with later. Each step is done
    before the next begins, and finds itself done when it is repeated.
    """
    subject = row.subject
    if not is_ours(parts, row):
        raise Corrupt("erasure")
    if subject is None:
        return
    _check_erasing(parts, subject)
    for _ in range(_ROUNDS):
        # A crash before the keys are gone leaves a subject that nobody reads, and this row.
        writing.settle(parts, subject)
        row = _tell_apps(parts, row, subject)
        _register(parts, subject)
        if not parts.stores.keys.transact(lambda conn, row=row: _destroy_keys(conn, parts, row, subject)):  # type: ignore[misc]
            continue
        # A crash from here on leaves rows that nothing opens; the register says that it is so for good.
        erasing.press(parts.stores.keys)
        _empty_approvals(parts, subject)
        if parts.stores.data.transact(lambda conn, row=row: _wipe(conn, parts, row, subject)):  # type: ignore[misc]
            break
    else:
        raise Stale
    erasing.press(parts.stores.data)
    # A crash here leaves the entry in the outbox; any turn writes it.
    parts.ledger.settle([row.entry])


def _check_erasing(parts: Parts, subject: SubjectId) -> None:
    """See that the register says so already, or the subject's own seal: a row alone erases nobody."""
    with parts.stores.register.read() as conn:
        if register.has_ended(conn, register_ref(parts.house.house, subject)):
            return
    found = locate_subjects(parts, [subject])[subject]
    if not isinstance(found, Located) or not found.row.gates & Gate.ERASING:
        raise Corrupt("erasure")


def _tell_apps(parts: Parts, row: ErasureRow, subject: SubjectId) -> ErasureRow:
    """Keep for each app that its id has ended, and in the row what keys there are; nothing opens yet.

    Once the keys are gone there is nobody to tell any more, and the row says who was.
    """
    with parts.stores.keys.read() as conn:
        wrapped = erasing.wrapped(conn, parts.tenant, subject)
        known = erasing.spaces_of(conn, parts.tenant, subject)
    if not wrapped:
        return row
    names = {app.space: app.name for app in stand(parts, AppId(ZERO_ID)).apps.values()}
    today = day(parts.clock())
    ended = [EndedRow(parts.tenant, space, pairwise, today) for space, pairwise in known]
    told = tuple(sorted({names.get(space, "unknown") for space, _ in known}))
    agreed = Agreed.read(row.body)
    places = {name: count for name, count in agreed.places.items() if not name.startswith("keys_")}
    with parts.stores.keys.read() as conn:
        places |= erasing.held(conn, "keys", parts.tenant, subject)
    now = signed(
        parts, replace(row, body=replace(agreed, keys=tuple(wrapped), places=places, told=told).written())
    )

    def keep(conn: Connection) -> None:
        erasures.tell_ended(conn, ended)
        standing = erasures.one(conn, parts.tenant, row.erasure)
        # Another process may be further: what it has written is later than this.
        if standing is not None and standing.subject is not None:
            erasures.put(conn, now)

    parts.stores.data.transact(keep)
    return now


def _register(parts: Parts, subject: SubjectId) -> None:
    """Put it into the register and its mirror: what is destroyed after this must never come back."""
    ref = register_ref(parts.house.house, subject)
    today = Millis(millis(parts.clock()) // _DAY_MS * _DAY_MS)

    def tell(conn: Connection) -> int:
        if register.has_ended(conn, ref):
            return register.head(conn).seq
        # An id of its own: no entry of the ledger is called so, and none leads here.
        record = register.Record(EntryId(parts.new_id()), ending.ERASED, ref, Tier.IDENT, 0, today)
        return register.append(conn, [record]).seq

    length = parts.stores.register.transact(tell)
    mirroring.copy(parts)
    parts.stores.keys.transact(lambda conn: floors.lift(conn, register_size=length))
    ending.read_on(parts)


def _destroy_keys(conn: Connection, parts: Parts, row: ErasureRow, subject: SubjectId) -> bool:
    """Delete the ident, the DEKs and the apps' ids, all at once; False where there is more than was told."""
    if key_states.living(conn, parts.tenant, [subject]):
        wrapped = erasing.wrapped(conn, parts.tenant, subject)
        told = Agreed.read(row.body)
        known = erasing.spaces_of(conn, parts.tenant, subject)
        kept = {name: count for name, count in told.places.items() if name == "keys_pairwise"}
        if set(wrapped) != set(told.keys) or len(known) != kept.get("keys_pairwise", 0):
            return False
    erasing.wipe(conn, "keys", parts.tenant, subject)
    return True


def _approvals(parts: Parts, subject: SubjectId) -> list[ApprovalRow]:
    standing = stand(parts, AppId(ZERO_ID))
    return [
        row
        for row in standing.approvals.values()
        if row.kind == Reveal.kind and json.loads(row.command).get("subject") == subject.hex()
    ]


def _empty_approvals(parts: Parts, subject: SubjectId) -> None:
    """Take the subject's id out of what somebody asked a second person to agree to; nobody stands there.

    The entry names no request: one that it named would lead from here to what was revealed by it.
    """
    for _ in range(_ROUNDS):
        rows = tuple(
            replace(
                row,
                command=canonical({**json.loads(row.command), "subject": ZERO_ID.hex()}).decode(),
                state=row.state if row.closed_ms is not None else WITHDRAWN,
                closed_ms=row.closed_ms if row.closed_ms is not None else millis(parts.clock()),
            )
            for row in _approvals(parts, subject)
        )
        if not rows:
            return
        actor = Actor(ActorId(ZERO_ID), "system", ACTOR, SpaceId(ZERO_ID), ())
        told = Told(Kind.APPROVAL_EMPTIED, ObjectRef("approval", None, Reveal.kind))
        was = stand(parts, AppId(ZERO_ID))
        if amend(parts, actor, Change(rows, (told,)), was=was, at=parts.clock()):
            return
    raise Stale


def _wipe(conn: Connection, parts: Parts, row: ErasureRow, subject: SubjectId) -> bool:
    """Delete every row, and let the erasure forget whose it was, with its certificate and its entry.

    False where a change of the subject still waits for its entry.
    """
    standing = erasures.one(conn, parts.tenant, row.erasure)
    if standing is None or standing.subject is None:
        return True
    if outbox.of_subjects(conn, parts.tenant, [subject]):
        return False
    ids, _ = erasing.answers_about(conn, parts.tenant, subject)
    erasing.forget_answers(conn, parts.tenant, ids)
    erasing.wipe(conn, "data", parts.tenant, subject)
    text = parts.certificates.sign(_certificate(parts, standing, subject).written())
    erasures.put(conn, signed(parts, replace(standing, subject=None, state=ERASED, certificate=text)))
    outbox.add(conn, [told(parts, Kind.SUBJECT_ERASED, standing.erasure, standing.entry, text)])
    return True


def _certificate(parts: Parts, row: ErasureRow, subject: SubjectId) -> Certificate:
    agreed = Agreed.read(row.body)
    return Certificate(
        parts.house.house,
        row.erasure,
        register_ref(parts.house.house, subject),
        row.begun_ms,
        millis(parts.clock()),
        agreed.reason,
        bytes.fromhex(agreed.policy),
        agreed.fields,
        agreed.keys,
        agreed.places,
        agreed.told,
        agreed.law,
        _WHY_KEPT,
        row.entry,
    )
