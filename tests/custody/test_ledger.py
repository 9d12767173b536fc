"""The ledger: durable before it answers, drained before it appends, and never built upon what was edited."""

from collections.abc import Mapping
from hashlib import sha256
from threading import Thread

import pytest

from tests.custody.ledgers import (
    BEN,
    OUTBOX_SEAL,
    TENANT,
    Clock,
    a_ledger,
    change,
    checked,
    dek_states,
    disclosure,
    entries,
    eventually,
    floor,
    meddle,
    new_id,
    records,
    refusal,
    waiting,
)
from vault.custody.ledger import Ledger
from vault.domain.canonical import canonical
from vault.domain.entry import ActorRef
from vault.domain.grants import token_text
from vault.domain.kinds import Kind
from vault.domain.merkle import leaf_hash
from vault.domain.terms import SubjectId
from vault.errors import LedgerUnavailable
from vault.storage import audit, floors, outbox
from vault.storage.outbox import OutboxRow
from vault.storage.unit_of_work import Stores


def test_a_receipt_names_the_place_and_the_leaf_of_its_entry(ledger: Ledger, stores: Stores) -> None:
    first, second = disclosure(), disclosure()

    receipts = [ledger.append(first), ledger.append(second)]

    assert [receipt.index for receipt in receipts] == [0, 1]
    assert [receipt.leaf for receipt in receipts] == [leaf_hash(first.body()), leaf_hash(second.body())]
    assert entries(stores) == [first, second]
    checked(stores)


def test_the_grant_digest_of_a_receipt_can_be_recomputed_from_the_stored_entry(
    ledger: Ledger, stores: Stores
) -> None:
    receipt = ledger.append(disclosure(b"2" * 16, b"1" * 16))

    (stored,) = entries(stores)
    (told,) = stored.sets
    triples = sorted([token_text(token), "mobile", "mask"] for token in told.subjects)
    assert receipt.grant_digest == sha256(canonical([[*one] for one in triples])).digest()


def test_an_entry_of_1500_subjects_becomes_two_parts_under_one_receipt(
    ledger: Ledger, stores: Stores
) -> None:
    entry = disclosure(*(number.to_bytes(16) for number in range(1_500)))

    receipt = ledger.append(entry)

    first, second = entries(stores)
    assert (first.part, second.part) == ((1, 2), (2, 2))
    assert (receipt.index, receipt.leaf) == (0, leaf_hash(first.body()))
    assert receipt.grant_digest == entry.grant()
    checked(stores)


def test_what_is_no_entry_is_refused_before_it_is_queued(ledger: Ledger, stores: Stores) -> None:
    with pytest.raises(ValueError, match="code"):
        ledger.append(refusal(actor="王小明"))

    assert entries(stores) == []


def test_a_note_is_durable_once_the_ledger_is_closed(ledger: Ledger, stores: Stores) -> None:
    noted = refusal()

    ledger.note(noted)
    ledger.close()

    assert entries(stores) == [noted]


def test_a_closed_ledger_takes_nothing_more(ledger: Ledger, stores: Stores) -> None:
    ledger.append(disclosure())

    ledger.close()

    with pytest.raises(LedgerUnavailable, match="closed"):
        ledger.append(disclosure())
    assert len(entries(stores)) == 1


# ---- draining ----


def test_a_committed_change_precedes_the_entry_of_a_reader_that_may_have_seen_it(
    ledger: Ledger, stores: Stores
) -> None:
    changed = change(stores)
    read = disclosure()

    ledger.append(read)

    assert [entry.id for entry in entries(stores)] == [changed, read.id]
    checked(stores)


def test_a_settled_change_is_in_the_ledger_under_the_floor_and_no_longer_waits(
    ledger: Ledger, stores: Stores
) -> None:
    changed = change(stores, revision=1)

    ledger.settle([changed])

    assert [entry.id for entry in entries(stores)] == [changed]
    assert floor(stores) == 1
    assert dek_states(stores) == ["active"]
    with stores.keys.read() as conn:
        assert floors.read(conn) == floors.Floors(0, 0, 1)
    eventually(lambda: waiting(stores) == [])


