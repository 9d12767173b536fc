"""Ending again: what the register says has ended since a set was taken ends in what was made of the set."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from vault.custody.identity import open_ident
from vault.domain.access import Granted, decide
from vault.domain.consent import ConsentState
from vault.domain.entry import ObjectRef
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.terms import (
    ZERO_ID,
    Action,
    Gate,
    Millis,
    SubjectId,
)
from vault.errors import Corrupt, Refused
from vault.services import amending
from vault.services.appending import appended, withdrawal
from vault.services.authenticate import ENDED, REVOKED
from vault.services.commanding import APPROVED, REFUSED, WAITING
from vault.services.governing import (
    Change,
    Ground,
    Told,
)
from vault.services.locating import Located, locate_known
from vault.services.parts import Call, Parts
from vault.services.system import permit_comparing
from vault.services.witness import restriction_ref
from vault.services.writing import until_current, write
from vault.storage import key_states, keys, register, restoring
from vault.storage.accounts import AppRow, DecidingRow, GrantRow, SecretRow
from vault.storage.people import AppKeyRow, ApprovalRow, LinkRow, LoginKeyRow, PersonRow
from vault.storage.register import RecordRow
from vault.storage.restoring import RestoringRow

_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Ended:
    """What the register says, laid out by what it means for restored stores."""

    erased: frozenset[bytes]
    # Since the set of data was taken.
    revoked: frozenset[bytes]
    withdrawn: tuple[bytes, ...]
    restricted: frozenset[bytes]


def ended_since(parts: Parts, row: RestoringRow) -> Ended:
    """Read the register: who was ever erased, and what else has ended since the set of data was taken."""
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
    return Ended(
        frozenset(erased),
        frozenset(fresh["revoked"]),
        tuple(sorted(fresh["withdrawn"])),
        frozenset(ref for ref, holds in restricted.items() if holds),
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


# ---- the authority: nobody has anything any more that might be in other hands ----


def ever_erased(parts: Parts) -> frozenset[bytes]:
    """Read from the register who was ever erased, by what it keeps of one."""
    return frozenset(record.ref for record in _records(parts) if record.kind == "erased")


def amended(ground: Ground, ended: Ended, row: RestoringRow) -> Change:
    """End what was revoked, and every secret, link and request: they may be in other hands by now."""
    now = millis(ground.at)
    rows = [
        changed for one in ground.standing.rows if (changed := _as_ended(one, ended.revoked, now)) is not None
    ]
    about = restored_from(row)
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


def restored_from(row: RestoringRow) -> ObjectRef:
    """Name what the house was made of: a set of data, or its own databases at an earlier moment."""
    if row.data_set == ZERO_ID:
        return ObjectRef("backup", None, "point_in_time")
    return ObjectRef("backup", row.data_set)


def meant_by(parts: Parts, refs: frozenset[bytes]) -> list[SubjectId]:
    """Find whom the register means by *refs*: keyed hashes, which only a customer's own ident leads to.

    Raises Corrupt where an ident is not what was put there.
    """
    found: list[SubjectId] = []
    after: SubjectId | None = None
    while len(found) < len(refs):
        with parts.stores.keys.read() as conn:
            page = [one.subject for one in key_states.idents(conn, parts.tenant, after=after, limit=_PAGE)]
            rows = keys.idents(conn, parts.tenant, page)
        if not page:
            break
        for subject in page:
            # Registers of before erasure came name the customer itself.
            means = restriction_ref(open_ident(parts.keyring, rows[subject]))
            found += [subject] if {means, subject} & refs else []
        after = page[-1]
    return found


def restrict_again(parts: Parts, call: Call, whom: SubjectId) -> None:
    """Restrict a customer who was, after the set was taken, and was not released again.

    Raises Corrupt where what decides about the customer is not what was put there.
    """

    def attempt() -> None:
        standing = _stand(parts, call, whom, Action.RESTRICT)
        if standing is None or standing.located.row.gates & Gate.RESTRICTED:
            return
        gates = standing.located.row.gates | Gate.RESTRICTED
        # The register has it: it is told once more, and not a second time there.
        draft = amending.draft(parts, call, standing, Kind.RESTRICTION_SET, gates=gates)
        write(parts, call, [draft], must_hold=True)

    until_current(attempt)


def withdraw_again(parts: Parts, call: Call, items: Sequence[bytes]) -> None:
    """Withdraw consents that were, after the set was taken. Raises Corrupt as restricting does."""
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
