"""The grant digest against its one-line definition."""

from base64 import urlsafe_b64encode
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.domain.canonical import canonical
from vault.domain.grants import Triple, grant_digest, token_bytes, token_text
from vault.domain.terms import FieldName, Treatment

names = st.sampled_from([FieldName(name) for name in ("mobile", "name", "id_number", "email")])
triples = st.tuples(
    st.binary(min_size=16, max_size=16) | st.just(bytes(16)), names, st.sampled_from(Treatment)
)


def as_defined(granted: list[Triple]) -> bytes:
    listed = sorted({(token_text(token), str(name), str(treatment)) for token, name, treatment in granted})
    return sha256(canonical([list(one) for one in listed])).digest()


@given(st.lists(triples, max_size=30))
def test_the_digest_is_that_of_the_sorted_list(granted: list[Triple]) -> None:
    assert grant_digest(granted) == as_defined(granted)


@given(st.lists(triples, min_size=1, max_size=12, unique=True), st.randoms())
def test_neither_order_nor_repetition_changes_the_digest(granted: list[Triple], chance: object) -> None:
    shuffled = sorted(granted + granted[:1], key=lambda one: hash((one, id(chance))))

    assert grant_digest(shuffled) == grant_digest(granted)


@given(st.lists(triples, min_size=1, max_size=12, unique=True))
def test_leaving_one_out_changes_the_digest(granted: list[Triple]) -> None:
    assert grant_digest(granted[1:]) != grant_digest(granted)


def test_nothing_granted_has_the_digest_of_an_empty_list() -> None:
    assert grant_digest([]) == sha256(b"[]").digest()


@given(st.binary(max_size=40))
def test_a_token_is_written_as_unpadded_base64url_and_read_back(raw: bytes) -> None:
    text = token_text(raw)

    assert text == urlsafe_b64encode(raw).decode().rstrip("=")
    assert token_bytes(text) == raw


@pytest.mark.parametrize("text", ["AA==", "A A", "AB", "A+/A", "A", "AAAA\n", "ÄÄÄÄ"])
def test_another_spelling_of_a_token_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="base64"):
        token_bytes(text)
