"""Health: whether the process lives, whether the house may answer, and how it has been doing."""

from collections.abc import Callable

from flask import Response

from vault.services import watch
from vault.services.parts import Parts
from vault.services.siem import overseeing
from vault.web import emit, metrics, schemas
from vault.web.routes import Route


def routes(parts: Parts, exposition: Callable[[], bytes]) -> tuple[Route, ...]:
    """Describe the calls that operators' own tools make, open to whoever reaches the house."""

    def live() -> Response:
        return emit.json({"status": "alive"})

    def ready() -> Response:
        stores, reason = watch.states(parts), parts.lock.why(parts.clock())
        is_ready = reason is None and all(state == "ready" for state in stores.values())
        body = {
            "ready": is_ready,
            "locked": reason,
            "stores": stores,
            "anchors": dict(parts.lock.anchors),
            "providers": dict(parts.lock.providers),
        }
        return emit.json(body, status=200 if is_ready else 503)

    def count() -> Response:
        told = exposition() + metrics.lags(overseeing.lags(parts))
        return Response(told, content_type=metrics.CONTENT_TYPE)

    return (
        Route("GET", "/healthz", None, live, "Say that the process answers.", answer=schemas.Alive),
        Route("GET", "/readyz", None, ready, "Say whether the house may answer.", answer=schemas.Ready),
        Route("GET", "/metrics", None, count, "Counts and times by route and status, for a scraper."),
    )
