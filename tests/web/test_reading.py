"""Reading and writing by hand, held equal to the schemas that describe them."""

import json
import string
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from marshmallow import Schema

from vault.domain.terms import id_text
from vault.errors import Invalid, InvalidValue, NotFound, Refused, VaultError
from vault.services.answering import Admitted
from vault.services.showing import Answer
from vault.web import emit, schemas
from vault.web.api import profiles, subjects
from vault.web.reading import is_key, load

CANARY = "canary-13800138000"
ATOMS: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just({}) | st.just([])
)
CODES = st.text(string.ascii_lowercase + "_", min_size=1, max_size=12)
VALUES = st.none() | st.integers(-(2**53), 2**53) | st.booleans() | st.text(max_size=8)


def almost(body: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[Any]:
    """Bodies of that form, and bodies with a key too many, too few, or of another type."""
    return st.one_of(
        body,
        ATOMS,
        st.tuples(body, CODES, ATOMS).map(lambda it: it[0] | {it[1]: it[2]}),
        st.tuples(body, st.randoms()).map(
            lambda it: {k: v for k, v in it[0].items() if it[1].random() < 0.5}
        ),
        st.tuples(body, ATOMS, st.randoms()).map(lambda it: it[0] | {it[2].choice(sorted(it[0])): it[1]}),
    )


def outcome(read: Any, *given: Any) -> tuple[str, Any]:
    try:
        return "read", read(*given)
    except Invalid as refusal:
        return refusal.code, dict(refusal.facts)


TEXTS = st.lists(st.text(max_size=6), max_size=4)


@given(almost(st.fixed_dictionaries({"ids": TEXTS, "fields": TEXTS})))
@example({"ids": ["a"] * 1000, "fields": ["name"]})
@example({"ids": ["a"] * 1001, "fields": ["name"]})
@example({"ids": ["a", True], "fields": ["name"]})
@example({"ids": [], "fields": []})
def test_the_batch_is_read_by_hand_exactly_as_its_schema_reads_it(body: Any) -> None:
    by_hand = outcome(profiles.read_many, body)

    kind, loaded = outcome(load, schemas.ProfilesAsked, body)
    assert by_hand == (kind, (loaded["ids"], loaded["fields"]) if kind == "read" else loaded)


def dumped_and_loaded(schema: type[Schema], raw: bytes) -> Any:
    """Load an answer strictly and dump it again: a schema that says more or less than it shows here."""
    document = json.loads(raw)
    assert schema().dump(schema().load(document)) == document
    return document


ANSWERS = st.builds(
    Answer,
    id=st.binary(min_size=16, max_size=16).map(lambda raw: id_text("cus", raw)),
    etag=st.binary(min_size=16, max_size=16).map(bytes.hex),
    fields=st.dictionaries(CODES, VALUES | st.lists(VALUES, max_size=2) | st.just({"from": 1, "to": None})),
    treatments=st.dictionaries(CODES, CODES),
    withheld=st.dictionaries(CODES, CODES),
    policy=st.integers(1, 99),
    request=st.just("0" * 32),
)


@given(ANSWERS)
def test_a_profile_is_written_by_hand_exactly_as_its_schema_says(answer: Answer) -> None:
    response = emit.profile(answer)

    document = dumped_and_loaded(schemas.Profile, response.data)
    assert document == {
        "id": answer.id,
        "fields": answer.fields,
        "treatments": answer.treatments,
        "withheld": answer.withheld,
        "policy": answer.policy,
        "request": answer.request,
    }
    assert response.headers["ETag"] == f'"{answer.etag}"'


FAILURES: st.SearchStrategy[VaultError] = st.sampled_from(
    [NotFound(), Refused("basis"), InvalidValue(field="name")]
)


@given(st.lists(ANSWERS | FAILURES, min_size=1, max_size=5))
def test_a_batch_is_written_by_hand_exactly_as_its_schema_says(answers: list[Answer | VaultError]) -> None:
    ids = [one.id if isinstance(one, Answer) else CANARY for one in answers]

    response = emit.profiles(ids, answers, "0" * 32)

    items = dumped_and_loaded(schemas.ProfileItems, response.data)["items"]
    assert [item.get("etag") for item in items] == [getattr(one, "etag", None) for one in answers]
    assert [item.get("error", {}).get("code") for item in items] == [
        getattr(one, "code", None) for one in answers
    ]
    assert CANARY not in response.get_data(as_text=True)


def test_only_an_id_is_said_back() -> None:
    own = id_text("cus", bytes(16))

    assert emit.known(own) == own
    assert emit.known(own.upper()) is None
    assert emit.known("13800138000") is None
    assert emit.known(id_text("sub", bytes(16))) == id_text("sub", bytes(16))
    assert emit.known(id_text("per", bytes(16))) is None


RECORDS = st.fixed_dictionaries(
    {"kind": st.just("person"), "fields": st.dictionaries(CODES, VALUES, max_size=3)},
    optional={
        "source": CODES,
        "idempotency_key": st.text(string.ascii_letters, min_size=1, max_size=8),
        "consents": st.just([{"purpose": "P10", "state": "given", "notice": "ab" * 32}]),
    },
)


@given(st.lists(almost(RECORDS), min_size=1, max_size=4))
def test_a_batch_of_records_is_the_records_read_one_by_one(records: list[Any]) -> None:
    read = subjects.read_records({"records": records})

    for record, one in zip(records, read, strict=True):
        kind, loaded = outcome(load, schemas.NewSubjectRecord, record)
        assert (one == loaded) if kind == "read" else (one.code, dict(one.facts)) == (kind, loaded)


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({CANARY: 1, "kind": "person", "fields": {}}, "unknown_key", None),
        ({"kind": "person", "fields": {}, "consents": [{CANARY: 1}]}, "unknown_key", "consents.0"),
        ({"kind": "person"}, "required", "fields"),
        ({"kind": "person", "fields": []}, "type", "fields"),
        ({"kind": 7, "fields": {}}, "type", "kind"),
        ({"kind": "欧阳娜娜", "fields": {}}, "format", "kind"),
        ({"kind": "person", "fields": {}, "source": "\ud800"}, "format", "source"),
        ({"kind": "person", "fields": {}, "source": "a\x00"}, "format", "source"),
        ({"kind": "person", "fields": {}, "consents": {}}, "type", "consents"),
        ({"kind": "person", "fields": None}, "type", "fields"),
        ([], "type", None),
        (None, "type", None),
        (CANARY, "type", None),
    ],
)
def test_a_wrong_body_is_told_by_the_name_of_what_is_wrong_and_an_unknown_key_by_none(
    body: Any, code: str, field: str | None
) -> None:
    with pytest.raises(Invalid) as refusal:
        load(schemas.NewSubject, body)

    assert (refusal.value.code, refusal.value.facts.get("field")) == (code, field)
    assert CANARY not in str(refusal.value)


