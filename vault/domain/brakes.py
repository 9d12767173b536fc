"""Brakes: how many customers an actor may meet in a minute, an hour and a day, and how often miss."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from vault.domain.terms import Millis


class Window(StrEnum):
    """What is counted and for how long; each word is also the key of its limit in a policy."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    MISSES = "misses"

    def start(self, at_ms: Millis) -> Millis:
        """Find the beginning of the window in which *at_ms* lies; windows are those of the clock, in UTC."""
        return Millis(at_ms - at_ms % LENGTH_MS[self])

    def left_seconds(self, at_ms: Millis) -> int:
        """Tell in how many seconds the window ends; never 0, so that whoever waits comes after its end."""
        return (LENGTH_MS[self] - at_ms % LENGTH_MS[self] + 999) // 1000


LENGTH_MS: Mapping[Window, int] = {
    Window.MINUTE: 60_000,
    Window.HOUR: 3_600_000,
    Window.DAY: 86_400_000,
    Window.MISSES: 3_600_000,
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Distinct customers a minute, hour and day, and questions an hour that led to nothing."""

    minute: int
    hour: int
    day: int
    misses: int

    def of(self, window: Window) -> int:
        """Give the limit of *window*."""
        limit: int = getattr(self, window.value)
        return limit

    @property
    def width(self) -> tuple[int, int, int, int]:
        """Order limits: the wider one lets more through in a day, then in an hour, then in a minute."""
        return self.day, self.hour, self.minute, self.misses


MOST = 1_000_000_000
# What holds where a role says nothing. An app serves many people, and may have to see every customer in a
# day; a person reads one screen after the other.
APP = Limits(minute=60_000, hour=600_000, day=2_000_000, misses=600_000)
PERSON = Limits(minute=60, hour=300, day=1_000, misses=100)


@dataclass(frozen=True, slots=True)
class Brakes:
    """The limits of one role, for an app that holds it and for a person who does."""

    app: Limits = APP
    person: Limits = PERSON

    def limits(self, kind: str) -> Limits:
        """Give the limits of an actor of *kind*; who is no app is held to the stricter ones."""
        return self.app if kind == "app" else self.person


DEFAULT = Brakes()
