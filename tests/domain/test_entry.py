"""Entry v1: one spelling per fact, read back strictly, holding nothing but codes."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from vault.domain.entry import (
    MAX_BODY_BYTES,
    MAX_SUBJECTS,
    ActorRef,
    Entry,
    ObjectRef,
    OutcomeSet,
    PolicyRef,
)
from vault.domain.entry_reading import read_entry, read_id
from vault.domain.entry_splitting import split
from vault.domain.grants import grant_digest
from vault.domain.kinds import Kind
from vault.domain.policy import ContextClass
from vault.domain.terms import (
    Action,
    EntryId,
    FieldName,
    Millis,
    PurposeId,
    RequestId,
    RoleId,
    Tier,
    Treatment,
    uuid7,
)

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "vectors" / "entries.json").read_text())

ids = st.binary(min_size=16, max_size=16)
codes = st.text("abcdefghijklmnopqrstuvwxyz0123456789._:/-", min_size=1, max_size=20)
names = st.from_regex(r"[a-z][a-z0-9_]{0,15}", fullmatch=True).map(FieldName)
counts = st.integers(0, 2**40)
outcomes = st.sampled_from(["granted", "refused:role", "failed:seal", "recorded", "mixed"])


@st.composite
def outcome_sets(draw: st.DrawFn) -> OutcomeSet:
    fields = tuple(draw(st.lists(names, max_size=4, unique=True)))
    shown = st.lists(st.sampled_from(Treatment), min_size=len(fields), max_size=len(fields)).map(tuple)
    withheld = draw(st.dictionaries(names, codes, max_size=3))
    return OutcomeSet(
        subjects=tuple(draw(st.lists(ids, max_size=5))),
        fields=fields,
        treatments=draw(shown | st.just(())),
        withheld=tuple(sorted(withheld.items())),
        outcome=draw(st.none() | outcomes),
    )


actors = st.builds(
    ActorRef, codes, codes, st.none() | codes, session=st.none() | codes, on_behalf=st.none() | codes
)
contexts = st.builds(
    ContextClass,
    reason=st.booleans(),
    ticket=st.booleans(),
    approvals=st.integers(0, 2),
    strength=st.integers(0, 2),
    actor=codes,
)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    sets = tuple(draw(st.lists(outcome_sets(), max_size=3)))
    return Entry(
        id=EntryId(draw(ids)),
        at_ms=Millis(draw(counts)),
        kind=draw(st.sampled_from(Kind)),
        actor=draw(actors),
        outcome=draw(outcomes),
        action=draw(st.none() | st.sampled_from(Action)),
        purpose=draw(st.none() | codes.map(PurposeId)),
        reason_code=draw(st.none() | codes),
        ticket=draw(st.none() | ids),
        sets=sets,
        times=draw(counts),
        tier=draw(st.none() | st.sampled_from(Tier)),
        policy=draw(st.none() | st.builds(PolicyRef, st.binary(min_size=32, max_size=32), counts)),
        context=draw(st.none() | contexts),
        role_set=tuple(draw(st.lists(codes.map(RoleId), max_size=3))),
        gates=tuple(draw(st.lists(codes, max_size=3))),
        authority=draw(st.none() | counts),
        revs=tuple(
            draw(
                st.lists(
                    st.tuples(st.sampled_from(Tier), counts, st.binary(min_size=32, max_size=32)), max_size=2
                )
            )
        ),
        request=draw(st.none() | ids.map(RequestId)),
        part=draw(st.none() | st.tuples(counts, counts)),
        object=draw(st.none() | st.builds(ObjectRef, codes, st.none() | ids, st.none() | codes)),
        detail=draw(st.none() | st.binary(min_size=1, max_size=40)),
        key_epoch=draw(st.none() | counts),
    )


PLAIN = Entry(
    id=EntryId(uuid7(1_700_000_000_000, bytes(10))),
    at_ms=Millis(1_700_000_000_000),
    kind=Kind.PROFILE_DISCLOSED,
    actor=ActorRef("system:match", "system"),
    outcome="granted",
)


def fresh_ids() -> Iterator[EntryId]:
    return (EntryId(number.to_bytes(16)) for number in range(1, 10_000))


def changed(body: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """Write the entry again after *change*, canonical as before."""
    found = json.loads(body)
    change(found)
    return rfc8785.dumps(found)


@given(entries())
def test_an_entry_is_read_back_as_it_was_written(entry: Entry) -> None:
    assert read_entry(entry.body()) == entry


@given(entries())
def test_the_bytes_of_an_entry_are_rfc_8785(entry: Entry) -> None:
    body = entry.body()

    assert rfc8785.dumps(json.loads(body)) == body


@given(entries(), entries())
def test_two_entries_never_share_their_bytes(one: Entry, other: Entry) -> None:
    assert (one.body() == other.body()) == (one == other)


@pytest.mark.parametrize("vector", VECTORS["valid"], ids=lambda vector: vector["name"])
def test_an_entry_of_the_vectors_keeps_its_bytes(vector: dict[str, Any]) -> None:
    body = vector["body"].encode()

    assert read_entry(body).body() == body


@pytest.mark.parametrize("vector", VECTORS["invalid"], ids=lambda vector: vector["name"])
def test_what_is_no_entry_is_refused_by_its_fault(vector: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"^{vector['fault']}$"):
        read_entry(vector["body"].encode("utf-8", "surrogatepass"))


@given(entries())
def test_the_grant_digest_can_be_recomputed_from_the_entrys_own_sets(entry: Entry) -> None:
    written = json.loads(entry.body())

    listed = [
        (subject, name, treatment)
        for one in written.get("sets", [])
        for subject in one.get("subjects", [])
        for name, treatment in zip(one.get("fields", []), one.get("treatments", []), strict=False)
    ]
    again = sorted({(subject, name, treatment) for subject, name, treatment in listed})

    assert entry.grant() == sha256(rfc8785.dumps([list(one) for one in again])).digest()


def test_an_entry_whose_grant_is_not_that_of_its_sets_is_refused() -> None:
    shown = OutcomeSet((bytes(16),), (FieldName("mobile"),), (Treatment.MASK,))
    body = replace(PLAIN, sets=(shown,)).body()

    forged = changed(body, lambda found: found["sets"][0].update(treatments=["plain"]))

    with pytest.raises(ValueError, match="canonical"):
        read_entry(forged)


@pytest.mark.parametrize(
    "entry",
    [
        replace(PLAIN, reason_code="because Ada asked"),
        replace(PLAIN, actor=ActorRef("operator:1000", "operator", on_behalf="王小明")),
        replace(PLAIN, purpose=PurposeId("")),
        replace(PLAIN, gates=("x" * 65,)),
        replace(PLAIN, object=ObjectRef("app", code="a\nb")),
        replace(PLAIN, sets=(OutcomeSet(fields=(FieldName("full name"),)),)),
    ],
    ids=["reason", "on behalf", "empty", "long", "object", "field"],
)
def test_a_text_that_is_no_code_never_gets_in(entry: Entry) -> None:
    with pytest.raises(ValueError, match="code"):
        entry.body()


@pytest.mark.parametrize("outcome", ["", "allowed", "refused role", ":role"])
def test_an_outcome_of_another_kind_is_refused(outcome: str) -> None:
    with pytest.raises(ValueError, match=r"outcome|code"):
        replace(PLAIN, outcome=outcome).body()


def test_an_id_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="id"):
        replace(PLAIN, ticket=bytes(15)).body()


def test_every_field_shown_has_its_treatment() -> None:
    lame = OutcomeSet((bytes(16),), (FieldName("mobile"), FieldName("email")), (Treatment.MASK,))

    with pytest.raises(ValueError, match="treatments"):
        replace(PLAIN, sets=(lame,)).body()


def test_a_thousand_subjects_fit_and_one_more_does_not() -> None:
    tokens = tuple(number.to_bytes(16) for number in range(MAX_SUBJECTS + 1))

    full = replace(PLAIN, sets=(OutcomeSet(tokens[:-1]),))

    assert len(full.body()) < 26_000
    assert read_entry(full.body()).n == MAX_SUBJECTS
    with pytest.raises(ValueError, match="subjects"):
        replace(PLAIN, sets=(OutcomeSet(tokens),)).body()


@pytest.mark.parametrize(
    ("body", "fault"), [(b"[" * 50_000, "form"), (b" " * (MAX_BODY_BYTES + 1), "length"), (b"\xff", "form")]
)
def test_hostile_bytes_are_refused(body: bytes, fault: str) -> None:
    with pytest.raises(ValueError, match=f"^{fault}$"):
        read_entry(body)


@given(entries())
def test_the_id_of_an_entry_is_read_by_itself(entry: Entry) -> None:
    assert read_id(entry.body()) == entry.id


def test_the_id_is_read_of_an_entry_that_only_a_newer_release_knows() -> None:
    newer = changed(PLAIN.body(), lambda found: found.update(v=2, kind="profile.dreamt_of"))

    assert read_id(newer) == PLAIN.id


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (PLAIN.body() + b" ", "canonical"),
        (changed(PLAIN.body(), lambda found: found.update(id="AAAA")), "canonical"),
        (changed(PLAIN.body(), lambda found: found.update(id=1)), "form"),
        (changed(PLAIN.body(), lambda found: found.pop("id")), "form"),
        (b"[]", "form"),
        (b"\xff", "form"),
        (b"[" * 50_000, "form"),
    ],
    ids=["a space", "a short id", "a number", "no id", "a list", "no text", "nested without end"],
)
def test_no_id_is_read_of_what_is_not_canonical(body: bytes, fault: str) -> None:
    with pytest.raises(ValueError, match=f"^{fault}$"):
        read_id(body)


def test_an_entry_of_more_than_60_kb_is_refused() -> None:
    many = tuple((FieldName(f"field_{number}"), "not_granted") for number in range(3_000))

    with pytest.raises(ValueError, match="length"):
        replace(PLAIN, sets=(OutcomeSet(withheld=many),)).body()
    with pytest.raises(ValueError, match="length"):
        split(replace(PLAIN, sets=(OutcomeSet(withheld=many),)), fresh_ids())


@st.composite
def large_entries(draw: st.DrawFn) -> Entry:
    width = st.integers(0, 1_300)
    sets = tuple(
        OutcomeSet(
            tuple((number << 64 | at).to_bytes(16) for at in range(draw(width))),
            tuple(
                FieldName(f"field_{draw(st.integers(0, 9))}_{at}") for at in range(draw(st.integers(0, 30)))
            ),
            withheld=tuple(
                (FieldName(f"withheld_{at:03}"), "x" * 60) for at in range(draw(st.integers(0, 300)))
            ),
        )
        for number in range(draw(st.integers(1, 6)))
    )
    return replace(PLAIN, sets=sets, detail=b"sealed", key_epoch=202611)


@settings(max_examples=60, deadline=None)
@given(large_entries())
def test_a_large_entry_is_told_whole_by_its_parts(entry: Entry) -> None:
    parts = split(entry, fresh_ids())

    bodies = [part.body() for part in parts]
    told = [(s.fields, s.withheld, token) for part in parts for s in part.sets for token in s.subjects]
    assert told == [(s.fields, s.withheld, token) for s in entry.sets for token in s.subjects]
    assert {(s.fields, s.withheld) for part in parts for s in part.sets} == {
        (s.fields, s.withheld) for s in entry.sets
    }
    assert all(len(body) <= MAX_BODY_BYTES for body in bodies)
    assert all(part.n <= MAX_SUBJECTS for part in parts)
    assert parts == [entry] or [part.part for part in parts] == [
        (number, len(parts)) for number in range(1, len(parts) + 1)
    ]


def test_only_the_first_part_keeps_the_id_and_the_detail() -> None:
    shown = OutcomeSet(
        tuple(number.to_bytes(16) for number in range(1_500)), (FieldName("mobile"),), (Treatment.MASK,)
    )
    entry = replace(PLAIN, sets=(shown,), detail=b"sealed", key_epoch=202611)

    first, second = split(entry, fresh_ids())

    assert (first.id, first.detail, first.n) == (entry.id, b"sealed", 1_000)
    assert (second.id, second.detail, second.n) == (EntryId((1).to_bytes(16)), None, 500)
    assert second.grant() == grant_digest(
        (token, FieldName("mobile"), Treatment.MASK) for token in shown.subjects[1_000:]
    )