@pytest.mark.parametrize("until", ["2026-11-21", "2026-11-21T08:00:00", "tomorrow", CANARY])
def test_a_moment_has_an_offset(until: str) -> None:
    with pytest.raises(Invalid, match="date field=until"):
        load(schemas.NewFact, {"kind": "order", "ref": "r", "until": until})


@pytest.mark.parametrize("suffix", ["true", 1, 0, "yes", []])
def test_what_sounds_like_a_boolean_is_none(suffix: Any) -> None:
    with pytest.raises(Invalid, match="type field=suffix"):
        load(schemas.LookupAsked, {"field": "mobile", "value": "1", "suffix": suffix})


@given(st.text(max_size=140))
def test_an_idempotency_key_is_visible_ascii_without_a_comma(text: str) -> None:
    visible = all(33 <= ord(letter) <= 126 and letter != "," for letter in text)

    assert is_key(text) == (visible and 1 <= len(text) <= 128)


def test_an_admitted_batch_is_written_as_its_schema_says() -> None:
    outcomes: list[Any] = [
        Admitted(id_text("cus", bytes(16)), "ab", ({"code": "x", "field": "y"},)),
        Invalid("type"),
    ]

    response = emit.json({"items": [subjects.item(one, "0") for one in outcomes]})

    dumped_and_loaded(schemas.AdmittedItems, response.data)