def test_a_ledger_that_only_reads_made_longer_is_soon_known_to_be_so_long(
    ledger: Ledger, stores: Stores
) -> None:
    for _ in range(3):
        ledger.append(disclosure())

    eventually(lambda: remembered(stores) == 3)


def test_a_ledger_that_closes_leaves_nothing_to_be_cut_off(ledger: Ledger, stores: Stores) -> None:
    for _ in range(3):
        ledger.append(disclosure())

    ledger.close()

    assert remembered(stores) == 3


def test_what_ended_is_in_the_register_before_its_writer_is_answered(ledger: Ledger, stores: Stores) -> None:
    withdrawn = change(stores, kind=Kind.CONSENT_WITHDRAWN, ended="withdrawn")

    ledger.settle([withdrawn])

    assert records(stores) == [(withdrawn, "withdrawn")]


def test_a_change_of_the_authority_raises_its_floor(ledger: Ledger, stores: Stores) -> None:
    granted = change(stores, subject=None, revision=7, kind=Kind.GRANT_GIVEN)

    ledger.settle([granted])

    with stores.keys.read() as conn:
        assert floors.read(conn) == floors.Floors(7, 0, 1)


def test_settling_nothing_drains_whatever_waits(ledger: Ledger, stores: Stores) -> None:
    changed = [change(stores, subject=SubjectId(bytes([number]) * 16)) for number in range(5)]

    ledger.settle([])

    assert {entry.id for entry in entries(stores)} == set(changed)


