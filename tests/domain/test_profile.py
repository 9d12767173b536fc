"""Profiles: what was opened is found by field, and shown by no repr."""

import traceback

import pytest

from tests.custody.workbench import ADA, CATALOGUE
from vault.domain.manifest import ManifestEntry
from vault.domain.profile import Profile
from vault.domain.terms import FieldNumber

MOBILE, EMAIL, NAME = (CATALOGUE.field(name) for name in ("mobile", "email", "name"))


def an_entry(field: FieldNumber, item: int) -> ManifestEntry:
    return ManifestEntry(field, item, 0, 3, 1, 1_795_000_000_000, b"b" * 16, b"t" * 16)


PLAINS = {
    (MOBILE.number, 2): b"\1+8613800000018",
    (MOBILE.number, 0): b"\1+8613800000017",
    (EMAIL.number, 0): None,
}
PROFILE = Profile(ADA, PLAINS, {place: an_entry(*place) for place in PLAINS}, {})


def test_the_items_of_a_field_come_in_order() -> None:
    assert PROFILE.values(MOBILE) == [(0, b"\1+8613800000017"), (2, b"\1+8613800000018")]


def test_all_fields_at_once_are_the_fields_one_by_one() -> None:
    gathered = PROFILE.items()

    assert gathered == {
        field.number: [item for item, _ in PROFILE.values(field)] for field in (MOBILE, EMAIL)
    }


def test_a_value_that_was_not_opened_is_there_all_the_same() -> None:
    assert PROFILE.values(EMAIL) == [(0, None)]


def test_a_field_without_a_value_is_not_there() -> None:
    assert PROFILE.values(NAME) == []


def test_the_manifest_tells_source_and_confirmation() -> None:
    entry = PROFILE.entries[MOBILE.number, 2]

    assert (entry.source, entry.confirmed_ms, entry.rev) == (1, 1_795_000_000_000, 3)


def test_no_repr_shows_a_value_or_whose_it_is() -> None:
    shown = [repr(PROFILE), str(PROFILE), f"{PROFILE}", f"{PROFILE!r}", f"{[PROFILE]}"]

    assert set(shown) == {"<Profile sealed from view>", "[<Profile sealed from view>]"}


def test_a_trace_with_locals_shows_no_value() -> None:
    def fail(profile: Profile) -> None:
        raise RuntimeError(profile)

    with pytest.raises(RuntimeError) as caught:
        fail(PROFILE)

    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    trace = "".join(told.format())
    assert "<Profile sealed from view>" in trace
    assert "13800000017" not in trace
