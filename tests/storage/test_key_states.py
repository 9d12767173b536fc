"""Key states: what a writer that died has laid is told from what is in use, and only that is destroyed."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from tests.storage.rows import ADA, BEN, NOW, TENANT, dek_row, digest, ident_row
from vault.domain.terms import Millis, SpaceId, SubjectId, Tier
from vault.storage import key_states, keys
from vault.storage.key_states import CONDEMNED
from vault.storage.unit_of_work import Connection, Store

SPACE = SpaceId(b"S" * 16)
HOUR = 3_600_000
LATER = Millis(NOW + HOUR)


@pytest.fixture
def laid(keys_store: Store) -> Store:
    """Two subjects that were begun, each with DEKs of two tiers, none of them in use."""
    with keys_store.write() as conn:
        keys.insert_idents(conn, [ident_row(ADA), ident_row(BEN)], at_ms=NOW)
        keys.insert_deks(
            conn, [dek_row(whose, tier) for whose in (ADA, BEN) for tier in (Tier.L2, Tier.L3)], at_ms=NOW
        )
        keys.add_pairwise(conn, TENANT, [(SPACE, digest(whose)[:16], whose) for whose in (ADA, BEN)])
    return keys_store


def states(store: Store) -> dict[tuple[SubjectId, Tier], str]:
    with store.read() as conn:
        found = keys.deks(conn, TENANT, [ADA, BEN])
    return {(row.subject, row.tier): row.state for rows in found.values() for row in rows}


def condemn(store: Store, *, at_ms: Millis = LATER) -> None:
    with store.write() as conn:
        places = [(ADA, Tier.L2), (ADA, Tier.L3)]
        key_states.condemn(conn, TENANT, [BEN], places, older_than_ms=NOW, at_ms=at_ms)


def sweep(store: Store, *, condemned_before_ms: Millis = LATER) -> None:
    with store.write() as conn:
        places = [(ADA, Tier.L2), (ADA, Tier.L3)]
        key_states.sweep(conn, TENANT, [BEN], places, condemned_before_ms=condemned_before_ms)


def test_only_the_tiers_that_were_written_become_active(laid: Store) -> None:
    with laid.write() as conn:
        key_states.activate(conn, TENANT, [(ADA, Tier.L3), (BEN, Tier.L2), (ADA, Tier.L3), (ADA, Tier.L4)])
        key_states.activate(conn, TENANT, [])

    assert states(laid) == {
        (ADA, Tier.L2): keys.PENDING,
        (ADA, Tier.L3): keys.ACTIVE,
        (BEN, Tier.L2): keys.ACTIVE,
        (BEN, Tier.L3): keys.PENDING,
    }


def test_what_is_not_in_use_is_found_page_by_page(laid: Store) -> None:
    with laid.write() as conn:
        key_states.activate(conn, TENANT, [(ADA, Tier.L3)])

    with laid.read() as conn:
        first = key_states.idents(conn, TENANT, limit=1)
        second = key_states.idents(conn, TENANT, after=first[0].subject, limit=5)
        found = key_states.unused_deks(conn, TENANT, first=ADA, last=BEN)

    assert [one.subject for one in (*first, *second)] == [ADA, BEN]
    assert {(one.subject, one.tier) for one in found} == states(laid).keys() - {(ADA, Tier.L3)}


def test_what_was_condemned_for_long_enough_is_destroyed_with_its_ids(laid: Store) -> None:
    condemn(laid)

    sweep(laid)

    assert states(laid) == {}
    with laid.read() as conn:
        assert keys.idents(conn, TENANT, [ADA, BEN]).keys() == {ADA}
        known = keys.resolve(conn, TENANT, SPACE, [digest(whose)[:16] for whose in (ADA, BEN)])
    assert set(known.values()) == {ADA}


def test_nothing_is_destroyed_that_was_not_condemned_or_not_for_long_enough(laid: Store) -> None:
    sweep(laid)
    condemn(laid)
    sweep(laid, condemned_before_ms=Millis(LATER - 1))

    assert set(states(laid).values()) == {CONDEMNED, keys.PENDING}
    with laid.read() as conn:
        assert keys.idents(conn, TENANT, [BEN])[BEN].state == CONDEMNED


def test_what_a_writer_took_up_is_neither_condemned_nor_destroyed(laid: Store) -> None:
    condemn(laid)
    with laid.write() as conn:
        key_states.take_up(conn, TENANT, [(ADA, Tier.L2)], at_ms=LATER)

    condemn(laid, at_ms=Millis(LATER + HOUR))
    sweep(laid)

    assert states(laid)[ADA, Tier.L2] == keys.PENDING
    assert (ADA, Tier.L3) not in states(laid)


def test_what_is_active_or_finished_is_never_condemned(laid: Store) -> None:
    with laid.write() as conn:
        keys.settle(conn, TENANT, [(BEN, 1)])
        key_states.activate(conn, TENANT, [(ADA, Tier.L2), (ADA, Tier.L3)])

    condemn(laid)
    sweep(laid)

    assert set(states(laid).values()) == {keys.ACTIVE, keys.PENDING}
    with laid.read() as conn:
        assert {row.state for row in keys.idents(conn, TENANT, [ADA, BEN]).values()} == {"active"}


def test_a_pardon_lets_everything_be_as_it_was(laid: Store) -> None:
    condemn(laid)

    with laid.write() as conn:
        key_states.pardon(conn, TENANT, [BEN], [(ADA, Tier.L2), (ADA, Tier.L3)], at_ms=LATER)

    assert set(states(laid).values()) == {keys.PENDING}
    with laid.read() as conn:
        assert keys.idents(conn, TENANT, [BEN])[BEN].state == "active"


def test_a_writer_that_comes_while_a_key_is_being_destroyed_finds_it_gone(laid: Store) -> None:
    condemn(laid)
    coming = Event()

    def take_up() -> list[SubjectId]:
        coming.set()

        def work(conn: Connection) -> list[SubjectId]:
            key_states.take_up(conn, TENANT, [(ADA, Tier.L2), (ADA, Tier.L3)], at_ms=LATER)
            return list(keys.deks(conn, TENANT, [ADA]))

        return laid.transact(work)

    with ThreadPoolExecutor(1) as thread:
        with laid.write() as conn:
            key_states.sweep(conn, TENANT, [], [(ADA, Tier.L2), (ADA, Tier.L3)], condemned_before_ms=LATER)
            late = thread.submit(take_up)
            coming.wait()

        assert late.result() == []
