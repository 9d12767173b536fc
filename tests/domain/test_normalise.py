"""Two spellings of one identifier meet in an index, and two identifiers do not."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.fields import a_field, render
from tests.domain.test_values import RIGHT, TAKEN
from vault.domain import forms, normalise, values
from vault.domain.canonical import Json
from vault.domain.catalogue import FieldType
from vault.domain.forms import Form
from vault.errors import Corrupt, InvalidValue, Misconfigured

NORMALISER = {kind: name for name, kinds in normalise.FITS.items() for kind in kinds}

MEETING = [
    (FieldType.MOBILE, ["13812345678", "+86 138 1234 5678", "008613812345678", "\u202d13812345678"]),
    (FieldType.MOBILE, ["13812345678", "１３８－１２３４－５６７８"]),
    (FieldType.LANDLINE, ["0571-88558709", "(0571)88558709", "+8657188558709"]),
    (FieldType.EMAIL, ["Cat@Example.COM", "cat@example.com", " ＣＡＴ＠ｅｘａｍｐｌｅ．ｃｏｍ "]),
    (FieldType.EMAIL, ["张三@例子.广告", "张三@XN--FSQU00A.xn--4rr70v"]),
    (FieldType.ID_NUMBER, ["33010619740215008X", "330106 19740215 008x"]),
    (FieldType.ID_NUMBER, ["33010619740215008X", "３３０１０６１９７４０２１５００８ｘ"]),
    (FieldType.USCC, ["92330106MA27XXXXY0", "9233 0106 ma27 xxxxy0"]),
    (FieldType.BANK_CARD, ["6225751234561490", "6225 7512 3456 1490"]),
    (FieldType.PASSPORT, ["E12345678", "e 1234 5678"]),
    (FieldType.PLATE, ["浙A12345", "浙a·12345", "浙A 12345"]),
    (FieldType.CODE, ["C-2026", "c-2026", "Ｃ-2026"]),
    (FieldType.COMPANY, ["宏达物流（杭州）有限公司", "宏达物流(杭州) 有限公司", "宏达物流杭州有限公司"]),
    (FieldType.COMPANY, ["Acme & Sons, Ltd.", "ACME SONS LTD", "acme-sons ltd"]),
    (FieldType.NAME, ["尼古拉斯·赵四", "尼古拉斯•赵四", "尼古拉斯 赵四"]),
    (FieldType.NAME, ["陳小明", "陈小明", "陈 小明"]),
    (FieldType.NAME, ["John Smith", "JOHN  SMITH", "Ｊｏｈｎ Smith", "John\u200dSmith"]),
    (FieldType.NAME, ["José", "Jose\u0301", "JOSÉ"]),
]
APART = [
    (FieldType.EMAIL, "c.at@example.com", "cat@example.com"),
    (FieldType.EMAIL, "cat+a@example.com", "cat@example.com"),
    (FieldType.MOBILE, "+85366123456", "+85266123456"),
    (FieldType.CODE, "C-2026", "C2026"),
    (FieldType.NAME, "王小明", "王晓明"),
    (FieldType.COMPANY, "宏达物流", "宏达物流有限公司"),
]


@pytest.mark.parametrize(("kind", "spellings"), MEETING)
def test_spellings_of_one_value_meet(kind: FieldType, spellings: list[str]) -> None:
    field = a_field(kind, normaliser=NORMALISER[kind])

    assert len({normalise.query(field, spelling) for spelling in spellings}) == 1


@pytest.mark.parametrize(("kind", "one", "other"), APART)
def test_two_values_stay_apart(kind: FieldType, one: str, other: str) -> None:
    field = a_field(kind, normaliser=NORMALISER[kind])

    assert normalise.query(field, one) != normalise.query(field, other)


# What a token is made of is never written differently again: these bytes are frozen with their ids.
@pytest.mark.parametrize(
    ("kind", "sent", "expected"),
    [
        (FieldType.MOBILE, "13812345678", "+8613812345678"),
        (FieldType.EMAIL, "Straße@Straße.example", "strasse@xn--strae-oqa.example"),
        (FieldType.EMAIL, "Ⅷ@example.com", "viii@example.com"),
        (FieldType.ID_NUMBER, "33010619740215008x", "33010619740215008X"),
        (FieldType.PLATE, "浙a12345", "浙A12345"),
        (FieldType.CODE, "C-2026/Ａ", "c-2026/a"),
        (FieldType.COMPANY, "㈱髙島屋 Co., Ltd.", "株髙島屋coltd"),
        (FieldType.COMPANY, "《》", "《》"),
        (FieldType.NAME, "髙橋 﨑", "高橋崎"),
        (FieldType.NAME, "ΣΊΣΥΦΟΣ", "σίσυφοσ"),
        (FieldType.NAME, "İpek", "i\u0307pek"),
        (FieldType.NAME, "·", "·"),
    ],
)
def test_the_bytes_of_a_normaliser_never_change(kind: FieldType, sent: str, expected: str) -> None:
    assert normalise.query(a_field(kind, normaliser=NORMALISER[kind]), sent).decode() == expected


@pytest.mark.parametrize(("kind", "sent"), [(kind, sent) for kind, sent, _ in RIGHT])
def test_a_query_finds_what_an_entry_wrote(kind: FieldType, sent: str) -> None:
    field = a_field(kind, normaliser=NORMALISER.get(kind, ""))

    assert normalise.query(field, json.loads(sent)) == normalise.normal(
        field, values.parse(field, json.loads(sent))
    )


@given(
    st.sampled_from(sorted(TAKEN)).flatmap(lambda kind: st.tuples(st.just(kind), TAKEN[kind])),
)
def test_normalising_what_was_normalised_or_rendered_changes_nothing(pair: tuple[FieldType, Json]) -> None:
    kind, sent = pair
    field = a_field(kind, normaliser=NORMALISER.get(kind, ""))

    once = normalise.query(field, sent)

    assert normalise.query(field, render(field, values.parse(field, sent))) == once
    if kind in NORMALISER:
        assert normalise.normal(field, forms.write(Form.TEXT, once.decode())) == once


def test_a_lookup_is_refused_as_an_entry_would_be() -> None:
    with pytest.raises(InvalidValue, match="checksum"):
        normalise.query(a_field(FieldType.ID_NUMBER, normaliser="id/1"), "330106197402150089")


def test_a_field_without_an_index_is_matched_by_its_canonical_bytes() -> None:
    field = a_field(FieldType.DATE)

    assert normalise.query(field, "1990-05-12") == values.parse(field, "1990-05-12")


def test_a_normaliser_of_another_version_is_refused() -> None:
    with pytest.raises(Misconfigured):
        normalise.query(a_field(FieldType.MOBILE, normaliser="phone/2"), "13812345678")


def test_a_value_of_another_form_is_corrupt() -> None:
    with pytest.raises(Corrupt):
        normalise.normal(a_field(FieldType.MOBILE, normaliser="phone/1"), forms.write(Form.INTEGER, 138))


@pytest.mark.parametrize(
    ("kind", "sent", "typed", "expected"),
    [
        (FieldType.MOBILE, "13812345678", "5678", "5678"),
        (FieldType.MOBILE, "13812345678", " ５６７８ ", "5678"),
        (FieldType.ID_NUMBER, "33010619740215008X", "008x", "008X"),
        (FieldType.BANK_CARD, "6225751234561490", "1490", "1490"),
        (FieldType.PASSPORT, "E12345678", "5678", "5678"),
        (FieldType.CODE, "C-2026-0001", "0001", "0001"),
        (FieldType.CODE, "C-2026-000-1", "0001", "0001"),
    ],
)
def test_the_last_four_typed_meet_the_last_four_kept(
    kind: FieldType, sent: str, typed: str, expected: str
) -> None:
    field = a_field(kind)

    assert normalise.tail(field, values.parse(field, sent)) == expected.encode()
    assert normalise.tail(field, typed) == expected.encode()


@pytest.mark.parametrize("typed", ["", "567", "45678", "一二三四", "56*8", "5" * 400])
def test_a_suffix_is_four_characters(typed: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        normalise.tail(a_field(FieldType.MOBILE), typed)

    assert refusal.value.code in {"format", "too_long"}
    assert refusal.value.facts["field"] == "asked"


@pytest.mark.parametrize(
    ("kind", "sent"), [(FieldType.PASSPORT, "E123456"), (FieldType.CODE, "C-1"), (FieldType.CODE, "abc/_:.x")]
)
def test_what_is_short_has_no_suffix(kind: FieldType, sent: str) -> None:
    field = a_field(kind)

    assert normalise.tail(field, values.parse(field, sent)) is None


@pytest.mark.parametrize("kind", sorted(set(FieldType) - normalise.TAILED))
def test_a_type_without_telling_endings_has_no_suffix(kind: FieldType) -> None:
    assert normalise.tail(a_field(kind), b"\x01something") is None


def test_the_tail_of_another_form_is_corrupt() -> None:
    with pytest.raises(Corrupt):
        normalise.tail(a_field(FieldType.MOBILE), forms.write(Form.INTEGER, 138))
