"""Braking: nobody meets more customers than the role is for; what does not fit is refused whole."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from vault.domain.access import Actor
from vault.domain.brakes import Limits, Window
from vault.domain.instants import millis
from vault.domain.terms import Action, ActorId, SubjectId
from vault.errors import TooMany
from vault.services.parts import ON_BEHALF, Call, Parts
from vault.services.permitting import refuse
from vault.services.raising import raised
from vault.services.running import Take
from vault.storage import brakes
from vault.storage.unit_of_work import Connection

# What is nobody's reading: the house's own jobs, and whoever serves it on the machine.
_UNBRAKED: Final = frozenset({"system", "operator"})
# What is reserved before it is opened. A write shows nothing, and a feed is as long as the policy says.
_BRAKED: Final = frozenset({Action.READ, Action.REVEAL, Action.MATCH, Action.LOOKUP})


def meet(parts: Parts, call: Call, action: Action, subjects: Sequence[SubjectId], *, missed: int = 0) -> None:
    """Reserve *subjects* before they are opened, and count the questions that *missed*.

    They count against an app, and against the person on whose behalf it asks. Raises TooMany ``brake`` with
    the limit and when to go on, after that is an entry; then nothing is opened.
    """
    if action not in _BRAKED or call.actor.kind in _UNBRAKED or call.about is not None:
        return
    at = parts.clock()
    if subjects:
        _judge(
            parts,
            call,
            action,
            at,
            lambda who, limits, take: parts.meters.of(who).meet(subjects, limits, millis(at), take),
        )
    if missed:
        miss(parts, call, action, missed)


def miss(parts: Parts, call: Call, action: Action, times: int) -> None:
    """Count questions that led to nothing, or to what is there already. Raises TooMany ``brake``."""
    if call.actor.kind in _UNBRAKED:
        return
    at = parts.clock()
    _judge(
        parts,
        call,
        action,
        at,
        lambda who, limits, take: parts.meters.of(who).miss(times, limits, millis(at), take),
    )


def was_none(parts: Parts, call: Call) -> None:
    """Give back a miss that was held before anybody was looked for: who asks can tell no hit by the brake."""
    if call.actor.kind not in _UNBRAKED:
        for asker in _askers(call):
            parts.meters.of(asker.id).give_back(millis(parts.clock()))


def limits_of(call: Call, asker: Actor, at: datetime) -> Limits:
    """Find the widest limits among the asker's roles for the purpose; none is narrower than another's day."""
    held = [
        call.policy.roles[role].brakes.limits(asker.kind)
        for role in asker.roles(call.purpose, at)
        if role in call.policy.roles
    ]
    return max(held, key=lambda one: one.width, default=NOTHING)


_Count = Callable[[ActorId, Limits, Take], Window | None]


def _askers(call: Call) -> tuple[Actor, ...]:
    """Name whose brakes hold: the person's first, which are the narrower, so that less is spent in vain."""
    return (call.actor,) if call.actor.behalf is None else (call.actor.behalf, call.actor)


def _judge(parts: Parts, call: Call, action: Action, at: datetime, count: _Count) -> None:
    for asker in _askers(call):
        limits = limits_of(call, asker, at)
        full = count(asker.id, limits, _taking(parts, asker, limits, at))
        if full is not None and asker is call.actor:
            # Only who is braked needs to be looked at twice: somebody may have let more through. It was for
            # the one who asked: what a person may for a day, an app does not on that person's behalf.
            limits = raised(call, limits, at)
            full = count(asker.id, limits, _taking(parts, asker, limits, at))
        if full is not None:
            waits = full.left_seconds(millis(at))
            where = {} if asker is call.actor else {"field": ON_BEHALF}
            refuse(parts, call, action, TooMany("brake", limit=limits.of(full), retry_after=waits, **where))


def _taking(parts: Parts, asker: Actor, limits: Limits, at: datetime) -> Take:
    def take_all(wanted: Mapping[Window, int]) -> Callable[[Connection], None]:
        return lambda conn: _take(conn, parts, asker, wanted=wanted, limits=limits, at=at)

    def take(wanted: Mapping[Window, int]) -> Window | None:
        try:
            parts.stores.data.transact(take_all(wanted))
        except _Full as full:
            return full.window
        return None

    return take


def _take(
    conn: Connection,
    parts: Parts,
    asker: Actor,
    *,
    wanted: Mapping[Window, int],
    limits: Limits,
    at: datetime,
) -> None:
    for window, count in sorted(wanted.items()):
        spent = brakes.spend(
            conn,
            parts.tenant,
            asker.id,
            window=window.value,
            start_ms=window.start(millis(at)),
            count=count,
        )
        if spent > limits.of(window):
            # The whole transaction is undone: what was refused was not spent.
            raise _Full(window)


class _Full(Exception):
    """A window has no room left."""

    def __init__(self, window: Window) -> None:
        super().__init__()
        self.window = window


NOTHING: Final = Limits(minute=0, hour=0, day=0, misses=0)
