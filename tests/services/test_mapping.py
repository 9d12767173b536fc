"""Mapping: what each key does with a cell, and every fault of a mapping file at once."""

from contextlib import suppress
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.domain.canonical import Json
from vault.errors import InvalidValue, Misconfigured
from vault.services.bulk.mapping import FORMS, FileMapping, as_it_is
from vault.services.bulk.mapping_file import read_mapping
from vault.services.bulk.sheets import Moment

PERSON = """
kind = "person"
ignore = ["序号"]
list_separator = "、"
[columns]
"姓名" = "name"
"生日" = { field = "birthday", as = "date", formats = ["%Y/%m/%d", "%Y年%m月%d日"] }
"单量" = { field = "yearly_orders", as = "integer", thousands = "," }
"吨位" = { field = "volume", as = "decimal", thousands = "," }
"金额" = { field = "yearly_amount", as = "money", currency = "CNY", thousands = "," }
"大客户" = { field = "key_customer", as = "boolean" }
"角色" = { field = "party_role", list = true, codes = { "付款" = "payer", "收货" = "consignee" } }
[[joined]]
field = "address"
columns = ["省", "市", "街道"]
[constants]
language = "zh-CN"
[[consents]]
purpose = "P11"
notice = "n1"
channel = "counter"
column = "营销"
given = ["是"]
refused = ["否"]
[[consents]]
purpose = "P08"
notice = "n2"
state = "refused"
"""


@pytest.fixture
def person() -> FileMapping:
    return read_mapping(PERSON)


def fields_of(mapping: FileMapping, **cells: Json) -> Json:
    return mapping.record(cells)["fields"]


def test_a_date_by_its_type_needs_no_form_and_is_a_text_elsewhere(person: FileMapping) -> None:
    for moment in (Moment.of(date(1990, 5, 2)), Moment.of(date(1990, 5, 2), 45_296)):
        assert fields_of(person, 生日=moment) == {"language": "zh-CN", "birthday": "1990-05-02"}
        assert fields_of(person, 姓名=moment) == {"language": "zh-CN", "name": moment}


@pytest.mark.parametrize("cell", [True, 1, ["是"], {}])
def test_what_was_decided_or_joined_is_refused_where_it_is_no_text(person: FileMapping, cell: Json) -> None:
    with pytest.raises(InvalidValue, match="unknown_code"):
        person.record({"营销": cell})
    with pytest.raises(InvalidValue, match="type"):
        person.record({"省": "浙江省", "市": cell})


def test_a_row_becomes_a_record(person: FileMapping) -> None:
    record = person.record(
        {
            "序号": "1",
            "姓名": " 王小明 ",
            "生日": "1990/5/2",
            "单量": "1,200",
            "吨位": "3,456.5",
            "金额": "12,000.00",
            "大客户": "是",
            "角色": "付款、 收货、",
            "省": "浙江省",
            "市": "",
            "街道": "文三路1号",
            "营销": "是",
        }
    )

    assert record == {
        "kind": "person",
        "source": "import",
        "fields": {
            "language": "zh-CN",
            "name": "王小明",
            "birthday": "1990-05-02",
            "yearly_orders": 1200,
            "volume": "3456.5",
            "yearly_amount": {"currency": "CNY", "amount": "12000.00"},
            "key_customer": True,
            "party_role": ["payer", "consignee"],
            "address": "浙江省文三路1号",
        },
        "consents": [
            {"purpose": "P11", "notice": "n1", "channel": "counter", "state": "given"},
            {"purpose": "P08", "notice": "n2", "state": "refused"},
        ],
    }


def test_a_cell_without_a_value_is_left_out(person: FileMapping) -> None:
    empty = dict.fromkeys(person.names, "  ")

    record = person.record(empty)

    assert record["fields"] == {"language": "zh-CN"}
    assert record["consents"] == [{"purpose": "P08", "notice": "n2", "state": "refused"}]


@pytest.mark.parametrize(
    ("column", "cell", "code", "field"),
    [
        ("生日", "1990-05-02", "date", "birthday"),
        ("生日", "1990/2/30", "date", "birthday"),
        ("单量", "12.5", "format", "yearly_orders"),
        ("单量", "１２", "format", "yearly_orders"),
        ("单量", "9007199254740992", "range", "yearly_orders"),
        ("大客户", "maybe", "unknown_code", "key_customer"),
        ("角色", "付款、老板", "unknown_code", "party_role"),
        ("营销", "也许", "unknown_code", "consents"),
    ],
)
def test_a_cell_that_cannot_be_understood_is_told_by_its_field(
    person: FileMapping, column: str, cell: str, code: str, field: str
) -> None:
    with pytest.raises(InvalidValue, match=f"^{code} field={field}$"):
        person.record({column: cell})


