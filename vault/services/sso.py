"""Single sign-on: a person logs in, joins, or adds a way to log in, by the word of the house's provider."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final
from urllib.parse import urlsplit

from vault.custody.attempts import RANDOM_BYTES, Attempt, Attempts
from vault.custody.standing import Standing
from vault.custody.visits import NOBODY, read_session
from vault.domain.canonical import Json, canonical
from vault.domain.entry import ObjectRef
from vault.domain.instants import millis
from vault.domain.signing_on import SignedOn, is_back, is_code
from vault.domain.terms import ID_BYTES, ZERO_ID, AppId
from vault.errors import Conflict, Invalid, Unauthenticated, Unavailable
from vault.services import throttling
from vault.services.authenticate import LIVE, stand
from vault.services.beginning import LoggedIn, begun
from vault.services.governing import Change, Ground, govern, ground_for
from vault.services.holding import OIDC, add, check_raised, living
from vault.services.joining import LINKS, stranger, taken, whoever_has_a_link, whom
from vault.services.linking import presented, waiting
from vault.services.parts import Parts
from vault.services.provider import Provider
from vault.services.reviewing import check_reviewed
from vault.services.visiting import Visit, visit_again
from vault.storage import sessions
from vault.storage.people import LoginKeyRow

# How long a person may take at the provider.
LASTS: Final = timedelta(minutes=10)


class Use(IntEnum):
    """What an attempt is for; one for something else is none."""

    LOGIN = 1
    JOIN = 2
    ADD = 3


@dataclass(frozen=True, slots=True)
class Begun:
    """Where the person logs in, and what the browser carries until it comes back."""

    address: str
    attempt: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Brought:
    """What a browser brought back: from the provider, a code or nothing, and from before."""

    state: str = field(repr=False)
    code: str = field(repr=False)
    # Who says that it is the provider; None where nobody does (RFC 9207).
    issuer: str | None
    attempt: str = field(repr=False)
    # The session that the browser shows, if it shows one.
    session: str = field(repr=False)
    source: str


@dataclass(frozen=True, slots=True)
class Added:
    """A key that its person has added, and could log in by from now on."""

    key: bytes


def begin_login(parts: Parts, provider: Provider, *, back: str) -> Begun:
    """Begin to log in. Raises Invalid ``back``, Unavailable ``sso_unavailable``."""
    return _begin(parts, provider, Use.LOGIN, bytes(ID_BYTES), back=back)


def begin_join(parts: Parts, provider: Provider, text: str, *, back: str, source: str) -> Begun:
    """Begin to take a link by single sign-on; the link is used up at the end alone.

    Raises Unauthenticated ``link`` as joining by a password does, Invalid ``back``, TooMany, Unavailable.
    """
    at = parts.clock()
    parts.lock.check(at)
    throttling.attempt(parts, {"source": source}, at=at)
    ground = ground_for(parts, stranger())
    try:
        link = presented(parts, ground, text, LINKS)
        whom(ground, link)
    except Unauthenticated:
        parts.ledger.count_failure(source, "link")
        raise
    throttling.succeeded(parts, {"source": source})
    return _begin(parts, provider, Use.JOIN, link.link, back=back)


def begin_adding(parts: Parts, provider: Provider, visit: Visit, *, back: str) -> Begun:
    """Begin to add a way to log in. Raises Refused ``second_factor_first``, Invalid ``back``, Unavailable."""
    check_raised(visit)
    return _begin(parts, provider, Use.ADD, visit.row.session, back=back)


def finish(parts: Parts, provider: Provider, brought: Brought) -> LoggedIn | Added:
    """Log in, join and log in, or add a way to log in, whichever the attempt is for.

    Raises Unauthenticated ``sso`` for whatever reason alike: an attempt that is another browser's, used or
    old, a provider that does not vouch, somebody whom nobody here is. Raises TooMany ``login_throttled``,
    Unavailable ``sso_unavailable``, and Refused ``account_locked``, which only the person is told. To add a
    key it also raises Unauthenticated where the session has ended, Refused ``second_factor_first``, Conflict
    ``sso_known`` and Invalid ``limit``.
    """
    at = parts.clock()
    attempt, signed = _signed_on(parts, provider, brought, at=at)
    if attempt.use == Use.ADD:
        return _add(parts, provider, attempt, signed, source=brought.source)
    if attempt.use == Use.JOIN:
        _join(parts, provider, attempt, signed, source=brought.source)
    return _log_in(parts, provider, signed, source=brought.source, at=at)


def _begin(parts: Parts, provider: Provider, use: Use, about: bytes, *, back: str) -> Begun:
    if back and not is_back(back):
        raise Invalid("back", field="back")
    at = parts.clock()
    parts.lock.check(at)
    attempt = Attempt(use, millis(at), parts.random(RANDOM_BYTES), about, back)
    attempts = _attempts(parts)
    address = provider.address(attempts.words(attempt), back=back, at=at)
    return Begun(address, attempts.write(attempt))


def _signed_on(
    parts: Parts, provider: Provider, brought: Brought, *, at: datetime
) -> tuple[Attempt, SignedOn]:
    """Take an attempt as used, and ask the provider whom it has logged in."""
    parts.lock.check(at)
    what = {"source": brought.source}
    throttling.attempt(parts, what, at=at)
    attempts = _attempts(parts)
    attempt = attempts.read(brought.attempt)
    if attempt is None or not attempts.is_state(attempt, brought.state) or _is_anothers(attempt, brought):
        raise _failure(parts, brought.source, "sso_attempt")
    if not millis(at - LASTS) < attempt.at_ms <= millis(at):
        raise _failure(parts, brought.source, "sso_attempt")
    used = parts.logins.about(OIDC, attempt.random.hex())
    # Before the code is redeemed: of two that bring the same, one is late.
    if not parts.stores.data.transact(lambda conn: sessions.take_once(conn, parts.tenant, used, millis(at))):
        raise _failure(parts, brought.source, "sso_attempt")
    # A crash here leaves an attempt that is used and began nothing; the person begins anew.
    if not is_code(brought.code):
        raise _failure(parts, brought.source, "sso_provider")
    try:
        words = attempts.words(attempt)
        signed = provider.redeem(brought.code, words, issuer=brought.issuer, back=attempt.back, at=at)
    except Unavailable:
        # That the provider does not answer is nobody's failure here.
        throttling.succeeded(parts, what)
        raise
    if signed is None:
        raise _failure(parts, brought.source, "sso_token")
    return attempt, signed


def _is_anothers(attempt: Attempt, brought: Brought) -> bool:
    """Tell whether another session is shown than the one that began to add a key.

    A cookie of SameSite=Strict does not come with a way back from another site, so that none may be shown;
    the attempt, which only that session's browser was given, then stands in for it.
    """
    if attempt.use != Use.ADD or not brought.session:
        return False
    return (read_session(brought.session) or NOBODY).id != attempt.about


def _log_in(parts: Parts, provider: Provider, signed: SignedOn, *, source: str, at: datetime) -> LoggedIn:
    standing = stand(parts, AppId(ZERO_ID))
    key = _key_of(standing, _kept(parts, provider, signed))
    if key is None:
        raise _failure(parts, source, "sso_person")
    throttling.succeeded(parts, {"source": source})
    check_reviewed(standing, key.person, at=at)
    by = ObjectRef("login_key", key.login_key, key.kind)
    return begun(parts, standing, key.person, strength=int(provider.is_strong(signed)), at=at, by=by)


def _join(parts: Parts, provider: Provider, attempt: Attempt, signed: SignedOn, *, source: str) -> None:
    kept = _kept(parts, provider, signed)

    def command(ground: Ground) -> Change:
        link = waiting(ground, attempt.about, LINKS)
        row = whom(ground, link)
        known = _key_of(ground.standing, kept)
        if known is not None and known.person != row.person:
            raise Unauthenticated("sso")
        body, now = canonical({**kept}).decode(), millis(ground.at)
        name = _name(provider)
        key = LoginKeyRow(parts.tenant, row.person, parts.new_id(), OIDC, name, body, now, None)
        return taken(ground, link, row, key)

    try:
        govern(parts, stranger(), command, may=whoever_has_a_link)
    except Unauthenticated:
        raise _failure(parts, source, "sso_person") from None


def _add(parts: Parts, provider: Provider, attempt: Attempt, signed: SignedOn, *, source: str) -> Added:
    # Now, and not before the provider was asked: a session that has ended meanwhile adds nothing.
    visit = visit_again(parts, attempt.about, source=source, at=parts.clock())
    check_raised(visit)
    throttling.succeeded(parts, {"source": source})
    kept, key_id = _kept(parts, provider, signed), parts.new_id()

    def check(ground: Ground) -> None:
        # One name at the provider is one living person here, or two would answer to one log-in.
        if _key_of(ground.standing, kept) is not None:
            raise Conflict("sso_known")

    add(parts, visit, key_id, OIDC, name=_name(provider), body=kept, check=check)
    return Added(key_id)


def _kept(parts: Parts, provider: Provider, signed: SignedOn) -> Mapping[str, Json]:
    return {"issuer": provider.issuer, "subject": parts.logins.signed_on(provider.issuer, signed.subject)}


def _key_of(standing: Standing, kept: Mapping[str, Json]) -> LoginKeyRow | None:
    """Find the key of a living person that stands for whom the provider has named."""
    people = [one.person for one in standing.people.values() if one.state == LIVE]
    keys = (key for person in people for key in living(standing, person, kind=OIDC))
    return next((key for key in keys if json.loads(key.body) == kept), None)


def _name(provider: Provider) -> str:
    return (urlsplit(provider.issuer).hostname or OIDC)[:64]


def _attempts(parts: Parts) -> Attempts:
    return Attempts(parts.keyring, incarnation=parts.house.incarnation)


def _failure(parts: Parts, source: str, reason: str) -> Unauthenticated:
    """Count a failure with its reason, which the ledger alone is told."""
    parts.ledger.count_failure(source, reason)
    return Unauthenticated("sso")
