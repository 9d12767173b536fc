"""The notary signs what goes on from what it knows, and nothing is released behind its back."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.custody.ledgers import disclosure, meddle
from tests.house import House
from tests.services.faults import befall
from tests.services.putting_back import copied, put_back
from vault.bootstrap import now
from vault.crypto.signing import Signer, verified
from vault.custody.providers.local import create_slot_file
from vault.domain.entry import ActorRef, Entry, ObjectRef
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.merkle import Frontier, leaf_hash
from vault.domain.note import Checkpoint, KeyKind, Note, VerifierKey, origin_of
from vault.domain.signing_keys import counts, key_id, key_object
from vault.domain.terms import Action, EntryId
from vault.errors import HouseLocked, Misconfigured, NotaryRefuses, Unavailable, VaultError
from vault.notary_settings import settings_of
from vault.outpost import open_seat
from vault.services import heeding, signing_keys, watch
from vault.services.attest import verify
from vault.services.notarise import EVERY_ENTRIES, Notary
from vault.services.signing_keys import Signing, windows_of
from vault.settings import Mode
from vault.storage import audit, checkpoints
from vault.storage.checkpoints import CheckpointRow
from vault.storage.notary_files import LONGEST, NotaryFiles


def head_file(house: House) -> Path:
    return house.settings.state_dir / "notary" / "head"


def newest(house: House) -> Note:
    with house.parts.stores.audit.read() as conn:
        row = checkpoints.newest(conn)
    assert row is not None
    note = Note.unpack(row.note)
    assert (row.size, row.root) == (note.checkpoint.size, note.checkpoint.root)
    return note


def stored(house: House) -> Frontier:
    with house.parts.stores.audit.read() as conn:
        row = audit.head(conn)
    assert row is not None
    return Frontier.unpack(row.size, row.frontier)


def keys_of(house: House) -> list[VerifierKey]:
    """The public keys that an auditor is given."""
    with house.keeper() as keeper:
        listed = signing_keys.listing(Signing(house.parts.stores.audit, keeper.keys))
    return [one.key for one in listed]


def refused(house: House, notary: Notary | None = None) -> str:
    """Let a notary look, which must refuse; returns the reason, which the store says too."""
    look = house.attended if notary is None else notary.attend
    with pytest.raises(NotaryRefuses) as refusal:
        look()
    reason = str(refusal.value.facts["reason"])
    with house.parts.stores.audit.read() as conn:
        said = checkpoints.said(conn)
    assert said is not None
    assert said.refusal == reason
    return reason


def served(house: House) -> House:
    """The house as a worker serves it: with the need of a notary."""
    house.parts.lock.heard.need()
    return house


def grow(house: House, count: int = 1) -> None:
    """Let so many things happen that are entries."""
    parts = house.parts
    entries = [
        Entry(
            id=EntryId(parts.new_id()),
            at_ms=millis(house.clock()),
            kind=Kind.LEDGER_VERIFIED,
            actor=ActorRef("operator:1000", "operator"),
            outcome="recorded",
        )
        for _ in range(count)
    ]
    for one in entries[1:]:
        parts.ledger.note(one)
    parts.ledger.append(entries[0])


# ---- signing ----


def test_what_stands_is_signed_by_both_keys_under_the_name_of_the_house(house: House) -> None:
    head = house.attended()

    note = newest(house)
    assert note.checkpoint.origin == origin_of(house.parts.house.house)
    assert (note.checkpoint.size, note.checkpoint.root) == (stored(house).size, stored(house).root())
    keys = keys_of(house)
    assert verified(note, tuple(keys)) == tuple(keys)
    assert len(keys) == 2
    assert head.note == note


def test_a_signature_counts_within_the_window_of_its_key(house: House) -> None:
    house.attended()

    windows = windows_of(house.parts.stores.audit)

    size = newest(house).checkpoint.size
    for key in keys_of(house):
        assert counts(windows, key, size)
        # The entry that opened it stands at that index: a tree without it is not covered.
        assert not counts(windows, key, windows[key_id(key)].opened)


def test_a_ledger_that_has_not_grown_is_not_signed_again_but_the_notary_is_heard(house: House) -> None:
    with house.notary() as notary:
        notary.attend()
        first = newest(house)
        house.clock.advance(timedelta(seconds=10))

        notary.attend()

    assert newest(house) == first
    found = heeding.notice(house.parts.stores.audit, uid=-1)
    assert found is not None
    assert (found.at, found.size, found.refusal) == (house.clock(), first.checkpoint.size, None)


def test_a_thousand_entries_are_not_waited_for_any_longer(house: House) -> None:
    with house.notary() as notary:
        notary.attend()
        grow(house, EVERY_ENTRIES - 1)
        few = notary.is_due()
        grow(house)

        assert (few, notary.is_due()) == (False, True)
        # More than one page of them.
        assert notary.attend().tree == stored(house)
        assert not notary.is_due()


def test_a_checkpoint_that_was_signed_and_not_given_out_is_given_out_by_the_next(house: House) -> None:
    house.attended()
    signed = newest(house)
    meddle(house.parts.stores.audit, "DELETE FROM checkpoint")

    house.attended()

    assert newest(house) == signed


def test_a_notary_goes_on_where_the_one_before_ended(house: House) -> None:
    house.attended()
    grow(house, 3)

    head = house.attended()

    assert head.tree == stored(house)
    assert newest(house).checkpoint.size == stored(house).size


# ---- what it refuses ----


def cut(house: House, count: int) -> None:
    """Cut the last entries off, with everything that tells of them in the stores."""
    with house.parts.stores.audit.read() as conn:
        row = audit.head(conn)
        assert row is not None
        leaves = [leaf for _, leaf in audit.leaves(conn, 0, limit=row.size - count)]
    shorter = Frontier().extend(leaves)
    store = house.parts.stores.audit
    meddle(store, "DELETE FROM entry WHERE idx >= :size", size=shorter.size)
    meddle(store, "DELETE FROM checkpoint WHERE size > :size", size=shorter.size)
    meddle(store, "UPDATE head SET size = :size, frontier = :edge", size=shorter.size, edge=shorter.pack())
    meddle(house.parts.stores.keys, "UPDATE house SET ledger_size = :size", size=shorter.size)


def rewritten(house: House, index: int) -> None:
    """Put another entry in the place of one, and compute the whole tree anew."""
    entry = disclosure()
    store = house.parts.stores.audit
    meddle(
        store,
        "UPDATE entry SET entry = :id, body = :body, leaf = :leaf WHERE idx = :idx",
        id=entry.id,
        body=entry.body(),
        leaf=leaf_hash(entry.body()),
        idx=index,
    )
    with store.read() as conn:
        leaves = [leaf for _, leaf in audit.leaves(conn, 0, limit=1_000)]
    meddle(store, "UPDATE head SET frontier = :edge", edge=Frontier().extend(leaves).pack())


def test_a_ledger_that_was_cut_is_refused_by_a_notary_that_runs_and_by_one_that_begins(
    unchecked_house: House,
) -> None:
    house = unchecked_house
    grow(house, 5)
    with house.notary() as notary:
        notary.attend()
        cut(house, 2)

        assert refused(house, notary) == "ledger_shorter"

    assert refused(house) == "ledger_shorter"


@pytest.mark.parametrize("index", [0, 4])
def test_an_entry_that_was_rewritten_with_the_whole_tree_is_refused(
    unchecked_house: House, index: int
) -> None:
    house = unchecked_house
    grow(house, 5)
    house.attended()

    rewritten(house, index)

    assert refused(house) == "ledger_forked"


def test_a_ledger_that_was_rewritten_and_has_outgrown_the_old_one_is_refused(
    unchecked_house: House,
) -> None:
    house = unchecked_house
    grow(house, 5)
    house.attended()
    rewritten(house, 2)
    with house.another().parts.stores.audit.read():
        grow(house.another(), 4)

    assert refused(house) == "ledger_forked"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entry SET body = :other WHERE idx = :idx",
        "UPDATE entry SET leaf = :other WHERE idx = :idx",
        "DELETE FROM entry WHERE idx = :idx",
    ],
)
def test_a_new_entry_that_is_not_what_was_hashed_is_not_signed(
    unchecked_house: House, statement: str
) -> None:
    house = unchecked_house
    house.attended()
    grow(house, 3)
    signed = newest(house)
    values = {"other": bytes(32)} if ":other" in statement else {}

    meddle(house.parts.stores.audit, statement, idx=stored(house).size - 2, **values)

    assert refused(house) == "entries"
    assert newest(house) == signed


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("DELETE FROM head", "ledger_head"),
        ("UPDATE head SET size = size + 1", "ledger_head"),
        ("UPDATE house SET house = tenant", "other_house"),
    ],
)
def test_a_head_that_is_none_and_another_house_are_refused(
    unchecked_house: House, statement: str, reason: str
) -> None:
    with unchecked_house.notary() as notary:
        notary.attend()

        meddle(unchecked_house.parts.stores.audit, statement)

        assert refused(unchecked_house, notary) == reason


def test_all_four_stores_of_yesterday_put_back_contradict_nothing_but_the_notary(house: House) -> None:
    house.attended()
    yesterday = copied(house)
    customer = house.known_to("servicedesk", house.admit())
    house.state(customer, "contract", by="servicedesk")
    house.attended()
    today = copied(house)

    put_back(house, yesterday)
    restarted = served(house.another())
    # The stores agree with each other, and with what the notary said yesterday.
    assert watch.look(restarted.parts) is None
    assert refused(house) == "ledger_shorter"

    assert watch.look(restarted.parts) == "notary_refuses"
    with pytest.raises(HouseLocked):
        restarted.call("servicedesk")
    put_back(house, today)
    house.attended()
    again = served(house.another())
    assert watch.look(again.parts) is None
    assert again.disclose("servicedesk", customer, "name").id == customer


def test_a_ledger_that_was_signed_before_is_not_taken_up_by_a_notary_without_memory(house: House) -> None:
    house.attended()
    head_file(house).unlink()

    assert refused(house) == "own_head_lost"
    with house.notary() as notary:
        assert notary.accept() is None
        assert notary.attend().tree == stored(house)


def test_a_head_that_was_taken_away_or_edited_meanwhile_is_missed(house: House) -> None:
    with house.notary() as notary:
        notary.attend()
        packed = head_file(house).read_bytes()

        head_file(house).unlink()
        gone = refused(house, notary)
        head_file(house).write_bytes(packed.replace(b'"size":', b'"size":1'))
        edited = refused(house, notary)
        head_file(house).write_bytes(packed)

        assert (gone, edited) == ("own_head_lost", "own_head_lost")
        assert notary.attend().tree == stored(house)


def test_a_head_that_is_none_is_refused(house: House) -> None:
    house.attended()
    packed = head_file(house).read_bytes()

    for broken in (packed[:-1], b"", packed.replace(b'"v":1', b'"v":2'), packed + b" "):
        head_file(house).write_bytes(broken)
        assert refused(house) == "own_head_broken"


def test_an_operator_takes_the_ledger_as_it_stands_and_what_was_known_is_kept(unchecked_house: House) -> None:
    house = unchecked_house
    grow(house, 5)
    known = house.attended()
    cut(house, 2)
    with house.notary() as notary:
        kept = notary.accept()
        head = notary.attend()

    assert head.tree == stored(house)
    assert kept is not None
    assert kept.read_bytes() == known.pack()
    assert house.attended() == head


# ---- the keys ----


def test_the_next_pair_signs_after_a_rotation_and_the_one_before_counts_for_what_it_signed(
    house: House,
) -> None:
    house.attended()
    before = newest(house)
    with house.keeper() as keeper:
        signing_keys.rotate(keeper, house.operator)

    house.attended()

    after = newest(house)
    old, new = keys_of(house)[:2], keys_of(house)[2:]
    windows = windows_of(house.parts.stores.audit)
    assert verified(after, tuple(keys_of(house))) == tuple(new)
    assert [counts(windows, key, before.checkpoint.size) for key in (*old, *new)] == [
        True,
        True,
        False,
        False,
    ]
    assert [counts(windows, key, after.checkpoint.size) for key in (*old, *new)] == [False, False, True, True]


def test_nothing_is_signed_by_a_revoked_key_until_another_is_open(house: House) -> None:
    house.attended()
    with house.keeper() as keeper:
        for key in keys_of(house):
            signing_keys.revoke(keeper, house.operator, key_id(key), reason="lost")
        assert refused(house) == "no_open_key"

        opened = signing_keys.open_first(keeper, house.operator)

    assert [one.number for one in opened] == [2, 2]
    house.attended()
    assert verified(newest(house), tuple(keys_of(house))) == tuple(one.key for one in opened)


def test_a_founded_house_has_a_pair_open_and_a_second_is_not_opened_by_accident(house: House) -> None:
    with house.keeper() as keeper:
        assert signing_keys.open_first(keeper, house.operator) == []

        assert len(keys_of(house)) == 2
        with pytest.raises(VaultError, match="not_found"):
            signing_keys.revoke(keeper, house.operator, bytes(16), reason="lost")


def told_of(house: House, kind: Kind, *about: ObjectRef) -> None:
    """Let entries about keys stand in the ledger, as whoever writes the audit store can put them there."""
    parts = house.parts
    for one in about:
        parts.ledger.append(
            Entry(
                id=EntryId(parts.new_id()),
                at_ms=millis(house.clock()),
                kind=kind,
                actor=ActorRef("operator:1000", "operator"),
                outcome="recorded",
                action=Action.GOVERN,
                object=one,
            )
        )


def stranger(house: House) -> ObjectRef:
    """A key that somebody else has made in the name of the ledger."""
    return key_object(Signer(origin_of(house.parts.house.house), KeyKind.ED25519, bytes(32)).key)


def test_a_key_that_the_slot_does_not_make_is_not_vouched_for(house: House) -> None:
    with house.notary() as notary:
        signed = notary.attend()
        told_of(house, Kind.SIGNING_KEY_OPENED, stranger(house))

        assert refused(house, notary) == "foreign_key"

    assert refused(house) == "foreign_key"
    assert newest(house).checkpoint.size == signed.tree.size


def test_a_known_key_under_another_name_is_not_vouched_for(house: House) -> None:
    house.attended()
    with house.keeper() as keeper:
        own = keeper.keys.pair(2).keys[0]

    told_of(house, Kind.SIGNING_KEY_OPENED, replace(stranger(house), id=key_id(own)))

    assert refused(house) == "foreign_key"


def test_an_operator_lets_a_foreign_key_pass_once_it_is_revoked(unchecked_house: House) -> None:
    house = unchecked_house
    house.attended()
    told_of(house, Kind.SIGNING_KEY_OPENED, stranger(house))
    with house.notary() as notary:
        notary.accept()
        assert refused(house, notary) == "foreign_key"

    with house.keeper() as keeper:
        foreign = signing_keys.foreign(Signing(house.parts.stores.audit, keeper.keys))
        for key in foreign:
            signing_keys.revoke(keeper, house.operator, key, reason="foreign")
    with house.notary() as notary:
        notary.accept()
        head = notary.attend()

    assert [*foreign] == [stranger(house).id]
    assert head.tree == stored(house)
    # What was let pass is remembered by nobody, so that no number of them fills the notary's file.
    assert {*head.windows} == {key_id(key) for key in keys_of(house)}
    grow(house)
    assert house.attended().tree == stored(house)


def test_a_key_of_our_own_that_somebody_ended_stops_the_notary(house: House) -> None:
    house.attended()

    told_of(house, Kind.SIGNING_KEY_REVOKED, key_object(keys_of(house)[0]))

    assert refused(house) == "no_open_key"


def test_a_head_that_could_not_be_read_again_is_not_written(house: House) -> None:
    house.attended()
    packed = head_file(house).read_bytes()

    with pytest.raises(Unavailable, match="notary_unavailable"):
        NotaryFiles(head_file(house).parent).write(bytes(LONGEST + 1))

    assert head_file(house).read_bytes() == packed


def test_a_key_is_ended_once(house: House) -> None:
    key = key_id(keys_of(house)[0])
    with house.keeper() as keeper:
        signing_keys.revoke(keeper, house.operator, key, reason="lost")

        with pytest.raises(VaultError, match="revoked"):
            signing_keys.revoke(keeper, house.operator, key, reason="lost")
        # Half a pair signs nothing: the next one is opened whole.
        assert [one.number for one in signing_keys.open_first(keeper, house.operator)] == [2, 2]


@pytest.mark.parametrize("becomes", ["gone", "another", "open to others"])
def test_a_signing_slot_that_is_not_what_it_was_is_missed_while_the_notary_runs(
    house: House, becomes: str
) -> None:
    slot = house.settings.slots["SIGNING"]
    with house.notary() as notary:
        notary.attend()

        kept = slot.rename(slot.with_suffix(".kept"))
        if becomes == "another":
            create_slot_file(slot)
        elif becomes == "open to others":
            slot.write_bytes(kept.read_bytes())
            slot.chmod(0o644)
        gone = refused(house, notary)
        kept.rename(slot)

        assert gone == "key_gone"
        assert notary.attend().tree == stored(house)


def test_without_the_signing_slot_no_notary_begins(house: House) -> None:
    house.settings.slots["SIGNING"].unlink()

    with pytest.raises(Misconfigured, match="VAULT_ROOT_SIGNING_FILE"), house.notary():
        pass


def test_who_serves_has_no_signing_slot(house: House) -> None:
    assert "SIGNING" not in house.parts.keyring._slots.served


def test_in_production_no_notary_signs_a_store_that_may_lose_commits(postgresql_house: House) -> None:
    settings = replace(settings_of(postgresql_house.settings), mode=Mode.PRODUCTION)

    with pytest.raises(Misconfigured, match="fsync=off"), open_seat(settings, clock=now):
        pass


# ---- its directory ----


def test_a_directory_that_is_open_to_others_is_refused(house: House) -> None:
    house.attended()
    head_file(house).parent.chmod(0o750)

    with pytest.raises(Misconfigured, match=r"VAULT_NOTARY_DIR: .* is open to others"), house.notary():
        pass


def test_a_directory_that_cannot_be_made_is_refused(house: House) -> None:
    (house.settings.state_dir / "notary").write_text("a file")

    with pytest.raises(Misconfigured, match=r"VAULT_NOTARY_DIR: .* is not a plain directory"), house.notary():
        pass


def test_the_own_head_is_private_and_replaced_whole(house: House) -> None:
    house.attended()

    assert head_file(house).stat().st_mode & 0o777 == 0o600
    assert head_file(house).parent.stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in head_file(house).parent.iterdir()) == ["head", "lock"]


def test_a_directory_elsewhere_is_said_to_be_apart(house: House, tmp_path: Path) -> None:
    house.attended()
    near = heeding.notice(house.parts.stores.audit, uid=-1)
    house.settings = replace(house.settings, notary_dir=tmp_path / "elsewhere")
    with house.notary() as notary:
        notary.accept()
        notary._head = None
        (tmp_path / "elsewhere" / "head").write_bytes(head_file(house).read_bytes())
        notary.attend()

    far = heeding.notice(house.parts.stores.audit, uid=-1)

    assert near is not None
    assert far is not None
    assert (near.dependent, far.dependent) == (("same_place",), ())
    own = heeding.notice(house.parts.stores.audit, uid=far.uid)
    assert own is not None
    assert own.dependent == ("same_user",)


# ---- what the workers do behind it ----


def test_a_house_that_was_never_heard_of_by_a_notary_answers_nobody(house: House) -> None:
    served(house)

    assert watch.look(house.parts) == "notary_silent"
    with pytest.raises(HouseLocked):
        house.call("intake")
    house.attended()
    assert watch.look(house.parts) is None


def test_sixty_seconds_after_the_notary_was_heard_last_no_profile_is_shown(house: House) -> None:
    customer = house.known_to("servicedesk", house.admit())
    house.state(customer, "contract", by="servicedesk")
    client = house.client("servicedesk")
    path = f"/v1/profiles/{customer}?fields=name"
    house.attended()
    served(house)
    watch.look(house.parts)

    house.clock.advance(timedelta(seconds=60))
    heard = client.get(path)
    house.clock.advance(timedelta(seconds=1))
    # Before anybody has looked again.
    silent = client.get(path)
    ready = client.get("/readyz")
    watch.look(house.parts)
    house.attended()
    watch.look(house.parts)
    again = client.get(path)

    assert heard.status_code == 200
    assert (silent.status_code, silent.get_json()["code"]) == (503, "house_locked")
    assert "treatments" not in silent.get_json()
    assert (ready.status_code, ready.get_json()["locked"]) == (503, "notary_silent")
    assert again.status_code == 200
    told = [entry for entry in house.entries() if entry["kind"].startswith("house.")][1:]
    assert [(one["kind"], one["reason_code"]) for one in told] == [
        ("house.locked", "notary_silent"),
        ("house.unlocked", "notary_silent"),
    ]


def test_a_worker_hears_of_a_refusal_between_two_looks(unchecked_house: House) -> None:
    house = served(unchecked_house)
    house.attended()
    assert watch.look(house.parts) is None
    head_file(house).unlink()
    refused(house)

    heeding.heed(house.parts)

    assert house.parts.lock.why(house.clock()) == "notary_refuses"


@pytest.mark.parametrize("at_ms", [2**62, -(2**62), 0, 4_102_444_800_000])
def test_what_no_notary_can_have_said_counts_as_silence(house: House, at_ms: int) -> None:
    served(house)
    house.attended()

    house.by_hand("audit", "UPDATE notary SET at_ms = :at", at=at_ms)

    assert watch.look(house.parts) == "notary_silent"


def test_a_planted_word_of_another_type_counts_as_silence(sqlite_house: House) -> None:
    served(sqlite_house)
    sqlite_house.attended()

    sqlite_house.by_hand("audit", "UPDATE notary SET at_ms = 'soon'")

    assert watch.look(sqlite_house.parts) == "notary_silent"


def test_a_notary_whose_store_is_gone_goes_on_when_it_is_back(house: House) -> None:
    with house.notary() as notary:
        notary.attend()
        grow(house)
        with befall(house, "audit", "gone"), pytest.raises(VaultError):
            notary.attend()

        assert notary.attend().tree == stored(house)


def test_every_answer_names_the_newest_checkpoint_that_the_worker_knows(house: House) -> None:
    client = house.client()
    before = client.get("/healthz")
    house.attended()
    heeding.heed(house.parts)

    answers = [client.get(path) for path in ("/healthz", "/nowhere", "/v1/subjects", "/openapi.json")]

    signed = newest(house).checkpoint
    assert "Vault-Checkpoint" not in before.headers
    assert {answer.headers["Vault-Checkpoint"] for answer in answers} == {
        f"{signed.size}:{signed.root.hex()}"
    }


def test_a_head_tells_nothing_but_hashes_and_keys(house: House) -> None:
    house.admit()
    house.attended()

    told = json.loads(head_file(house).read_bytes())

    assert sorted(told) == ["frontier", "house", "keys", "note", "root", "signed", "size", "v"]
    for value in house.secret_values:
        assert value not in head_file(house).read_text()


# ---- what a verification finds by what was signed ----


def faults(house: House) -> set[str]:
    return {one.reason for one in verify(house.parts.stores).faults}


def test_a_ledger_that_was_computed_anew_is_not_the_one_that_was_signed(unchecked_house: House) -> None:
    house = unchecked_house
    grow(house, 5)
    house.attended()
    grow(house)
    house.attended()
    assert faults(house) == set()

    rewritten(house, 4)

    # The tree itself is whole again: nothing but the signatures tells.
    assert faults(house) == {"checkpoint"}


def test_a_ledger_that_was_cut_is_shorter_than_what_was_signed(unchecked_house: House) -> None:
    house = unchecked_house
    grow(house, 5)
    house.attended()
    kept = house.rows_of("audit", "SELECT size, root, at_ms, note FROM checkpoint ORDER BY size DESC LIMIT 1")
    cut(house, 2)

    for size, root, at_ms, note in kept:
        house.by_hand(
            "audit",
            "INSERT INTO checkpoint (size, root, at_ms, note) VALUES (:size, :root, :at, :note)",
            size=size,
            root=root,
            at=at_ms,
            note=note,
        )

    assert faults(house) == {"checkpoint_past_end"}


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE checkpoint SET root = :other", "checkpoint_form"),
        ("UPDATE checkpoint SET note = :other", "checkpoint_form"),
        ("UPDATE checkpoint SET size = size - 1", "checkpoint_form"),
    ],
)
def test_a_checkpoint_that_was_edited_is_named(unchecked_house: House, statement: str, reason: str) -> None:
    house = unchecked_house
    house.attended()

    meddle(house.parts.stores.audit, statement, **({"other": bytes(32)} if ":other" in statement else {}))

    assert faults(house) == {reason}


def test_a_checkpoint_of_another_key_is_named(unchecked_house: House) -> None:
    house = unchecked_house
    house.attended()
    signed = newest(house).checkpoint
    with house.keeper() as keeper:
        forged = keeper.keys.pair(7).sign(signed, at_seconds=0)

    meddle(house.parts.stores.audit, "UPDATE checkpoint SET note = :note", note=forged.pack())

    assert faults(house) == {"checkpoint_signature"}


def test_a_key_that_was_planted_counts_for_nobody_who_has_the_keys_from_elsewhere(
    unchecked_house: House,
) -> None:
    house = unchecked_house
    house.attended()
    given = keys_of(house)
    thief = Signer(origin_of(house.parts.house.house), KeyKind.ED25519, bytes(32))
    told_of(house, Kind.SIGNING_KEY_OPENED, key_object(thief.key))
    grow(house)
    checkpoint = Checkpoint(thief.key.name, stored(house).size, stored(house).root())
    note = Note(checkpoint.text(), (thief.sign(checkpoint, at_seconds=1),))
    row = CheckpointRow(checkpoint.size, checkpoint.root, millis(house.clock()), note.pack())
    house.parts.stores.audit.transact(lambda conn: checkpoints.put(conn, row))

    report = verify(house.parts.stores, keys=given[:1])

    assert faults(house) == set()
    assert [(one.reason, one.first) for one in report.faults] == [("checkpoint_signature", row.size - 1)]


def test_a_given_key_leads_to_the_next_where_it_signed_beyond_its_opening(unchecked_house: House) -> None:
    house = unchecked_house
    house.attended()
    (given, *_) = keys_of(house)
    with house.keeper() as keeper:
        before, after = keeper.keys.pair(1).keys, keeper.keys.pair(2).keys
    told_of(house, Kind.SIGNING_KEY_OPENED, key_object(after[0]))
    # Half a pair signs nothing: this is signed by the one before, beyond the entry.
    house.attended()
    told_of(house, Kind.SIGNING_KEY_OPENED, key_object(after[1]))
    told_of(house, Kind.SIGNING_KEY_CLOSED, *map(key_object, before))
    house.attended()
    assert verified(newest(house), after) == after

    assert verify(house.parts.stores, keys=[given]).faults == ()
