"""The outbox hands entries on in order and forgets them only when told."""

import pytest
from sqlalchemy import Connection

from tests.storage.rows import ADA, BEN, NOW, TENANT, digest
from vault.domain.terms import EntryId, Millis, SubjectId, TenantId
from vault.errors import Stale
from vault.storage import outbox
from vault.storage.outbox import OutboxRow
from vault.storage.unit_of_work import Store


def row(name: str, *, after_ms: int = 0, subject: SubjectId | None = ADA, revision: int = 1) -> OutboxRow:
    entry = EntryId(digest(name)[:16])
    return OutboxRow(TENANT, entry, Millis(NOW + after_ms), subject, revision, f"{name}".encode(), None)


def test_entries_wait_in_the_order_of_time_and_then_of_revision(data: Store) -> None:
    ordered = [
        row("b", after_ms=1),
        row("a", after_ms=2, revision=1),
        row("c", after_ms=2, revision=2),
        row("d", after_ms=3, subject=None, revision=0),
        row("e", after_ms=4, subject=BEN),
    ]
    with data.write() as conn:
        outbox.add(conn, ordered[::-1])

    with data.read() as conn:
        assert outbox.page(conn, TENANT) == ordered
        assert outbox.page(conn, TENANT, limit=2) == ordered[:2]
        assert outbox.page(conn, TENANT, limit=2, after=ordered[1]) == ordered[2:4]
        assert outbox.waiting(conn, TENANT) == 5
        assert outbox.page(conn, TenantId(bytes(16))) == []


def test_what_is_removed_waits_no_longer_and_may_be_removed_again(data: Store) -> None:
    rows = [row("a"), row("b"), row("c")]
    with data.write() as conn:
        outbox.add(conn, rows)

    for _ in range(2):
        with data.write() as conn:
            outbox.remove(conn, TENANT, [rows[0].entry, rows[2].entry])
            outbox.remove(conn, TENANT, [])

    with data.read() as conn:
        assert outbox.page(conn, TENANT) == [rows[1]]


def test_an_entry_is_there_only_with_its_effect(data: Store) -> None:
    def effect_that_fails(conn: Connection) -> None:
        outbox.add(conn, [row("a")])
        raise Stale

    with pytest.raises(Stale):
        data.transact(effect_that_fails)

    with data.read() as conn:
        assert outbox.waiting(conn, TENANT) == 0
