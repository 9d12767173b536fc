"""Whoever only looks at an entry sees the same as whoever proves it, and no more than an entry."""

import pytest

from vault.domain.entry import ActorRef, Entry, ObjectRef
from vault.domain.entry_reading import look_at, read_entry
from vault.domain.kinds import Kind
from vault.domain.terms import EntryId, Millis

SAID = Entry(
    id=EntryId(bytes(range(16))),
    at_ms=Millis(1_795_000_000_000),
    kind=Kind.CASE_OPENED,
    actor=ActorRef("system:signals", "system"),
    outcome="recorded",
    times=3,
    object=ObjectRef("case", bytes(16), "person:ada"),
)


def test_a_look_sees_what_a_strict_reading_sees() -> None:
    assert look_at(SAID.body()) == read_entry(SAID.body()) == SAID


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff", b"[1]", b'{"v":1}', SAID.body()[:-1]])
def test_what_is_no_entry_is_not_looked_at(body: bytes) -> None:
    with pytest.raises(ValueError, match="form"):
        look_at(body)