def test_more_changes_than_a_page_are_all_drained_before_the_reader(
    ledger: Ledger, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = {change(stores, subject=None, revision=0) for _ in range(25)}
    monkeypatch.setattr("vault.custody.draining.PAGE", 10)
    read = disclosure()

    ledger.append(read)

    assert {entry.id for entry in entries(stores)[:25]} == changed
    assert entries(stores)[25].id == read.id


def test_a_change_that_is_drained_twice_is_written_once(
    stores: Stores, store_urls: Mapping[str, str]
) -> None:
    changed = change(stores, ended="withdrawn")
    with stores.data.read() as conn:
        rows = outbox.page(conn, TENANT)
    with a_ledger(store_urls) as first:
        first.settle([changed])

    # The first died before it had deleted its outbox row.
    stores.data.transact(lambda conn: outbox.add(conn, rows))
    with a_ledger(store_urls) as second:
        second.append(disclosure())
        second.settle([changed])

    assert [entry.kind for entry in entries(stores)] == [Kind.SUBJECT_CHANGED, Kind.PROFILE_DISCLOSED]
    assert records(stores) == [(changed, "withdrawn")]
    assert waiting(stores) == []
    checked(stores)


def test_a_change_that_another_process_has_drained_and_forgotten_is_settled(
    ledger: Ledger, stores: Stores, store_urls: Mapping[str, str]
) -> None:
    changed = change(stores)
    with a_ledger(store_urls) as other:
        other.settle([changed])

    ledger.settle([changed])

    eventually(lambda: waiting(stores) == [])


def test_a_change_that_is_nowhere_is_not_called_settled(ledger: Ledger, stores: Stores) -> None:
    with pytest.raises(LedgerUnavailable):
        ledger.settle([new_id()])

    assert entries(stores) == []


def test_without_the_register_a_withdrawal_waits_and_readers_go_on(ledger: Ledger, stores: Stores) -> None:
    withdrawn = change(stores, ended="withdrawn")
    meddle(stores.register, "ALTER TABLE record RENAME TO record_away")

    with pytest.raises(LedgerUnavailable, match="not_settled"):
        ledger.settle([withdrawn])
    receipt = ledger.append(disclosure())

    assert receipt.index == 1
    assert (waiting(stores), floor(stores)) == ([withdrawn], 0)
    meddle(stores.register, "ALTER TABLE record_away RENAME TO record")
    ledger.settle([withdrawn])
    assert (floor(stores), records(stores)) == (1, [(withdrawn, "withdrawn")])
    assert len(entries(stores)) == 2
    eventually(lambda: waiting(stores) == [])


def test_without_the_register_a_change_that_it_need_not_hear_of_is_settled(
    ledger: Ledger, stores: Stores
) -> None:
    withdrawn = change(stores, ended="withdrawn")
    corrected = change(stores, subject=BEN)
    meddle(stores.register, "ALTER TABLE record RENAME TO record_away")

    ledger.settle([corrected])

    assert floor(stores, BEN) == 1
    assert floor(stores) == 0
    eventually(lambda: waiting(stores) == [withdrawn])


def test_without_the_keys_store_a_change_waits_and_a_running_reader_goes_on(
    ledger: Ledger, stores: Stores
) -> None:
    ledger.append(disclosure())
    changed = change(stores)
    meddle(stores.keys, "ALTER TABLE ident RENAME TO ident_away")

    with pytest.raises(LedgerUnavailable, match="not_settled"):
        ledger.settle([changed])
    receipt = ledger.append(disclosure())

    assert receipt.index == 2
    assert waiting(stores) == [changed]
    meddle(stores.keys, "ALTER TABLE ident_away RENAME TO ident")
    ledger.settle([changed])
    assert floor(stores) == 1
    eventually(lambda: waiting(stores) == [])


def test_what_a_turn_had_to_leave_is_tried_again_without_anybody_asking(
    ledger: Ledger, stores: Stores
) -> None:
    withdrawn = change(stores, ended="withdrawn")
    meddle(stores.register, "ALTER TABLE record RENAME TO record_away")
    with pytest.raises(LedgerUnavailable):
        ledger.settle([withdrawn])

    meddle(stores.register, "ALTER TABLE record_away RENAME TO record")

    eventually(lambda: waiting(stores) == [])
    assert records(stores) == [(withdrawn, "withdrawn")]


def test_no_entry_is_appended_past_changes_that_cannot_be_read(ledger: Ledger, stores: Stores) -> None:
    change(stores)
    meddle(stores.data, "ALTER TABLE outbox RENAME TO outbox_away")

    with pytest.raises(LedgerUnavailable):
        ledger.append(disclosure())

    assert entries(stores) == []
    meddle(stores.data, "ALTER TABLE outbox_away RENAME TO outbox")
    ledger.append(disclosure())
    assert len(entries(stores)) == 2


@pytest.mark.parametrize(
    "meddling",
    [
        "UPDATE outbox SET body = :garbage",
        "UPDATE outbox SET entry = :other",
        "UPDATE outbox SET revision = 1000000",
        "UPDATE outbox SET subject = NULL",
        "UPDATE outbox SET notice = NULL",
        "UPDATE outbox SET notice = :planted",
    ],
    ids=[
        "another body",
        "another id",
        "a greater revision",
        "the authority's",
        "no notice",
        "another notice",
    ],
)
def test_a_change_whose_entry_was_edited_while_it_waited_stops_the_ledger(
    ledger: Ledger, stores: Stores, meddling: str
) -> None:
    change(stores, ended="withdrawn")
    planted = canonical([{"gen": 0, "kind": "revoked", "ref": token_text(b"X" * 16), "tier": 0}]).decode()
    values: dict[str, object] = {"garbage": b"{}", "other": new_id(), "planted": planted}
    meddle(stores.data, meddling, **{name: one for name, one in values.items() if f":{name}" in meddling})

    with pytest.raises(LedgerUnavailable, match="outbox"):
        ledger.append(disclosure())

    assert entries(stores) == []


def test_a_planted_row_under_the_id_of_an_entry_stops_the_ledger(ledger: Ledger, stores: Stores) -> None:
    entry = disclosure()
    ledger.append(entry)
    planted = disclosure(b"P" * 16, entry=entry.id)
    row = OUTBOX_SEAL.sign(OutboxRow(TENANT, entry.id, planted.at_ms, None, 0, planted.body(), None))

    stores.data.transact(lambda conn: outbox.add(conn, [row]))

    with pytest.raises(LedgerUnavailable, match="outbox"):
        ledger.append(disclosure())
    assert entries(stores) == [entry]


def test_a_whole_entry_that_no_writer_of_ours_left_stops_the_ledger_and_raises_no_floor(
    ledger: Ledger, stores: Stores
) -> None:
    forged = disclosure()
    row = OutboxRow(TENANT, forged.id, forged.at_ms, None, 1_000_000, forged.body(), None, bytes(16))

    stores.data.transact(lambda conn: outbox.add(conn, [row]))

    with pytest.raises(LedgerUnavailable, match="outbox"):
        ledger.append(disclosure())
    assert entries(stores) == []
    meddle(stores.data, "DELETE FROM outbox")
    ledger.append(disclosure())
    with stores.keys.read() as conn:
        found = floors.read(conn)
    assert found is not None
    assert found.authority_floor == 0


# ---- the head ----


@pytest.mark.parametrize(
    ("meddling", "reason"),
    [
        ("UPDATE head SET size = size - 1", "rolled_back|head_form"),
        ("UPDATE head SET size = size + 1", "rows|head_form"),
        ("UPDATE head SET frontier = :planted", "head_changed"),
        ("DELETE FROM head", "head_missing"),
        ("INSERT INTO entry (idx, entry, leaf, body) VALUES (3, :id, :planted, :id)", "rows"),
        ("INSERT INTO entry (idx, entry, leaf, body) VALUES (9, :id, :planted, :id)", "rows"),
    ],
    ids=["size less", "size more", "frontier", "gone", "row at the head", "row past the head"],
)
@pytest.mark.parametrize("running", [True, False], ids=["running", "restarted"])
def test_a_head_that_was_edited_is_not_built_upon(
    stores: Stores, store_urls: Mapping[str, str], meddling: str, reason: str, *, running: bool
) -> None:
    with a_ledger(store_urls) as ledger:
        for _ in range(3):
            ledger.append(disclosure())
        planted = {"planted": b"\1" * 64, "id": new_id()}
        if "idx" in meddling:
            planted["planted"] = b"\1" * 32
        meddle(
            stores.audit, meddling, **{name: raw for name, raw in planted.items() if f":{name}" in meddling}
        )

        with a_ledger(store_urls) as restarted, pytest.raises(LedgerUnavailable, match=reason):
            (ledger if running else restarted).append(disclosure())

    with stores.audit.read() as conn:
        assert len(audit.entries(conn, 0, limit=10)) == 3 + ("INSERT" in meddling)


def test_a_tail_that_was_cut_with_its_head_is_noticed_by_who_saw_it(ledger: Ledger, stores: Stores) -> None:
    ledger.append(disclosure())
    with stores.audit.read() as conn:
        old = audit.head(conn)
    ledger.append(disclosure())
    assert old is not None

    meddle(stores.audit, "DELETE FROM entry WHERE idx = 1")
    meddle(stores.audit, "UPDATE head SET size = 1, frontier = :old", old=old.frontier)

    with pytest.raises(LedgerUnavailable, match="rolled_back"):
        ledger.append(disclosure())


def test_a_tail_that_was_cut_with_its_head_is_noticed_by_the_floor_after_a_restart(
    ledger: Ledger, stores: Stores, store_urls: Mapping[str, str]
) -> None:
    with stores.audit.read() as conn:
        empty = audit.head(conn)
    assert empty is not None
    ledger.settle([change(stores)])

    meddle(stores.audit, "DELETE FROM entry")
    meddle(stores.audit, "UPDATE head SET size = 0, frontier = :old", old=empty.frontier)

    with a_ledger(store_urls) as restarted, pytest.raises(LedgerUnavailable, match="rolled_back"):
        restarted.append(disclosure())


def test_the_ledger_goes_on_once_its_head_is_as_it_was(ledger: Ledger, stores: Stores) -> None:
    ledger.append(disclosure())
    meddle(stores.audit, "UPDATE head SET size = 2")
    with pytest.raises(LedgerUnavailable):
        ledger.append(disclosure())

    meddle(stores.audit, "UPDATE head SET size = 1")

    assert ledger.append(disclosure()).index == 1
    checked(stores)


def test_entries_of_others_are_built_upon_however_many_there_are(
    stores: Stores, store_urls: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vault.storage.tree.CATCH_UP", 100)
    with a_ledger(store_urls) as idle, a_ledger(store_urls) as busy:
        idle.append(disclosure())
        for _ in range(300):
            busy.note(disclosure())
        busy.append(disclosure())

        assert idle.append(disclosure()).index == 302
        assert busy.append(disclosure()).index == 303
    checked(stores)


# ---- many at once ----


def test_of_many_threads_each_gets_the_place_of_its_own_entry(ledger: Ledger, stores: Stores) -> None:
    placed: dict[int, bytes] = {}

    def append_many() -> None:
        for _ in range(20):
            entry = disclosure()
            placed[ledger.append(entry).index] = entry.body()

    threads = [Thread(target=append_many) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [placed[index] for index in range(320)] == [entry.body() for entry in entries(stores)]
    checked(stores)


# ---- floods ----


def test_a_flood_of_unknown_callers_is_one_entry_a_source_and_minute(
    ledger: Ledger, stores: Stores, clock: Clock
) -> None:
    for _ in range(500):
        ledger.count_failure("203.0.113.7", "bad_token")
    ledger.count_failure("198.51.100.2", "bad_token")

    clock.pass_minutes(1)
    ledger.flush_counts(clock())
    ledger.settle([])

    counted = {(entry.kind, entry.outcome, entry.times) for entry in entries(stores)}
    assert counted == {
        (Kind.ACCESS_UNAUTHENTICATED, "refused:bad_token", 500),
        (Kind.ACCESS_UNAUTHENTICATED, "refused:bad_token", 1),
    }


def test_a_source_stands_in_the_sealed_detail_alone(ledger: Ledger, stores: Stores, clock: Clock) -> None:
    ledger.count_failure("203.0.113.7", "bad_token")

    clock.pass_minutes(1)
    ledger.count_failure("203.0.113.7", "bad_token")
    ledger.settle([])

    (entry,) = entries(stores)
    assert entry.detail == b'sealed:{"minute":"2026-11-21T12:00:00.000Z","source":"203.0.113.7"}'
    assert b"203.0.113.7" not in entry.body()


def test_a_thousand_sources_in_one_minute_leave_65_entries(
    ledger: Ledger, stores: Stores, clock: Clock
) -> None:
    for number in range(1_000):
        ledger.count_failure(f"2001:db8::{number:x}", "bad_token")

    clock.pass_minutes(1)
    ledger.flush_counts(clock())
    ledger.settle([])

    assert sorted(entry.times for entry in entries(stores)) == [1] * 64 + [936]


def test_counts_of_the_running_minute_wait_for_its_end(ledger: Ledger, stores: Stores, clock: Clock) -> None:
    ledger.count_failure("203.0.113.7", "bad_token")

    ledger.flush_counts(clock())
    ledger.settle([])

    assert entries(stores) == []


def test_nothing_counted_is_lost_when_the_ledger_closes(ledger: Ledger, stores: Stores) -> None:
    ledger.count_failure("203.0.113.7", "bad_token")

    ledger.close()

    assert [entry.times for entry in entries(stores)] == [1]


def test_sixty_refusals_a_minute_are_told_one_by_one_and_the_rest_as_a_count(
    ledger: Ledger, stores: Stores, clock: Clock
) -> None:
    for _ in range(75):
        ledger.refuse(refusal())
    ledger.refuse(refusal("marketing"))
    ledger.refuse(refusal(outcome="refused:purpose"))

    clock.pass_minutes(1)
    ledger.flush_counts(clock())
    ledger.settle([])

    *told, counted = entries(stores)
    assert len(told) == 62
    assert (counted.kind, counted.actor, counted.outcome, counted.times) == (
        Kind.ACCESS_REFUSED,
        ActorRef("dispatch", "app"),
        "refused:role",
        15,
    )


def test_a_count_that_cannot_be_sealed_now_is_told_later(stores: Stores, clock: Clock) -> None:
    locked = [True]

    def seal(at_ms: int, detail: Mapping[str, str]) -> tuple[bytes, int]:
        if locked:
            raise LedgerUnavailable(reason="keys")
        return b"sealed", 202611

    ledger = Ledger(stores, TENANT, clock=clock, random=bytes, seal_detail=seal, outbox_seal=OUTBOX_SEAL)
    ledger.count_failure("203.0.113.7", "bad_token")
    clock.pass_minutes(1)
    ledger.flush_counts(clock())

    locked.clear()
    ledger.flush_counts(clock())
    ledger.close()

    assert [entry.times for entry in entries(stores)] == [1]


def remembered(stores: Stores) -> int:
    """How long the keys store knows the ledger to be."""
    with stores.keys.read() as conn:
        found = floors.read(conn)
    assert found is not None
    return found.ledger_size
