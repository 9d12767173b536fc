"""Counting: what a rule counts together and for how long, and what is usual in a role."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, TypeAlias

from vault.domain.sightings import HOUSE, Sighting
from vault.domain.signals import By, Signal, SignalKind, Term, Where

# What a rule remembers of one key: JSON alone, so that it can be kept and read again.
Memory: TypeAlias = dict[str, Any]

DAY_MS: Final = 86_400_000
MEDIAN_DAYS: Final = 30
# A median of fewer windows than these is no habit.
_ENOUGH: Final = 30


def asks_for(rule: Signal, kind: str) -> bool:
    """Tell whether a rule looks at entries of this kind at all."""
    wheres = (*rule.steps, *(one for one in (rule.after, rule.expected) if one is not None))
    return any(not one.kinds or kind in one.kinds for one in wheres or _plain(rule))


def keys(rule: Signal, seen: Sighting) -> tuple[str, ...]:
    """Name what an entry is counted for."""
    match rule.by:
        case By.ACTOR:
            return (seen.who,)
        case By.SUBJECT:
            return tuple(token.hex() for token in (seen.watched if rule.where.watched else seen.subjects))
        case By.TICKET:
            return (f"{seen.who}:{seen.ticket.hex()}",) if seen.ticket is not None else ()


def terms(term: Term, seen: Sighting) -> tuple[str, ...]:
    """Name what an entry may be the first of."""
    match term:
        case Term.TIER:
            return (str(seen.tier),)
        case Term.GROUP:
            return tuple(sorted(seen.groups))
        case Term.ROLE:
            return seen.roles
        case Term.NETWORK:
            return () if seen.network is None else (seen.network,)
        case Term.USE:
            return ("use",)


def total(parts: Memory) -> int:
    """Count over all parts of a window."""
    held = list(parts.values())
    if not held or isinstance(held[0], int):
        return sum(held)
    return len(held[0]) if len(held) == 1 else len(frozenset().union(*held))


def middle(counts: Mapping[int, int]) -> int | None:
    """Find the median of windows by how often each count was met; None where there are too few."""
    left = sum(counts.values())
    if left < _ENOUGH:
        return None
    half = left / 2
    for total in sorted(counts):
        half -= counts[total]
        if half <= 0:
            return total
    return None


def accused(who: str, kind: str) -> tuple[str, str]:
    """Name whom an alert is about: a person or an application, or else the house."""
    return (who, kind) if kind in {"person", "app"} else (HOUSE, "system")


def keeps_ms(rule: Signal) -> int:
    """Say how long what a rule remembers can matter."""
    longest = max(ms(rule.window), ms(rule.ignore), ms(rule.learn))
    # A habit of thirty days, and an account that comes back, are remembered longer than a window.
    if rule.median_times:
        longest = max(longest, MEDIAN_DAYS * DAY_MS)
    return 2 * longest if rule.kind is SignalKind.NEW_TERM else longest


def ms(one: timedelta) -> int:
    """Count the milliseconds of a span."""
    return int(one.total_seconds() * 1000)


def _plain(rule: Signal) -> tuple[Where, ...]:
    return () if rule.kind is SignalKind.ABSENCE else (rule.where,)
