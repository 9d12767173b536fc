"""Canonical bytes are RFC 8785 to the byte, whatever stands in a text, and nothing else is written."""

import json
from enum import StrEnum
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from vault.domain.canonical import Json, canonical

LARGEST = 2**53 - 1
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-LARGEST, LARGEST) | texts,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.from_regex(r"\A[a-z0-9_]{1,9}\Z"), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(values)
def test_what_is_written_is_rfc_8785_and_reads_back(value: Json) -> None:
    written = canonical(value)

    assert written == rfc8785.dumps(value)
    assert json.loads(written) == value


@pytest.mark.parametrize("number", [*range(0x80), 0x80, 0x9F, 0x2028, 0xFEFF, 0xFFFF, 0x1F600])
def test_every_letter_is_written_as_the_standard_has_it(number: int) -> None:
    assert canonical([chr(number)]) == rfc8785.dumps([chr(number)])


class Word(StrEnum):
    A = "a"


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        float("nan"),
        LARGEST + 1,
        -LARGEST - 1,
        "\ud800",
        b"a",
        (1,),
        {"A": 1},
        {"": 1},
        {1: 1},
        {Word.A: 1},
        {"a": 1.0},
        {"a": ["\udfff"]},
        [{"a": b""}],
    ],
    ids=repr,
)
def test_what_is_outside_the_profile_is_not_written(value: Any) -> None:
    with pytest.raises(ValueError, match=r".*"):
        canonical(value)


def test_an_enum_is_written_by_its_value() -> None:
    assert canonical([Word.A]) == b'["a"]'
