"""Sightings: an entry of the ledger as rules look at it: who did what, when and to how many, in codes."""

from dataclasses import dataclass, field
from datetime import UTC, date, time, tzinfo

from vault.domain.instants import moment

_QUARTER_MS = 900_000
# Who keeps the house itself: cases about it have this name.
HOUSE = "house"


@dataclass(frozen=True, slots=True)
class Hours:
    """When a house works: from one time of the day to another, on some days of the week, but on holidays."""

    zone: tzinfo = UTC
    begin: time = time(0)
    end: time = time(0)
    days: frozenset[int] = frozenset()
    holidays: frozenset[date] = frozenset()
    # A million entries lie in a few hundred quarters of an hour.
    _known: dict[int, bool] = field(default_factory=dict, compare=False, repr=False)

    def are_off(self, at_ms: int) -> bool:
        """Tell whether nobody works at that moment; without days no hours are known, and none is off."""
        if not self.days:
            return False
        quarter = at_ms // _QUARTER_MS
        known = self._known.get(quarter)
        if known is None:
            local = moment(quarter * _QUARTER_MS).astimezone(self.zone)
            is_day = local.weekday() in self.days and local.date() not in self.holidays
            known = self._known[quarter] = not (is_day and self.begin <= local.time() < self.end)
        return known


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What rules see of one entry."""

    idx: int
    at_ms: int
    kind: str
    # A person on whose behalf an application asks is who has asked.
    who: str
    actor_type: str
    action: str | None
    purpose: str | None
    roles: tuple[str, ...]
    groups: frozenset[str]
    outcome: str
    code: str | None
    tier: int
    subjects: tuple[bytes, ...]
    misses: int
    ticket: bytes | None
    # Whose rights an entry is about, where it is about rights.
    holder: str | None
    object_id: bytes | None
    network: str | None
    off_hours: bool
    watched: tuple[bytes, ...]
    related: bool
    # An entry is looked at again for the application that asked on behalf of a person.
    again: bool = False
