"""Ten forms, one canonical spelling each, and everything else is corrupt (CRYPTO §7)."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.domain import forms
from vault.domain.canonical import Json
from vault.domain.forms import Form
from vault.errors import Corrupt

I64 = st.integers(-(2**63), 2**63 - 1)
decimals = st.decimals(allow_nan=False, allow_infinity=False, places=4).map(
    lambda number: f"{number:f}".rstrip("0").rstrip(".") if number else "0"
)
keys = st.text("abc_09", min_size=1, max_size=5)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(codec="utf-8"), max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=6,
)
OF_FORM: dict[Form, st.SearchStrategy[Any]] = {
    Form.TEXT: st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40),
    Form.INTEGER: I64,
    Form.DECIMAL: decimals,
    Form.DATE: st.dates().map(lambda day: day.isoformat()),
    Form.INSTANT: I64,
    Form.BOOLEAN: st.booleans(),
    Form.ENUM: st.integers(0, 2**16 - 1),
    Form.JSON: json_values,
    Form.FILE: json_values,
    Form.MONEY: st.fixed_dictionaries({"currency": st.sampled_from(["CNY", "USD"]), "amount": decimals}),
}
written = st.sampled_from(Form).flatmap(lambda form: st.tuples(st.just(form), OF_FORM[form]))


@given(written)
def test_what_is_written_is_read(pair: tuple[Form, Json]) -> None:
    assert forms.read(forms.write(*pair)) == pair


@given(written, written)
def test_two_values_never_share_bytes(one: tuple[Form, Json], other: tuple[Form, Json]) -> None:
    # Compared as JSON, since True and 1 are equal to Python alone.
    alike = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)

    assert (forms.write(*one) == forms.write(*other)) == alike


@given(
    st.binary(max_size=24)
    | st.tuples(st.integers(0, 11), st.binary(max_size=12)).map(lambda p: bytes([p[0]]) + p[1])
)
def test_any_bytes_are_either_canonical_or_corrupt(plain: bytes) -> None:
    with suppress(Corrupt):
        form, value = forms.read(plain)

        assert forms.write(form, value) == plain


@pytest.mark.parametrize(
    ("form", "value", "plain"),
    [
        (Form.TEXT, "", "01"),
        (Form.TEXT, "张", "01e5bca0"),
        (Form.INTEGER, 0, "020000000000000000"),
        (Form.INTEGER, -1, "02ffffffffffffffff"),
        (Form.DECIMAL, "-12.5", "032d31322e35"),
        (Form.DATE, "1990-05-12", "04313939302d30352d3132"),
        (Form.INSTANT, 1_000_000, "0500000000000f4240"),
        (Form.BOOLEAN, False, "0600"),
        (Form.BOOLEAN, True, "0601"),
        (Form.ENUM, 258, "070102"),
        (Form.JSON, {"b": 1, "a": "é"}, "087b2261223a22c3a9222c2262223a317d"),
        (Form.FILE, {}, "097b7d"),
        (Form.MONEY, {"currency": "CNY", "amount": "1.5"}, "0a434e59312e35"),
    ],
)
def test_the_bytes_of_a_form_never_change(form: Form, value: Json, plain: str) -> None:
    assert forms.write(form, value).hex() == plain
    assert forms.read(bytes.fromhex(plain)) == (form, value)


@pytest.mark.parametrize(
    "plain",
    [
        b"",
        b"\x00",
        b"\x0b",
        b"\x01\x00",
        b"\x01a\x00b",
        b"\x01\xff",
        b"\x01\xed\xa0\x80",
        b"\x01\xc0\xaf",
        b"\x02",
        b"\x02" + bytes(7),
        b"\x02" + bytes(9),
        b"\x03",
        b"\x03-0",
        b"\x0301",
        b"\x031.0",
        b"\x031.",
        b"\x03.5",
        b"\x03+1",
        b"\x031e5",
        b"\x031\n",
        "\x03１".encode(),
        b"\x041990-5-12",
        b"\x0419900512",
        b"\x042023-02-29",
        b"\x041990-05-12\n",
        b"\x06",
        b"\x06\x02",
        b"\x06\x00\x00",
        b"\x07\x01",
        b'\x08{"b":1,"a":1}',
        b'\x08{"a":1,"a":1}',
        b'\x08{"a": 1}',
        b'\x08{"a":1.5}',
        b'\x08{"A":1}',
        b'\x08{"a":"\\u00e9"}',
        b'\x08{"a":NaN}',
        b"\x08" + b"[" * 100_000,
        b"\x09nope",
        b"\x0aCN1",
        b"\x0acny1",
        b"\x0aCNY",
        b"\x0aCNY1.50",
    ],
)
def test_every_other_spelling_is_corrupt(plain: bytes) -> None:
    with pytest.raises(Corrupt) as corrupt:
        forms.read(plain)

    assert corrupt.value.reason == "form"


@pytest.mark.parametrize(
    ("form", "value"),
    [
        (Form.TEXT, "secret\0"),
        (Form.TEXT, "secret\ud800"),
        (Form.TEXT, 5),
        (Form.INTEGER, True),
        (Form.INTEGER, 2**63),
        (Form.INTEGER, "secret"),
        (Form.DECIMAL, "1.50"),
        (Form.DATE, "secret"),
        (Form.BOOLEAN, 1),
        (Form.ENUM, 65536),
        (Form.ENUM, -1),
        (Form.ENUM, False),
        (Form.JSON, 1.5),
        (Form.MONEY, {"currency": "CNY"}),
        (Form.MONEY, {"currency": "人民币", "amount": "1"}),
        (Form.MONEY, "secret"),
    ],
)
def test_a_value_that_has_no_such_form_is_not_written(form: Form, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{form.name}$"):
        forms.write(form, value)


def test_only_text_is_text() -> None:
    assert forms.text_of(forms.write(Form.TEXT, "")) == ""
    assert forms.text_of(forms.write(Form.DATE, "1990-05-12")) is None
    assert forms.text_of(b"") is None
