"""Beginning: a session begins, or goes on at another strength; what was not proven is counted."""

from dataclasses import dataclass, field
from datetime import datetime

from vault.custody.standing import Standing
from vault.domain.entry import ObjectRef
from vault.domain.terms import PersonId
from vault.errors import Unauthenticated
from vault.services import visiting
from vault.services.parts import Parts
from vault.services.visiting import Visit, second_factors
from vault.storage.sessions import SessionRow


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A session that has just begun: the text for its cookie, and what a change says beside it."""

    person: PersonId
    strength: int
    # The second factors of which one must be shown before anything else is answered.
    left: tuple[str, ...]
    text: str = field(repr=False)
    csrf: str = field(repr=False)


def begun(
    parts: Parts,
    standing: Standing,
    person: PersonId,
    *,
    strength: int,
    at: datetime,
    was: SessionRow | None = None,
    by: ObjectRef | None = None,
) -> LoggedIn:
    """Begin a session, or go on with *was* under a new id; *by* is what was shown for it, but a password."""
    text, csrf, row = visiting.begin(parts, standing, person, strength=strength, at=at, was=was, by=by)
    left = second_factors(standing.login_keys.get(person, ())) if strength == 0 else []
    return LoggedIn(person, row.strength, tuple(left), text, csrf)


def raised(parts: Parts, visit: Visit, *, strength: int, at: datetime) -> LoggedIn:
    """Go on with a session under a new id, now that more was proven."""
    return begun(parts, visit.standing, visit.row.person, strength=strength, at=at, was=visit.row)


def unproven(parts: Parts, *, source: str) -> LoggedIn:
    """Tell of a second factor that does not serve; raises Unauthenticated ``second_factor`` in every case."""
    parts.ledger.count_failure(source, "second_factor")
    raise Unauthenticated("second_factor")
