"""Running: what one process remembers while it runs: its lock, what was used last, whom it has counted."""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from vault.domain.brakes import Limits, Window
from vault.domain.erasure import register_ref
from vault.domain.signing_keys import Windows
from vault.domain.spotting import Spotter
from vault.domain.terms import ActorId, HouseId, Millis, SubjectId
from vault.errors import HouseLocked

# How far back a clock may go: it is put right by seconds, and workers on several machines differ a little.
CLOCK_TOLERANCE = timedelta(minutes=2)
# Nobody is left alone for longer than a day.
_LONGEST_PAUSE = timedelta(days=1)
# A notary that says nothing for longer is taken for dead, and nothing is released behind its back (AUDIT §6).
NOTARY_PATIENCE = timedelta(seconds=60)
# How exactly it is known when a secret or a grant was of use last.
_USES_APART = timedelta(minutes=1)


class Heard:
    """What this process has heard of the notary: when it spoke last, what it refuses, what it signed."""

    __slots__ = ("checkpoint", "is_needed", "latest", "refusal")

    def __init__(self) -> None:
        """Begin with nothing heard, and without the need to hear anything."""
        # References, each replaced whole; every thread may read them.
        self.is_needed = False
        self.latest: datetime | None = None
        self.refusal: str | None = None
        # The size and the root of the newest signed checkpoint.
        self.checkpoint: tuple[int, bytes] | None = None

    def need(self) -> None:
        """Release nothing from now on unless the notary lives and agrees; there is no way back."""
        self.is_needed = True

    def lacking(self, at: datetime) -> str | None:
        """Say why nothing may be released at the moment *at*, as far as the notary is concerned."""
        if not self.is_needed:
            return None
        if self.refusal is not None:
            return "notary_refuses"
        # What comes from far in the future was not said by a clock that this house could go by.
        if self.latest is None or not -CLOCK_TOLERANCE <= at - self.latest <= NOTARY_PATIENCE:
            return "notary_silent"
        return None


@dataclass(slots=True)
class Erased:
    """Whom the register calls erased, as far as this process has read it; hashes, never ids."""

    seq: int = 0
    refs: set[bytes] = field(default_factory=set)

    def covers(self, house: HouseId, subject: SubjectId) -> bool:
        """Tell whether *subject* was erased: one hash, and none in a house that has erased nobody."""
        return bool(self.refs) and register_ref(house, subject) in self.refs


class Lock:
    """Why the house answers nobody just now, if so; the one thing among the parts that changes."""

    __slots__ = ("_latest", "anchors", "heard", "providers", "reason")

    def __init__(self) -> None:
        """Begin open."""
        self.heard = Heard()
        # References, each replaced whole; every thread may read them.
        self.reason: str | None = None
        # The anchors that somebody must look at, and why.
        self.anchors: Mapping[str, str] = {}
        # How the key providers were when they were asked last; what is open stays served whatever they say.
        self.providers: Mapping[str, str] = {}
        self._latest: datetime | None = None

    def check(self, at: datetime) -> None:
        """Raise HouseLocked, with the reason, while the stores contradict each other, or the clock itself.

        The watch would see a clock that was set back in half a minute; what had ended would live until then.
        """
        reason = self.why(at)
        if reason is not None:
            raise HouseLocked(reason=reason)
        if self._latest is None or at > self._latest:
            self._latest = at

    def why(self, at: datetime) -> str | None:
        """Say why nobody is answered at the moment *at*, if so."""
        return self.reason or ("clock_behind" if self.is_past(at) else self.heard.lacking(at))

    def is_past(self, at: datetime) -> bool:
        """Tell whether *at* lies well before a moment at which this process has worked already."""
        return self._latest is not None and at < self._latest - CLOCK_TOLERANCE


@dataclass(slots=True)
class Signers:
    """The keys that sign for the ledger, as its entries tell, and up to which index these were read."""

    windows: Windows = field(default_factory=dict)
    until: int = 0


class Pauses:
    """Until when each of a few others is left alone, and how often it has failed since it last worked."""

    __slots__ = ("_failures", "_until")

    def __init__(self) -> None:
        """Begin with everybody's time come."""
        self._until: dict[str, datetime] = {}
        self._failures: dict[str, int] = {}

    def is_over(self, name: str, at: datetime) -> bool:
        """Tell whether the time of *name* has come. A clock that was set back makes nobody wait longer."""
        until = self._until.get(name)
        return until is None or not until - _LONGEST_PAUSE <= at < until

    def worked(self, name: str, until: datetime) -> None:
        """Leave it alone until then; it has worked."""
        self._failures.pop(name, None)
        self._until[name] = until

    def failed(self, name: str, at: datetime, every: timedelta, *, longest: timedelta) -> None:
        """Leave it alone for longer each time that it fails."""
        failures = self._failures[name] = self._failures.get(name, 0) + 1
        self._until[name] = at + min(every * 2 ** min(failures - 1, 16), max(longest, every))


