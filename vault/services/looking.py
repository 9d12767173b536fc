"""Looking: what of the ledger fits a query: how many entries, of what manner and when, and the newest."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from vault.domain.manner import Manner
from vault.domain.query import Names, Query, fits
from vault.domain.stretches import DAY, HOUR, HOUR_MS, NEVER, Stretch, bar_width, cut
from vault.storage import lines, tallies
from vault.storage.derived import LineRow
from vault.storage.lines import Wanted
from vault.storage.unit_of_work import Connection

# A day with more than so many times what a page takes is looked at hour by hour.
_CROWDED: Final = 10


@dataclass(frozen=True, slots=True)
class Bars:
    """A histogram: how many entries from each moment on, for as long as a bar is wide; none is empty."""

    width_ms: int
    entries: tuple[tuple[int, int], ...]


# Where nothing fits there is no stretch to divide, so that any width will do.
_NO_BARS: Final = Bars(HOUR_MS, ())


@dataclass(frozen=True, slots=True)
class Found:
    """What a query found, as one moment has it: all that fits is counted, and the newest are shown."""

    lines: tuple[tuple[LineRow, bytes], ...]
    more: bool
    entries: int
    # Of each manner that fits, the most frequent first.
    counts: tuple[tuple[Manner, int], ...]
    bars: Bars | None


@dataclass(frozen=True, slots=True)
class _Bucket:
    """The entries that fit from one moment on, and between which indexes they lie."""

    begin_ms: int
    hours: int
    entries: int
    lowest: int
    highest: int


def look(
    conn: Connection,
    query: Query,
    wanted: Wanted,
    names: Names,
    *,
    before: int,
    limit: int,
    histogram: bool,
) -> Found:
    """Look *query* up in what was derived; *wanted* is what it comes to, but for the manners."""
    known = tallies.manners(conn)
    chosen = {number: one for number, one in known.items() if fits(query, one, names)}
    # What fits every manner there is, is not asked of each entry.
    wanted = replace(wanted, manners=None if len(chosen) == len(known) else sorted(chosen))
    view = _Tallied(conn, wanted) if query.is_of_manners else _Listed(conn, wanted)
    counts = view.by_manner() if chosen else Counter[int]()
    entries = counts.total()
    indexes = view.page(before=before, limit=limit + 1) if entries else []
    return Found(
        lines=tuple(lines.load(conn, indexes[:limit])),
        more=len(indexes) > limit,
        entries=entries,
        counts=tuple((chosen[number], many) for number, many in counts.most_common()),
        bars=(view.bars() if entries else _NO_BARS) if histogram else None,
    )


class _Tallied:
    """Entries that their manner and time decide alone: they are counted by hours and days."""

    def __init__(self, conn: Connection, wanted: Wanted) -> None:
        self._conn = conn
        self._wanted = wanted
        self._cut = cut(wanted.since_ms, wanted.until_ms)
        # What lies within an hour is counted one by one.
        self._edges = [self._edge(one) for one in self._cut.edges]
        self._buckets = self._listed()

    def by_manner(self) -> Counter[int]:
        """Count the entries of each manner."""
        counts: Counter[int] = Counter()
        for width, stretch in self._stretches():
            counts.update(tallies.by_manner(self._conn, self._wanted.manners, width, stretch))
        for _, listed in self._edges:
            for manner, _, many in listed:
                counts[manner] += many
        return counts

    def page(self, *, before: int, limit: int) -> list[int]:
        """Go back from the newest, as far as it takes to have enough."""
        if self._wanted == Wanted():
            return lines.page(self._conn, self._wanted, lowest=0, before=before, limit=limit)
        found: list[int] = []
        # What lies behind the newest that fits is not gone through.
        before = min(before, 1 + max((one.highest for one in self._buckets), default=0))
        for lowest in self._steps(before, limit):
            found += lines.page(
                self._conn, self._wanted, lowest=lowest, before=before, limit=limit - len(found)
            )
            before = min(before, lowest)
            if len(found) == limit:
                break
        return found

    def bars(self) -> Bars:
        """Draw the whole of it."""
        buckets = self._buckets
        oldest = max(self._wanted.since_ms, buckets[-1].begin_ms)
        newest = min(self._wanted.until_ms, buckets[0].begin_ms + buckets[0].hours * HOUR_MS)
        width = bar_width(oldest, newest)
        bars: Counter[int] = Counter()
        if width < HOUR_MS:
            within = replace(self._wanted, since_ms=oldest, until_ms=newest)
            lowest, highest = self._indexes(Stretch(oldest, newest))
            for _, at, many in lines.count(self._conn, within, width, lowest=lowest, highest=highest):
                bars[at * width] += many
            return Bars(width, tuple(sorted(bars.items())))
        for bucket in buckets:
            for part in self._hours_of(bucket) if width == HOUR_MS else (bucket,):
                bars[part.begin_ms // width * width] += part.entries
        return Bars(width, tuple(sorted(bars.items())))

    def _stretches(self) -> list[tuple[int, Stretch]]:
        days = [(DAY, self._cut.days)] if self._cut.days is not None else []
        return [*days, *((HOUR, hours) for hours in self._cut.hours)]

    def _edge(self, edge: Stretch) -> tuple[Stretch, list[tuple[int, int, int]]]:
        """Count what lies within an hour or two: between which indexes it may be, and what was counted."""
        within = replace(self._wanted, since_ms=edge.begin, until_ms=edge.end)
        lowest, highest = self._indexes(edge)
        return Stretch(lowest, highest), lines.count(
            self._conn, within, HOUR_MS, lowest=lowest, highest=highest
        )

    def _indexes(self, stretch: Stretch) -> tuple[int, int]:
        """Tell between which indexes the entries of a time lie; a clock that was set back changes nothing."""
        hours = Stretch(stretch.begin // HOUR_MS, -(-stretch.end // HOUR_MS))
        found = tallies.by_bucket(self._conn, None, HOUR, hours)
        if not found:
            return NEVER, NEVER
        return min(one.lowest for one in found), max(one.highest for one in found)

    def _listed(self) -> list[_Bucket]:
        """List every bucket that has entries, newest first."""
        found = [
            _Bucket(one.bucket * width * HOUR_MS, width, one.entries, one.lowest, one.highest)
            for width, stretch in self._stretches()
            for one in tallies.by_bucket(self._conn, self._wanted.manners, width, stretch)
        ]
        for between, listed in self._edges:
            hours: Counter[int] = Counter()
            for _, hour, many in listed:
                hours[hour] += many
            found += [
                _Bucket(hour * HOUR_MS, HOUR, many, between.begin, between.end)
                for hour, many in hours.items()
            ]
        return sorted(found, key=lambda one: one.begin_ms, reverse=True)

    def _hours_of(self, bucket: _Bucket) -> list[_Bucket]:
        if bucket.hours == HOUR:
            return [bucket]
        first = bucket.begin_ms // HOUR_MS
        stretch = Stretch(first, first + bucket.hours)
        return [
            _Bucket(one.bucket * HOUR_MS, HOUR, one.entries, one.lowest, one.highest)
            for one in tallies.by_bucket(self._conn, self._wanted.manners, HOUR, stretch)
        ]

    def _steps(self, before: int, limit: int) -> Iterator[int]:
        """Yield indexes, each so far down that about another page lies between it and the one before."""
        lowest, gathered = before, 0
        for day in self._buckets:
            if day.lowest >= before:
                continue
            crowded = day.entries > _CROWDED * limit
            for bucket in self._hours_of(day) if crowded else [day]:
                if bucket.lowest >= before:
                    continue
                lowest, gathered = min(lowest, bucket.lowest), gathered + bucket.entries
                if gathered >= limit:
                    yield lowest
                    gathered = 0
        if gathered:
            yield lowest


class _Listed:
    """Entries of which something single is asked: they are found by it, and counted one by one."""

    def __init__(self, conn: Connection, wanted: Wanted) -> None:
        self._conn = conn
        self._wanted = wanted
        self._hours = lines.count(conn, wanted, HOUR_MS)

    def by_manner(self) -> Counter[int]:
        """Count the entries of each manner."""
        counts: Counter[int] = Counter()
        for manner, _, many in self._hours:
            counts[manner] += many
        return counts

    def page(self, *, before: int, limit: int) -> list[int]:
        """List the newest."""
        return lines.page(self._conn, self._wanted, lowest=0, before=before, limit=limit)

    def bars(self) -> Bars:
        """Draw the whole of it."""
        hours = [hour for _, hour, _ in self._hours]
        oldest = max(self._wanted.since_ms, min(hours) * HOUR_MS)
        newest = min(self._wanted.until_ms, (max(hours) + 1) * HOUR_MS)
        width = bar_width(oldest, newest)
        counted = self._hours if width >= HOUR_MS else lines.count(self._conn, self._wanted, width)
        bars: Counter[int] = Counter()
        for _, at, many in counted:
            bars[at * min(width, HOUR_MS) // width * width] += many
        return Bars(width, tuple(sorted(bars.items())))
