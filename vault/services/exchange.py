"""Exchange: an application proves itself by secret, key or certificate, and is given a short-lived token."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from vault.custody import access_tokens, assertions, credentials
from vault.custody.access_tokens import RANDOM_BYTES, AccessToken
from vault.custody.assertions import Assertion
from vault.custody.credentials import NOBODY, Credential
from vault.custody.standing import Standing
from vault.domain.canonical import Json
from vault.domain.entry import Entry, PolicyRef
from vault.domain.instants import millis, moment
from vault.domain.kinds import Kind
from vault.domain.terms import AppId, EntryId, Millis, id_bytes, id_text
from vault.services import proving, witness
from vault.services.authenticate import admit
from vault.services.parts import Parts
from vault.services.proving import JWK, Proof, fits_certificate, is_live, proof_id, proof_ref
from vault.storage import sessions
from vault.storage.people import AppKeyRow

LIVES_FOR: Final = timedelta(minutes=10)
# How far ahead an assertion may end, and how much the clocks of two machines may differ.
_ASSERTED_FOR: Final = timedelta(minutes=5)
_SKEW: Final = timedelta(seconds=60)
_LONGEST_JTI: Final = 128
_TOKEN_ADDRESS: Final = "/oauth/token"  # noqa: S105 - an address


@dataclass(frozen=True, slots=True)
class Client:
    """What a caller shows of itself (RFC 6749 2.3): its name, and a secret, an assertion or a certificate."""

    name: str
    secret: str | None = field(default=None, repr=False)
    assertion: str | None = field(default=None, repr=False)
    certificate: bytes | None = None


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token, shown to whoever asked and kept nowhere, and for how long it serves."""

    token: str = field(repr=False)
    seconds: int


def exchange(parts: Parts, client: Client, *, issuer: str, source: str) -> Bearer:
    """Give *client* an access token for what it has proved; its entry is durable first.

    Whatever is wrong is Unauthenticated alike and counted by *source* with the reason. An assertion is for
    *issuer* or for its token's address, ends within minutes and serves once (RFC 7523 3).
    """
    at = parts.clock()
    parts.lock.check(at)
    read = assertions.read(client.assertion) if client.assertion is not None else None
    app = _named(client, read)
    prove = _proof_of(parts, client, read, app=app or NOBODY.app, issuer=issuer, at=at)
    actor, standing, proof = admit(parts, app, prove, source=source, at=at)
    # A token does not outlive what it was given for.
    expires = min(moment(proof.expires_ms), at + LIVES_FOR)
    random = parts.random(RANDOM_BYTES)
    token = AccessToken(AppId(actor.id), proof_id(proof), Millis(millis(expires)), random, b"")
    # One entry each: an application needs one in ten minutes, and every use of it is attributed to this.
    parts.ledger.append(
        Entry(
            id=EntryId(parts.new_id()),
            at_ms=millis(at),
            kind=Kind.APP_TOKEN_ISSUED,
            actor=witness.actor_ref(actor),
            outcome="recorded",
            policy=PolicyRef(standing.policy_digest, standing.policy_number),
            authority=standing.version,
            object=proof_ref(proof),
        )
    )
    parts.uses.note(proof_id(proof), millis(at))
    text = access_tokens.write(parts.keyring, parts.house.incarnation, token)
    return Bearer(text, int((expires - at).total_seconds()))


def _named(client: Client, assertion: Assertion | None) -> AppId | None:
    """Find the app that a client says it is; with an assertion its subject says so, and nothing else may."""
    name = client.name
    if assertion is not None:
        subject = assertion.claims.get("sub")
        if not isinstance(subject, str) or name not in {"", subject}:
            return None
        name = subject
    raw = id_bytes("app", name)
    return AppId(raw) if raw is not None else None


def _proof_of(
    parts: Parts, client: Client, read: Assertion | None, *, app: AppId, issuer: str, at: datetime
) -> Callable[[Standing], Proof | str]:
    def prove(standing: Standing) -> Proof | str:
        if client.secret is not None:
            return proving.shown_secret(parts, standing, _secret(client.secret, app), at)
        if client.assertion is not None:
            return _asserted(parts, standing, read, app=app, issuer=issuer, at=at)
        held = [one for one in standing.app_keys.get(app, ()) if fits_certificate(one, client.certificate)]
        return _serving(held, millis(at))

    return prove


def _secret(text: str, app: AppId) -> Credential:
    """Read a secret: the token that was shown once, or the part of it behind the application's id."""
    letters = id_text("app", app).removeprefix("app_")
    found = credentials.read(f"Bearer vault_{letters}_{text}") or credentials.read(f"Bearer {text}")
    return found if found is not None and found.app == app else replace(NOBODY, app=app)


def _asserted(
    parts: Parts, standing: Standing, read: Assertion | None, *, app: AppId, issuer: str, at: datetime
) -> Proof | str:
    if read is None:
        return "assertion"
    held = [
        one for one in standing.app_keys.get(app, ()) if one.kind == JWK and assertions.proves(read, one.body)
    ]
    found = _serving(held, millis(at))
    if isinstance(found, str):
        return found
    jti = read.claims.get("jti")
    if not _holds(read.claims, issuer, at) or not isinstance(jti, str) or not _is_jti(jti):
        return "assertion"
    used = parts.fingerprints.of(b"jti", found.app_key, jti.encode())
    is_first = parts.stores.data.transact(
        lambda conn: sessions.take_once(conn, parts.tenant, used, millis(at))
    )
    return found if is_first else "replayed"


def _is_jti(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_JTI and text.isascii()


def _serving(held: list[AppKeyRow], now: Millis) -> AppKeyRow | str:
    living = next((one for one in held if is_live(one, now)), None)
    return living if living is not None else proving.why_not(held)


def _holds(claims: Mapping[str, Json], issuer: str, at: datetime) -> bool:
    """Tell whether what was signed says what it must, for here and for now (RFC 7523 3)."""
    meant = claims.get("aud")
    is_meant = any(one in {issuer, f"{issuer}{_TOKEN_ADDRESS}"} for one in _texts(meant))
    ends, begins, signed = (_seconds(claims.get(name, 0)) for name in ("exp", "nbf", "iat"))
    if claims.get("iss") != claims.get("sub") or not is_meant or ends is None:
        return False
    if begins is None or signed is None:
        return False
    now, skew = at.timestamp(), _SKEW.total_seconds()
    is_in_time = now - skew < ends <= now + _ASSERTED_FOR.total_seconds() + skew
    return is_in_time and max(begins, signed) <= now + skew


def _texts(value: Json) -> list[str]:
    listed = value if isinstance(value, list) else [value]
    return [one for one in listed if isinstance(one, str)]


def _seconds(value: Json) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
