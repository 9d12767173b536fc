"""Sessions: a person's cookie, carried by flask-login; what it stands for lies in the house."""

from hmac import compare_digest
from typing import Any, Final, cast

from flask import Flask, Request, Response
from flask.sessions import SessionInterface, SessionMixin
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from typing_extensions import override

from vault.errors import Refused, Unauthenticated
from vault.services.beginning import LoggedIn
from vault.services.parts import Parts
from vault.services.visiting import LONGEST, Visit, visit
from vault.web.callers import calling

CSRF_HEADER: Final = "Vault-Csrf"
_KEY: Final = "_user_id"
_CHANGING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class Visitor(UserMixin):  # type: ignore[misc]  # flask-login comes without types
    """Whoever has a session, as flask-login knows it: by the text of its cookie."""

    def __init__(self, text: str, visited: Visit | None = None) -> None:
        """Know the *text*, and the visit that it stands for where it was looked up."""
        self.text = text
        self.visited = visited

    @override
    def get_id(self) -> str:
        """Give what the cookie holds."""
        return self.text


class _Cookie(dict[str, Any], SessionMixin):
    """What flask-login keeps of a session: the text of the cookie, and nothing that lasts beside it."""

    @override
    def __setitem__(self, key: str, value: Any) -> None:
        self.modified = self.modified or key == _KEY
        super().__setitem__(key, value)

    @override
    def pop(self, key: str, *default: Any) -> Any:
        self.modified = self.modified or key == _KEY
        return super().pop(key, *default)


class HouseSessions(SessionInterface):
    """Reads and writes the one cookie; the session itself lies in the house, where it can be ended."""

    def __init__(self, *, secure: bool) -> None:
        """Name the cookie; a *secure* one is of this host alone and travels by TLS alone (RFC 6265bis)."""
        self.name = "__Host-vault" if secure else "vault"
        self._secure = secure

    @override
    def open_session(self, app: Flask, request: Request) -> SessionMixin:
        """Read the cookie where one was sent."""
        opened = _Cookie()
        if "HTTP_COOKIE" in request.environ:
            text = request.cookies.get(self.name)
            if text:
                dict.__setitem__(opened, _KEY, text)
        opened.modified = False
        return opened

    @override
    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Write the cookie where a session has begun, was raised or has ended."""
        if not session.modified:
            return
        text = cast(_Cookie, session).get(_KEY)
        more: dict[str, Any] = {"secure": self._secure, "httponly": True, "samesite": "Strict", "path": "/"}
        if text:
            response.set_cookie(self.name, text, max_age=int(LONGEST.total_seconds()), **more)
        else:
            response.delete_cookie(self.name, **more)


class _NoRemembering(LoginManager):  # type: ignore[misc]  # flask-login comes without types
    """flask-login without its second cookie, which no house could end."""

    def _load_user_from_remember_cookie(self, _cookie: str) -> None:
        return None


def install(app: Flask, parts: Parts, *, secure: bool) -> None:
    """Let flask-login carry the sessions of *app*."""
    app.session_interface = HouseSessions(secure=secure)
    manager = _NoRemembering(app)
    # A session is bound to its secret and ends by itself; an address that changes on the way is no thief.
    manager.session_protection = None

    @manager.user_loader  # type: ignore[untyped-decorator]
    def load(text: str) -> Visitor:
        return Visitor(text, visit(parts, text, source=calling().source, at=parts.clock()))


def shown(app: Flask, asked: Request) -> str:
    """Read the session that a request shows, without believing it; empty where it shows none."""
    name = cast(HouseSessions, app.session_interface).name
    return asked.cookies.get(name, "") if "HTTP_COOKIE" in asked.environ else ""


def visited(asked: Request, *, half: bool = False) -> Visit:
    """Give the person behind the request's session, and hold a change against what it says beside the cookie.

    Raises Unauthenticated for whatever reason alike, Unauthenticated ``second_factor`` where a second factor
    is to be shown first and *half* of a log-in does not do, and Refused ``csrf``.
    """
    found: Visit | None = getattr(current_user, "visited", None)
    if found is None:
        raise Unauthenticated
    said = asked.headers.get(CSRF_HEADER, "")
    if asked.method in _CHANGING and not compare_digest(said.encode(), found.csrf.encode()):
        raise Refused("csrf")
    if found.is_half and not half:
        raise Unauthenticated("second_factor")
    return found


def remember(begun: LoggedIn) -> None:
    """Put the text of a session that has begun or was raised into the cookie."""
    login_user(Visitor(begun.text))


def forget() -> None:
    """Take the cookie back."""
    logout_user()