class Uses:
    """What this process has seen used since it wrote that down last; one for all threads."""

    __slots__ = ("_latest", "_lock", "_written")

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._lock = threading.Lock()
        self._latest: dict[bytes, Millis] = {}
        self._written: dict[bytes, Millis] = {}

    def note(self, what: bytes, at_ms: Millis) -> None:
        """Note that *what* is of use now."""
        # A plain dict takes one item at a time: no lock on the way of every request.
        self._latest[what] = at_ms

    def take(self) -> list[tuple[bytes, Millis]]:
        """Take what is worth writing down: what was not written within the last minute."""
        with self._lock:
            seen, self._latest = self._latest, {}
            # Within a minute of what was written, nothing is.
            apart = _USES_APART // timedelta(milliseconds=1)
            fresh = {
                what: at_ms
                for what, at_ms in list(seen.items())
                if at_ms >= self._written.get(what, Millis(0)) + apart
            }
            self._written |= fresh
            return list(fresh.items())


class Spotting:
    """What the rules of this process remember, and up to which entry; what is in the store decides."""

    __slots__ = ("_digest", "_position", "_spotter", "near")

    def __init__(self) -> None:
        """Begin with nothing remembered: the first look reads it from the store."""
        # Which customers are near to whom, and what of the relations and the time that was found by.
        self.near: tuple[object, Mapping[str, frozenset[SubjectId]]] | None = None
        self.forget()

    def forget(self) -> None:
        """Remember nothing."""
        self._spotter: Spotter | None = None
        self._digest = b""
        self._position = -1

    def take(self, digest: bytes, position: int) -> Spotter | None:
        """Take what is remembered for a policy up to *position*; None where that is something else."""
        spotter = self._spotter if (self._digest, self._position) == (digest, position) else None
        # Whoever takes it changes it: without a word that it may be held again, it is read anew.
        self.forget()
        return spotter

    def hold(self, spotter: Spotter, digest: bytes, position: int) -> None:
        """Keep what is remembered up to *position*."""
        self._spotter, self._digest, self._position = spotter, digest, position


# How many customers of one actor a process remembers to have counted; who is forgotten is counted again.
_MOST_REMEMBERED: Final = 200_000
# Wide limits are taken from the store in blocks of a hundredth, so that few calls ask it; others exactly.
_EXACT_BELOW: Final = 10_000
_BLOCKS: Final = 100
_WINDOWS: Final = (Window.MINUTE, Window.HOUR, Window.DAY)

# Takes so much of each window from the store, all or nothing; names the window that has no room.
Take: TypeAlias = Callable[[Mapping[Window, int]], Window | None]


class Meters:
    """Whom each actor has met of late in this process, and how much more of each window it was given."""

    __slots__ = ("_actors", "_lock")

    def __init__(self) -> None:
        """Begin with nobody counted."""
        self._lock = threading.Lock()
        self._actors: dict[ActorId, _Meter] = {}

    def of(self, actor: ActorId) -> "_Meter":
        """Find the meter of *actor*."""
        found = self._actors.get(actor)
        if found is None:
            with self._lock:
                found = self._actors.setdefault(actor, _Meter())
        return found


class _Meter:
    """One actor's counts in this process."""

    __slots__ = ("_given", "_lock", "_met")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # When each customer was counted last: a window that began later counts it again.
        self._met: dict[SubjectId, Millis] = {}
        # What is left of what the store gave, by window and its start.
        self._given: dict[Window, tuple[Millis, int]] = {}

    def meet(self, subjects: Iterable[SubjectId], limits: Limits, at_ms: Millis, take: Take) -> Window | None:
        """Count those of *subjects* whom a window has not met yet; names the window that has no room."""
        distinct = dict.fromkeys(subjects)
        with self._lock:
            met = self._met
            wanted = {
                window: sum(1 for one in distinct if met.get(one, Millis(-1)) < start)
                for window, start in ((window, window.start(at_ms)) for window in _WINDOWS)
            }
            full = self._spend(wanted, limits, at_ms, take)
            if full is None:
                if len(met) + len(distinct) > _MOST_REMEMBERED:
                    met.clear()
                met.update(dict.fromkeys(distinct, at_ms))
            return full

    def miss(self, times: int, limits: Limits, at_ms: Millis, take: Take) -> Window | None:
        """Count questions that led to nothing; names the window where there is no room."""
        with self._lock:
            return self._spend({Window.MISSES: times}, limits, at_ms, take)

    def give_back(self, at_ms: Millis) -> None:
        """Give back a miss that was none after all; this process has it to spend."""
        with self._lock:
            start, left = self._given.get(Window.MISSES, (Millis(-1), 0))
            if start == Window.MISSES.start(at_ms):
                self._given[Window.MISSES] = start, left + 1

    def _spend(
        self, wanted: Mapping[Window, int], limits: Limits, at_ms: Millis, take: Take
    ) -> Window | None:
        lacking: dict[Window, int] = {}
        for window, count in wanted.items():
            start, left = self._given.get(window, (Millis(-1), 0))
            left = left if start == window.start(at_ms) else 0
            self._given[window] = window.start(at_ms), left
            if count > left:
                lacking[window] = count - left
        if lacking:
            blocks = {
                window: count + (limits.of(window) // _BLOCKS if limits.of(window) >= _EXACT_BELOW else 0)
                for window, count in lacking.items()
            }
            given = blocks
            full = take(blocks)
            if full is not None and blocks != lacking:
                # There is no room for a whole block: exactly what is needed may still fit.
                given, full = lacking, take(lacking)
            if full is not None:
                return full
            for window, count in given.items():
                start, left = self._given[window]
                self._given[window] = start, left + count
        for window, count in wanted.items():
            start, left = self._given[window]
            self._given[window] = start, left - count
        return None
