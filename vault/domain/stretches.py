"""Stretches: a time cut into whole days, whole hours and what is left at its ends, and into bars."""

from dataclasses import dataclass
from typing import Final

from vault.domain.terms import Millis

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
WEEK_MS: Final = 7 * DAY_MS
# The widths of which entries are counted, in hours.
HOUR: Final = 1
DAY: Final = 24
# Earlier and later than anything that is a moment.
BEGIN: Final = Millis(0)
NEVER: Final = Millis((1 << 53) // DAY_MS * DAY_MS)
_MOST_BARS: Final = 200


@dataclass(frozen=True, slots=True)
class Stretch:
    """From *begin* on, and before *end*: buckets of a width, or milliseconds."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Cut:
    """A time in pieces, none of which meets another, and which together are all of it."""

    days: Stretch | None
    hours: tuple[Stretch, ...]
    # In milliseconds, each within one hour, or two that meet.
    edges: tuple[Stretch, ...]


def cut(since_ms: int, until_ms: int) -> Cut:
    """Cut the time from *since_ms* on and before *until_ms*."""
    if since_ms >= until_ms:
        return Cut(None, (), ())
    first, last = -(-since_ms // HOUR_MS), until_ms // HOUR_MS
    if first >= last:
        return Cut(None, (), (Stretch(since_ms, until_ms),))
    edges = _real(Stretch(since_ms, first * HOUR_MS), Stretch(last * HOUR_MS, until_ms))
    begin, end = -(-first // DAY), last // DAY
    if begin >= end:
        return Cut(None, (Stretch(first, last),), edges)
    hours = _real(Stretch(first, begin * DAY), Stretch(end * DAY, last))
    return Cut(Stretch(begin, end), hours, edges)


def bar_width(since_ms: int, until_ms: int) -> int:
    """Choose how wide the bars of a histogram are, in milliseconds: minutes, hours, days or weeks."""
    span = until_ms - since_ms
    for width in (MINUTE_MS, HOUR_MS, DAY_MS):
        if span <= width * _MOST_BARS:
            return width
    return WEEK_MS


def _real(*stretches: Stretch) -> tuple[Stretch, ...]:
    return tuple(one for one in stretches if one.begin < one.end)
