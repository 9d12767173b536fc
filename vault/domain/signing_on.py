"""Signing on: what a provider says of itself and of whom it has logged in (OpenID Connect)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import Final
from urllib.parse import urlsplit

from vault.domain.canonical import Json

# How much the clocks of two machines may differ.
_SKEW: Final = timedelta(seconds=60)
# A token comes straight from the provider, so it was signed just now.
_SIGNED_WITHIN: Final = timedelta(minutes=10)
_LONGEST_SUBJECT: Final = 255
_LONGEST_CODE: Final = 4096
_LONGEST_ADDRESS: Final = 2048
_LONGEST_BACK: Final = 256
# Numbers alone: a name such as localhost may lead elsewhere (RFC 8252 8.3).
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a provider is asked, and how it wants to be asked."""

    authorization: str
    token: str
    keys: str
    # Whether the client's secret goes into a header; else it goes into the form (RFC 6749 2.3.1).
    takes_header: bool
    # Whether each of its answers names it, so that one without a name is not its own (RFC 9207 2.4).
    names_itself: bool


@dataclass(frozen=True, slots=True)
class Question:
    """What an ID token must answer: who was asked, by whom, in which attempt, and how fresh it is to be."""

    issuer: str
    client_id: str
    nonce: str
    max_age: timedelta | None


@dataclass(frozen=True, slots=True)
class SignedOn:
    """Whom a provider has logged in, by its own name for the person, and how."""

    subject: str
    acr: str


def endpoints(document: Json, issuer: str) -> Endpoints | None:
    """Read a provider's document; None where it is another's, or leads where nobody should be sent."""
    if not isinstance(document, dict) or document.get("issuer") != issuer:
        # OpenID Connect Discovery 4.3: whoever answers here may not speak for somebody else.
        return None
    named = [document.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
    addresses = [one for one in named if isinstance(one, str) and _is_safe(one, issuer)]
    methods = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    known = {"client_secret_basic", "client_secret_post"}
    taken = (
        known.intersection(one for one in methods if isinstance(one, str))
        if isinstance(methods, list)
        else ()
    )
    match addresses:
        case [authorization, token, keys] if taken:
            names_itself = document.get("authorization_response_iss_parameter_supported") is True
            return Endpoints(authorization, token, keys, "client_secret_basic" in taken, names_itself)
        case _:
            return None


def signed_on(claims: Mapping[str, Json], question: Question, at: datetime) -> SignedOn | None:
    """Read a token whose signature was proven; None where it does not answer *question* (Core 3.1.3.7)."""
    subject, acr, nonce = (claims.get(name, "") for name in ("sub", "acr", "nonce"))
    if claims.get("iss") != question.issuer or claims.get("aud") not in _alone(question.client_id):
        return None
    if claims.get("azp", question.client_id) != question.client_id:
        return None
    if not isinstance(nonce, str) or not compare_digest(
        nonce.encode(errors="replace"), question.nonce.encode()
    ):
        return None
    # OpenID Connect Core 2: a subject has 255 ASCII characters at the most.
    if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT or not subject.isascii():
        return None
    if not _is_of_now(claims, question, at):
        return None
    return SignedOn(subject, acr if isinstance(acr, str) else "")


def is_code(text: str) -> bool:
    """Tell whether *text* can be what a provider gave a browser to bring here (RFC 6749 A.11)."""
    return 0 < len(text) <= _LONGEST_CODE and all(" " <= letter <= "~" for letter in text)


def is_back(text: str) -> bool:
    """Tell whether *text* is where a command line waits on its own machine (RFC 8252 7.3)."""
    if not 0 < len(text) <= _LONGEST_BACK or not all("!" <= letter <= "~" for letter in text):
        return False
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    host = f"[{parts.hostname}]" if parts.hostname == "::1" else parts.hostname
    # One spelling alone: what stands before the path is exactly this.
    is_spelled = text.startswith(f"http://{host}:{port}/") and not set("?#\\") & set(text)
    return parts.hostname in _LOOPBACK and port is not None and is_spelled


def _is_safe(address: str, issuer: str) -> bool:
    """Tell whether an address is reached by TLS, or on this machine where the provider itself is."""
    try:
        parts, home = urlsplit(address), urlsplit(issuer)
        _ = parts.port
    except ValueError:
        return False
    # Nothing in it that another reader of addresses would take for something else.
    is_plain = all("!" <= letter <= "~" for letter in address) and not set("#@\\") & set(address)
    if not is_plain or not parts.hostname or len(address) > _LONGEST_ADDRESS:
        return False
    # Settings let a provider be asked without TLS on this machine alone; then it leads to that very host.
    is_there = home.scheme == parts.scheme == "http" and parts.hostname == home.hostname
    return parts.scheme == "https" or is_there


def _alone(client_id: str) -> tuple[Json, ...]:
    """Spell the audience of a token that is for this house and for nobody else, whom nobody here trusts."""
    return (client_id, [client_id])


def _is_of_now(claims: Mapping[str, Json], question: Question, at: datetime) -> bool:
    now, skew = at.timestamp(), _SKEW.total_seconds()
    ends, signed = _seconds(claims.get("exp")), _seconds(claims.get("iat"))
    if ends is None or signed is None or ends <= now - skew:
        return False
    if not now - _SIGNED_WITHIN.total_seconds() - skew <= signed <= now + skew:
        return False
    if question.max_age is None:
        return True
    logged_in = _seconds(claims.get("auth_time"))
    oldest = now - question.max_age.total_seconds() - skew
    return logged_in is not None and oldest <= logged_in <= now + skew


def _seconds(value: Json) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
