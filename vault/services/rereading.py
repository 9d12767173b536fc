"""Rereading: what decides about judged subjects, once more after the entry, and with it what is sealed."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from vault.custody.barrier import SealedSubject
from vault.custody.standing import check_floor
from vault.domain.sealed import DekRow, IdentRow, SealedRow, SubjectRow
from vault.domain.terms import AppId, SubjectId, Tier
from vault.errors import Corrupt
from vault.services.authenticate import in_force
from vault.services.locating import Located, unchanged
from vault.services.parts import Call, Parts
from vault.storage import floors, hot, keys, subjects


@dataclass(frozen=True, slots=True)
class Again:
    """What stands of the wanted subjects after the receipt; ``broken`` are those with an unreadable row."""

    idents: Mapping[SubjectId, IdentRow]
    deks: Mapping[SubjectId, Sequence[DekRow]]
    rows: Mapping[SubjectId, SubjectRow]
    sealed: Mapping[SubjectId, Sequence[SealedRow]]
    broken: Mapping[SubjectId, Corrupt]

    def stands(self, located: Located) -> bool:
        """Tell whether the subject is still there, exactly as it was judged.

        A destroyed ident is a tombstone: who has one is judged anew, and found to be gone.
        """
        return located.row.subject in self.idents and unchanged(located, self.rows)

    def sealed_subject(self, located: Located) -> SealedSubject:
        """Put together what the barrier opens."""
        subject = located.row.subject
        return SealedSubject(
            located.identity,
            located.row,
            self.idents[subject],
            {row.tier: row for row in self.deks.get(subject, ())},
            {row.tier: row for row in self.sealed.get(subject, ())},
        )


def reread(parts: Parts, call: Call, wanted: Sequence[SubjectId], tiers: frozenset[Tier]) -> Again | None:
    """Read the keys and rows of *wanted* once more; None where the authority has moved.

    Where one row is too broken to be read, each subject is read by itself, so that it alone fails.
    """
    # What is not as it should be is looked at again with more care: which row it is, and whose.
    with suppress(Corrupt):
        at_once = _read_at_once(parts, call, wanted, tiers)
        if at_once is not None:
            return at_once
    return _read_with_care(parts, call, wanted, tiers)


def _read_with_care(
    parts: Parts, call: Call, wanted: Sequence[SubjectId], tiers: frozenset[Tier]
) -> Again | None:
    try:
        return _read(parts, call, wanted, tiers)
    except Corrupt as fault:
        if fault.reason != "row":
            raise
        if len(wanted) == 1:
            return Again({}, {}, {}, {}, {wanted[0]: fault})
    each = [_read_with_care(parts, call, [subject], tiers) for subject in dict.fromkeys(wanted)]
    whole = [one for one in each if one is not None]
    return _together(whole) if len(whole) == len(each) else None


def _read_at_once(
    parts: Parts, call: Call, wanted: Sequence[SubjectId], tiers: frozenset[Tier]
) -> Again | None:
    """Read all of it by one question to each store; None where the authority has moved, or seems to."""
    # The keys first: a floor that was read after the data might be that of the next revision already.
    with parts.stores.keys.glance() as conn:
        opening = hot.key_rows(conn, parts.tenant, wanted, tiers)
    app_id, number = AppId(call.actor.id), call.standing.policy_number
    with parts.stores.data.glance() as conn:
        found = hot.sealed_rows(conn, parts.tenant, wanted, tiers, app_id=app_id, policy_number=number)
    if not parts.authority.is_as(call.standing, app_id, hot.SEALED, found.own):
        return None
    check_floor(call.standing, opening.floors)
    return Again(opening.idents, opening.deks, found.rows, found.sealed, {})


def _read(parts: Parts, call: Call, wanted: Sequence[SubjectId], tiers: frozenset[Tier]) -> Again | None:
    # The keys first: a floor that was read after the data might be that of the next revision already.
    with parts.stores.keys.read() as conn:
        idents = keys.idents(conn, parts.tenant, wanted)
        deks = keys.deks(conn, parts.tenant, wanted, tiers)
        known = floors.read(conn)
    with parts.stores.data.read() as conn:
        if not in_force(parts, conn, call, known):
            return None
        rows = subjects.rows(conn, parts.tenant, wanted)
        sealed = subjects.sealed(conn, parts.tenant, wanted, tiers)
    return Again(idents, deks, rows, sealed, {})


def _together(each: Sequence[Again]) -> Again:
    return Again(
        {key: row for one in each for key, row in one.idents.items()},
        {key: row for one in each for key, row in one.deks.items()},
        {key: row for one in each for key, row in one.rows.items()},
        {key: row for one in each for key, row in one.sealed.items()},
        {key: row for one in each for key, row in one.broken.items()},
    )
