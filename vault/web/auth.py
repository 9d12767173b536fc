"""Auth: who asks, on what standing, and under which policy; where a token or a session is looked at."""

from functools import partial

from flask import Request, current_app, g

from vault.domain.terms import RequestId
from vault.services.authenticate import authenticate, policy_in_force
from vault.services.parts import Call, Parts
from vault.services.proving import ends_soon
from vault.services.visiting import Visit
from vault.web import sessions
from vault.web.callers import calling


def identify(
    parts: Parts, request: Request, request_id: RequestId, *, half: bool = False
) -> tuple[partial[Call], Visit | None]:
    """Find the actor behind the request's token or session, and begin the call that it makes.

    A token goes before a cookie. Raises Unauthenticated for whatever reason alike, and what
    :func:`~vault.web.sessions.visited` raises; what the call is for is yet to be said.
    """
    caller = calling()
    source = caller.source
    header = request.environ.get("HTTP_AUTHORIZATION")
    visit: Visit | None = None
    if header is None and sessions.shown(current_app, request):
        visit = sessions.visited(request, half=half)
        actor, standing = visit.actor, visit.standing
    else:
        actor, standing = authenticate(
            parts, header, source=source, at=parts.clock(), certificate=caller.certificate
        )
        g.credential_ends = ends_soon(standing, actor, parts.clock())
    policy = policy_in_force(parts, standing)
    call = partial(Call, actor=actor, standing=standing, policy=policy, source=source, request=request_id)
    return call, visit
