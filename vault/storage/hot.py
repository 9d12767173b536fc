"""Hot: what every read of a profile asks, each time by one statement, which is a snapshot of its own."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from operator import attrgetter

from vault.domain.consent import ConsentRow
from vault.domain.facts import FactRow
from vault.domain.sealed import DekRow, IdentRow, SealedRow, SubjectRow
from vault.domain.terms import AppId, SpaceId, SubjectId, TenantId, Tier
from vault.storage import accounts, consents, facts, floors, keys, subjects
from vault.storage.floors import Floors
from vault.storage.glances import Glance
from vault.storage.shapes import by_subject, filled
from vault.storage.statements import ask
from vault.storage.together import Part, Record, Together

_OF_SUBJECT = {"tenant": "tenant", "subject": "subject"}
_OF_TIER = {**_OF_SUBJECT, "tier": "tier"}
_PROFILE_BLOCK = 0

_DECIDING = Together(
    Part(subjects.SUBJECT, _OF_SUBJECT), Part(consents.CONSENT, _OF_SUBJECT), Part(facts.FACT, _OF_SUBJECT)
)
_KEYS = Together(Part(keys.IDENT, _OF_SUBJECT), Part(keys.DEK, _OF_TIER), Part(floors.FLOORS, {}))
SEALED = Together(
    *accounts.OWN_PARTS,
    Part(subjects.SUBJECT, _OF_SUBJECT),
    Part(subjects.SEALED, {**_OF_TIER, "block": "block"}),
)
_OWN = len(accounts.OWN_PARTS)


@dataclass(frozen=True, slots=True)
class Deciding:
    """What decides about subjects: their rows, their consents and their facts."""

    rows: Mapping[SubjectId, SubjectRow]
    consents: Mapping[SubjectId, Sequence[ConsentRow]]
    facts: Mapping[SubjectId, Sequence[FactRow]]


@dataclass(frozen=True, slots=True)
class KeyRows:
    """What opens subjects, oldest generation first, and the floors under everything."""

    idents: Mapping[SubjectId, IdentRow]
    deks: Mapping[SubjectId, Sequence[DekRow]]
    floors: Floors | None


@dataclass(frozen=True, slots=True)
class SealedRows:
    """What decides about the asker, as records; what of a subject has to stand still, and what is sealed."""

    own: frozenset[Record]
    rows: Mapping[SubjectId, SubjectRow]
    sealed: Mapping[SubjectId, Sequence[SealedRow]]


def known(
    conn: Glance, tenant: TenantId, space: SpaceId, pairwise_ids: Collection[bytes]
) -> dict[bytes, tuple[SubjectId, IdentRow | None]]:
    """Find whom an app knows by *pairwise_ids*, and their idents; what was never given out is missing."""
    if not pairwise_ids:
        return {}
    wanted = list(pairwise_ids)
    is_server = conn.dialect.name == "postgresql"
    values: list[object] = [tenant, space]
    if is_server and len(wanted) > 1:
        values.append(wanted)
    else:
        values += wanted if len(wanted) == 1 else filled(list(wanted))
    found: dict[bytes, tuple[SubjectId, IdentRow | None]] = {}
    width = len(keys.PAIRWISE.columns)
    for record in ask(conn, _known(is_server, min(len(wanted), 2) if is_server else len(values) - 2), values):
        one = keys.PAIRWISE.value(record[:width])
        rest = record[width:]
        found[one.pairwise] = one.subject, None if rest[0] is None else keys.IDENT.value(rest)
    return found


def deciding(conn: Glance, tenant: TenantId, ids: Collection[SubjectId]) -> Deciding:
    """Read what decides about the subjects *ids*."""
    rows, consent_rows, fact_rows = _DECIDING.ask(conn, told={"tenant": tenant}, among={"subject": ids})
    return Deciding({row.subject: row for row in rows}, by_subject(consent_rows), by_subject(fact_rows))


def key_rows(conn: Glance, tenant: TenantId, ids: Collection[SubjectId], tiers: Collection[Tier]) -> KeyRows:
    """Read what opens these *tiers* of the subjects *ids*."""
    idents, deks, known_floors = _KEYS.ask(
        conn, told={"tenant": tenant}, among={"subject": ids, "tier": tiers}
    )
    deks.sort(key=attrgetter("gen"))
    return KeyRows(
        {row.subject: row for row in idents}, by_subject(deks), known_floors[0] if known_floors else None
    )


def sealed_rows(
    conn: Glance,
    tenant: TenantId,
    ids: Collection[SubjectId],
    tiers: Collection[Tier],
    *,
    app_id: AppId,
    policy_number: int,
) -> SealedRows:
    """Read once more what decides about the app and the subjects *ids*, and what is sealed of them."""
    records = SEALED.records(
        conn,
        told={"tenant": tenant, "app": app_id, "number": policy_number, "block": _PROFILE_BLOCK},
        among={"subject": ids, "tier": tiers},
    )
    own = frozenset(record for record in records if record[0] < _OWN)
    *_, rows, sealed = SEALED.rows_of(record for record in records if record[0] >= _OWN)
    return SealedRows(own, {row.subject: row for row in rows}, by_subject(sealed))


@cache
def _known(is_server: bool, size: int) -> str:  # noqa: FBT001 - a key of the cache
    slot = "%s" if is_server else "?"
    among = f"= {slot}" if size == 1 else "= ANY(%b)" if is_server else f"IN ({', '.join(slot * size)})"
    names = [f"p.{column.name}" for column in keys.PAIRWISE.columns]
    names += [f"i.{column.name}" for column in keys.IDENT.columns]
    return (
        f"SELECT {', '.join(names)} FROM pairwise p"  # noqa: S608 - names of this code alone
        " LEFT JOIN ident i ON i.tenant = p.tenant AND i.subject = p.subject"
        f" WHERE p.tenant = {slot} AND p.space = {slot} AND p.pairwise {among}"
    )
