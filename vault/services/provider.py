"""Provider: the one OpenID provider of a house: what it says of itself is remembered, codes are redeemed."""

import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from urllib.parse import quote, urlencode

from vault.custody import id_tokens
from vault.custody.attempts import Words
from vault.custody.id_tokens import IdToken, ProviderKey
from vault.domain import signing_on
from vault.domain.grants import token_text
from vault.domain.signing_on import Endpoints, Question, SignedOn
from vault.errors import Unavailable
from vault.services.fetching import fetch
from vault.setting_sso import SingleSignOn

_DOCUMENT: Final = "/.well-known/openid-configuration"
# How long what it says of itself is believed, and how soon it is asked again where it did not answer.
_REMEMBERED: Final = timedelta(hours=1)
_RESTS_SECONDS: Final = 5
# Where a log-in is to count as one with a second factor, the person shows it for this log-in.
_FRESH: Final = timedelta(minutes=5)
# A slow provider holds so many threads of a worker for long, and twice as many others for a moment.
_AT_ONCE: Final = 2
_PATIENCE_SECONDS: Final = 1


@dataclass(frozen=True, slots=True)
class _Known:
    endpoints: Endpoints
    keys: tuple[ProviderKey, ...]
    at: datetime


class Provider:
    """The provider as one worker knows it; threads share it."""

    def __init__(
        self, settings: SingleSignOn, *, redirect: str, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Ask as *settings* say; people come back to *redirect* where no command line waits elsewhere."""
        self._settings = settings
        self._redirect = redirect
        self._looking = _Gate(1, monotonic)
        self._redeeming = _Gate(_AT_ONCE, monotonic)
        self._known: _Known | None = None
        # By the monotonic clock, since a provider that hangs fails long after it was asked.
        self._monotonic = monotonic
        self._rests_until = 0.0

    @property
    def issuer(self) -> str:
        """Name it, as it names itself."""
        return self._settings.issuer

    def address(self, words: Words, *, back: str, at: datetime) -> str:
        """Write where a person logs in; raises Unavailable ``sso_unavailable``."""
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": back or self._redirect,
            "scope": "openid",
            "state": words.state,
            "nonce": words.nonce,
            # RFC 7636 4.2: whoever steals the code has no use for it.
            "code_challenge": token_text(sha256(words.verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        if self._settings.strong_acr:
            asked["acr_values"] = " ".join(sorted(self._settings.strong_acr))
            asked["max_age"] = str(int(_FRESH.total_seconds()))
        authorization = self._knowledge(at).endpoints.authorization
        return f"{authorization}{'&' if '?' in authorization else '?'}{urlencode(asked)}"

    def redeem(
        self, code: str, words: Words, *, issuer: str | None, back: str, at: datetime
    ) -> SignedOn | None:
        """Ask whom a code stands for; None where it is none, or what comes does not answer this attempt.

        *issuer* is who the browser says has given it the code. Raises Unavailable ``sso_unavailable``.
        """
        known = self._knowledge(at)
        # RFC 9207 2.4: another provider's answer is not taken for this one's.
        if (issuer is not None or known.endpoints.names_itself) and issuer != self.issuer:
            return None
        token = self._token(known.endpoints, code, words.verifier, back or self._redirect)
        if token is None:
            return None
        if not id_tokens.fitting(token, known.keys):
            # It has changed its keys since: they are asked for once more, and no oftener.
            known = self._look(at)
        max_age = _FRESH if self._settings.strong_acr else None
        question = Question(self.issuer, self._settings.client_id, words.nonce, max_age)
        return (
            signing_on.signed_on(token.claims, question, at) if id_tokens.proves(token, known.keys) else None
        )

    def is_strong(self, signed: SignedOn) -> bool:
        """Tell whether the person has shown a second factor there."""
        return signed.acr in self._settings.strong_acr

    def _token(self, endpoints: Endpoints, code: str, verifier: str, redirect: str) -> IdToken | None:
        name, secret = self._settings.client_id, self._settings.secret
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect,
            "code_verifier": verifier,
        }
        headers = {}
        if endpoints.takes_header:
            # RFC 6749 2.3.1; a space as %20 is read alike by those who do not know the plus of a form.
            pair = ":".join(quote(one, safe="") for one in (name, secret))
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": name, "client_secret": secret}
        with self._redeeming.place():
            said = fetch(endpoints.token, form=form, headers=headers)
        if said.status == 401 or said.status >= 500:
            # RFC 6749 5.2: it does not know the house, or is not well; neither is the person's doing.
            raise Unavailable("sso_unavailable", reason="client" if said.status == 401 else "status")
        text = said.document.get("id_token") if isinstance(said.document, dict) else None
        return id_tokens.read(text) if said.status == 200 and isinstance(text, str) else None

    def _knowledge(self, at: datetime) -> _Known:
        known = self._known
        return known if known is not None and known.at <= at < known.at + _REMEMBERED else self._look(at)

    def _look(self, at: datetime) -> _Known:
        """Ask for its document and its keys: one thread asks, the others wait for what it hears."""
        before = self._known
        self._check_rested()
        with self._looking.place():
            if self._known is not None and self._known is not before:
                return self._known
            self._check_rested()
            try:
                self._known = self._ask(at)
            except Unavailable:
                self._rests_until = self._monotonic() + _RESTS_SECONDS
                raise
            return self._known

    def _check_rested(self) -> None:
        if self._monotonic() < self._rests_until:
            raise Unavailable("sso_unavailable", reason="resting")

    def _ask(self, at: datetime) -> _Known:
        # OpenID Connect Discovery 4.1: a stroke at the end of the name is not doubled.
        found = fetch(f"{self.issuer.removesuffix('/')}{_DOCUMENT}")
        endpoints = signing_on.endpoints(found.document, self.issuer) if found.status == 200 else None
        if endpoints is None:
            raise Unavailable("sso_unavailable", reason="document")
        published = fetch(endpoints.keys)
        keys = id_tokens.keys_in(published.document) if published.status == 200 else ()
        if not keys:
            raise Unavailable("sso_unavailable", reason="keys")
        return _Known(endpoints, keys, at)


class _Gate:
    """Lets so many threads through at once; a few others wait for a moment, and the rest are told so.

    Whoever knocks needs no account, and everybody else would miss the threads that wait for a provider that
    hangs.
    """

    def __init__(self, places: int, monotonic: Callable[[], float]) -> None:
        """Have *places*, and twice as many to wait at."""
        self._places = threading.BoundedSemaphore(places)
        self._waiting = threading.BoundedSemaphore(2 * places)
        self._monotonic = monotonic
        self._taken_at = 0.0

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take a place; raises Unavailable ``sso_unavailable`` where there is none soon."""
        if not self._places.acquire(blocking=False) and not self._wait():
            raise Unavailable("sso_unavailable", reason="busy")
        self._taken_at = self._monotonic()
        try:
            yield
        finally:
            self._places.release()

    def _wait(self) -> bool:
        # Who has been inside for longer than a moment is not coming out soon.
        patience = self._taken_at + _PATIENCE_SECONDS - self._monotonic()
        if patience <= 0 or not self._waiting.acquire(blocking=False):
            return False
        try:
            return self._places.acquire(timeout=patience)
        finally:
            self._waiting.release()
