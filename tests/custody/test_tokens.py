"""Index tokens: equal values meet, and nothing else does; a planted row leads nowhere."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.custody.workbench import ADA, BO, CATALOGUE, HOUSE, TENANT, a_keyring, two_epochs
from vault.custody.keyring import Keyring
from vault.custody.providers.local import LocalSlots
from vault.custody.tokens import Tokens
from vault.domain.terms import Tier
from vault.errors import Corrupt, TierUnavailable

MOBILE, EMAIL, NAME = (CATALOGUE.field(name) for name in ("mobile", "email", "name"))
SLOTS, ROWS = two_epochs()
TOKENS = Tokens(Keyring(SLOTS, ROWS, house=HOUSE, tenant=TENANT))


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_equal_values_meet_and_others_do_not(one: bytes, other: bytes) -> None:
    assert len(TOKENS.exact(MOBILE, one, 1)) == 16
    assert (TOKENS.exact(MOBILE, one, 1) == TOKENS.exact(MOBILE, other, 1)) == (one == other)


def test_fields_epochs_and_kinds_of_index_do_not_meet() -> None:
    tokens = {
        TOKENS.exact(MOBILE, b"0017", 1),
        TOKENS.exact(MOBILE, b"0017", 2),
        TOKENS.exact(EMAIL, b"0017", 1),
        TOKENS.suffix(MOBILE, b"0017", 1),
        TOKENS.suffix(MOBILE, b"0017", 2),
    }

    assert len(tokens) == 5


@given(st.binary(max_size=10), st.integers(1, 32))
def test_a_suffix_token_keeps_so_few_bits_that_many_share_it(tail: bytes, bits: int) -> None:
    token = TOKENS.suffix(replace(MOBILE, suffix_bits=bits), tail, 1)

    assert len(token) == 16
    assert int.from_bytes(token) < 1 << bits


def test_a_shorter_suffix_token_is_the_beginning_of_a_longer_one() -> None:
    long, short = (
        int.from_bytes(TOKENS.suffix(replace(MOBILE, suffix_bits=bits), b"0017", 1)) for bits in (32, 12)
    )

    assert long >> 20 == short


@pytest.mark.parametrize("bits", [0, -1, 33])
def test_a_field_without_a_suffix_index_has_no_suffix_token(bits: int) -> None:
    with pytest.raises(ValueError, match="index"):
        TOKENS.suffix(replace(MOBILE, suffix_bits=bits), b"0017", 1)


def test_a_field_without_an_exact_index_has_no_token() -> None:
    with pytest.raises(ValueError, match="index"):
        TOKENS.exact(NAME, b"lin", 1)


def test_an_epoch_without_a_root_has_no_token() -> None:
    with pytest.raises(Corrupt) as caught:
        TOKENS.exact(MOBILE, b"0017", 3)

    assert caught.value.reason == "root_epoch"


def test_a_process_without_the_tiers_root_computes_no_token() -> None:
    slots = LocalSlots({name: SLOTS._secrets[name] for name in ("KEK_T0", "KEK_T3", "AUTHORITY")})
    tokens = Tokens(Keyring(slots, ROWS, house=HOUSE, tenant=TENANT))

    with pytest.raises(TierUnavailable) as caught:
        tokens.exact(MOBILE, b"0017", 1)

    assert caught.value.facts == {"tier": Tier.L3}


RIGHT: dict[str, Any] = {"index_id": 21, "epoch": 1, "token": b"t" * 16, "subject": ADA, "item": 0}


def test_a_row_that_we_wrote_is_believed() -> None:
    TOKENS.verify_row(**RIGHT, mac=TOKENS.row_mac(**RIGHT))


@pytest.mark.parametrize(
    "changed",
    [
        {"index_id": 22},
        {"epoch": 2},
        {"token": b"u" * 16},
        {"subject": BO},
        {"item": 1},
        {"mac": bytes(16)},
        {"mac": b""},
        {"token": b"t" * 15},
        {"subject": ADA[:15]},
        {"item": -1},
        {"item": 2**64},
        {"epoch": 2**32},
    ],
    ids=str,
)
def test_a_planted_or_edited_row_leads_to_nobody(changed: dict[str, Any]) -> None:
    with pytest.raises(Corrupt) as caught:
        TOKENS.verify_row(**{**RIGHT, "mac": TOKENS.row_mac(**RIGHT)} | changed)

    assert caught.value.reason == "index_row"


def test_another_house_does_not_believe_our_rows() -> None:
    with pytest.raises(Corrupt):
        Tokens(a_keyring()).verify_row(**RIGHT, mac=TOKENS.row_mac(**RIGHT))


def test_no_repr_shows_a_key() -> None:
    assert repr(TOKENS).startswith("<vault.custody.tokens.Tokens object at 0x")
