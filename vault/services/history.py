"""History: when a customer changed and which fields, as far as the asker may see them; no value is opened."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vault.custody.trail import Change, trail
from vault.domain.access import Granted
from vault.domain.canonical import Json
from vault.domain.instants import day, moment
from vault.domain.seal import parse_tiers
from vault.domain.sealed import SealedRow
from vault.domain.terms import Action, SubjectId, Tier
from vault.errors import Corrupt, Invalid, Moved
from vault.services import amending, witness
from vault.services.amending import Standing
from vault.services.parts import Call, Parts
from vault.services.permitting import permit
from vault.storage import keys, subjects
from vault.storage.unit_of_work import Connection

LONGEST_PAGE = 1000
_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Page:
    """Some revisions, the newest first; ``next`` goes on from there, None at the end."""

    items: list[Json]
    next: str | None


def history(parts: Parts, call: Call, customer: str, *, limit: int = 100, cursor: str | None = None) -> Page:
    """List what changed by revision: its ETag, the day, and the names of the fields that the asker may see.

    *cursor* is the ETag of the last item of the page before: it says nothing to any other app. Raises
    NotFound, Refused, Corrupt where an old manifest was edited, dropped or added, and Invalid ``cursor``.
    """
    if not 1 <= limit <= LONGEST_PAGE:
        raise Invalid("limit", field="limit", most=LONGEST_PAGE)
    items = amending.until_still(parts, call, lambda call: _revisions(parts, call, customer))
    etags = [item["etag"] for item in items if isinstance(item, dict)]
    if cursor is not None and cursor not in etags:
        raise Invalid("cursor", field="cursor")
    start = 0 if cursor is None else etags.index(cursor) + 1
    page = items[start : start + limit]
    more = start + limit < len(items)
    return Page(page, str(etags[start + limit - 1]) if more else None)


def _revisions(parts: Parts, call: Call, customer: str) -> list[Json]:
    visible = permit(parts, call, Action.READ).treatments
    served = [name for name in visible if call.policy.catalogue.field(name).tiers <= parts.keyring.served]
    permitted = permit(parts, call, Action.READ, served)
    standing = amending.stand(parts, call, customer, Action.READ, permitted=permitted)
    return _items(call, standing, _changes(parts, call, standing))


def _changes(parts: Parts, call: Call, standing: Standing) -> list[Change]:
    """Tell the ledger, look again, and only then unwrap the keys that prove the old manifests."""
    located, grant = standing.located, standing.grant
    subject = located.row.subject
    marks = parse_tiers(located.row.tiers)
    tiers = [tier for tier in _tiers(call, grant) if tier in marks]
    parts.ledger.append(witness.history_viewed(parts, call, grant))
    with parts.stores.data.read() as conn:
        still_stands = amending.still_stands(parts, conn, call, standing)
        sealed = subjects.sealed(conn, parts.tenant, [subject], tiers).get(subject, ())
        past: dict[Tier, list[SealedRow]] = defaultdict(list)
        for row in _all_past(conn, parts, subject, tiers):
            past[row.tier].append(row)
    if not still_stands:
        parts.ledger.append(witness.cancelled(parts, call, Action.READ, [grant]))
        raise Moved
    with parts.stores.keys.read() as conn:
        deks = keys.deks(conn, parts.tenant, [subject], tiers).get(subject, [])
    current = {row.tier: row for row in sealed}
    try:
        trails = [
            trail(parts.keyring, marks[tier], current.get(tier), past[tier], deks=deks) for tier in tiers
        ]
    except Corrupt as fault:
        parts.ledger.append(witness.rejected(parts, call, Action.READ, fault, grant=grant))
        raise
    return [change for one in trails for change in one]


def _all_past(conn: Connection, parts: Parts, subject: SubjectId, tiers: Sequence[Tier]) -> list[SealedRow]:
    rows: list[SealedRow] = []
    before: int | None = None
    while True:
        page = subjects.past(conn, parts.tenant, subject, tiers, before=before, limit=_ROWS)
        rows += page
        if len(page) < _ROWS:
            return rows
        before = page[-1].revision


def _tiers(call: Call, grant: Granted) -> list[Tier]:
    fields = (call.policy.catalogue.field(name) for name, _ in grant.items)
    return sorted({tier for field in fields for tier in field.tiers})


def _items(call: Call, standing: Standing, changes: Sequence[Change]) -> list[Json]:
    """Gather the tiers' changes by revision, and leave out what the asker may not see."""
    catalogue = call.policy.catalogue
    seen: Mapping[int, str] = {catalogue.field(name).number: name for name, _ in standing.grant.items}
    by_revision: dict[int, tuple[int, set[str]]] = {}
    for change in changes:
        names = {seen[number] for number in change.fields if number in seen}
        at_ms, held = by_revision.get(change.revision, (change.changed_ms, set()))
        by_revision[change.revision] = (at_ms, held | names)
    identity, space = standing.located.identity, call.actor.space
    return [
        {
            "etag": identity.etag(space, revision).hex(),
            "on": day(moment(at_ms)),
            "action": (Action.ADMIT if revision == 1 else Action.WRITE).value,
            "fields": list[Json](sorted(names)),
        }
        for revision, (at_ms, names) in sorted(by_revision.items(), reverse=True)
        if names
    ]
