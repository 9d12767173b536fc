"""Assertions: what an application signs with its own key instead of showing a secret (RFC 7523, RFC 7515)."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from joserfc import jwk, jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from typing_extensions import override

from vault.domain import i_json
from vault.domain.canonical import Json, canonical
from vault.errors import Invalid

_LONGEST: Final = 4096
_DEEPEST: Final = 4
# Which members make a key (RFC 7638 3.2), and by which algorithms it may sign: the key decides, not the text,
# so that neither "none" nor an HMAC under a public key is ever tried.
_MEMBERS: Final[Mapping[str, tuple[str, ...]]] = {
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
    "RSA": ("e", "kty", "n"),
}
_ALGORITHMS: Final[Mapping[str, list[str]]] = {
    "EC": ["ES256"],
    "OKP": ["EdDSA", "Ed25519"],
    "RSA": ["RS256"],
}
_CURVES: Final = {"EC": "P-256", "OKP": "Ed25519"}
_RSA_BITS: Final = (2048, 8192)
_RSA_LARGEST_EXPONENT: Final = 2**32
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


@dataclass(frozen=True, slots=True)
class Assertion:
    """What was signed, as it says itself; nothing of it is true before :func:`proves` says so."""

    text: str = field(repr=False)
    claims: Mapping[str, Json] = field(repr=False)


def public_key(given: Mapping[str, Json]) -> tuple[str, str]:
    """Check a public JWK; returns its thumbprint (RFC 7638) and how it is stored: its own members alone.

    Raises Invalid ``key_form`` for private ones, for other curves, and for RSA of less than 2048 bits.
    """
    kind = given.get("kty")
    names = _MEMBERS.get(kind) if isinstance(kind, str) else None
    if names is None or _PRIVATE & given.keys() or not all(isinstance(given.get(one), str) for one in names):
        raise Invalid("key_form", field="jwk")
    members = {name: str(given[name]) for name in names}
    if members.get("crv") != _CURVES.get(members["kty"]) or not _is_fit_rsa(members):
        raise Invalid("key_form", field="jwk")
    try:
        # What is no point of its curve, or not base64url, is no key.
        key = jwk.import_key(dict(members))
        key.get_op_key("verify")
    except (JoseError, ValueError, TypeError):
        raise Invalid("key_form", field="jwk") from None
    written = canonical(dict(members)).decode()
    return urlsafe_b64encode(sha256(written.encode()).digest()).decode().rstrip("="), written


def read(text: str) -> Assertion | None:
    """Read an assertion without believing it; None where it is none."""
    found = parts_of(text, longest=_LONGEST, deepest=_DEEPEST)
    return Assertion(text, found[1]) if found is not None else None


def parts_of(
    text: str, *, longest: int, deepest: int
) -> tuple[Mapping[str, Json], Mapping[str, Json]] | None:
    """Read header and claims of a signed text (RFC 7515 7.1) without believing them; None for others."""
    if len(text) > longest or text.count(".") != 2:
        return None
    try:
        header, claims = (_part(one, deepest) for one in text.split(".")[:2])
    except (Invalid, ValueError):
        return None
    return (header, claims) if isinstance(header, dict) and isinstance(claims, dict) else None


def proves(assertion: Assertion, stored_key: str) -> bool:
    """Tell whether *assertion* was signed with the other half of a stored public key."""
    return is_signed(assertion.text, stored_key, algorithms=_ALGORITHMS)


def is_signed(text: str, stored_key: str, *, algorithms: Mapping[str, list[str]]) -> bool:
    """Tell whether *text* was signed with the other half of a stored key, by an algorithm of its kind."""
    members = json.loads(stored_key)
    try:
        key = jwk.import_key(members)
        jws.deserialize_compact(text, key, registry=_Algorithms(algorithms=algorithms[members["kty"]]))
    except (JoseError, ValueError, TypeError):
        return False
    return True


class _Algorithms(jws.JWSRegistry):
    """The algorithms of one kind of key; ``EdDSA`` by its old name without a warning, since most say it."""

    @override
    def get_alg(self, name: str) -> Any:
        if name not in (self.allowed or ()):
            raise UnsupportedAlgorithmError(name)
        return self.algorithms[name]


def _is_fit_rsa(members: Mapping[str, str]) -> bool:
    if members["kty"] != "RSA":
        return True
    try:
        size = _number(members["n"]).bit_length()
        exponent = _number(members["e"])
    except ValueError:
        return False
    # Who sends a large exponent wants us to work: RFC 8017 allows it, and no library makes one.
    return (
        _RSA_BITS[0] <= size <= _RSA_BITS[1] and 3 <= exponent < _RSA_LARGEST_EXPONENT and exponent % 2 == 1
    )


def _number(text: str) -> int:
    return int.from_bytes(urlsafe_b64decode(f"{text}{'=' * (-len(text) % 4)}"))


def _part(text: str, deepest: int) -> Json:
    return i_json.parse(urlsafe_b64decode(f"{text}{'=' * (-len(text) % 4)}"), deepest=deepest)
