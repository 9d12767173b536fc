"""Reviewing: whom an emergency keeps out that nobody has reviewed in time."""

from datetime import datetime, timedelta
from typing import Final

from vault.custody.standing import Standing
from vault.domain.instants import millis
from vault.domain.terms import ActorId, PersonId
from vault.errors import Refused

# An emergency that nobody has reviewed for so long keeps its person out.
REVIEWED_WITHIN: Final = timedelta(hours=24)


def is_overdue(standing: Standing, person: PersonId, *, at: datetime) -> bool:
    """Tell whether *person* took a role in an emergency that should have been reviewed by now.

    It is judged from the clock that every decision goes by, not by a scheduler that somebody could stop.
    """
    late = millis(at - REVIEWED_WITHIN)
    return any(
        one.person == ActorId(person) and one.reviewed_ms is None and one.opened_ms <= late
        for one in standing.emergencies.values()
    )


def check_reviewed(standing: Standing, person: PersonId, *, at: datetime) -> None:
    """Keep such a person out; raises Refused ``account_locked``."""
    if is_overdue(standing, person, at=at):
        raise Refused("account_locked")
