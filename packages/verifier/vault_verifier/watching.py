"""Watching: what is followed from entry to entry: the keys that sign, and the clock."""

from typing import Protocol

from vault.domain.entry import Entry
from vault.domain.signing_keys import Windows, with_entry
from vault_verifier.report import Report

# Workers tell the time one by one, and an entry may wait this long for its turn: no step back is shorter.
TOLERATED_MS = 10_000


class Watch(Protocol):
    """Something that holds of entries in their order. It sees each, and at the end says what did not."""

    def see(self, index: int, entry: Entry) -> None:
        """Take the next entry that could be read."""

    def finish(self, size: int) -> None:
        """Hear that *size* entries were all."""


class SigningKeys:
    """Which keys sign, from where to where."""

    def __init__(self, minimum: int = 0) -> None:
        """Begin without any; *minimum* is the first entry that will be seen."""
        self.windows: Windows = {}
        self._minimum = minimum

    def see(self, index: int, entry: Entry) -> None:
        """Take an entry that opens or ends a key."""
        self.windows = with_entry(self.windows, index, entry, minimum=self._minimum)

    def finish(self, size: int) -> None:
        """Nothing is left to be said."""


class ClockSteps:
    """Where the clock was set back: no tampering, and worth a question."""

    def __init__(self, report: Report) -> None:
        """Warn in *report*."""
        self._report = report
        self._last_ms = 0

    def see(self, index: int, entry: Entry) -> None:
        """Compare with the entry before."""
        if entry.at_ms + TOLERATED_MS < self._last_ms:
            self._report.warn("clock_step_back", index)
        self._last_ms = entry.at_ms

    def finish(self, size: int) -> None:
        """Nothing is left to be said."""
