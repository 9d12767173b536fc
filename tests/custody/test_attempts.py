"""Attempts: a browser carries its own back, unchanged, and reads nothing of what the provider is told."""

from hypothesis import given
from hypothesis import strategies as st

from tests.custody.workbench import HOUSE, TENANT, two_epochs
from vault.custody.attempts import Attempt, Attempts
from vault.custody.keyring import Keyring
from vault.domain.grants import token_bytes, token_text
from vault.domain.terms import Millis

SLOTS, ROWS = two_epochs()
KEYRING = Keyring(SLOTS, ROWS, house=HOUSE, tenant=TENANT)
ATTEMPTS = Attempts(KEYRING, incarnation=1)
ONE = Attempt(1, Millis(1_800_000_000_000), bytes(range(32)), bytes(16), "http://127.0.0.1:9123/")

attempts = st.builds(
    Attempt,
    use=st.integers(0, 255),
    at_ms=st.integers(0, 2**63).map(Millis),
    random=st.binary(min_size=32, max_size=32),
    about=st.binary(min_size=16, max_size=16),
    back=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=256),
)


@given(attempts)
def test_an_attempt_comes_back_as_it_went(attempt: Attempt) -> None:
    assert ATTEMPTS.read(ATTEMPTS.write(attempt)) == attempt


@given(attempts, attempts)
def test_no_two_attempts_share_a_word_and_no_word_is_another(one: Attempt, other: Attempt) -> None:
    words = [ATTEMPTS.words(one), *([ATTEMPTS.words(other)] if one != other else [])]

    said = [word for each in words for word in (each.state, each.nonce, each.verifier)]
    assert len(set(said)) == len(said)
    # RFC 7636 4.1: a verifier has 43 letters at the least.
    assert {len(word) for word in said} == {43}
    assert not any(word in ATTEMPTS.write(one) for word in said)


@given(st.integers(0, 1000), st.integers(1, 255))
def test_an_attempt_that_was_changed_anywhere_is_none(at: int, flipped: int) -> None:
    raw = bytearray(token_bytes(ATTEMPTS.write(ONE)))
    raw[at % len(raw)] ^= flipped

    assert ATTEMPTS.read(token_text(bytes(raw))) is None


@given(st.one_of(st.text(max_size=300), st.binary(max_size=300).map(token_text), st.just("A" * 5000)))
def test_what_this_house_did_not_write_is_none(text: str) -> None:
    assert ATTEMPTS.read(text) is None


def test_an_attempt_that_was_cut_or_spelled_otherwise_is_none() -> None:
    text = ATTEMPTS.write(ONE)

    assert {
        ATTEMPTS.read(one) for one in (text[:-1], text[1:], f"{text}=", f"{text}A", text.upper(), "")
    } == {None}


def test_a_restore_ends_every_attempt() -> None:
    later = Attempts(KEYRING, incarnation=2)

    assert later.read(ATTEMPTS.write(ONE)) is None
    assert later.words(ONE) != ATTEMPTS.words(ONE)


@given(st.text(max_size=60))
def test_a_state_is_of_its_own_attempt_alone(state: str) -> None:
    assert ATTEMPTS.is_state(ONE, ATTEMPTS.words(ONE).state)
    assert ATTEMPTS.is_state(ONE, state) == (state == ATTEMPTS.words(ONE).state)


def test_no_word_stands_in_a_trace() -> None:
    words = ATTEMPTS.words(ONE)

    assert not any(word in repr(words) for word in (words.state, words.nonce, words.verifier))
    assert ONE.random.hex() not in repr(ONE)
    assert str(ONE.random) not in repr(ONE)
