"""A treatment shows one JSON type per field type, and shows nothing where nobody wrote a rule."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.fields import a_field
from tests.domain.test_values import RIGHT
from vault.domain import bands, values
from vault.domain.catalogue import FieldType
from vault.domain.forms import read
from vault.domain.masks import HIDDEN
from vault.domain.sanitize import ALLOWED, shower_of, token
from vault.domain.terms import Treatment, id_bytes
from vault.errors import Refused

SHADOW = bytes(range(16))
COLUMNS = ["screen", "waybill"]
PAIRS = [(kind, treatment) for kind in FieldType for treatment in Treatment]
# A match answers yes or no, and shows nothing.
DEFINED = [pair for pair in PAIRS if pair[1] in ALLOWED[pair[0]] - {Treatment.MATCH}]
UNDEFINED = [pair for pair in PAIRS if pair not in DEFINED]


def shown(
    kind: FieldType, treatment: Treatment, sent: Any, *, column: str = "screen", channel: bool = False
) -> Any:
    field = a_field(kind, channel=channel)
    shower = shower_of(field, treatment, mask=column)
    if shower is None:
        return token(field, SHADOW)
    return shower(read(values.parse(field, sent))[1])


def leaves(value: Any, path: str = "") -> set[tuple[str, str]]:
    """The type at each path of a JSON value; an open end of a band (null) has none."""
    if isinstance(value, dict):
        return {leaf for key, inner in value.items() for leaf in leaves(inner, f"{path}.{key}")}
    return {(path, type(value).__name__)} if value is not None else set()


@pytest.mark.parametrize(
    ("kind", "treatment", "sent", "expected"),
    [
        (FieldType.MOBILE, Treatment.PLAIN, "13812345678", "+8613812345678"),
        (FieldType.MOBILE, Treatment.LAST4, "13812345678", "****5678"),
        (FieldType.MOBILE, Treatment.MASK, "13812345678", "138****5678"),
        (FieldType.NAME, Treatment.MASK, "欧阳娜娜", "欧阳**"),
        (FieldType.TEXT, Treatment.PLAIN, "", ""),
        (FieldType.TEXT, Treatment.MASK, "", HIDDEN),
        (FieldType.DATE, Treatment.MASK, "1990-05-12", "**-05-12"),
        (FieldType.DATE, Treatment.GENERALISE, "1990-05-12", {"from": "1990-01-01", "to": "1999-12-31"}),
        (FieldType.DATE, Treatment.GENERALISE, "0007-05-12", {"from": "0001-01-01", "to": "0009-12-31"}),
        (FieldType.ADDRESS, Treatment.GENERALISE, "浙江省杭州市西湖区文三路478号", "浙江省杭州市西湖区"),
        (FieldType.ADDRESS, Treatment.GENERALISE, "350 Fifth Avenue, New York", HIDDEN),
        (FieldType.ENUM, Treatment.GENERALISE, "key", "key"),
        (FieldType.ENUM, Treatment.GENERALISE, "regular.large", "regular"),
        (FieldType.INTEGER, Treatment.PLAIN, 7, 7),
        (FieldType.INTEGER, Treatment.GENERALISE, 7, {"from": 0, "to": 10}),
        (FieldType.INTEGER, Treatment.GENERALISE, 10, {"from": 10, "to": 50}),
        (FieldType.INTEGER, Treatment.GENERALISE, -7, {"from": -10, "to": 0}),
        (FieldType.INTEGER, Treatment.GENERALISE, 2**53 - 1, {"from": 100_000_000, "to": None}),
        (FieldType.DECIMAL, Treatment.GENERALISE, "12.5", {"from": "10", "to": "50"}),
        (FieldType.DECIMAL, Treatment.GENERALISE, "-0.5", {"from": "-10", "to": "0"}),
        (FieldType.DECIMAL, Treatment.GENERALISE, "-200000000", {"from": None, "to": "-100000000"}),
        (
            FieldType.MONEY,
            Treatment.GENERALISE,
            {"currency": "CNY", "amount": "123456.78"},
            {"from": {"currency": "CNY", "amount": "100000"}, "to": {"currency": "CNY", "amount": "500000"}},
        ),
        (
            FieldType.MONEY,
            Treatment.MASK,
            {"currency": "USD", "amount": "9999.99"},
            {"from": {"currency": "USD", "amount": "0"}, "to": {"currency": "USD", "amount": "10000"}},
        ),
        (FieldType.BOOLEAN, Treatment.PLAIN, False, False),
    ],
)
def test_a_treatment_shows_its_part(kind: FieldType, treatment: Treatment, sent: Any, expected: Any) -> None:
    assert shown(kind, treatment, sent) == expected


def test_an_amount_is_not_even_a_band_on_a_waybill() -> None:
    sent = {"currency": "CNY", "amount": "123456.78"}

    assert shown(FieldType.MONEY, Treatment.MASK, sent, column="waybill") == {"from": None, "to": None}


def test_a_token_is_the_shadow_and_never_the_value() -> None:
    shadow = shown(FieldType.MOBILE, Treatment.TOKEN, "13812345678")

    assert shadow == shown(FieldType.MOBILE, Treatment.TOKEN, "13912345678")
    assert id_bytes("tok", shadow) == SHADOW


def test_a_field_that_one_can_be_reached_by_has_a_channel() -> None:
    assert id_bytes("chn", shown(FieldType.MOBILE, Treatment.TOKEN, "13812345678", channel=True)) == SHADOW


@pytest.mark.parametrize(("kind", "treatment"), DEFINED)
def test_every_value_of_a_type_is_shown_as_one_json_type(kind: FieldType, treatment: Treatment) -> None:
    sent = [json.loads(value) for of_kind, value, _ in RIGHT if of_kind is kind]

    answers = [shown(kind, treatment, value, column=column) for value in sent for column in COLUMNS]

    types = set().union(*map(leaves, answers))
    assert len(types) == len({path for path, _ in types})
    assert len({isinstance(answer, dict) for answer in answers}) == 1


@pytest.mark.parametrize(("kind", "treatment"), UNDEFINED)
def test_a_treatment_that_the_type_has_not_is_refused(kind: FieldType, treatment: Treatment) -> None:
    with pytest.raises(Refused) as refusal:
        shower_of(a_field(kind), treatment, mask="screen")

    assert (refusal.value.code, refusal.value.facts) == ("treatment", {"field": "asked"})


def test_every_type_can_be_shown_plain_and_as_a_token() -> None:
    assert ALLOWED.keys() == set(FieldType)
    assert all({Treatment.PLAIN, Treatment.TOKEN} <= allowed for allowed in ALLOWED.values())


def test_a_name_is_never_generalised() -> None:
    assert Treatment.GENERALISE not in ALLOWED[FieldType.NAME]


@pytest.mark.parametrize("kind", [FieldType.NAME, FieldType.MOBILE, FieldType.DATE, FieldType.ADDRESS])
def test_a_value_sealed_when_its_field_had_another_type_is_hidden_by_a_mask(kind: FieldType) -> None:
    masked = shower_of(a_field(kind), Treatment.MASK, mask="screen")

    assert masked is not None
    assert masked(13812345678) == HIDDEN


@given(st.decimals(-(10**12), 10**12, places=4))
def test_a_number_lies_in_its_band(number: Any) -> None:
    for steps in (bands.MONEY, bands.NUMBERS):
        band = bands.of(f"{number:f}", steps, lambda end: end)

        low, high = band["from"], band["to"]
        assert low is None or low <= number
        assert high is None or number <= high
        assert (low, high) != (None, None)


@given(st.dates())
def test_a_day_lies_in_its_decade(day: Any) -> None:
    band = bands.decade(day.isoformat())

    assert band["from"] <= day.isoformat() <= band["to"]
