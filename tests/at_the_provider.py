"""At the provider: a browser that logs in there, form by form, as a person would; and its process."""

import re
import select
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qsl, urlencode, urlsplit
from urllib.request import HTTPCookieProcessor, HTTPRedirectHandler, OpenerDirector, build_opener

import pytest
from typing_extensions import override

from vault.setting_sso import SingleSignOn

ROOT = Path(__file__).parents[1]
PYTHON = ROOT / ".venv-openid" / "bin" / "python"
CLIENT = "vault"
# Of letters that need no quoting: this provider takes a header as it is, against RFC 6749 2.3.1.
SECRET = "eleven-kites-over-the-southern-shore"
# Everybody's there.
PASSWORD = "nine kites over the northern shore"
HERE = "http://localhost:8200/v1/login/sso/return"
_PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class RealProvider:
    """One that listens, and where a command line may wait for people to come back."""

    port: int
    back: str

    def settings(self, *strong: str) -> SingleSignOn:
        """What a house is told of it."""
        return SingleSignOn(f"http://127.0.0.1:{self.port}", CLIENT, SECRET, frozenset(strong))


@contextmanager
def a_real_provider(folder: Path) -> Iterator[RealProvider]:
    """Start one that keeps its own in *folder*, and wait until it says where it listens."""
    if not PYTHON.exists():
        pytest.skip("there is no .venv-openid with the OpenID provider; scripts/test makes it")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        back = f"http://127.0.0.1:{free.getsockname()[1]}/"
    words = [
        str(PYTHON),
        str(ROOT / "tests" / "openid_provider.py"),
        str(folder),
        CLIENT,
        SECRET,
        PASSWORD,
        HERE,
        back,
    ]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            ready, _, _ = select.select([process.stdout], [], [], _PATIENCE_SECONDS)
            assert ready, "the provider does not listen"
            yield RealProvider(int(process.stdout.readline()), back)
        finally:
            process.terminate()


class _Stopping(HTTPRedirectHandler):
    """Follows the provider through its own pages, and stops where it sends the browser away."""

    @override
    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if urlsplit(newurl).netloc != urlsplit(req.full_url).netloc:
            raise _Away(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Away(Exception):
    """Where the provider sends the browser."""


@dataclass
class Browser:
    """One browser at the provider, which remembers who has logged in there."""

    name: str
    opener: OpenerDirector = field(
        default_factory=lambda: build_opener(HTTPCookieProcessor(CookieJar()), _Stopping)
    )

    def log_in(self, address: str, password: str = PASSWORD) -> dict[str, str]:
        """Go to *address* and fill in what is asked; returns what the browser is sent away with."""
        try:
            page = self._open(address)
            page = self._open(page.url, {"csrf_token": page.token, "login": self.name})
            self._open(page.url, {"csrf_token": page.token, "password": password})
        except _Away as away:
            where = str(away)
            assert where.startswith((HERE, "http://127.0.0.1:")), where
            return dict(parse_qsl(urlsplit(where).query))
        return {}

    def _open(self, address: str, form: Mapping[str, str] | None = None) -> "_Page":
        sent = urlencode(form).encode() if form is not None else None
        try:
            with self.opener.open(address, sent, timeout=_PATIENCE_SECONDS) as answer:
                return _Page(answer.url, answer.read().decode())
        except HTTPError as refusal:
            # An error is an open connection until it is closed.
            refusal.close()
            return _Page(address, "")


@dataclass(frozen=True)
class _Page:
    url: str
    text: str

    @property
    def token(self) -> str:
        """What its form says beside the cookie."""
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.text)
        return found[1] if found else ""
