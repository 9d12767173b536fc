"""ID tokens: what a provider signed about whom it logged in, held against its keys (OpenID Connect)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from vault.custody import assertions
from vault.domain.canonical import Json
from vault.errors import Invalid

# Some providers name the groups and roles of a person in it, which nobody here asks for.
_LONGEST: Final = 16 * 1024
_DEEPEST: Final = 16
_MOST_KEYS: Final = 32
# By which algorithms a key may have signed: the key decides, not the token, so that neither "none" nor an
# HMAC under the client's secret or a public key is ever tried (RFC 8725 3.1).
_ALGORITHMS: Final[Mapping[str, list[str]]] = {
    "EC": ["ES256"],
    "OKP": ["EdDSA", "Ed25519"],
    "RSA": ["RS256", "PS256"],
}


@dataclass(frozen=True, slots=True)
class ProviderKey:
    """A public key of a provider, under the name that it gave it."""

    name: str
    stored: str


@dataclass(frozen=True, slots=True)
class IdToken:
    """What was signed, as it says itself; nothing of it is true before :func:`proves` says so."""

    key: str | None
    text: str = field(repr=False)
    claims: Mapping[str, Json] = field(repr=False)


def keys_in(document: Json) -> tuple[ProviderKey, ...]:
    """Read the keys of a JWK set (RFC 7517 5) that can have signed; what is none of ours is left out."""
    listed = document.get("keys") if isinstance(document, dict) else None
    found = []
    for one in listed[:_MOST_KEYS] if isinstance(listed, list) else ():
        if not isinstance(one, dict) or one.get("use", "sig") != "sig":
            continue
        try:
            _, stored = assertions.public_key(one)
        except Invalid:
            continue
        found.append(ProviderKey(str(one.get("kid", "")), stored))
    return tuple(found)


def read(text: str) -> IdToken | None:
    """Read a token without believing it; None where it is none."""
    found = assertions.parts_of(text, longest=_LONGEST, deepest=_DEEPEST)
    if found is None:
        return None
    key = found[0].get("kid")
    return IdToken(key if isinstance(key, str) else None, text, found[1])


def fitting(token: IdToken, keys: Sequence[ProviderKey]) -> list[ProviderKey]:
    """Find the keys that the token names; all of them where it names none."""
    return [one for one in keys if token.key in {None, one.name}]


def proves(token: IdToken, keys: Sequence[ProviderKey]) -> bool:
    """Tell whether one of *keys* has signed the token."""
    held = fitting(token, keys)
    return any(assertions.is_signed(token.text, one.stored, algorithms=_ALGORITHMS) for one in held)
