"""Samples: every day some entries are drawn, and somebody says how many of them were looked through."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from hashlib import sha256
from typing import Final

from vault.domain import sampling
from vault.domain.access import Actor
from vault.domain.entry import Entry, ObjectRef, PolicyRef
from vault.domain.entry_reading import read_entry
from vault.domain.grants import token_text
from vault.domain.instants import millis, moment
from vault.domain.kinds import Kind
from vault.domain.policy import Policy
from vault.domain.seeing import who_acts
from vault.domain.terms import ID_BYTES, ZERO_ID, ActorId, AppId, EntryId, id_bytes
from vault.domain.tiles import frontier
from vault.errors import Invalid, NotFound, Refused
from vault.services import filing
from vault.services.addressing import names_of
from vault.services.authenticate import policy_in_force, stand
from vault.services.governing import Ground
from vault.services.granting import owned_by
from vault.services.inspecting import admit, inspect, told
from vault.services.parts import Parts
from vault.services.rendering import shown_actor
from vault.services.telling import ACTOR, append
from vault.services.visiting import Visit
from vault.storage import audit, samples, tree
from vault.storage.samples import Candidate, SampleEntryRow, SampleRow
from vault.storage.unit_of_work import Connection

# So many times as many are drawn as are looked through: nobody looks at one's own.
_SPARE: Final = 4
# A house that stood still draws this many days afterwards.
_MOST_DAYS: Final = 7
_LISTED: Final = 60
# Saying that one has looked takes a second factor that was shown just now.
FRESH: Final = timedelta(minutes=5)
_READING: Final = frozenset(
    {Kind.PROFILE_DISCLOSED.value, Kind.VALUE_REVEALED.value, Kind.HISTORY_VIEWED.value}
)


@dataclass(frozen=True, slots=True)
class Drawn:
    """One entry of a sample, in codes."""

    index: int
    entry: Entry
    who: str
    who_type: str
    name: str | None


def draw(parts: Parts) -> int:
    """Draw the samples of the days that are over; returns how many were drawn.

    A day is drawn by the root of the ledger as it stood at the day's end, so that nobody chooses it, and
    anybody can draw it again.
    """
    policy = policy_in_force(parts, stand(parts, AppId(ZERO_ID)))
    if not policy.signals.rules:
        return 0
    count = 0
    today = parts.clock().astimezone(UTC).date()
    with parts.stores.audit.read() as conn:
        oldest = samples.oldest_ms(conn)
        known = {row.day for row in samples.drawn(conn, limit=_MOST_DAYS + 1)}
    for back in range(_MOST_DAYS, 0, -1):
        begin = datetime.combine(today - timedelta(days=back), time(0), UTC)
        is_before = oldest is None or moment(oldest) >= begin + timedelta(days=1)
        if begin.date().isoformat() not in known and not is_before:
            count += _draw(parts, policy, begin)
    return count


def _draw(parts: Parts, policy: Policy, begin: datetime) -> int:
    day, end = begin.date().isoformat(), begin + timedelta(days=1)
    rules = policy.signals.sampling
    with parts.stores.audit.read() as conn:
        size = samples.end_of_day(conn, millis(end))
        if size is None:
            return 0
        root = frontier(size, tree.reader(conn)).root()
        found = samples.candidates(conn, millis(begin), millis(end), actors=("person", "app"))
    by_index = {one.idx: one for one in found}
    weighted = [(one.idx, rules.weight if _is_sensitive(one, int(rules.tier)) else 1) for one in found]
    chosen = sampling.draw(sampling.seed(day, root), weighted, most=_SPARE * rules.size)
    sample_id = sampling.seed(day, root)[:ID_BYTES]
    row = SampleRow(day, sample_id, root, size, len(found), millis(parts.clock()))
    drawn = [SampleEntryRow(day, place, idx, _who(by_index[idx])) for place, idx in enumerate(chosen)]
    entry = Entry(
        id=EntryId(sha256(b"drawn|" + sample_id).digest()[:ID_BYTES]),
        at_ms=row.drawn_ms,
        kind=Kind.SAMPLE_DRAWN,
        actor=ACTOR,
        outcome="recorded",
        times=min(rules.size, len(found)),
        policy=PolicyRef(policy.digest, policy.number),
        object=ObjectRef("sample", sample_id, day),
    )
    # Told first: a crash here leaves an entry of a sample that the next round draws as the same.
    append(parts, [entry])
    return int(parts.stores.audit.transact(lambda conn: samples.put(conn, row, drawn)))


def listing(parts: Parts, actor: Actor) -> list[SampleRow]:
    """List the newest samples. Raises as inspecting does."""
    ground = inspect(parts, actor, ObjectRef("list", None, "samples"), kind=Kind.SAMPLE_VIEWED)
    filing.catch_up(parts, ground.policy.signals.half_life)
    with parts.stores.audit.read() as conn:
        return samples.drawn(conn, limit=_LISTED)


def show(parts: Parts, actor: Actor, day: str) -> list[Drawn]:
    """Show the entries of a day's sample that the reader has not made. Raises NotFound."""
    about = ObjectRef("sample", None, _day(day))
    ground = inspect(parts, actor, about, kind=Kind.SAMPLE_VIEWED)
    names = names_of(ground.standing).of
    with parts.stores.audit.read() as conn:
        _, listed = _sample(conn, ground, day)
        return [
            Drawn(leaf.idx, entry, shown_actor(who, who_type), who_type, names.get(who))
            for one in listed
            for leaf in audit.entries(conn, one.idx, limit=1)
            # What was pruned since is looked through by nobody any more.
            if leaf.idx == one.idx
            for entry in (read_entry(leaf.body),)
            for who, who_type in (who_acts(entry),)
        ]


def attest(parts: Parts, visit: Visit, day: str, reviewed: int) -> int:
    """Say, by a second factor that was shown just now, how many of a day's sample were looked through.

    Returns of how many. Raises NotFound, Refused ``second_factor_again``, and Invalid ``range``.
    """

    def check(ground: Ground) -> None:
        if ground.at - moment(visit.row.proved_ms) > FRESH:
            raise Refused("second_factor_again")

    ground, purpose = admit(parts, visit.actor, ObjectRef("sample", None, _day(day)), check=check)
    with parts.stores.audit.read() as conn:
        row, listed = _sample(conn, ground, day)
    if not min(1, len(listed)) <= reviewed <= len(listed):
        raise Invalid("range", field="reviewed", limit=len(listed))
    said = ObjectRef("sample", row.sample, f"{day}:{reviewed}-{len(listed)}")
    kind = Kind.SAMPLE_ATTESTED
    parts.ledger.append(told(parts, ground, said, kind=kind, purpose=purpose, times=reviewed))
    filing.catch_up(parts, ground.policy.signals.half_life)
    return len(listed)


def _sample(conn: Connection, ground: Ground, day: str) -> tuple[SampleRow, Sequence[SampleEntryRow]]:
    row = samples.sample(conn, day)
    if row is None:
        raise NotFound
    person = ground.actor.id
    own = {token_text(person), *(token_text(one) for one in owned_by(ground.standing, ActorId(person)))}
    others = [one for one in samples.entries(conn, day) if one.who not in own]
    return row, others[: ground.policy.signals.sampling.size]


def _is_sensitive(one: Candidate, tier: int) -> bool:
    return one.kind in _READING and (one.tier or 0) >= tier


def _who(one: Candidate) -> str:
    raw = id_bytes("per", one.behalf) if one.behalf is not None else None
    return token_text(raw) if raw is not None else one.who


def _day(text: str) -> str:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date().isoformat()
    except ValueError:
        raise NotFound from None
