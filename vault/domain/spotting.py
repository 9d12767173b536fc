"""Spotting: rules look at one entry after the other, remember what they need, and say what they find."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from vault.domain.counting import (
    DAY_MS,
    MEDIAN_DAYS,
    Memory,
    accused,
    asks_for,
    keeps_ms,
    keys,
    middle,
    ms,
    terms,
    total,
)
from vault.domain.sightings import HOUSE, Sighting
from vault.domain.signals import By, Count, Hit, Signal, SignalKind, Signals, Term

# A window is counted in so many parts, and forgets the oldest as a whole.
_PARTS: Final = 6
_MOST_ITEMS: Final = 2_000
_MOST_TERMS: Final = 256
_MOST_ENTRIES: Final = 50
_USUAL: Final = "usual:"
# What is counted without telling one from another.
_NUMBERS: Final = frozenset({Count.ENTRIES, Count.MEETINGS, Count.MISSES})


@dataclass(slots=True)
class Spotter:
    """All rules of one policy with what each remembers; ``touched`` are the memories that have changed."""

    signals: Signals
    memories: dict[tuple[str, str], Memory] = field(default_factory=dict)
    touched: set[tuple[str, str]] = field(default_factory=set)
    _by_kind: dict[str, tuple[Signal, ...]] = field(default_factory=dict)
    _medians: dict[tuple[str, str], tuple[int, int | None]] = field(default_factory=dict)

    def look(self, seen: Sighting) -> list[Hit]:
        """Let every rule look at one entry."""
        rules = self._by_kind.get(seen.kind)
        if rules is None:
            rules = self._by_kind[seen.kind] = tuple(
                rule for rule in self.signals.rules if asks_for(rule, seen.kind)
            )
        return [hit for rule in rules for hit in self._looked(rule, seen)]

    def tick(self, now_ms: int, beats: Mapping[str, int]) -> list[Hit]:
        """Say what should have come by now; *beats* are the moments at which parts of the house were well."""
        hits: list[Hit] = []
        for rule in self.signals.rules:
            if rule.kind is not SignalKind.ABSENCE:
                continue
            if rule.beat is not None:
                since = beats.get(rule.beat.value)
                memory = self._of(rule, HOUSE)
                if since is not None and now_ms - since > ms(rule.window):
                    hits += self._hit(rule, memory, who=HOUSE, kind="system", at_ms=now_ms, key=HOUSE)
            else:
                hits += self._overdue(rule, now_ms)
        return hits

    def forget(self, now_ms: int) -> None:
        """Forget what can lead to nothing any more, so that memory does not grow with the ledger."""
        longest = {rule.key: keeps_ms(rule) for rule in self.signals.rules}
        for key, memory in list(self.memories.items()):
            if now_ms - memory.get("t", now_ms) > longest.get(key[0], 0):
                memory.clear()
                self.touched.add(key)

    def _looked(self, rule: Signal, seen: Sighting) -> Iterator[Hit]:
        match rule.kind:
            case SignalKind.QUERY:
                if rule.where.holds(seen):
                    yield from self._by(rule, self._of(rule, seen.who), seen, key=seen.who)
            case SignalKind.THRESHOLD:
                # What is counted of a customer is counted once.
                if rule.where.holds(seen) and not (seen.again and rule.by is By.SUBJECT):
                    yield from self._counted(rule, seen)
            case SignalKind.NEW_TERM:
                if rule.where.holds(seen):
                    yield from self._first(rule, seen)
            case SignalKind.SEQUENCE:
                yield from self._step(rule, seen)
            case SignalKind.ABSENCE:
                if not seen.again:
                    self._await(rule, seen)

    # ---- thresholds ----

    def _counted(self, rule: Signal, seen: Sighting) -> Iterator[Hit]:
        for key in keys(rule, seen):
            memory = self._of(rule, key)
            width = ms(rule.window) if rule.median_times else max(1, ms(rule.window) // _PARTS)
            part = seen.at_ms // width
            parts: dict[str, Any] = memory.setdefault("p", {})
            name = str(part)
            if name not in parts:
                kept = 1 if rule.median_times else _PARTS
                for old in [one for one in parts if int(one) <= part - kept]:
                    if rule.median_times:
                        self._habit(rule, memory.get("r", ""), int(old) * width, parts[old])
                    del parts[old]
                parts[name] = 0 if rule.count in _NUMBERS else {}
            self._add(rule, parts, name, seen)
            memory["r"] = "+".join(seen.roles)
            memory["t"] = seen.at_ms
            entries = memory.setdefault("e", [])
            entries.append(seen.idx)
            del entries[:-_MOST_ENTRIES]
            self.touched.add((rule.key, key))
            if self._is_over(rule, memory, total(parts), seen.at_ms):
                yield from self._by(rule, memory, seen, key=key, entries=tuple(entries))

    @staticmethod
    def _add(rule: Signal, parts: Memory, name: str, seen: Sighting) -> None:
        match rule.count:
            case Count.ENTRIES:
                parts[name] += 1
            case Count.MISSES:
                parts[name] += seen.misses
            case Count.MEETINGS:
                parts[name] += len(seen.subjects)
            case Count.TICKETS:
                if seen.ticket is not None and len(parts[name]) < _MOST_ITEMS:
                    parts[name][seen.ticket[:8].hex()] = 1
            case Count.SUBJECTS:
                held = parts[name]
                for token in seen.watched if rule.where.watched else seen.subjects:
                    if len(held) < _MOST_ITEMS:
                        held[token[:8].hex()] = 1
            case Count.ACTORS:
                parts[name][seen.who] = 1

    def _is_over(self, rule: Signal, memory: Memory, total: int, at_ms: int) -> bool:
        if rule.cap and total > rule.cap:
            return True
        if not rule.median_times or total <= rule.at_least:
            return False
        median = self._median(rule, memory["r"], at_ms)
        return median is not None and total > rule.median_times * median

    def _habit(self, rule: Signal, roles: str, at_ms: int, held: Any) -> None:
        """Add a window that has ended to what is usual in a role, by the day."""
        total = held if isinstance(held, int) else len(held)
        key = (rule.key, _USUAL + roles)
        days = self.memories.setdefault(key, {}).setdefault("d", {})
        day = at_ms // DAY_MS
        counts = days.setdefault(str(day), {})
        counts[str(total)] = counts.get(str(total), 0) + 1
        for old in [one for one in days if int(one) <= day - MEDIAN_DAYS]:
            del days[old]
        self.memories[key]["t"] = at_ms
        self.touched.add(key)

    def _median(self, rule: Signal, roles: str, at_ms: int) -> int | None:
        """Find what is usual in a role; looked for once an hour."""
        key, hour = (rule.key, _USUAL + roles), at_ms // 3_600_000
        known = self._medians.get(key)
        if known is None or known[0] != hour:
            counts: dict[int, int] = {}
            for one in self.memories.get(key, {}).get("d", {}).values():
                for total, times in one.items():
                    counts[int(total)] = counts.get(int(total), 0) + times
            known = self._medians[key] = (hour, middle(counts))
        return known[1]

    # ---- what is new ----

    def _first(self, rule: Signal, seen: Sighting) -> Iterator[Hit]:
        memory = self._of(rule, seen.who)
        known: dict[str, int] = memory.setdefault("n", {})
        since = memory.setdefault("s", seen.at_ms)
        is_known = seen.at_ms - since >= ms(rule.learn)
        fresh = False
        for term in terms(rule.term, seen):
            last = known.get(term)
            silent = last is not None and seen.at_ms - last > ms(rule.window)
            fresh = fresh or (last is None and rule.term is not Term.USE) or silent
            if len(known) < _MOST_TERMS or term in known:
                known[term] = seen.at_ms
        memory["t"] = seen.at_ms
        self.touched.add((rule.key, seen.who))
        if fresh and is_known:
            yield from self._by(rule, memory, seen, key=seen.who)

    # ---- one after the other ----

    def _step(self, rule: Signal, seen: Sighting) -> Iterator[Hit]:
        key = seen.holder or seen.who
        memory = self.memories.get((rule.key, key), {})
        at = memory.get("i", 0)
        if at and seen.at_ms - memory["f"] > ms(rule.window):
            at = 0
        if at and rule.steps[at].holds(seen):
            entries = (*memory.get("e", ()), seen.idx)
            memory.update(i=at + 1, e=list(entries), t=seen.at_ms)
            self.touched.add((rule.key, key))
            if at + 1 == len(rule.steps):
                memory["i"] = 0
                kind = seen.actor_type if seen.holder is None else "person"
                yield from self._hit(
                    rule, memory, who=key, kind=kind, at_ms=seen.at_ms, key=key, idx=seen.idx, entries=entries
                )
        elif rule.steps[0].holds(seen):
            memory = self._of(rule, key)
            memory.update(i=1, f=seen.at_ms, e=[seen.idx], t=seen.at_ms)
            self.touched.add((rule.key, key))

    # ---- what did not come ----

    def _await(self, rule: Signal, seen: Sighting) -> None:
        if rule.after is None:
            if rule.expected is not None and rule.expected.holds(seen):
                self._remember(rule, HOUSE, f=seen.at_ms, w=HOUSE, k="system", x=seen.idx)
            return
        about = (seen.object_id or b"").hex()
        if rule.after.holds(seen):
            self._remember(rule, about, f=seen.at_ms, w=seen.who, k=seen.actor_type, x=seen.idx)
        elif rule.expected is not None and rule.expected.holds(seen) and (rule.key, about) in self.memories:
            self.memories[rule.key, about].clear()
            self.touched.add((rule.key, about))

    def _overdue(self, rule: Signal, now_ms: int) -> Iterator[Hit]:
        waiting = [(key, memory) for (name, key), memory in self.memories.items() if name == rule.key]
        if rule.after is None and not any("f" in memory for _, memory in waiting):
            # It is waited for from now on.
            self._remember(rule, HOUSE, f=now_ms, w=HOUSE, k="system", x=-1)
            return
        for key, memory in waiting:
            if "f" in memory and now_ms - memory["f"] > ms(rule.window):
                idx = memory["x"]
                entries = (idx,) if idx >= 0 else ()
                who = accused(memory["w"], memory["k"])
                hits = self._hit(
                    rule, memory, who=who[0], kind=who[1], at_ms=now_ms, key=key, idx=idx, entries=entries
                )
                yield from hits

    # ---- all of them ----

    def _of(self, rule: Signal, key: str) -> Memory:
        return self.memories.setdefault((rule.key, key), {})

    def _remember(self, rule: Signal, key: str, /, **more: Any) -> None:
        self._of(rule, key).update(more, t=more["f"])
        self.touched.add((rule.key, key))

    def _by(
        self, rule: Signal, memory: Memory, seen: Sighting, *, key: str, entries: tuple[int, ...] = ()
    ) -> Iterator[Hit]:
        return self._hit(
            rule,
            memory,
            who=seen.who,
            kind=seen.actor_type,
            at_ms=seen.at_ms,
            key=key,
            idx=seen.idx,
            entries=entries or (seen.idx,),
        )

    def _hit(
        self,
        rule: Signal,
        memory: Memory,
        *,
        who: str,
        kind: str,
        at_ms: int,
        key: str,
        idx: int = -1,
        entries: tuple[int, ...] = (),
    ) -> Iterator[Hit]:
        """Say it, unless it was said of the same one a while ago.

        What many are counted together for is held against each of them by himself.
        """
        muted: dict[str, int] = memory.setdefault("m", {})
        until = muted.get(who, 0)
        if at_ms < until:
            return
        for other in [one for one, end in muted.items() if end <= at_ms]:
            del muted[other]
        muted[who] = at_ms + ms(rule.ignore)
        memory["t"] = max(at_ms, memory.get("t", at_ms))
        self.touched.add((rule.key, key))
        yield Hit(rule, who, kind, at_ms, idx, entries)
