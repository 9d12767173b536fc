"""Signals: the rules of the policy look at every entry; what they find becomes alerts, and alerts cases."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from vault.domain.entry import Entry
from vault.domain.entry_reading import look_at
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.policy import Policy
from vault.domain.seeing import Eyes
from vault.domain.signals import Hit, SignalKind, Signals
from vault.domain.spotting import Spotter
from vault.domain.terms import ZERO_ID, AppId, Millis
from vault.errors import LedgerUnavailable, Misconfigured, NotFound
from vault.rulebook.checking import check
from vault.services import filing
from vault.services.authenticate import policy_in_force, stand
from vault.services.beating import SIGNALS, beats, time_of
from vault.services.parts import Parts
from vault.services.sensing import eyes
from vault.services.telling import entry_id, tell
from vault.storage import alerts, audit, casefiles, derived, pruning
from vault.storage.alerts import AlertRow, MemoryRow
from vault.storage.unit_of_work import Connection

FOLLOWER: Final = SIGNALS
_PAGE: Final = 500
# After so many, what was found is told before more is looked at.
_MOST: Final = 100_000
_WARM: Final = timedelta(days=30)
# Rules on what did not come are asked this often, by the clock of the entries.
_TICK_MS: Final = 10_000


def catch_up(parts: Parts) -> int:
    """Look at every entry that came since, and tell what was found; returns how many entries there were.

    What was seen, what is remembered of it and the alerts are one transaction. A crash behind it leaves
    alerts that are no entries yet: the next round tells them, each under the same id, so never twice.
    Raises LedgerUnavailable ``gap`` where an entry is missing: what nobody has looked at is not stepped over.
    """
    policy = policy_in_force(parts, stand(parts, AppId(ZERO_ID)))
    if not policy.signals.rules:
        return 0
    watcher = _Watcher(parts, policy)
    taken = 0
    try:
        while taken < _MOST and (count := watcher.page()):
            taken += count
    finally:
        # Where the ledger has a gap, what should have come is looked for all the same.
        watcher.tick()
        tell(parts, policy)
    return taken


def rebuild(parts: Parts) -> int:
    """Forget what rules remember and look at the whole ledger again; no alert is raised twice."""

    def forget(conn: Connection) -> None:
        alerts.forget_all(conn)
        derived.rewind(conn, FOLLOWER)
        # Cases follow from entries alone, and are made anew from them.
        casefiles.clear(conn)
        derived.rewind(conn, filing.CASES)

    parts.stores.audit.transact(forget)
    parts.spotting.forget()
    taken = 0
    while (more := catch_up(parts)) > 0:
        taken += more
    return taken


def try_rules(
    parts: Parts, files: Mapping[str, str] | None, *, begin: datetime, end: datetime, rule: str | None = None
) -> Iterator[Hit]:
    """Say what the rules of *files* would have raised between two moments; changes nothing.

    Without *files* those in force are tried. They look at thirty days more in front, to know what is usual.
    Raises Misconfigured with every mistake of the files, and NotFound where no rule is called *rule*.
    """
    policy = policy_in_force(parts, stand(parts, AppId(ZERO_ID)))
    if files is not None:
        candidate, mistakes = check(files, before=policy)
        if candidate is None:
            raise Misconfigured([str(mistake) for mistake in mistakes])
        policy = candidate
    rules = tuple(one for one in policy.signals.rules if rule in {None, one.id})
    if rule is not None and not rules:
        raise NotFound
    spotter, sight = Spotter(Signals(rules, policy.signals.hours)), eyes(parts, policy)
    first = millis(begin)
    ticked = 0
    for idx, entry in _entries(parts, begin - _WARM, end):
        hits = [hit for seen in sight.sightings(idx, entry) for hit in spotter.look(seen)]
        if entry.at_ms - ticked >= _TICK_MS:
            ticked = entry.at_ms
            hits = [*spotter.tick(ticked, {}), *hits]
        yield from (hit for hit in hits if hit.at_ms >= first)


class _Watcher:
    """One round over what is new, with what this process remembers of the rounds before.

    Rules look while nothing is held: the ledger's writers wait for what is written at the end, and no longer.
    """

    def __init__(self, parts: Parts, policy: Policy) -> None:
        self._parts = parts
        self._signals = policy.signals
        self._eyes: Eyes | None = None
        self._policy = policy

    def page(self) -> int:
        """Look at the next page of entries; 0 where there is none, or another process looks at it."""
        with self._parts.stores.audit.read() as conn:
            was = derived.position(conn, FOLLOWER)
            start = max(was, pruning.minimum(conn))
            most = min(_PAGE, audit.size(conn) - start)
            if most <= 0:
                return 0
            rows = audit.entries(conn, start, limit=most)
            if [row.idx for row in rows] != list(range(start, start + most)):
                raise LedgerUnavailable(reason="gap")
            spotter = self._spotter(conn, was)
        if self._eyes is None:
            self._eyes = eyes(self._parts, self._policy)
        hits: list[Hit] = []
        for row in rows:
            try:
                entry = look_at(row.body)
            except ValueError:
                continue
            for seen in self._eyes.sightings(row.idx, entry):
                hits += spotter.look(seen)
        return len(rows) if self._keep(spotter, hits, was, rows[-1].idx + 1) else 0

    def tick(self) -> None:
        """Look at what should have come."""
        now = millis(self._parts.clock())
        well = beats(self._parts, now)
        with self._parts.stores.audit.read() as conn:
            position = derived.position(conn, FOLLOWER)
            spotter = self._spotter(conn, position)
        hits = spotter.tick(now, well)
        spotter.forget(now)
        self._keep(spotter, hits, position, position)

    def _spotter(self, conn: Connection, position: int) -> Spotter:
        held = self._parts.spotting.take(self._policy.digest, position)
        if held is not None:
            return held
        rules = {rule.key for rule in self._signals.rules}
        memories = {(row.rule, row.about): json.loads(row.memory) for row in alerts.memories(conn)}
        spotter = Spotter(self._signals, {key: one for key, one in memories.items() if key[0] in rules})
        # What was remembered for other rules goes with the next that is written.
        spotter.touched |= memories.keys() - spotter.memories.keys()
        return spotter

    def _keep(self, spotter: Spotter, hits: Sequence[Hit], was: int, becomes: int) -> bool:
        """Write down what was remembered and found, if nobody else has looked at the same meanwhile."""
        kept: list[MemoryRow] = []
        gone: list[tuple[str, str]] = []
        for key in sorted(spotter.touched):
            memory = spotter.memories.get(key)
            if memory:
                kept.append(MemoryRow(*key, json.dumps(memory, separators=(",", ":"))))
            else:
                spotter.memories.pop(key, None)
                gone.append(key)
        raised = [_alert(hit) for hit in hits]

        def write(conn: Connection) -> bool:
            if derived.position(conn, FOLLOWER) != was or not derived.move(conn, FOLLOWER, was, becomes):
                return False
            alerts.remember(conn, kept, gone)
            alerts.put(conn, raised)
            return True

        if (kept or gone or raised or was != becomes) and not self._parts.stores.audit.transact(write):
            return False
        # Only now: what another process was first with, or what was not committed, is read anew.
        spotter.touched.clear()
        self._parts.spotting.hold(spotter, self._policy.digest, becomes)
        return True


def _alert(hit: Hit) -> AlertRow:
    """Write an alert down under an id that it would have again."""
    # What did not come is noticed at no moment of its own, and again after each while that it is not told.
    ignored_ms = max(1, int(hit.rule.ignore.total_seconds() * 1000))
    place = hit.at_ms // ignored_ms if hit.rule.kind is SignalKind.ABSENCE else hit.at_ms
    about = f"{hit.rule.key}|{hit.who}|{hit.idx}|{place}"
    at_ms = place * ignored_ms if hit.rule.kind is SignalKind.ABSENCE else hit.at_ms
    return AlertRow(
        alert=entry_id(at_ms, Kind.ALERT_RAISED, about.encode()),
        rule=hit.rule.id,
        severity=hit.rule.severity.value,
        score=hit.rule.score,
        who=hit.who,
        who_type=hit.who_type,
        at_ms=Millis(hit.at_ms),
        idx=hit.idx,
        entries=json.dumps(list(hit.entries), separators=(",", ":")),
    )


def _entries(parts: Parts, begin: datetime, end: datetime) -> Iterator[tuple[int, Entry]]:
    """Read the entries between two moments; where the first of them stands is found by halving."""
    first, last = millis(begin), millis(end)
    with parts.stores.audit.read() as conn:
        low, size = pruning.minimum(conn), audit.size(conn)
        high = max(low, size)
        while low < high:
            middle = (low + high) // 2
            if time_of(audit.entries(conn, middle, limit=1)[0]) < first:
                low = middle + 1
            else:
                high = middle
    while low < size:
        with parts.stores.audit.read() as conn:
            rows = audit.entries(conn, low, limit=min(_PAGE, size - low))
        if not rows:
            return
        low = rows[-1].idx + 1
        for row in rows:
            try:
                entry = look_at(row.body)
            except ValueError:
                continue
            if entry.at_ms >= last:
                return
            yield row.idx, entry
