"""Auth: who asks, on what standing, and under which policy; the only place where a token is looked at."""

from functools import partial

from flask import Request

from vault.domain.terms import RequestId
from vault.services.authenticate import authenticate, policy_in_force
from vault.services.parts import Call, Parts


def identify(parts: Parts, request: Request, request_id: RequestId) -> partial[Call]:
    """Find the actor behind the request's token, and begin the call that it makes.

    Raises Unauthenticated for whatever reason alike; what the call is for is yet to be said.
    """
    # The peer itself: a forwarding header can claim anything.
    source = request.remote_addr or "unknown"
    header = request.environ.get("HTTP_AUTHORIZATION")
    actor, standing = authenticate(parts, header, source=source, at=parts.clock())
    policy = policy_in_force(parts, standing)
    return partial(Call, actor=actor, standing=standing, policy=policy, source=source, request=request_id)
