"""Revive: what ended after a restored set was taken ends again, and what is derived is made anew.

Each step repeats itself without harm, so that whatever a crash leaves is done again by the same command.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from typing import Final

from vault.domain.access import Actor, Granted, decide
from vault.domain.backup_set import SetKind
from vault.domain.consent import ConsentState
from vault.domain.entry import ObjectRef
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.seal import parse_tiers
from vault.domain.terms import (
    ID_BYTES,
    ZERO_ID,
    Action,
    AppId,
    Gate,
    HouseId,
    Millis,
    RequestId,
    RoleId,
    SubjectId,
)
from vault.errors import BackupUnfit, Conflict, Corrupt, Refused, VaultError
from vault.services import amending, deriving
from vault.services.appending import appended, withdrawal
from vault.services.authenticate import ENDED, REVOKED, policy_in_force, stand
from vault.services.commanding import APPROVED, REFUSED, WAITING, needs_second
from vault.services.governing import (
    GOVERNED_FOR,
    Change,
    Ground,
    Told,
    govern,
    ground_for,
    may_govern,
    only_operator,
)
from vault.services.indexing import due, is_indexed
from vault.services.locating import Located, locate_known
from vault.services.parts import Call, Parts
from vault.services.releasing import Opened, release
from vault.services.system import house_itself, permit_comparing
from vault.services.writing import until_current, write
from vault.storage import accounts, audit, floors, register, restoring, subjects, tokens
from vault.storage.accounts import AppRow, DecidingRow, GrantRow, SecretRow
from vault.storage.people import AppKeyRow, ApprovalRow, LinkRow, LoginKeyRow, PersonRow
from vault.storage.register import RecordRow
from vault.storage.restoring import RestoringRow
from vault.storage.tokens import TokenRow

_PAGE: Final = 500
# Versions of the authority that no set knows of may have been written: none of them comes again.
_LEAP: Final = 1 << 20
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Ended:
    """What the register says, laid out by what it means for restored stores."""

    erased: frozenset[bytes]
    # Since the set of data was taken.
    revoked: frozenset[bytes]
    withdrawn: tuple[bytes, ...]
    restricted: tuple[bytes, ...]


def replay(parts: Parts, actor: Actor, *, progress: Progress = lambda _step: None) -> None:
    """Let end again, in freshly filled stores, all that ended since, and make what is derived anew.

    For an operator, before anybody is served. Raises BackupUnfit ``backup_mixed`` where data has no key and
    nothing says that it was erased, and what the stores raise; the house stays unusable until it is repeated.
    """
    only_operator(actor)
    with parts.stores.keys.read() as conn:
        row = restoring.read(conn)
    if row is None or row.state != restoring.LOADED:
        return
    ended = _ended(parts, row)
    progress("erased")
    _erase_again(parts, ended.erased)
    progress("floors")
    _lower_floors(parts)
    progress("authority")
    govern(parts, actor, lambda ground: _amended(ground, ended, row), may=lambda _parts, _ground: None)
    progress("customers")
    call = _call(parts, "system:restore")
    for whom in ended.restricted:
        _restrict(parts, call, SubjectId(whom))
    _withdraw(parts, call, ended.withdrawn)
    progress("indexes")
    _index(parts)
    progress("ledger")
    deriving.make_anew(parts)
    deriving.catch_up(parts)


def finish(parts: Parts) -> None:
    """Say that all is replayed and verified: what is left is that somebody opens the house."""
    _move(parts, restoring.LOCKED, was=restoring.LOADED)


def open_restored(parts: Parts, actor: Actor, second: Actor | None) -> None:
    """Let a restored house be used again: for an operator, and with *second*, who governs.

    A house that never had two administrators is opened by its operator alone. Raises Refused ``role`` or the
    guardrail's code, Refused ``second_person`` where nobody else agrees, and Conflict ``not_restored``.
    """
    only_operator(actor)
    ground = ground_for(parts, actor)
    if second is not None:
        may_govern(parts, ground_for(parts, second))
    elif needs_second(ground):
        raise Refused("second_person")
    with parts.stores.keys.read() as conn:
        row = restoring.read(conn)
    if row is None or row.state != restoring.LOCKED:
        raise Conflict("not_restored")
    about = ObjectRef("backup", row.data_set)
    # Told first: a crash behind it leaves the house locked, and the command to be repeated.
    by = actor if second is None else second
    govern(parts, by, lambda _ground: Change((), (Told(Kind.HOUSE_OPENED, about),)))
    _move(parts, restoring.OPEN, was=restoring.LOCKED)


def state(parts: Parts) -> str | None:
    """Say how the restore stands; None in a house that was made of no sets."""
    with parts.stores.keys.read() as conn:
        row = restoring.read(conn)
    return row.state if row is not None else None


def _move(parts: Parts, becomes: str, *, was: str) -> None:
    with parts.stores.keys.read() as conn:
        row = restoring.read(conn)
    if row is not None and row.state == was:
        parts.stores.keys.transact(lambda conn: restoring.put(conn, replace(row, state=becomes)))


def _ended(parts: Parts, row: RestoringRow) -> _Ended:
    erased: set[bytes] = set()
    fresh: dict[str, set[bytes]] = {"revoked": set(), "withdrawn": set()}
    restricted: dict[bytes, bool] = {}
    for record in _records(parts):
        if record.kind == "erased":
            erased.add(record.ref)
        elif record.seq <= row.register_size:
            # The set of data knows of it, and of what was given again afterwards.
            continue
        elif record.kind in fresh:
            fresh[record.kind].add(record.ref)
        elif record.kind in {"restricted", "unrestricted"}:
            restricted[record.ref] = record.kind == "restricted"
    return _Ended(
        frozenset(erased),
        frozenset(fresh["revoked"]),
        tuple(sorted(fresh["withdrawn"])),
        tuple(sorted(ref for ref, holds in restricted.items() if holds)),
    )


def _records(parts: Parts) -> Iterable[RecordRow]:
    after = 0
    while True:
        with parts.stores.register.read() as conn:
            page = register.page(conn, after=after)
        if not page:
            return
        yield from page
        after = page[-1].seq


# ---- subjects: who is not any more, and at which revision the others stand ----


def erased_ref(house: HouseId, subject: SubjectId) -> bytes:
    """Name an erased subject as the register does, which keeps no id of one."""
    return sha256(b"PV1E1" + house + subject).digest()[:ID_BYTES]


def _erase_again(parts: Parts, erased: frozenset[bytes]) -> None:
    """Drop whoever was erased, keys first: whatever a crash leaves of the data opens no more."""
    if not erased:
        return
    for store, kind in ((parts.stores.keys, SetKind.KEYS), (parts.stores.data, SetKind.DATA)):
        after: SubjectId | None = None
        while True:
            with store.read() as conn:
                page = (
                    restoring.idents(conn, parts.tenant, after=after, limit=_PAGE)
                    if kind is SetKind.KEYS
                    else [one.subject for one in subjects.page(conn, parts.tenant, after=after, limit=_PAGE)]
                )
            if not page:
                break
            gone = [one for one in page if erased_ref(parts.house.house, one) in erased]
            if gone:
                store.transact(partial(restoring.drop, kind=kind, tenant=parts.tenant, subjects=gone))
            after = page[-1]


def _lower_floors(parts: Parts) -> None:
    """Put every floor where the sets are: keys were taken after data and know of later revisions."""
    tenant = parts.tenant
    after: SubjectId | None = None
    while True:
        with parts.stores.data.read() as conn:
            page = subjects.page(conn, tenant, after=after, limit=_PAGE)
        if not page:
            break
        wanted = {one.subject: (one.revision, parse_tiers(one.tiers).keys()) for one in page}
        with parts.stores.keys.read() as conn:
            if restoring.missing(conn, tenant, list(wanted)):
                raise BackupUnfit("backup_mixed")
        parts.stores.keys.transact(partial(restoring.lower, tenant=tenant, revisions=wanted))
        after = page[-1].subject
    after = None
    while True:
        with parts.stores.keys.read() as conn:
            known = restoring.idents(conn, tenant, after=after, limit=_PAGE)
        if not known:
            break
        with parts.stores.data.read() as conn:
            standing = restoring.standing(conn, tenant, known)
        # Admitted after the set of data was taken: of them there is nothing but keys.
        lost = [one for one in known if one not in standing]
        if lost:
            parts.stores.keys.transact(
                partial(restoring.drop, kind=SetKind.KEYS, tenant=tenant, subjects=lost)
            )
        after = known[-1]
    _lower_house(parts)


def _lower_house(parts: Parts) -> None:
    with parts.stores.data.read() as conn:
        manifest = accounts.authority_row(conn, parts.tenant)
    with parts.stores.audit.read() as conn:
        head = audit.head(conn)
    with parts.stores.register.read() as conn:
        length = register.head(conn).seq
    with parts.stores.keys.read() as conn:
        known = floors.read(conn)
    if manifest is None or head is None or known is None:
        raise BackupUnfit("backup_mixed")
    lowered = replace(
        known,
        authority_floor=manifest.version,
        authority_pending=max(known.authority_pending, known.authority_floor, manifest.version) + _LEAP,
        ledger_size=head.size,
        register_size=length,
    )
    parts.stores.keys.transact(lambda conn: restoring.set_floors(conn, lowered))


# ---- the authority: nobody has anything any more that might be in other hands ----


def _amended(ground: Ground, ended: _Ended, row: RestoringRow) -> Change:
    now = millis(ground.at)
    rows = [
        changed for one in ground.standing.rows if (changed := _as_ended(one, ended.revoked, now)) is not None
    ]
    about = ObjectRef("backup", row.data_set)
    return Change(tuple(rows), (Told(Kind.HOUSE_RESTORED, about),))


def _as_ended(row: DecidingRow, revoked: frozenset[bytes], now: Millis) -> DecidingRow | None:
    """Give a row as it is from now on, where that is otherwise."""
    match row:
        case SecretRow(revoked_ms=None):
            # A secret that was handed out may have been lost with the house.
            return replace(row, revoked_ms=now)
        case LinkRow(used_ms=None):
            return replace(row, used_ms=now)
        case ApprovalRow(state=state) if state in {WAITING, APPROVED}:
            return replace(row, state=REFUSED, closed_ms=now)
        case GrantRow(revoked_ms=None) if row.role_grant in revoked or row.holder in revoked:
            return replace(row, revoked_ms=now)
        case AppRow() if row.app in revoked and row.state != REVOKED:
            return replace(row, state=REVOKED)
        case AppKeyRow(revoked_ms=None) if row.app_key in revoked or row.app in revoked:
            return replace(row, revoked_ms=now)
        case PersonRow() if row.person in revoked and row.state != ENDED:
            return replace(row, state=ENDED, since_ms=now)
        case LoginKeyRow(ended_ms=None) if row.login_key in revoked:
            return replace(row, ended_ms=now)
        case _:
            return None


# ---- customers: what they or the law had ended ----


def _call(parts: Parts, role: str) -> Call:
    standing = stand(parts, AppId(ZERO_ID))
    policy = policy_in_force(parts, standing)
    return Call(
        house_itself(RoleId(role)), standing, policy, GOVERNED_FOR, RequestId(parts.new_id()), source=""
    )


def _restrict(parts: Parts, call: Call, whom: SubjectId) -> None:
    def attempt() -> None:
        standing = _stand(parts, call, whom, Action.RESTRICT)
        if standing is None or standing.located.row.gates & Gate.RESTRICTED:
            return
        gates = standing.located.row.gates | Gate.RESTRICTED
        # The register has it: it is told once more, and not a second time there.
        draft = amending.draft(parts, call, standing, Kind.RESTRICTION_SET, gates=gates)
        write(parts, call, [draft], must_hold=True)

    until_current(attempt)


def _withdraw(parts: Parts, call: Call, items: Sequence[bytes]) -> None:
    with parts.stores.data.read() as conn:
        whose: Mapping[bytes, SubjectId] = restoring.holders(conn, parts.tenant, items) if items else {}
    for item, whom in sorted(whose.items()):

        def attempt(item: bytes = item, whom: SubjectId = whom) -> None:
            standing = _stand(parts, call, whom, Action.RECORD_CONSENT)
            if standing is None:
                return
            row = next((one for one in standing.located.consents if one.consent == item), None)
            if row is None or row.state is not ConsentState.GIVEN:
                return
            said = withdrawal(parts, call, row)
            draft = appended(parts, call, standing, said, kind=Kind.CONSENT_WITHDRAWN)
            write(parts, call, [draft], must_hold=True)

        until_current(attempt)


def _stand(parts: Parts, call: Call, whom: SubjectId, action: Action) -> amending.Standing | None:
    (found,) = locate_known(parts, call, [whom])
    if isinstance(found, Corrupt):
        raise found
    if not isinstance(found, Located):
        return None
    permitted = permit_comparing(parts, call, action, [])
    at = parts.clock()
    verdict = decide(call.actor, permitted.request, permitted.row, found.known(at), at=at)
    if not isinstance(verdict, Granted):
        raise Refused(verdict.reason)
    return amending.Standing(found, verdict)


# ---- what is derived ----


def _index(parts: Parts) -> None:
    """Open every indexed field as ``system:index``, under entries of its own, and lay its tokens anew."""
    call = _call(parts, "system:index")
    fields = [one for one in call.policy.catalogue.by_name.values() if is_indexed(one)]
    served = [one for one in fields if one.tier in parts.keyring.served]
    with parts.stores.data.read() as conn:
        epochs = tokens.index_epochs(conn, parts.tenant, locked=False)
    after: SubjectId | None = None
    while True:
        with parts.stores.data.read() as conn:
            page = [one.subject for one in subjects.page(conn, parts.tenant, after=after, limit=_PAGE)]
        if not page:
            return
        opened: Sequence[Opened | VaultError] = release(
            parts,
            call,
            Action.PROCESS,
            [one.name for one in served],
            targets=page,
            find=locate_known,
            permitting=permit_comparing,
        )
        rows = [
            TokenRow(
                parts.tenant,
                index_id,
                epoch,
                token,
                subject,
                item,
                field.unique and index_id == field.exact_index,
                parts.tokens.row_mac(index_id, epoch, token=token, subject=subject, item=item),
            )
            for subject, one in zip(page, opened, strict=True)
            # What does not open is found by 'vaultctl doctor'; it keeps nobody else out.
            if isinstance(one, Opened)
            for field in served
            for item, plain in one.profile.values(field)
            if plain is not None
            for index_id, epoch, token in due(parts, field, plain, epochs)
        ]
        parts.stores.data.transact(partial(tokens.put_tokens, rows=rows))
        after = page[-1]
