"""ID tokens: what was signed by a key of the provider and an algorithm of that key is proven."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jwk, jws

from vault.custody import id_tokens

CLAIMS = {"sub": "li.wei", "nonce": "the nonce"}
RSA = jwk.RSAKey.generate_key(2048, {"kid": "one"})
EC = jwk.ECKey.generate_key("P-256", {"kid": "two"})


def published(*keys: jwk.Key, **more: Any) -> Any:
    """A JWK set with the public halves."""
    return {"keys": [one.as_dict(private=False) | more for one in keys]}


def token(key: jwk.Key, alg: str, claims: dict[str, Any] | None = None, *, kid: str | None = None) -> str:
    header = {"alg": alg, **({"kid": kid} if kid is not None else {})}
    payload = json.dumps(CLAIMS if claims is None else claims).encode()
    return jws.serialize_compact(header, payload, key, registry=jws.JWSRegistry(algorithms=[alg]))


def is_proven(text: str, keys: Any) -> bool:
    found = id_tokens.read(text)
    return found is not None and id_tokens.proves(found, id_tokens.keys_in(keys))


def coded(part: bytes) -> str:
    return urlsafe_b64encode(part).decode().rstrip("=")


NONE = coded(json.dumps({"alg": "none"}).encode())


@pytest.mark.parametrize(
    ("key", "alg"),
    [
        (lambda: RSA, "RS256"),
        (lambda: RSA, "PS256"),
        (lambda: EC, "ES256"),
        (lambda: jwk.OKPKey.generate_key("Ed25519", {"kid": "three"}), "Ed25519"),
    ],
    ids=["RS256", "PS256", "ES256", "Ed25519"],
)
def test_a_provider_may_sign_by_an_algorithm_of_its_key(key: Callable[[], jwk.Key], alg: str) -> None:
    signing = key()

    assert is_proven(token(signing, alg, kid=signing.kid), published(RSA, EC, signing))


def test_a_token_that_names_no_key_is_tried_by_each() -> None:
    assert is_proven(token(EC, "ES256"), published(RSA, EC))


def test_a_token_that_names_another_key_is_not_proven() -> None:
    found = id_tokens.read(token(EC, "ES256", kid="one"))

    assert found is not None
    assert [one.name for one in id_tokens.fitting(found, id_tokens.keys_in(published(RSA, EC)))] == ["one"]
    assert not id_tokens.proves(found, id_tokens.keys_in(published(RSA, EC)))


def _unsigned() -> str:
    return f"{NONE}.{coded(json.dumps(CLAIMS).encode())}."


def _by_the_public_key() -> str:
    # As an old library took it: the modulus that everybody can read, for an HMAC.
    public = RSA.as_dict(private=False)
    return token(jwk.OctKey.import_key(str(public["n"])), "HS256", kid="one")


def _with_other_claims() -> str:
    head, _, signature = token(RSA, "RS256").split(".")
    return f"{head}.{coded(json.dumps(CLAIMS | {'sub': 'somebody'}).encode())}.{signature}"


FORGED: dict[str, Callable[[], str]] = {
    "unsigned": _unsigned,
    "by the public key as a secret": _by_the_public_key,
    "by a secret of the client": lambda: token(jwk.OctKey.generate_key(256), "HS256"),
    "by an unknown key of a known name": lambda: token(jwk.RSAKey.generate_key(2048), "RS256", kid="one"),
    "by an algorithm that is not taken": lambda: token(RSA, "RS512"),
    "without its signature": lambda: token(RSA, "RS256").rpartition(".")[0],
    "with an empty signature": lambda: f"{token(RSA, 'RS256').rpartition('.')[0]}.",
    "with the signature of another": _with_other_claims,
    "longer than any": lambda: token(RSA, "RS256", {"groups": ["x" * 100] * 200}),
    "claims that are no object": lambda: f"{NONE}.{coded(b'[]')}.",
    "a text": lambda: "a text",
    "nothing": str,
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_a_token_that_no_key_of_the_provider_has_signed_is_not_proven(forge: Callable[[], str]) -> None:
    assert not is_proven(forge(), published(RSA, EC))


def test_what_else_a_token_says_of_a_person_keeps_it_readable() -> None:
    roles: dict[str, Any] = {"access": {"house": {"roles": [{"name": {"of": []}}]}}}

    assert is_proven(token(RSA, "RS256", CLAIMS | roles), published(RSA))


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"keys": "none"},
        {"keys": [7]},
        {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]},
        {"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}]},
        {"keys": [EC.as_dict(private=True)]},
        published(RSA, use="enc"),
    ],
    ids=["nothing", "a list", "no keys", "a text", "a number", "a secret", "a short one", "private", "enc"],
)
def test_what_is_no_public_key_to_sign_by_is_left_out(document: Any) -> None:
    assert id_tokens.keys_in(document) == ()


def test_more_keys_than_anybody_has_are_not_looked_at() -> None:
    assert len(id_tokens.keys_in({"keys": published(EC)["keys"] * 1000})) == 32
