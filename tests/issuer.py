"""An issuer of tests: a small OpenID provider that says what it is told to say, true or not."""

import json
import threading
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote_plus, urlsplit

from joserfc import jwk, jws
from typing_extensions import override

from vault.setting_sso import SingleSignOn

CLIENT = "vault"
SECRET = "a secret: of the house/client + more"
STRONG = "urn:example:strong"


@cache
def _key(name: str) -> jwk.RSAKey:
    return jwk.RSAKey.generate_key(2048, {"kid": name})


@dataclass
class Issuer:
    """What a test may change of it: whom it names, what it signs, by which key, and how it answers."""

    port: int
    clock: Callable[[], datetime]
    key: jwk.Key = field(default_factory=lambda: _key("one"))
    alg: str = "RS256"
    published: list[dict[str, Any]] = field(default_factory=list)
    document: dict[str, Any] = field(default_factory=dict)
    # Laid over the claims of the next tokens; None takes one away.
    claims: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    # What it answers at a path, in the place of the truth.
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    # What becomes of a token that was signed.
    rewrite: Callable[[str], str] = field(default=lambda token: token)
    shown_in: str = ""
    asked: list[str] = field(default_factory=list)
    _codes: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.publish()

    @property
    def name(self) -> str:
        """How it names itself."""
        return f"http://127.0.0.1:{self.port}"

    def settings(self, *, strong: bool = False) -> SingleSignOn:
        """What a house is told of it."""
        return SingleSignOn(self.name, CLIENT, SECRET, frozenset({STRONG} if strong else ()))

    def publish(self) -> None:
        """Show the public half of the key that it signs with."""
        self.published = [self.key.as_dict(private=False)]

    def change_key(self, name: str = "two") -> None:
        """Sign by another key from now on."""
        self.key = _key(name)
        self.publish()

    def log_in(self, address: str, subject: str) -> dict[str, str]:
        """Let *subject* log in at an address that the house gave; returns what its browser brings back."""
        asked = dict(parse_qsl(urlsplit(address).query))
        assert asked["client_id"] == CLIENT
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = f"code-{len(self._codes)}"
        self._codes[code] = (subject, asked)
        return {"code": code, "state": asked["state"], "iss": self.name}

    def answer(self, path: str) -> tuple[int, Any]:
        """Say what stands at *path*."""
        self.asked.append(path)
        if path in self.answers:
            return self.answers[path]
        if path == "/.well-known/openid-configuration":
            return 200, {
                "issuer": self.name,
                "authorization_endpoint": f"{self.name}/authorize",
                "token_endpoint": f"{self.name}/token",
                "jwks_uri": f"{self.name}/keys",
                "authorization_response_iss_parameter_supported": True,
            } | self.document
        return (200, {"keys": self.published}) if path == "/keys" else (404, {})

    def redeem(self, form: Mapping[str, str], authorization: str) -> tuple[int, Any]:
        """Give a token for a code, once, to whoever holds the client's secret and the verifier."""
        self.asked.append("/token")
        self.shown_in = "header" if authorization else "form"
        pair = b64decode(authorization.removeprefix("Basic ")).decode().split(":")
        shown = [unquote_plus(one) for one in pair] if authorization else _in_form(form)
        if self.status != 200 or shown != [CLIENT, SECRET]:
            return self.status if self.status != 200 else 401, {"error": "a text of its own"}
        subject, asked = self._codes.pop(form["code"], ("", {}))
        digest = urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
        if asked.get("code_challenge") != digest or asked["redirect_uri"] != form["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        token = self.rewrite(self.token(subject, asked["nonce"]))
        return 200, {"access_token": "x", "token_type": "Bearer", "id_token": token}

    def token(self, subject: str, nonce: str) -> str:
        """Sign who somebody is, with whatever a test has changed of it."""
        now = int(self.clock().timestamp())
        honest = {
            "iss": self.name,
            "aud": CLIENT,
            "sub": subject,
            "nonce": nonce,
            "iat": now,
            "exp": now + 300,
            "auth_time": now,
        }
        said = {name: value for name, value in (honest | self.claims).items() if value is not None}
        header = {"alg": self.alg, **({"kid": self.key.kid} if self.key.kid else {})}
        payload = json.dumps(said).encode()
        if self.alg == "none":
            parts = (json.dumps(header).encode(), payload)
            return ".".join(urlsafe_b64encode(one).decode().rstrip("=") for one in parts) + "."
        registry = jws.JWSRegistry(algorithms=[self.alg])
        return jws.serialize_compact(header, payload, self.key, registry=registry)


def _in_form(form: Mapping[str, str]) -> list[str]:
    return [form.get(name, "") for name in ("client_id", "client_secret")]


@contextmanager
def an_issuer(clock: Callable[[], datetime]) -> Iterator[Issuer]:
    """Let one listen on this machine, whose time is the house's."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._say(*issuer.answer(self.path))

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(sent).items()}
            self._say(*issuer.redeem(form, self.headers.get("Authorization", "")))

        def _say(self, status: int, document: Any) -> None:
            body = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", f"{issuer.name}/elsewhere")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        @override
        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        issuer = Issuer(server.server_port, clock)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield issuer
        finally:
            server.shutdown()
            thread.join()
