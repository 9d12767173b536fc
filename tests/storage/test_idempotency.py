"""A key stands for one request for a day, and then is free again."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tests.storage.rows import NOW, TENANT, digest
from vault.domain.terms import ActorId, Millis
from vault.storage import idempotency
from vault.storage.idempotency import KEPT_MS, AnsweredRow
from vault.storage.unit_of_work import Connection, Store

ACTOR = ActorId(b"A" * 16)


def answered(key: str = "key", *, at_ms: int = NOW, body: str = "body") -> AnsweredRow:
    return AnsweredRow(
        TENANT, ACTOR, digest(key)[:16], digest(body)[:16], 201, bytes(16), 1, "[]", Millis(at_ms)
    )


def record(conn: Connection, row: AnsweredRow) -> bool:
    """Keep one row; tells whether its key was free."""
    return idempotency.record(conn, [row]) == {row.key}


def find(conn: Connection, row: AnsweredRow, *, actor: ActorId = ACTOR) -> AnsweredRow | None:
    return idempotency.find(conn, TENANT, actor, keys=[row.key]).get(row.key)


def test_an_answer_is_found_by_its_own_actor_for_a_day(data: Store) -> None:
    row = answered()
    with data.write() as conn:
        assert record(conn, row)

    with data.read() as conn:
        assert find(conn, row) == row
        assert row.stands(Millis(NOW + KEPT_MS - 1))
        assert not row.stands(Millis(NOW + KEPT_MS))
        assert find(conn, row, actor=ActorId(bytes(16))) is None


def test_a_taken_key_is_not_taken_again_within_the_day(data: Store) -> None:
    with data.write() as conn:
        record(conn, answered())

    with data.write() as conn:
        assert not record(conn, answered(at_ms=NOW + KEPT_MS - 1, body="other"))

    with data.read() as conn:
        assert find(conn, answered()) == answered()


def test_a_key_that_is_a_day_old_may_stand_for_another_request(data: Store) -> None:
    later = replace(answered(at_ms=NOW + KEPT_MS, body="other"), result=None, status=409)
    with data.write() as conn:
        record(conn, answered())

    with data.write() as conn:
        assert record(conn, later)

    with data.read() as conn:
        assert find(conn, later) == later


def test_of_many_with_one_key_at_once_one_is_recorded(data: Store) -> None:
    def want(number: int) -> bool:
        return data.transact(lambda conn: record(conn, answered(body=str(number))))

    with ThreadPoolExecutor(12) as threads:
        won = list(threads.map(want, range(24)))

    assert won.count(True) == 1


def test_of_many_keys_those_that_were_free_are_told_and_those_that_are_known_found(data: Store) -> None:
    rows = [answered(str(number)) for number in range(1200)]
    with data.write() as conn:
        idempotency.record(conn, rows[::2])

    with data.write() as conn:
        free = idempotency.record(conn, [replace(row, revision=2) for row in rows])
        found = idempotency.find(conn, TENANT, ACTOR, keys=[row.key for row in rows])
        assert idempotency.record(conn, []) == set()
        with pytest.raises(ValueError, match="result"):
            idempotency.record(conn, [replace(row, result=None) for row in rows])

    assert free == {row.key for row in rows[1::2]}
    assert [found[row.key].revision for row in rows] == [1, 2] * 600


def test_old_keys_are_forgotten_a_bounded_number_at_a_time_and_young_ones_never(data: Store) -> None:
    with data.write() as conn:
        for number in range(7):
            record(conn, answered(str(number)))
        record(conn, answered("young", at_ms=NOW + 1))

    counts = []
    for _ in range(3):
        with data.write() as conn:
            counts.append(idempotency.expire(conn, TENANT, at_ms=Millis(NOW + KEPT_MS), limit=4))

    assert counts == [4, 3, 0]
    with data.read() as conn:
        assert find(conn, answered("young")) is not None