@given(st.integers(-(2**53) + 1, 2**53 - 1))
def test_every_integer_is_read_back(number: int) -> None:
    mapping = read_mapping('columns.n = { field = "yearly_orders", as = "integer" }')

    assert fields_of(mapping, n=str(number)) == {"yearly_orders": number}


@given(st.dates().filter(lambda day: day.year >= 1000))
def test_every_day_is_read_back(day: Any) -> None:
    mapping = read_mapping('columns.d = { field = "birthday", as = "date", formats = ["%d.%m.%Y"] }')

    assert fields_of(mapping, d=day.strftime("%d.%m.%Y")) == {"birthday": day.isoformat()}


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_no_cell_of_whatever_type_breaks_it(cell: Any) -> None:
    for form in FORMS:
        for is_list in ("true", "false"):
            mapping = read_mapping(f'columns.c = {{ field = "name", as = "{form}", list = {is_list} }}')
            with suppress(InvalidValue):
                record = mapping.record({"c": cell})
                assert record.keys() == {"kind", "source", "fields"}


def test_json_that_is_typed_already_is_left_to_the_api() -> None:
    mapping = read_mapping('columns.c = { field = "yearly_orders", as = "integer" }')

    assert fields_of(mapping, c=7) == {"yearly_orders": 7}
    assert fields_of(mapping, c=[7]) == {"yearly_orders": [7]}
    assert fields_of(mapping, c=None) == {}


def test_the_kind_can_come_from_a_column() -> None:
    mapping = read_mapping(
        'columns.n = "name"\n[kind]\ncolumn = "类别"\ncodes = { "个人" = "person", "单位" = "organisation" }'
    )

    assert mapping.record({"n": "x", "类别": "单位"})["kind"] == "organisation"
    assert set(mapping.names) == {"n", "类别"}
    for cell in ("公司", "", None):
        with pytest.raises(InvalidValue, match="unknown_code field=kind"):
            mapping.record({"n": "x", "类别": cell})


def test_a_column_that_nobody_named_is_refused_and_not_said_back(person: FileMapping) -> None:
    for convert in (person.record, as_it_is):
        with pytest.raises(InvalidValue, match=r"^unknown_key$"):
            convert({"王小明": 1})


def test_a_record_passes_as_it_is() -> None:
    record: dict[str, Json] = {"kind": "person", "fields": {"name": "x"}, "source": "web"}

    assert as_it_is(record) == record


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("= 1", ["The mapping is not TOML"]),
        ("", ["columns is needed"]),
        ('columns.n = "name"\nkinds = "person"', ["kinds is not a key"]),
        ('columns.n = "name"\nkind = "robot"', ["'robot' is no kind"]),
        ('columns.n = "name"\nkind = { codes = { a = "person" } }', ["kind.column is needed"]),
        ("columns.n = 7", ["columns.n is not of the right type"]),
        ('columns.n = { field = "name", as = "float" }', ["columns.n.as must be one of"]),
        ('columns.n = { as = "text", colour = 1 }', ["columns.n.field is needed", "columns.n.colour is not"]),
        ('columns.n = { field = "name", codes = { a = 1 } }', ["columns.n.codes must give each cell a text"]),
        ('columns.n = "name"\ncolumns.m = "name"', ["'name' is filled more than once"]),
        ('columns.n = "name"\nconstants.name = "x"', ["'name' is filled more than once"]),
        ('columns.n = "name"\nignore = ["n"]', ["'n' is both read and ignored"]),
        ('columns.n = "name"\nignore = [1]', ["ignore must be a list of texts"]),
        ('columns.n = "name"\ndelimiter = "::"', ["delimiter must be one letter"]),
        ('columns.n = "name"\nencoding = "latin-1"', ["encoding must be one of"]),
        ('columns.n = "name"\njoined = ["x"]', ["joined must be a list of tables"]),
        (
            'columns.n = "name"\n[[consents]]\nstate = "maybe"',
            [
                "consents[1].purpose is needed",
                "consents[1].notice is needed",
                "consents[1].state must be one of",
            ],
        ),
    ],
)
def test_every_fault_of_a_mapping_is_told_at_once(text: str, faults: list[str]) -> None:
    with pytest.raises(Misconfigured) as refusal:
        read_mapping(text)

    told = list(refusal.value.faults)
    assert all(any(fault in one for one in told) for fault in faults), told
