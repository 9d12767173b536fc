"""A planted week: staff and applications at their work, seeded, and thirteen of them who misbehave."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from random import Random

from tests.house import House
from vault.domain.entry import ActorRef, Entry, ObjectRef, OutcomeSet, PolicyRef
from vault.domain.grants import token_bytes, token_text
from vault.domain.instants import millis, moment
from vault.domain.kinds import Kind
from vault.domain.merkle import leaf_hash
from vault.domain.policy import ContextClass
from vault.domain.terms import (
    Action,
    EntryId,
    FieldName,
    Millis,
    PersonId,
    PurposeId,
    RequestId,
    RoleId,
    SubjectId,
    Tier,
    Treatment,
    id_text,
    uuid7,
)
from vault.services.locating import Located, locate_subjects
from vault.storage import audit, marks, tokens, tree
from vault.storage.audit import LeafRow
from vault.storage.marks import RelationRow, WatchedRow

# A Monday, midnight where the house works (UTC+8).
MONDAY = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)
DAYS = 7
DAY = timedelta(days=1)
_PAGE = 5_000
_CUSTOMERS = 40_000

# What each role does: how many people, its purpose, its fields and tier, and customers a day.
_ROLES: Sequence[tuple[str, int, str, tuple[str, ...], Tier, int]] = (
    ("service_desk", 70, "P04", ("mobile", "name"), Tier.L3, 60),
    ("dispatcher", 30, "P01", ("address", "mobile", "name"), Tier.L3, 70),
    ("complaint_clerk", 20, "P05", ("mobile", "name", "notes"), Tier.L3, 30),
    ("settlement_clerk", 15, "P06", ("company_name", "payment_record"), Tier.L3, 40),
    ("realname_clerk", 8, "P02", ("id_number", "name"), Tier.L4, 45),
    ("key_account_manager", 7, "P09", ("grade", "name", "yearly_amount"), Tier.L3, 20),
)


@dataclass(frozen=True, slots=True)
class Worker:
    """One of the staff."""

    who: str
    role: str
    purpose: str
    fields: tuple[str, ...]
    tier: Tier
    a_day: int
    begins: float


@dataclass(slots=True)
class Event:
    """One entry to be: when, by whom, and the rest of it."""

    at_ms: int
    actor: ActorRef
    kind: Kind
    outcome: str = "granted"
    action: Action = Action.READ
    purpose: str = ""
    role: str = ""
    fields: tuple[str, ...] = ()
    tier: Tier | None = None
    subjects: tuple[bytes, ...] = ()
    times: int = 0
    ticket: bytes | None = None
    about: ObjectRef | None = None


@dataclass
class Week:
    """The week: what is planted, and who of it misbehaves in which way."""

    house: House
    size: int
    random: Random = field(default_factory=lambda: Random(2026))
    culprits: dict[str, str] = field(default_factory=dict)

    def plant(self) -> int:
        """Put the week into the ledger; returns how many entries it has."""
        self._people()
        self._customers()
        planted = 0
        staff = sum(one.a_day for one in self.staff) * 6
        # What the staff leaves of the size is the work of applications.
        self.of_apps = max(0, (self.size - int(staff * 1.03) - 1_200) // DAYS)
        for day in range(DAYS):
            events = sorted(self._day(day), key=lambda one: one.at_ms)
            planted += self._append(events)
        return planted

    # ---- who there is ----

    def _people(self) -> None:
        self.staff = [
            Worker(
                token_text(self.random.randbytes(16)),
                role,
                purpose,
                fields,
                tier,
                max(8, int(self.random.gauss(a_day, a_day / 6))),
                7.5 + self.random.random() * 2,
            )
            for role, count, purpose, fields, tier, a_day in _ROLES
            for _ in range(count)
        ]
        self.apps = [token_text(self.random.randbytes(16)) for _ in range(10)]
        desk = [one for one in self.staff if one.role == "service_desk"]
        others = [one for one in self.staff if one.role == "dispatcher"]
        kinds = (
            "looks at the famous",
            "snoops a little every day",
            "exports at night",
            "tries numbers",
            "reads two hundred in an hour",
            "looks at the family",
            "breaks the glass",
            "was refused and given more",
            "uses one case for many",
            "reads what is not of the role",
        )
        for place, kind in enumerate(kinds):
            self.culprits[(desk if place % 2 else others)[place * 2].who] = kind
        self.culprits[others[25].who] = "works through the nights"
        self.culprits[self.apps[9]] = "an application that asks for everybody"
        self.culprits[desk[40].who] = "names a case made up for each"
        self.by_kind = {kind: who for who, kind in self.culprits.items()}
        self.by_who = {one.who: one for one in self.staff}

    def _customers(self) -> None:
        """Admit a few real customers: those who are watched, and those who are somebody's family."""
        parts = self.house.parts
        self.famous = [self._admit(place) for place in range(6)]
        family = [self._admit(place) for place in range(6, 9)]
        now = millis(parts.clock())
        culprit = self.by_kind["looks at the family"]
        raw = PersonId(_raw(culprit))
        with parts.stores.data.read() as conn:
            held = tokens.tokens_of(conn, parts.tenant, [subject for subject, _ in family])
        rows = [
            RelationRow(parts.tenant, raw, row.index_id, row.epoch, row.token)
            for listed in held.values()
            for row in listed
            if row.is_unique or row.index_id
        ]
        unique = list({row.token: row for row in rows}.values())
        with parts.stores.data.write() as conn:
            for subject, _ in self.famous:
                marks.watch(conn, WatchedRow(parts.tenant, subject, now))
            marks.relate(conn, parts.tenant, raw, unique)
        self.family = [token for _, token in family]

    def _admit(self, place: int) -> tuple[SubjectId, bytes]:
        house = self.house
        customer = house.admit(
            {"name": "张" + "伟敏静丽强磊军洋勇"[place], "mobile": f"1380013{8000 + place}"}
        )
        subject = SubjectId(house.subject_of(customer))
        located = locate_subjects(house.parts, [subject])[subject]
        assert isinstance(located, Located)
        return subject, located.identity.audit_token(202611)

    def _customer(self) -> bytes:
        # A few customers are met much more often than most.
        place = int(_CUSTOMERS * self.random.random() ** 1.5)
        return sha256(b"customer %d" % place).digest()[:16]

    # ---- what they do ----

    def _day(self, day: int) -> Iterator[Event]:
        if day < 6:
            for worker in self.staff:
                yield from self._work(worker, day)
        yield from self._apps(day)
        yield from self._crimes(day)

    def _at(self, day: int, hour: float) -> int:
        return millis(MONDAY) + int((day * 24 + hour) * 3_600_000)

    def _person(self, worker: Worker) -> ActorRef:
        return ActorRef(worker.who, "person")

    def _work(self, worker: Worker, day: int) -> Iterator[Event]:
        chance = self.random
        if day == 5 and chance.random() < 0.5:
            return
        me = self._person(worker)
        begins = worker.begins + chance.random() / 2
        yield Event(self._at(day, begins), me, Kind.SESSION_BEGUN, "recorded")
        count = max(3, int(chance.gauss(worker.a_day, worker.a_day / 8)))
        for _ in range(count):
            hour = begins + 0.1 + chance.random() * 9
            if chance.random() < 0.002:
                # Some stay late.
                hour = 20.6 + chance.random()
            yield from self._met(worker, self._at(day, hour))
        if chance.random() < 0.15:
            yield self._event(
                worker, self._at(day, begins + 4), Kind.PROFILE_REFUSED, "refused:role", times=1
            )
        if chance.random() < 0.01:
            # Who reports to a new role, and goes on as before.
            yield self._granted(worker, self._at(day, begins + 1), worker.role)

    def _met(self, worker: Worker, at_ms: int) -> Iterator[Event]:
        chance = self.random
        customer = self.random.choice(self.famous)[1] if chance.random() < 0.002 else self._customer()
        ticket = chance.randbytes(16) if chance.random() < 0.93 else None
        if chance.random() < 0.03:
            yield self._event(worker, at_ms, Kind.SUBJECT_LOOKED_UP, "refused:not_found", times=1)
        kind = Kind.VALUE_REVEALED if chance.random() < 0.04 else Kind.PROFILE_DISCLOSED
        if customer in {token for _, token in self.famous} and chance.random() < 0.95:
            ticket = chance.randbytes(16)
        yield self._event(worker, at_ms, kind, "granted", subjects=(customer,), ticket=ticket)

    def _apps(self, day: int) -> Iterator[Event]:
        chance = self.random
        for place, app in enumerate(self.apps):
            me = ActorRef(app, "app")
            for _ in range(self.of_apps // len(self.apps)):
                # Two of them work at night as well.
                hour = chance.random() * 24 if place < 2 else 7.2 + chance.random() * 13
                if place == 9 and day == 6:
                    hour = 8 + chance.random()
                many = 60 if chance.random() < 0.002 else 1
                yield Event(
                    self._at(day, hour),
                    me,
                    Kind.PROFILE_DISCLOSED,
                    "granted",
                    purpose="P01",
                    role="dispatcher",
                    fields=("address", "mobile", "name"),
                    tier=Tier.L3,
                    subjects=tuple({self._customer() for _ in range(many)}),
                )
                if chance.random() < 0.01:
                    yield Event(
                        self._at(day, hour),
                        me,
                        Kind.PROFILE_REFUSED,
                        "refused:not_found",
                        purpose="P01",
                        times=1,
                    )

    def _crimes(self, day: int) -> Iterator[Event]:
        crimes = {
            "looks at the famous": self._famous,
            "snoops a little every day": self._snoops,
            "exports at night": self._exports,
            "tries numbers": self._tries,
            "reads two hundred in an hour": self._reads,
            "looks at the family": self._family,
            "breaks the glass": self._breaks,
            "was refused and given more": self._refused,
            "uses one case for many": self._one_case,
            "reads what is not of the role": self._elsewhere,
            "works through the nights": self._nights,
            "names a case made up for each": self._made_up,
        }
        for kind, crime in crimes.items():
            yield from crime(self.by_who[self.by_kind[kind]], day)
        if day in {2, 4}:
            me = ActorRef(self.apps[9], "app")
            for each in range(700):
                at_ms = self._at(day, 2 + each / 1_000)
                yield Event(at_ms, me, Kind.PROFILE_REFUSED, "refused:not_found", purpose="P01", times=3)
            yield Event(
                self._at(day, 3),
                me,
                Kind.PROFILE_DISCLOSED,
                purpose="P01",
                role="dispatcher",
                fields=("name",),
                tier=Tier.L3,
                subjects=tuple({self._customer() for _ in range(800)}),
            )

    def _famous(self, worker: Worker, day: int) -> Iterator[Event]:
        for place, (_, token) in enumerate(self.famous[: 2 + day % 3] if day in {1, 2, 4} else ()):
            at_ms = self._at(day, 10 + place)
            yield self._event(worker, at_ms, Kind.PROFILE_DISCLOSED, "granted", subjects=(token,))

    def _snoops(self, worker: Worker, day: int) -> Iterator[Event]:
        for place in range(12 if day < 5 else 0):
            at_ms = self._at(day, 9 + place * 0.6)
            kind = Kind.HISTORY_VIEWED if place % 2 else Kind.VALUE_REVEALED
            yield self._event(worker, at_ms, kind, "granted", subjects=(self._customer(),))

    def _exports(self, worker: Worker, day: int) -> Iterator[Event]:
        if day in {1, 3}:
            many = tuple({self._customer() for _ in range(300)})
            yield self._event(worker, self._at(day, 2.3), Kind.PROFILE_DISCLOSED, "granted", subjects=many)

    def _tries(self, worker: Worker, day: int) -> Iterator[Event]:
        for place in range(80 if day in {2, 3} else 0):
            at_ms = self._at(day, 14 + place / 120)
            yield self._event(worker, at_ms, Kind.SUBJECT_LOOKED_UP, "refused:not_found", times=1)

    def _reads(self, worker: Worker, day: int) -> Iterator[Event]:
        for place in range(200 if day in {0, 4} else 0):
            yield from self._met(worker, self._at(day, 11 + place / 210))

    def _family(self, worker: Worker, day: int) -> Iterator[Event]:
        if day in {0, 1, 3}:
            token = self.family[day % len(self.family)]
            yield self._event(
                worker,
                self._at(day, 12.5),
                Kind.PROFILE_DISCLOSED,
                "granted",
                subjects=(token,),
                ticket=self.random.randbytes(16),
            )

    def _breaks(self, worker: Worker, day: int) -> Iterator[Event]:
        if day == 1:
            about = ObjectRef("grant", self.random.randbytes(16), f"complaint_clerk:{_app_text(worker.who)}")
            yield self._event(worker, self._at(day, 16), Kind.GLASS_BROKEN, "recorded", about=about)

    def _refused(self, worker: Worker, day: int) -> Iterator[Event]:
        if day == 3:
            for place in range(3):
                at_ms = self._at(day, 9 + place / 10)
                yield self._event(worker, at_ms, Kind.PROFILE_REFUSED, "refused:role", times=1)
            yield self._granted(worker, self._at(day, 10), "realname_clerk")
            many = tuple({self._customer() for _ in range(120)})
            yield self._event(
                worker, self._at(day, 11), Kind.PROFILE_DISCLOSED, "granted", subjects=many, tier=Tier.L4
            )

    def _one_case(self, worker: Worker, day: int) -> Iterator[Event]:
        ticket = sha256(b"case %d" % day).digest()[:16]
        for place in range(35 if day in {1, 2, 3} else 0):
            at_ms = self._at(day, 9 + place / 5)
            subjects = (self._customer(),)
            yield self._event(
                worker, at_ms, Kind.PROFILE_DISCLOSED, "granted", subjects=subjects, ticket=ticket
            )

    def _elsewhere(self, worker: Worker, day: int) -> Iterator[Event]:
        fields = {3: ("bank_account",), 4: ("credit_inputs", "payment_record"), 5: ("id_number",)}.get(day)
        for place in range(6 if fields else 0):
            yield self._event(
                worker,
                self._at(day, 10 + place),
                Kind.VALUE_REVEALED,
                "granted",
                subjects=(self._customer(),),
                fields=fields,
                tier=Tier.L4,
            )

    def _nights(self, worker: Worker, day: int) -> Iterator[Event]:
        for place in range(14):
            at_ms = self._at(day, 22.5 + place / 20)
            yield self._event(worker, at_ms, Kind.PROFILE_DISCLOSED, "granted", subjects=(self._customer(),))

    def _made_up(self, worker: Worker, day: int) -> Iterator[Event]:
        # Chance of its own, so that the rest of the week stays what it was.
        chance = Random(day)
        for place in range(14 if day < 5 else 0):
            famous = place < 4 and day in {1, 3}
            token = self.famous[place][1] if famous else sha256(b"pried %d %d" % (day, place)).digest()[:16]
            yield self._event(
                worker,
                self._at(day, 9.2 + place * 0.6),
                Kind.PROFILE_DISCLOSED if famous else Kind.HISTORY_VIEWED,
                "granted",
                subjects=(token,),
                ticket=chance.randbytes(16),
            )

    def _event(
        self,
        worker: Worker,
        at_ms: int,
        kind: Kind,
        outcome: str,
        *,
        subjects: tuple[bytes, ...] = (),
        times: int = 0,
        ticket: bytes | None = None,
        about: ObjectRef | None = None,
        fields: tuple[str, ...] | None = None,
        tier: Tier | None = None,
    ) -> Event:
        return Event(
            at_ms,
            self._person(worker),
            kind,
            outcome,
            Action.LOOKUP if kind is Kind.SUBJECT_LOOKED_UP else Action.READ,
            worker.purpose,
            worker.role,
            fields if fields is not None else worker.fields if subjects else (),
            tier or worker.tier,
            subjects,
            times,
            ticket,
            about,
        )

    def _granted(self, worker: Worker, at_ms: int, role: str) -> Event:
        about = ObjectRef("grant", self.random.randbytes(16), f"{role}:{_app_text(worker.who)}")
        admin = ActorRef(token_text(bytes(15) + b"\x01"), "person")
        return Event(at_ms, admin, Kind.GRANT_GIVEN, "recorded", Action.GOVERN, about=about)

    # ---- into the ledger ----

    def _append(self, events: Sequence[Event]) -> int:
        parts = self.house.parts
        policy = PolicyRef(sha256(b"policy").digest(), 1)
        for start in range(0, len(events), _PAGE):
            page = events[start : start + _PAGE]
            bodies = [self._entry(event, policy) for event in page]
            with parts.stores.audit.write() as conn:
                head = audit.lock_head(conn)
                assert head is not None
                was = tree.stored_frontier(head)
                rows = [
                    LeafRow(was.size + place, entry.id, leaf_hash(body), body)
                    for place, (entry, body) in enumerate(bodies)
                ]
                tree.grow(conn, was, rows)
        return len(events)

    def _entry(self, event: Event, policy: PolicyRef) -> tuple[Entry, bytes]:
        fields = tuple(FieldName(name) for name in sorted(event.fields))
        shown = (Treatment.MASK,) * len(fields)
        sets = (OutcomeSet(event.subjects, fields, shown),) if event.subjects else ()
        entry = Entry(
            id=EntryId(uuid7(event.at_ms, self.random.randbytes(10))),
            at_ms=Millis(event.at_ms),
            kind=event.kind,
            actor=event.actor,
            outcome=event.outcome,
            action=event.action,
            purpose=PurposeId(event.purpose) if event.purpose else None,
            ticket=event.ticket,
            sets=sets,
            times=event.times,
            tier=event.tier,
            policy=policy,
            context=ContextClass(ticket=event.ticket is not None, strength=1, actor=event.actor.type),
            role_set=(RoleId(event.role),) if event.role else (),
            request=RequestId(uuid7(event.at_ms, self.random.randbytes(10))),
            object=event.about,
        )
        return entry, entry.body()


def end_of_week() -> datetime:
    """The moment after all of it."""
    return MONDAY + DAYS * DAY


def day_of(at_ms: int) -> int:
    """On which day of the week something was."""
    return math.floor((moment(at_ms) - MONDAY) / DAY)


def _raw(who: str) -> bytes:
    return token_bytes(who)


def _app_text(who: str) -> str:
    return id_text("app", _raw(who))
