"""Cursors: a place in a list that serves the question it was sealed for, and tells nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.custody.workbench import HOUSE, TENANT, two_epochs
from vault.custody.cursors import Cursors
from vault.custody.keyring import Keyring
from vault.domain.grants import token_bytes, token_text
from vault.errors import Invalid

SLOTS, ROWS = two_epochs()
CURSORS = Cursors(Keyring(SLOTS, ROWS, house=HOUSE, tenant=TENANT))
PLACE = bytes(range(16))
questions = st.lists(st.binary(max_size=12), max_size=4)


@given(st.binary(min_size=16, max_size=16), questions)
def test_a_cursor_leads_to_its_place_and_never_looks_the_same(place: bytes, question: list[bytes]) -> None:
    one, other = CURSORS.seal(place, *question), CURSORS.seal(place, *question)

    assert CURSORS.open(one, *question) == CURSORS.open(other, *question) == place
    assert one != other
    assert place.hex() not in token_bytes(one).hex()


@given(questions, questions)
def test_a_cursor_serves_its_own_question_alone(question: list[bytes], other: list[bytes]) -> None:
    cursor = CURSORS.seal(PLACE, *question)

    if question != other:
        refused(cursor, *other)


@given(st.integers(0, 45), st.integers(1, 255))
def test_a_cursor_that_was_changed_anywhere_is_none(at: int, flipped: int) -> None:
    sealed = bytearray(token_bytes(CURSORS.seal(PLACE)))
    sealed[at] ^= flipped

    refused(token_text(bytes(sealed)))


@pytest.mark.parametrize("text", ["", "AQ", "canary", "A" * 1000, "ü", "AQI=", "A A", "AQIA\n"])
def test_a_text_that_is_no_cursor_is_refused(text: str) -> None:
    refused(text)


def test_a_place_has_sixteen_bytes() -> None:
    with pytest.raises(ValueError, match="place"):
        CURSORS.seal(PLACE[:-1])


def refused(text: str, *question: bytes) -> None:
    with pytest.raises(Invalid) as caught:
        CURSORS.open(text, *question)
    assert caught.value.code == "cursor"
