"""A field takes the values of its type, in one form each, and refuses the rest without repeating it."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.fields import GRADES, a_field, render
from vault.domain import forms, values
from vault.domain.canonical import Json
from vault.domain.catalogue import FieldType
from vault.domain.forms import Form
from vault.errors import Corrupt, InvalidValue

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "values.txt"


def vectors() -> list[tuple[FieldType, str, str]]:
    lines = [line for line in VECTORS.read_text().splitlines() if line and not line.startswith("#")]
    rows = [line.split(" | ") for line in lines]
    return [(FieldType(kind), sent, outcome) for kind, sent, outcome in rows]


RIGHT = [row for row in vectors() if not row[2].startswith("!")]
WRONG = [row for row in vectors() if row[2].startswith("!")]

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.text("0123456789Xx-+. ", max_size=24),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["currency", "amount", "subject", "role", "x"]), inner, max_size=3)
    ),
    max_leaves=5,
)
# Values that their fields take, of every kind that has more than its vectors.
TAKEN: dict[FieldType, st.SearchStrategy[Any]] = {
    FieldType.TEXT: st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60),
    FieldType.NAME: st.text("王小明欧阳 ·John-é🎉", min_size=1, max_size=20).filter(
        lambda text: bool(text.strip())
    ),
    FieldType.CODE: st.text("ABCabc019-_./:", min_size=1, max_size=64),
    FieldType.MOBILE: st.integers(0, 99_999_999).map(lambda tail: f"138{tail:08}"),
    FieldType.DATE: st.dates().map(lambda day: day.isoformat()),
    FieldType.DECIMAL: st.decimals(-(10**17), 10**17, places=6).map(lambda number: f"{number:f}"),
    FieldType.MONEY: st.tuples(st.sampled_from(["CNY", "USD", "JPY"]), st.decimals(0, 10**12, places=2)).map(
        lambda pair: {"currency": pair[0], "amount": f"{pair[1]:f}"}
    ),
    FieldType.INTEGER: st.integers(-(2**53) + 1, 2**53 - 1),
    FieldType.BOOLEAN: st.booleans(),
    FieldType.ENUM: st.sampled_from(sorted(GRADES)),
    FieldType.RELATION: st.tuples(
        st.binary(min_size=16, max_size=16), st.sampled_from(["payer", "consignor"])
    ).map(lambda pair: {"subject": pair[0].hex(), "role": pair[1]}),
}
taken = st.sampled_from(sorted(TAKEN)).flatmap(lambda kind: st.tuples(st.just(kind), TAKEN[kind]))
taken_twice = st.sampled_from(sorted(TAKEN)).flatmap(
    lambda kind: st.tuples(st.just(kind), TAKEN[kind], TAKEN[kind])
)


@pytest.mark.parametrize(("kind", "sent", "returned"), RIGHT)
def test_a_right_value_comes_back_in_its_canonical_spelling(
    kind: FieldType, sent: str, returned: str
) -> None:
    field = a_field(kind)

    plain = values.parse(field, json.loads(sent))

    assert plain[0] == values.FORMS[kind]
    assert render(field, plain) == json.loads(returned)


@pytest.mark.parametrize(("kind", "sent", "code"), WRONG)
def test_a_wrong_value_is_refused_with_a_code_and_its_field(kind: FieldType, sent: str, code: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        values.parse(a_field(kind), json.loads(sent))

    assert refusal.value.code == code.removeprefix("!")
    assert refusal.value.facts["field"] == "asked"


def test_every_code_has_a_vector_and_a_meaning() -> None:
    assert {code.removeprefix("!") for _, _, code in WRONG} == values.CODES.keys()


def test_every_type_has_vectors_of_both_kinds() -> None:
    assert {kind for kind, _, _ in RIGHT} == set(FieldType)
    assert {kind for kind, _, _ in WRONG} == set(FieldType)


@given(taken)
def test_what_is_rendered_is_taken_again_as_it_is(pair: tuple[FieldType, Json]) -> None:
    kind, sent = pair
    field = a_field(kind)

    plain = values.parse(field, sent)

    assert values.parse(field, render(field, plain)) == plain


@given(taken_twice)
def test_two_values_share_bytes_only_where_they_render_alike(sent: tuple[FieldType, Json, Json]) -> None:
    kind, one, other = sent
    field = a_field(kind)

    plains = {values.parse(field, value) for value in (one, other)}

    assert len({json.dumps(render(field, plain), sort_keys=True) for plain in plains}) == len(plains)


@given(st.sampled_from(FieldType), anything)
def test_any_json_is_either_taken_or_refused_in_a_known_way(kind: FieldType, sent: Any) -> None:
    field = a_field(kind)

    outcome = parsed_or_refused(kind, sent)

    if isinstance(outcome, InvalidValue):
        assert outcome.code in values.CODES
    else:
        assert values.parse(field, render(field, outcome)) == outcome


@given(st.sampled_from(FieldType), st.text(min_size=6, max_size=30))
def test_a_refusal_never_repeats_the_value(kind: FieldType, sent: str) -> None:
    outcome = parsed_or_refused(kind, sent)

    if isinstance(outcome, InvalidValue):
        assert sent not in f"{outcome} {outcome!r} {outcome.args} {outcome.__cause__} {outcome.facts}"
        # A chained exception would be shown in a trace, and libraries quote what they were given.
        assert outcome.__suppress_context__


def parsed_or_refused(kind: FieldType, sent: Json) -> bytes | InvalidValue:
    try:
        return values.parse(a_field(kind), sent)
    except InvalidValue as refusal:
        return refusal


@pytest.mark.parametrize(
    ("kind", "limit"),
    [(kind, limit) for kind, limit in values.TEXT_LIMITS.items() if kind is not FieldType.CODE],
)
def test_text_is_taken_up_to_its_limit_and_not_beyond(kind: FieldType, limit: int) -> None:
    field = a_field(kind)

    assert render(field, values.parse(field, "字" * limit)) == "字" * limit
    with pytest.raises(InvalidValue) as refusal:
        values.parse(field, "字" * (limit + 1))
    assert (refusal.value.code, refusal.value.facts["limit"]) == ("too_long", limit)


@pytest.mark.parametrize("kind", list(FieldType))
@pytest.mark.parametrize("letter", ["1", "a", "0", "-", "．", "\u200b", "\ufdfa"])
def test_a_very_long_value_is_refused_at_once(kind: FieldType, letter: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        values.parse(a_field(kind), letter * 1_000_000)

    assert refusal.value.code in {"too_long", "type", "date", "unknown_code"}


def test_a_mailbox_is_at_most_64_octets_long() -> None:
    field = a_field(FieldType.EMAIL)

    assert values.parse(field, "a" * 64 + "@example.com")
    with pytest.raises(InvalidValue, match="too_long"):
        values.parse(field, "字" * 22 + "@example.com")


def test_a_value_of_another_form_is_corrupt() -> None:
    text = values.parse(a_field(FieldType.TEXT), "1990-05-12")

    with pytest.raises(Corrupt):
        render(a_field(FieldType.DATE), text)


def test_a_code_that_the_catalogue_does_not_know_is_corrupt() -> None:
    with pytest.raises(Corrupt):
        render(a_field(FieldType.ENUM), forms.write(Form.ENUM, 99))


def test_a_number_that_no_reader_of_json_could_hold_is_corrupt() -> None:
    with pytest.raises(Corrupt):
        render(a_field(FieldType.INTEGER), forms.write(Form.INTEGER, 2**53))
