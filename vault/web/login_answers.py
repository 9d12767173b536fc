"""Login answers: a session that has begun or was raised goes into the cookie, and is told of."""

from flask import Response

from vault.domain.terms import id_text
from vault.services.beginning import LoggedIn
from vault.web import emit, sessions


def begun(session: LoggedIn) -> Response:
    """Answer with what a change says beside the new cookie, and what is still to be shown."""
    sessions.remember(session)
    return emit.json(
        {
            "person": id_text("per", session.person),
            "strength": session.strength,
            "left": list(session.left),
            "csrf": session.csrf,
        }
    )
