"""Passkeys: a person adds one, and raises a session by it to the greatest strength there is."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from vault.custody import passkeys
from vault.custody.passkeys import ALGORITHMS, Credential, Site
from vault.domain.grants import token_text
from vault.domain.instants import millis
from vault.domain.passkeys import Asserted, Attested
from vault.domain.terms import Millis
from vault.errors import Invalid
from vault.services import throttling
from vault.services.beginning import LoggedIn, raised, unproven
from vault.services.holding import add, check_raised, living
from vault.services.parts import Parts
from vault.services.visiting import Visit
from vault.storage import sessions
from vault.storage.people import LoginKeyRow
from vault.storage.unit_of_work import Connection

KIND: Final = "passkey"
# What a passkey proves: it was in the person's hand, and knew the person (NIST SP 800-63B 4.3).
STRENGTH: Final = 2
# How long a browser may take.
ANSWERED_WITHIN: Final = timedelta(minutes=5)
_ADDING, _SHOWING = 1, 2


@dataclass(frozen=True, slots=True)
class Offer:
    """What a browser hands to its authenticator: the challenge, where it holds, and who asks."""

    challenge: str
    rp_id: str
    person: bytes
    login: str
    # The passkeys that the person has: none of them is made anew, any of them may be shown.
    credentials: tuple[str, ...]
    algorithms: tuple[int, ...] = tuple(ALGORITHMS)


def offer_new(parts: Parts, visit: Visit, *, origin: str) -> Offer:
    """Ask for a new passkey. Raises Invalid ``no_origin``, Refused ``second_factor_first``."""
    check_raised(visit)
    return _offer(parts, visit, _ADDING, origin=origin)


def add_passkey(parts: Parts, visit: Visit, sent: Attested, *, name: str, origin: str) -> bytes:
    """Keep a new passkey; returns the key's id.

    Raises Invalid ``no_origin``, ``limit``, or ``passkey`` where it was not made for this session, place and
    moment, or was known before; Refused ``second_factor_first``.
    """
    check_raised(visit)
    site, challenge = _site(origin), passkeys.challenge_in(sent.client_data)
    found = passkeys.attest(sent, site, challenge)
    if _asked_at(parts, visit, _ADDING, challenge) is None or found is None:
        raise Invalid("passkey", field="credential")
    # Ended ones count too: what a person has given up does not come back by the same words.
    if found.id in {passkeys.read(one.body).id for one in _all(visit)}:
        raise Invalid("passkey", field="credential")
    key_id = parts.new_id()
    add(parts, visit, key_id, KIND, name=name, body=passkeys.written(found))
    return key_id


def offer_known(parts: Parts, visit: Visit, *, origin: str) -> Offer:
    """Ask for one of the passkeys that the person has. Raises Invalid ``no_origin``."""
    return _offer(parts, visit, _SHOWING, origin=origin)


def prove_passkey(parts: Parts, visit: Visit, sent: Asserted, *, origin: str, source: str) -> LoggedIn:
    """Raise a session by a passkey; what was signed serves once, and in this session alone.

    Raises Unauthenticated ``second_factor`` for whatever reason alike, TooMany, and Invalid ``no_origin``.
    """
    site, at = _site(origin), parts.clock()
    what = {"factor": visit.row.person.hex()}
    throttling.attempt(parts, what, at=at)
    challenge = passkeys.challenge_in(sent.client_data)
    asked_ms = _asked_at(parts, visit, _SHOWING, challenge)
    key = next((one for one in _own(visit) if token_text(passkeys.read(one.body).id) == sent.id), None)
    is_own = sent.user_handle in {None, token_text(visit.row.person)}
    if key is None or asked_ms is None or not is_own:
        return unproven(parts, source=source)
    if not parts.stores.data.transact(
        _showing(parts, key, sent, site=site, challenge=challenge, asked_ms=asked_ms)
    ):
        return unproven(parts, source=source)
    throttling.succeeded(parts, what)
    return raised(parts, visit, strength=STRENGTH, at=at)


def _showing(
    parts: Parts, key: LoginKeyRow, sent: Asserted, *, site: Site, challenge: bytes, asked_ms: Millis
) -> Callable[[Connection], bool]:
    """Hold what was signed against what is known, and take its counter and its challenge as used."""
    now = millis(parts.clock())
    kept = passkeys.read(key.body)
    # Many authenticators do not count; the moment of the challenge does in their place, and beside it.
    moments = parts.logins.about(KIND, key.login_key.hex())

    def use(conn: Connection) -> bool:
        known = max(kept.counter, sessions.used(conn, parts.tenant, key.login_key))
        counter = passkeys.check(sent, site, challenge, kept=Credential(kept.id, kept.public_key, known))
        if counter is None:
            return False
        is_next = counter == 0 or sessions.use_once(conn, parts.tenant, key.login_key, counter, now)
        return is_next and sessions.use_once(conn, parts.tenant, moments, asked_ms, now)

    return use


def _offer(parts: Parts, visit: Visit, use: int, *, origin: str) -> Offer:
    challenge = parts.visits.challenge(use, visit.row.session, millis(parts.clock()))
    return Offer(
        token_text(challenge),
        _site(origin).rp_id,
        visit.row.person,
        visit.standing.people[visit.row.person].login,
        tuple(token_text(passkeys.read(one.body).id) for one in _own(visit)),
    )


def _asked_at(parts: Parts, visit: Visit, use: int, challenge: bytes) -> Millis | None:
    """Tell when this session was asked; None where it was not, or too long ago."""
    asked_ms = parts.visits.challenged(use, visit.row.session, challenge)
    if asked_ms is None:
        return None
    now = parts.clock()
    return asked_ms if millis(now - ANSWERED_WITHIN) < asked_ms <= millis(now) else None


def _site(origin: str) -> Site:
    if not origin:
        raise Invalid("no_origin")
    return Site(origin)


def _own(visit: Visit) -> list[LoginKeyRow]:
    return living(visit.standing, visit.row.person, kind=KIND)


def _all(visit: Visit) -> list[LoginKeyRow]:
    return [one for keys in visit.standing.login_keys.values() for one in keys if one.kind == KIND]
