"""Signing keys: from where to where in the ledger a signature counts, whoever asks."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.domain.entry import ActorRef, Entry, ObjectRef
from vault.domain.kinds import Kind
from vault.domain.note import KeyKind, VerifierKey
from vault.domain.signing_keys import Windows, counts, key_id, key_object, with_bodies, with_entry
from vault.domain.terms import EntryId, Millis

ED25519 = VerifierKey("customer-vault/test", KeyKind.ED25519, bytes(range(32)))
MLDSA44 = VerifierKey("customer-vault/test", KeyKind.MLDSA44, bytes(1312))
OPENED, CLOSED, REVOKED = Kind.SIGNING_KEY_OPENED, Kind.SIGNING_KEY_CLOSED, Kind.SIGNING_KEY_REVOKED


def told(kind: Kind, key: VerifierKey = ED25519, about: ObjectRef | None = None) -> Entry:
    return Entry(
        id=EntryId(bytes(16)),
        at_ms=Millis(0),
        kind=kind,
        actor=ActorRef("operator:0", "operator"),
        outcome="recorded",
        object=about or key_object(key),
    )


def windows(*events: tuple[int, Kind], key: VerifierKey = ED25519) -> Windows:
    found: Windows = {}
    for index, kind in events:
        found = with_entry(found, index, told(kind, key))
    return found


@pytest.mark.parametrize("end", [CLOSED, REVOKED])
def test_a_key_counts_from_behind_the_entry_that_opened_it_to_before_the_one_that_ended_it(end: Kind) -> None:
    found = windows((3, OPENED), (7, end))

    assert [size for size in range(12) if counts(found, ED25519, size)] == [4, 5, 6, 7]


def test_a_key_that_no_entry_opened_counts_nowhere() -> None:
    for found in ({}, windows((3, CLOSED)), windows((3, OPENED), key=MLDSA44)):
        assert not counts(found, ED25519, 10)


def test_of_several_entries_the_first_that_opens_and_the_first_that_ends_hold() -> None:
    found = windows((1, CLOSED), (3, OPENED), (4, OPENED), (7, REVOKED), (8, OPENED), (9, CLOSED))

    (window,) = found.values()
    assert (window.opened, window.ended, window.is_revoked) == (3, 7, True)


@given(st.lists(st.sampled_from([OPENED, CLOSED, REVOKED]), max_size=8), st.integers(0, 10))
def test_what_follows_a_size_changes_nothing_about_what_counts_there(kinds: list[Kind], size: int) -> None:
    events = list(enumerate(kinds))

    assert counts(windows(*events), ED25519, size) == counts(windows(*events[:size]), ED25519, size)


@pytest.mark.parametrize("key", [ED25519, MLDSA44])
def test_a_key_is_named_within_a_code_and_by_its_hash(key: VerifierKey) -> None:
    about = key_object(key)

    assert about.id == key_id(key)
    assert about.code is not None
    assert len(about.code) <= 64
    body = told(OPENED, key).body()
    assert counts(with_bodies({}, [(0, body)]), key, 1)


def test_an_entry_that_names_another_key_under_the_same_id_opens_neither() -> None:
    other = replace(ED25519, public=bytes(32))
    lie = replace(key_object(ED25519), code=key_object(other).code)

    found = with_entry({}, 0, told(OPENED, about=lie))

    assert not counts(found, ED25519, 1)
    assert not counts(found, other, 1)


@pytest.mark.parametrize(
    "about",
    [
        ObjectRef("app", key_id(ED25519), key_object(ED25519).code),
        ObjectRef("signing_key", None, key_object(ED25519).code),
        ObjectRef("signing_key", key_id(ED25519), None),
    ],
    ids=["another thing", "without an id", "without a code"],
)
def test_what_names_no_key_opens_none(about: ObjectRef) -> None:
    assert with_entry({}, 0, told(OPENED, about=about)) == {}


def test_bodies_that_are_no_entries_tell_nothing() -> None:
    body = told(OPENED).body()

    assert with_bodies({}, [(0, b"signing"), (1, body + b" "), (2, b'"signing_key.'), (3, b"\xff")]) == {}
