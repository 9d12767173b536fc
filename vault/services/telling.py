"""Telling: alerts become entries of the ledger, each in the case of whom it is about, and none twice."""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Final

from vault.domain.entry import ActorRef, Entry, ObjectRef, PolicyRef
from vault.domain.instants import millis, moment, rfc3339
from vault.domain.kinds import Kind
from vault.domain.policy import Policy
from vault.domain.terms import ZERO_ID, AppId, CaseId, EntryId
from vault.errors import Conflict
from vault.services import filing
from vault.services.authenticate import stand
from vault.services.parts import Parts
from vault.storage import alerts, audit, casefiles, outbox
from vault.storage.alerts import AlertRow
from vault.storage.casefiles import CaseRow
from vault.storage.outbox import OutboxRow

ACTOR: Final = ActorRef("system:signals", "system")
_TOLD_AT_ONCE: Final = 200
_ORDER: Final = (Kind.CASE_OPENED, Kind.CASE_REOPENED, Kind.ALERT_RAISED)


def tell(parts: Parts, policy: Policy) -> None:
    """Make entries of the alerts that are none yet: each belongs to the case of whom it is about."""
    half_life = policy.signals.half_life
    while True:
        filing.catch_up(parts, half_life)
        with parts.stores.audit.read() as conn:
            rows = alerts.untold(conn, limit=_TOLD_AT_ONCE)
            known = casefiles.latest(conn, {row.who for row in rows})
        if not rows:
            return
        append(parts, list(_told(parts, policy, rows, known)))
        told = [row.alert for row in rows]
        # A crash before this leaves them untold, and their entries are found to stand.
        with parts.stores.audit.write() as conn:
            alerts.tell(conn, told)


def entry_id(at_ms: int, kind: Kind, about: bytes) -> EntryId:
    """Give an entry an id that it would have again, and that comes where it belongs.

    What waits is drained in the order of ids: a case is opened before its first alert.
    """
    place = _ORDER.index(kind)
    return EntryId(at_ms.to_bytes(6) + bytes([place]) + sha256(kind.encode() + b"|" + about).digest()[:9])


def append(parts: Parts, entries: Sequence[Entry]) -> None:
    """Put entries into the ledger; one that stands there already stays the only one of its id."""
    with parts.stores.audit.read() as conn:
        standing = audit.standing(conn, [entry.id for entry in entries])
    missing = [entry for entry in entries if entry.id not in standing]
    if not missing:
        return
    version = stand(parts, AppId(ZERO_ID)).version
    rows = [
        parts.ledger.waiting(
            # A row without a subject is one of the authority: its revision is the version that stands.
            OutboxRow(parts.tenant, entry.id, entry.at_ms, None, version, entry.body(), None)
        )
        for entry in missing
    ]
    # A conflict: another process tells of the same just now, or one did and ended before its turn.
    with suppress(Conflict):
        parts.stores.data.transact(lambda conn: outbox.add(conn, rows))
    parts.ledger.settle([entry.id for entry in missing])


def _told(
    parts: Parts, policy: Policy, rows: Sequence[AlertRow], known: dict[str, CaseRow]
) -> Iterator[Entry]:
    now = millis(parts.clock())
    oldest = now - int(policy.signals.reopen.total_seconds() * 1000)
    cases = {who: row.casefile for who, row in known.items()}
    decided = {who for who, row in known.items() if row.state == filing.DECIDED}
    for who, case in known.items():
        if case.state == filing.DECIDED and case.changed_ms < oldest:
            del cases[who]
    for row in rows:
        if row.who not in cases:
            cases[row.who] = CaseId(_derived(row, Kind.CASE_OPENED))
            about = ObjectRef("case", cases[row.who], f"{row.who_type}:{row.who}")
            yield _entry(parts, policy, row, Kind.CASE_OPENED, about=about)
        elif row.who in decided:
            yield _entry(parts, policy, row, Kind.CASE_REOPENED, about=ObjectRef("case", cases[row.who]))
        decided.discard(row.who)
        about = ObjectRef("case", cases[row.who], f"{row.rule}:{row.score}")
        yield _entry(parts, policy, row, Kind.ALERT_RAISED, about=about)


def _entry(parts: Parts, policy: Policy, row: AlertRow, kind: Kind, *, about: ObjectRef) -> Entry:
    now = millis(parts.clock())
    is_alert = kind is Kind.ALERT_RAISED
    detail: bytes | None = None
    epoch: int | None = None
    if is_alert:
        said = {"entries": row.entries, "at": rfc3339(moment(row.at_ms))}
        detail, epoch = parts.detail.seal(now, said)
    return Entry(
        id=EntryId(row.alert) if is_alert else _derived(row, kind),
        at_ms=now,
        kind=kind,
        actor=ACTOR,
        outcome="recorded",
        reason_code=row.severity if is_alert else None,
        times=len(json.loads(row.entries)) if is_alert else 0,
        policy=PolicyRef(policy.digest, policy.number),
        object=about,
        detail=detail,
        key_epoch=epoch,
    )


def _derived(row: AlertRow, kind: Kind) -> EntryId:
    return entry_id(int.from_bytes(row.alert[:6]), kind, row.alert)
