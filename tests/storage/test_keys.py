"""The keys store gives wrapped keys back, and its floors let no revision sink."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from tests.storage.rows import ADA, BEN, NOW, TENANT, dek_row, digest, ident_row, subject_id
from vault.domain.sealed import IdentRow, SealedKeyRow
from vault.domain.terms import SpaceId, SubjectId, Tier
from vault.storage import keys
from vault.storage.unit_of_work import Store

SPACE = SpaceId(b"S" * 16)


def test_keys_come_back_as_they_were_stored(keys_store: Store) -> None:
    deks = [dek_row(ADA, Tier.L2), dek_row(ADA, Tier.L3), dek_row(ADA, Tier.L3, gen=2), dek_row(BEN)]

    with keys_store.write() as conn:
        keys.insert_idents(conn, [ident_row(BEN), ident_row(ADA)], at_ms=NOW)
        keys.insert_deks(conn, deks[::-1], at_ms=NOW)

    with keys_store.read() as conn:
        assert keys.idents(conn, TENANT, [ADA, BEN, subject_id(3)]) == {
            ADA: ident_row(ADA),
            BEN: ident_row(BEN),
        }
        assert keys.deks(conn, TENANT, [ADA, BEN]) == {ADA: deks[:3], BEN: deks[3:]}
        assert keys.deks(conn, TENANT, [ADA, BEN], {Tier.L2}) == {ADA: deks[:1]}


def test_of_two_writers_of_one_key_the_first_stands_and_both_are_told(keys_store: Store) -> None:
    with keys_store.write() as conn:
        keys.insert_deks(conn, [dek_row(salt=1)], at_ms=NOW)
        keys.insert_idents(conn, [ident_row()], at_ms=NOW)

    with keys_store.write() as conn:
        standing_deks = keys.insert_deks(conn, [dek_row(salt=2), dek_row(BEN)], at_ms=NOW)
        late = IdentRow(TENANT, ADA, 1, bytes(66), "active", 0, 0)
        standing_idents = keys.insert_idents(conn, [late], at_ms=NOW)

    assert standing_deks == {ADA: [dek_row(salt=1)], BEN: [dek_row(BEN)]}
    assert standing_idents == {ADA: ident_row()}


def test_an_app_resolves_its_own_ids_and_no_other_apps(keys_store: Store) -> None:
    rows = [(SPACE, digest("ada")[:16], ADA), (SPACE, digest("ben")[:16], BEN)]
    with keys_store.write() as conn:
        keys.add_pairwise(conn, TENANT, rows)
        keys.add_pairwise(conn, TENANT, rows)

    with keys_store.read() as conn:
        own = keys.resolve(conn, TENANT, SPACE, [rows[0][1], rows[1][1], bytes(16)])
        foreign = keys.resolve(conn, TENANT, SpaceId(b"O" * 16), [rows[0][1]])

    assert own == {rows[0][1]: ADA, rows[1][1]: BEN}
    assert foreign == {}


def test_a_write_begins_only_from_a_revision_that_is_not_below_the_floor(keys_store: Store) -> None:
    with keys_store.write() as conn:
        keys.insert_idents(conn, [ident_row(ADA), ident_row(BEN)], at_ms=NOW)

    with keys_store.write() as conn:
        first = keys.begin_write(conn, TENANT, [(ADA, 0), (BEN, 3), (subject_id(9), 0)])
        same_again = keys.begin_write(conn, TENANT, [(ADA, 0)])
        stale = keys.begin_write(conn, TENANT, [(BEN, 2)])
        following = keys.begin_write(conn, TENANT, [(ADA, 1), (BEN, 2)])

    assert first == {ADA: 1, BEN: 4}
    # A writer may have died after it began; whoever comes next is given a number of its own.
    assert same_again == {ADA: 2}
    assert stale == {}
    assert following == {ADA: 3}
    with keys_store.read() as conn:
        found = keys.idents(conn, TENANT, [ADA, BEN])
    assert {subject: (row.rev_floor, row.rev_pending) for subject, row in found.items()} == {
        ADA: (1, 3),
        BEN: (3, 4),
    }


def test_settling_raises_floors_and_never_lowers_one(keys_store: Store) -> None:
    with keys_store.write() as conn:
        keys.insert_idents(conn, [ident_row(ADA), ident_row(BEN)], at_ms=NOW)
        keys.begin_write(conn, TENANT, [(ADA, 4), (BEN, 0)])

    with keys_store.write() as conn:
        keys.settle(conn, TENANT, [(ADA, 5), (BEN, 1), (ADA, 3)])
        keys.settle(conn, TENANT, [(ADA, 2), (subject_id(9), 1)])

    with keys_store.read() as conn:
        found = keys.idents(conn, TENANT, [ADA, BEN])
    assert {subject: row.rev_floor for subject, row in found.items()} == {ADA: 5, BEN: 1}


def test_a_sealed_key_is_stored_once_and_the_first_stands(keys_store: Store) -> None:
    first = SealedKeyRow(TENANT, 1, Tier.L4, 1, "local", b"first", "active")
    late = SealedKeyRow(TENANT, 1, Tier.L4, 1, "local", b"late", "active")
    other = SealedKeyRow(TENANT, 2, Tier.L4, 1, "local", b"root", "active")

    with keys_store.write() as conn:
        standing = [keys.put_sealed_key(conn, row) for row in (other, first, late)]

    assert standing == [other, first, first]
    with keys_store.read() as conn:
        assert keys.sealed_keys(conn, TENANT) == [first, other]


def test_a_stale_writer_that_waited_for_a_newer_one_is_refused(keys_store: Store) -> None:
    with keys_store.write() as conn:
        keys.insert_idents(conn, [ident_row()], at_ms=NOW)
    waiting = Event()

    def stale_write() -> dict[SubjectId, int]:
        waiting.set()
        return keys_store.transact(lambda conn: keys.begin_write(conn, TENANT, [(ADA, 0)]))

    with ThreadPoolExecutor(1) as thread:
        with keys_store.write() as conn:
            keys.begin_write(conn, TENANT, [(ADA, 1)])
            late = thread.submit(stale_write)
            waiting.wait()

        assert late.result() == {}


def test_of_many_writers_at_every_revision_no_two_are_given_one_number(keys_store: Store) -> None:
    with keys_store.write() as conn:
        keys.insert_idents(conn, [ident_row()], at_ms=NOW)

    def write(revision: int) -> tuple[int, int | None]:
        return keys_store.transact(lambda conn: _begin_and_settle(conn, revision))

    with ThreadPoolExecutor(12) as threads:
        seen = list(threads.map(write, [number % 6 for number in range(48)]))

    with keys_store.read() as conn:
        floor = keys.idents(conn, TENANT, [ADA])[ADA].rev_floor
    begun = [number for _, number in seen if number is not None]
    assert floor == max(begun)
    assert len(begun) == len(set(begun))
    assert all(number > revision for revision, number in seen if number is not None)


@given(steps=st.lists(st.tuples(st.sampled_from(["begin", "settle"]), st.integers(0, 5)), max_size=12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
def test_the_floor_follows_its_rule_whatever_comes(keys_store: Store, steps: list[tuple[str, int]]) -> None:
    subject = SubjectId(digest("floors", steps)[:16])
    floor, pending = 0, 0

    with keys_store.write() as conn:
        keys.insert_idents(conn, [ident_row(subject)], at_ms=NOW)
        for verb, revision in steps:
            if verb == "begin":
                may = floor <= revision
                begun = max(pending, revision) + 1
                assert keys.begin_write(conn, TENANT, [(subject, revision)]) == (
                    {subject: begun} if may else {}
                )
                floor, pending = (revision, begun) if may else (floor, pending)
            else:
                keys.settle(conn, TENANT, [(subject, revision)])
                floor = max(floor, revision)
            row = keys.idents(conn, TENANT, [subject])[subject]
            assert (row.rev_floor, row.rev_pending) == (floor, pending)


def _begin_and_settle(conn: Connection, revision: int) -> tuple[int, int | None]:
    number = keys.begin_write(conn, TENANT, [(ADA, revision)]).get(ADA)
    if number is not None:
        keys.settle(conn, TENANT, [(ADA, number)])
    return revision, number
