"""Speaking: what a person who is logged in asks of a house through its API, and what it answers."""

import http.client
import json
import os
import ssl
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from vault.cli.posting import KINDS, LATER, Address, code_of
from vault.errors import Misconfigured, TooMany, Unauthenticated, Unavailable, VaultError

_COOKIE: Final = ("vault", "__Host-vault")
_ATTEMPT: Final = ("vault-sso", "__Host-vault-sso")
_FILE: Final = "VAULT_LOGIN_FILE"


@dataclass(frozen=True, slots=True)
class Session:
    """Where somebody is logged in; the file that keeps it is readable by its owner alone."""

    address: str
    name: str = field(repr=False)
    cookie: str = field(repr=False)
    csrf: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a house answered, and the cookies that came with it: of a session, of a single sign-on."""

    body: Mapping[str, Any]
    cookie: tuple[str, str] | None
    text: str
    attempt: tuple[str, str] | None = None


def ask(method: str, path: str, body: Any = None, *, purpose: str = "") -> Mapping[str, Any]:
    """Ask as whoever is logged in on this machine.

    Raises Unauthenticated ``not_logged_in``, and what the house answers, with its own sentence.
    """
    session = read()
    headers = {"Cookie": f"{session.name}={session.cookie}", "Vault-Csrf": session.csrf}
    if purpose:
        # Only what touches a customer has one to name.
        headers["Vault-Purpose"] = purpose
    return send(session.address, method, path, body, headers=headers).body


def text(path: str) -> str:
    """Ask as whoever is logged in for what is no JSON; raises as :func:`ask` does."""
    session = read()
    headers = {"Cookie": f"{session.name}={session.cookie}"}
    return send(session.address, "GET", path, headers=headers).text


def send(
    address: str, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None
) -> Answer:
    """Send one call to the house at *address*; raises what it answers, Misconfigured, Unavailable."""
    where = Address.read(address)
    sent = json.dumps(body).encode() if body is not None else None
    more = {"Content-Type": "application/json"} if sent is not None else {}
    connection = where.connect()
    try:
        connection.request(method, f"{where.base}{path}", sent, {**more, **(headers or {})})
        response = connection.getresponse()
        said = response.read()
    except ssl.SSLCertVerificationError:
        raise Misconfigured(["The certificate of the house cannot be verified."]) from None
    except (OSError, http.client.HTTPException):
        raise Unavailable("no_answer") from None
    finally:
        connection.close()
    answer = _parsed(said)
    if response.status >= 300:
        raise _failure(response.status, answer)
    cookies = response.headers.get_all("Set-Cookie") or []
    text = said.decode("utf-8", "replace")
    return Answer(answer, _cookie(cookies, _COOKIE), text, _cookie(cookies, _ATTEMPT))


def keep(session: Session) -> Path:
    """Keep a session for the commands that follow; returns where."""
    path = _path()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(session), file)
    return path


def read() -> Session:
    """Read who is logged in on this machine; raises Unauthenticated ``not_logged_in``."""
    try:
        return Session(**json.loads(_path().read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        raise Unauthenticated("not_logged_in") from None


def forget() -> None:
    """Forget the session on this machine."""
    _path().unlink(missing_ok=True)


def _path() -> Path:
    named = os.environ.get(_FILE)
    if named:
        return Path(named)
    home = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(home) / "customer-vault" / "login.json"


def _parsed(text: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _failure(status: int, answer: Mapping[str, Any]) -> VaultError:
    mistakes = answer.get("mistakes")
    if isinstance(mistakes, list):
        return Misconfigured([str(one) for one in mistakes])
    kind = TooMany if status == 429 else Unavailable if status in LATER else KINDS.get(status, VaultError)
    # What a house says of its own codes is for people to read, and holds no value.
    return kind(code_of(answer), says=str(answer.get("title", ""))[:200])


def _cookie(headers: list[str], names: tuple[str, ...]) -> tuple[str, str] | None:
    for one in headers:
        name, _, value = one.partition(";")[0].partition("=")
        if name in names and value:
            return name, value
    return None
