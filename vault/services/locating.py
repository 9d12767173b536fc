"""Locating: from an app's own id to a subject whose seal was checked, before anything is opened."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from vault.custody import identity as identities
from vault.custody.identity import Identity
from vault.domain.access import SubjectFacts
from vault.domain.consent import ConsentRow, consent_head
from vault.domain.facts import FactRow, facts_head
from vault.domain.instants import month
from vault.domain.sealed import IdentRow, SubjectRow
from vault.domain.terms import Gate, SubjectId, id_bytes
from vault.errors import Corrupt, NotFound, VaultError
from vault.services.naming import subjects_named
from vault.services.parts import Call, Parts
from vault.storage import hot, keys

# A writer moves the keys store first and the data store second: a reader between the two sees a revision
# that the floor does not know yet. Reading again tells that from a rollback (DESIGN §4); more than once,
# because a customer who is changed all the time has a writer between the second two looks as well.
_READINGS = 4


@dataclass(frozen=True, slots=True)
class Located:
    """A subject as it stands: its opened ident, and every row that decides about it, under one seal."""

    identity: Identity
    ident: IdentRow
    row: SubjectRow
    consents: tuple[ConsentRow, ...]
    facts: tuple[FactRow, ...]

    def known(self, at: datetime) -> SubjectFacts:
        """Put together what decide() may look at; the audit token is that of the month of *at*."""
        return SubjectFacts(
            self.row.subject,
            self.row.kind,
            self.row.gates,
            self.row.revision,
            self.identity.audit_token(month(at)),
            self.consents,
            self.facts,
        )


def locate(parts: Parts, call: Call, ids: Sequence[str]) -> list[Located | VaultError]:
    """Find the subject behind each of the asker's own ids; order kept, one bad id spoils nothing.

    An id of another app, of another kind, garbled or erased is NotFound, all alike.
    """
    if call.actor.kind == "person":
        return _locate_named(parts, ids)
    wanted = [id_bytes("cus", text) for text in ids]
    given = [raw for raw in wanted if raw is not None]
    try:
        with parts.stores.keys.glance() as conn:
            known = hot.known(conn, parts.tenant, call.actor.space, given)
    except Corrupt as fault:
        # One row is too broken to be read: asked for one by one, it fails alone.
        return [fault] if len(ids) == 1 else [one for text in ids for one in locate(parts, call, [text])]
    rows = [None if raw is None or raw not in known else (raw, known[raw][0]) for raw in wanted]
    idents = {ident.subject: ident for _, ident in known.values() if ident is not None}
    found = iter(locate_given(parts, call, [row for row in rows if row is not None], idents=idents))
    return [NotFound() if row is None else next(found) for row in rows]


def _locate_named(parts: Parts, ids: Sequence[str]) -> list[Located | VaultError]:
    named = subjects_named(ids)
    found = locate_subjects(parts, [subject for subject in named if subject is not None])
    return [NotFound() if subject is None else found[subject] for subject in named]


def locate_given(
    parts: Parts,
    call: Call,
    rows: Sequence[tuple[bytes, SubjectId]],
    *,
    idents: Mapping[SubjectId, IdentRow] | None = None,
) -> list[Located | VaultError]:
    """Find the subject of each row of the app's own ids; order kept, one bad row spoils nothing.

    *idents* are those of all of them, where they were read just now.
    """
    found = locate_subjects(parts, [subject for _, subject in rows], idents=idents)
    located: list[Located | VaultError] = []
    for raw, subject in rows:
        one = found[subject]
        # The row that led here is not authenticated by itself: the subject's own ident must agree.
        if isinstance(one, Located) and one.identity.pairwise(call.actor.space, one.row.subject) != raw:
            one = Corrupt("pairwise")
        located.append(one)
    return located


def locate_known(parts: Parts, _call: Call, wanted: Sequence[SubjectId]) -> list[Located | VaultError]:
    """Find subjects that something else than an app's id led to: a row of an index, or a page of all."""
    found = locate_subjects(parts, wanted)
    return [found[subject] for subject in wanted]


def locate_subjects(
    parts: Parts, wanted: Iterable[SubjectId], *, idents: Mapping[SubjectId, IdentRow] | None = None
) -> dict[SubjectId, Located | VaultError]:
    """Read and check the deciding rows of each subject; a fault is the subject's own answer."""
    found: dict[SubjectId, Located | VaultError] = {}
    missing = list(dict.fromkeys(wanted))
    for _ in range(_READINGS):
        if not missing:
            break
        found |= _read_each(parts, missing, idents)
        # Whoever seems to be tampered with is read anew, from the keys store on.
        idents = None
        missing = [subject for subject in missing if isinstance(found[subject], Corrupt)]
    return found


def _read_each(
    parts: Parts, wanted: Sequence[SubjectId], idents: Mapping[SubjectId, IdentRow] | None
) -> dict[SubjectId, Located | VaultError]:
    """Read all at once; where one row is too broken to be read, read one by one, so that it alone fails."""
    try:
        return _read(parts, wanted, idents)
    except Corrupt as fault:
        if len(wanted) == 1:
            return {wanted[0]: fault}
        return {one: found for each in wanted for one, found in _read_each(parts, [each], None).items()}


def _read(
    parts: Parts, wanted: Sequence[SubjectId], idents: Mapping[SubjectId, IdentRow] | None
) -> dict[SubjectId, Located | VaultError]:
    if idents is None:
        with parts.stores.keys.glance() as conn:
            idents = keys.idents(conn, parts.tenant, wanted)
    with parts.stores.data.glance() as conn:
        standing = hot.deciding(conn, parts.tenant, wanted)
    return {
        subject: NotFound()
        # Whatever row was put back: the register beats it.
        if parts.erased.covers(parts.house.house, subject)
        else _checked(
            parts,
            idents.get(subject),
            standing.rows.get(subject),
            tuple(standing.consents.get(subject, ())),
            tuple(standing.facts.get(subject, ())),
        )
        for subject in wanted
    }


def _checked(
    parts: Parts,
    ident: IdentRow | None,
    row: SubjectRow | None,
    consent_rows: tuple[ConsentRow, ...],
    fact_rows: tuple[FactRow, ...],
) -> Located | VaultError:
    try:
        if ident is None:
            # Without an ident nothing opens. A subject that is being erased is absent like any other, in a
            # process too that has not read the register since.
            being_erased = row is None or row.gates & Gate.ERASING
            return NotFound() if being_erased else Corrupt("ident_missing")
        if row is None:
            # A subject that was never finished has no floor yet; one that was, may not lose its row.
            return NotFound() if ident.rev_floor == 0 else Corrupt("subject_missing")
        identity = identities.open_ident(parts.keyring, ident)
        if not ident.admits(row.revision):
            return Corrupt("revision")
        identity.verify(row)
        if consent_head(consent_rows) != row.consent_head:
            return Corrupt("consent_head")
        if facts_head(fact_rows) != row.facts_head:
            return Corrupt("facts_head")
        return Located(identity, ident, row, consent_rows, fact_rows)
    except Corrupt as fault:
        return fault


def unchanged(located: Located, rows: Mapping[SubjectId, SubjectRow]) -> bool:
    """Tell whether the subject still stands exactly as it was judged, consents, facts and gates included."""
    return rows.get(located.row.subject) == located.row
