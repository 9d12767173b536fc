"""Ledgers: a plausible month of entries, made from a seed, and grown into a ledger in large pages."""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from vault.domain.entry import ActorRef, Entry, ObjectRef, OutcomeSet, PolicyRef
from vault.domain.grants import token_text
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.merkle import Frontier, leaf_hash
from vault.domain.policy import ContextClass
from vault.domain.terms import (
    Action,
    EntryId,
    FieldName,
    Millis,
    PurposeId,
    RequestId,
    Tier,
    Treatment,
    uuid7,
)
from vault.storage import audit, tree
from vault.storage.audit import LeafRow
from vault.storage.unit_of_work import Store

BEGINS: Final = datetime(2026, 11, 1, tzinfo=UTC)
_MONTH_MS: Final = 28 * 86_400_000
_PAGE: Final = 10_000
_PEOPLE, _APPS, _SUBJECTS = 80, 24, 100_000
_POLICY: Final = PolicyRef(hashlib.sha256(b"policy").digest()[:16], 3)
# By the hour, how busy a house is.
_BUSY: Final = (1, 1, 1, 1, 1, 2, 4, 9, 14, 16, 15, 12, 10, 14, 16, 15, 13, 9, 5, 3, 2, 2, 1, 1)
_FIELDS: Final = tuple(map(FieldName, ("name", "mobile", "email", "address", "birthday", "grade")))
_REASONS: Final = ("order_delay", "lost_parcel", "complaint", "address_change", "billing", "callback")


@dataclass(frozen=True, slots=True)
class Desk:
    """Who asks: an app or a person, for one purpose, in one role."""

    actor: ActorRef
    purpose: PurposeId
    weight: int


def grow(store: Store, entries: Iterator[Entry]) -> int:
    """Grow the ledger of *store* by all *entries*; returns how many that were."""
    grown = 0
    while page := list(islice(entries, _PAGE)):
        with store.write() as conn:
            row = audit.lock_head(conn)
            was = Frontier() if row is None else tree.stored_frontier(row)
            bodies = [entry.body() for entry in page]
            leaves = [
                LeafRow(was.size + at, entry.id, leaf_hash(body), body)
                for at, (entry, body) in enumerate(zip(page, bodies, strict=True))
            ]
            tree.grow(conn, was, leaves)
        grown += len(page)
    return grown


def month(size: int, *, seed: int = 2026) -> Iterator[Entry]:
    """Make *size* entries of one month, in the order of their time; the same seed makes the same ones."""
    chance = random.Random(seed)
    desks = list(_desks(chance))
    chosen = chance.choices(desks, [one.weight for one in desks], k=size)
    for at_ms, desk in zip(_moments(chance, size), chosen, strict=True):
        yield _entry(chance, at_ms, desk)


def subject_token(number: int) -> bytes:
    """The audit token of one customer in that month."""
    return hashlib.sha256(b"subject %d" % number).digest()[:16]


def actor_id(number: int) -> str:
    """The id of one of the actors, as entries have it."""
    return token_text(hashlib.sha256(b"actor %d" % number).digest()[:16])


def _desks(chance: random.Random) -> Iterator[Desk]:
    purposes = [PurposeId(f"P{number:02}") for number in (1, 2, 4, 5, 6, 9, 11)]
    for number in range(_APPS):
        yield Desk(ActorRef(actor_id(number), "app"), chance.choice(purposes), 40)
    for number in range(_APPS, _APPS + _PEOPLE):
        session = token_text(chance.randbytes(16))
        yield Desk(ActorRef(actor_id(number), "person", session=session), chance.choice(purposes), 10)
    yield Desk(ActorRef("operator:1000", "operator"), PurposeId("P16"), 1)
    yield Desk(ActorRef("system:index", "system"), PurposeId("P16"), 2)


def _moments(chance: random.Random, size: int) -> Iterator[Millis]:
    """Spread *size* moments over the month, more of them by day, and fewer at weekends."""
    hours = range(_MONTH_MS // 3_600_000)
    first = millis(BEGINS)
    busy = [_BUSY[hour % 24] * (1 if (hour // 24) % 7 in {0, 6} else 4) for hour in hours]
    each = sorted(chance.choices(hours, busy, k=size))
    start = 0
    while start < size:
        stop = start
        while stop < size and each[stop] == each[start]:
            stop += 1
        yield from (
            Millis(first + each[start] * 3_600_000 + at)
            for at in sorted(chance.randrange(3_600_000) for _ in range(start, stop))
        )
        start = stop


def _entry(chance: random.Random, at_ms: Millis, desk: Desk) -> Entry:
    kind, action = chance.choices(
        (
            (Kind.PROFILE_DISCLOSED, Action.READ),
            (Kind.SUBJECT_LOOKED_UP, Action.LOOKUP),
            (Kind.VALUE_REVEALED, Action.REVEAL),
            (Kind.SUBJECT_CHANGED, Action.WRITE),
            (Kind.GOVERNING_VIEWED, Action.GOVERN),
            (Kind.PROFILE_REFUSED, Action.READ),
        ),
        (70, 14, 5, 7, 1, 3),
    )[0]
    refused = kind is Kind.PROFILE_REFUSED
    fields = tuple(sorted(chance.sample(_FIELDS, 3)))
    tokens = tuple(
        subject_token(int(chance.random() ** 2 * _SUBJECTS))
        for _ in range(chance.choices((0, 1, 20), (5, 93, 2))[0])
    )
    shows = kind in {Kind.PROFILE_DISCLOSED, Kind.VALUE_REVEALED}
    treatments = (Treatment.MASK, Treatment.PLAIN, Treatment.MASK) if shows else ()
    return Entry(
        id=EntryId(uuid7(at_ms, chance.randbytes(10))),
        at_ms=at_ms,
        kind=kind,
        actor=desk.actor,
        outcome=f"refused:{chance.choice(('basis', 'restriction', 'brake'))}" if refused else "granted",
        action=action,
        purpose=desk.purpose,
        reason_code=chance.choice(_REASONS) if kind is Kind.VALUE_REVEALED else None,
        ticket=chance.randbytes(16) if chance.random() < 0.1 else None,
        sets=(OutcomeSet(tuple(sorted(set(tokens))), fields, treatments),) if tokens else (),
        times=0 if tokens else 1,
        tier=chance.choice((Tier.L2, Tier.L3, Tier.L3, Tier.L4)),
        policy=_POLICY,
        context=ContextClass(strength=1, actor=desk.actor.type),
        authority=12,
        request=RequestId(uuid7(at_ms, chance.randbytes(10))),
        object=ObjectRef("list", None, "people") if kind is Kind.GOVERNING_VIEWED else None,
        detail=chance.randbytes(76),
        key_epoch=202611,
    )
