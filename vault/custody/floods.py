"""Floods: failures that come by the thousand are counted per minute, so that nobody can fill the disk."""

from dataclasses import dataclass
from threading import Lock

from vault.domain.entry import ActorRef
from vault.domain.kinds import Kind

# Beyond so many sources in one minute, the others are one.
MAX_SOURCES = 64
OTHERS = "others"
# So many refusals a minute of one actor for one reason are entries of their own.
REFUSALS_A_MINUTE = 60
# Actors are known by name, so there are few; this only bounds the memory.
MAX_REFUSED = 10_000

NOBODY = ActorRef("nobody", "none")


@dataclass(frozen=True, slots=True)
class Flood:
    """One minute's count of one thing; *source* is an address and belongs into the sealed detail."""

    minute: int
    kind: Kind
    actor: ActorRef
    outcome: str
    source: str | None
    times: int


class Floods:
    """Counts of the running minute in one process."""

    def __init__(self) -> None:
        """Begin with nothing counted."""
        self._lock = Lock()
        self._minute = 0
        self._failures: dict[tuple[str, str], int] = {}
        self._refusals: dict[tuple[ActorRef, str], int] = {}
        self._finished: list[Flood] = []

    def count_failure(self, minute: int, source: str, code: str) -> None:
        """Count a caller whom nobody knows."""
        with self._lock:
            self._turn_to(minute)
            if (source, code) not in self._failures and len(self._failures) >= MAX_SOURCES:
                source = OTHERS
            self._failures[source, code] = self._failures.get((source, code), 0) + 1

    def admit_refusal(self, minute: int, actor: ActorRef, outcome: str) -> bool:
        """Tell whether this refusal is an entry of its own; otherwise it has been counted."""
        with self._lock:
            self._turn_to(minute)
            if (actor, outcome) not in self._refusals and len(self._refusals) >= MAX_REFUSED:
                return True
            times = self._refusals[actor, outcome] = self._refusals.get((actor, outcome), 0) + 1
            return times <= REFUSALS_A_MINUTE

    def finish(self, minute: int | None) -> list[Flood]:
        """Take the counts of minutes other than *minute*; of every minute where it is None."""
        with self._lock:
            if minute is None or minute != self._minute:
                self._close()
            finished, self._finished = self._finished, []
            return finished

    def put_back(self, floods: list[Flood]) -> None:
        """Keep what could not be written down now."""
        with self._lock:
            self._finished = [*floods, *self._finished]

    def pending(self, minute: int) -> bool:
        """Tell whether there is anything to write down in *minute*."""
        return bool(self._finished) or (minute != self._minute and bool(self._failures or self._refusals))

    def _turn_to(self, minute: int) -> None:
        # A clock that was set back ends the minute too.
        if minute != self._minute:
            self._close()
            self._minute = minute

    def _close(self) -> None:
        self._finished += [
            Flood(self._minute, Kind.ACCESS_UNAUTHENTICATED, NOBODY, f"refused:{code}", source, times)
            for (source, code), times in self._failures.items()
        ]
        self._finished += [
            Flood(self._minute, Kind.ACCESS_REFUSED, actor, outcome, None, times - REFUSALS_A_MINUTE)
            for (actor, outcome), times in self._refusals.items()
            if times > REFUSALS_A_MINUTE
        ]
        self._failures, self._refusals = {}, {}
