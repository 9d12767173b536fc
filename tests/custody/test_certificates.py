"""A certificate is the house's own, to the byte, or it is none; anybody can check it by the public key."""

import pytest
from joserfc import jwk, jws

from tests.custody.workbench import a_keyring
from vault.custody.certificates import Certificates
from vault.domain.canonical import Json, canonical

SAID: dict[str, Json] = {"v": 1, "kind": "erasure"}


def test_whoever_holds_the_public_key_reads_what_the_house_certified() -> None:
    own = Certificates(a_keyring())

    text = own.sign(SAID)

    public = jwk.import_key(own.public)
    found = jws.deserialize_compact(text, public, algorithms=["Ed25519"])
    assert found.payload == canonical(SAID)
    assert found.headers() == {"alg": "Ed25519", "typ": "erasure+jws", "kid": public.thumbprint()}
    assert "d" not in own.public
    assert own.read(text) == SAID


def test_the_same_house_signs_alike_every_time() -> None:
    own = Certificates(a_keyring())

    assert own.sign(SAID) == own.sign(SAID)


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "e30.e30.", "."])
def test_what_is_no_certificate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="certificate"):
        Certificates(a_keyring()).read(text)


def test_a_certificate_with_another_word_is_refused() -> None:
    own = Certificates(a_keyring())
    text = own.sign(SAID)
    head, _, signature = text.split(".")
    edited = f"{head}.{own.sign({'v': 2}).split('.')[1]}.{signature}"

    for one in (edited, f"{edited}x"):
        with pytest.raises(ValueError, match="certificate"):
            own.read(one)
