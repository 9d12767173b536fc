"""Attempt cookie: in it a browser carries a single sign-on until the provider sends it back."""

from typing import Any

from flask import Response, request

from vault.services.sso import LASTS
from vault.settings import Mode, Settings


class AttemptCookie:
    """Puts an attempt into the browser that began it, out of reach of scripts and of other sites' forms."""

    def __init__(self, settings: Settings) -> None:
        """Name the cookie; in production it is of this host alone and travels by TLS alone (RFC 6265bis)."""
        is_secure = settings.mode is Mode.PRODUCTION
        self._name = "__Host-vault-sso" if is_secure else "vault-sso"
        # The provider sends the browser back from another site: Strict would leave the cookie behind.
        self._more: dict[str, Any] = {
            "secure": is_secure,
            "httponly": True,
            "samesite": "Lax",
            "path": "/",
        }

    def give(self, response: Response, text: str) -> Response:
        """Let the browser carry *text* from this answer on, as long as an attempt lasts."""
        response.set_cookie(self._name, text, max_age=int(LASTS.total_seconds()), **self._more)
        return response

    def shown(self) -> str:
        """Read what the browser carries; empty where it carries nothing."""
        return request.cookies.get(self._name, "") if "HTTP_COOKIE" in request.environ else ""

    def take_back(self, response: Response) -> Response:
        """Let the browser forget it: it has served."""
        response.delete_cookie(self._name, **self._more)
        return response
