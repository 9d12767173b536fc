"""A key stands for one request for a day, and then is free again."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from tests.storage.rows import NOW, TENANT, digest
from vault.domain.terms import ActorId, Millis
from vault.storage import idempotency
from vault.storage.idempotency import KEPT_MS, AnsweredRow
from vault.storage.unit_of_work import Store

ACTOR = ActorId(b"A" * 16)


def answered(key: str = "key", *, at_ms: int = NOW, body: str = "body") -> AnsweredRow:
    return AnsweredRow(
        TENANT, ACTOR, digest(key)[:16], digest(body)[:16], 201, bytes(16), 1, "[]", Millis(at_ms)
    )


def test_an_answer_is_found_by_its_own_actor_for_a_day(data: Store) -> None:
    row = answered()
    with data.write() as conn:
        assert idempotency.record(conn, row)

    with data.read() as conn:
        assert idempotency.find(conn, TENANT, ACTOR, key=row.key, at_ms=NOW) == row
        assert idempotency.find(conn, TENANT, ACTOR, key=row.key, at_ms=Millis(NOW + KEPT_MS - 1)) == row
        assert idempotency.find(conn, TENANT, ACTOR, key=row.key, at_ms=Millis(NOW + KEPT_MS)) is None
        assert idempotency.find(conn, TENANT, ActorId(bytes(16)), key=row.key, at_ms=NOW) is None


def test_a_taken_key_is_not_taken_again_within_the_day(data: Store) -> None:
    with data.write() as conn:
        idempotency.record(conn, answered())

    with data.write() as conn:
        assert not idempotency.record(conn, answered(at_ms=NOW + KEPT_MS - 1, body="other"))

    with data.read() as conn:
        assert idempotency.find(conn, TENANT, ACTOR, key=answered().key, at_ms=NOW) == answered()


def test_a_key_that_is_a_day_old_may_stand_for_another_request(data: Store) -> None:
    later = replace(answered(at_ms=NOW + KEPT_MS, body="other"), result=None, status=409)
    with data.write() as conn:
        idempotency.record(conn, answered())

    with data.write() as conn:
        assert idempotency.record(conn, later)

    with data.read() as conn:
        assert idempotency.find(conn, TENANT, ACTOR, key=later.key, at_ms=later.created_ms) == later


def test_of_many_with_one_key_at_once_one_is_recorded(data: Store) -> None:
    def want(number: int) -> bool:
        return data.transact(lambda conn: idempotency.record(conn, answered(body=str(number))))

    with ThreadPoolExecutor(12) as threads:
        won = list(threads.map(want, range(24)))

    assert won.count(True) == 1


def test_old_keys_are_forgotten_a_bounded_number_at_a_time_and_young_ones_never(data: Store) -> None:
    with data.write() as conn:
        for number in range(7):
            idempotency.record(conn, answered(str(number)))
        idempotency.record(conn, answered("young", at_ms=NOW + 1))

    counts = []
    for _ in range(3):
        with data.write() as conn:
            counts.append(idempotency.expire(conn, TENANT, at_ms=Millis(NOW + KEPT_MS), limit=4))

    assert counts == [4, 3, 0]
    with data.read() as conn:
        assert idempotency.find(conn, TENANT, ACTOR, key=answered("young").key, at_ms=NOW) is not None
