"""Whatever an owner of the stores did to the ledger is found with an export and the public key alone."""

from base64 import b64encode
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.auditing import Audited, said
from tests.custody.ledgers import disclosure
from vault.domain.bundles import bundle_path, pack_bundle, tile_path, unpack_bundle
from vault.domain.grants import token_text
from vault.domain.kinds import Kind
from vault.domain.note import Checkpoint, Note
from vault.services import attest

# Two full tiles and a tail; anchors at 300 and 500.
SIZE = 600
EARLY, LATE = 300, 500


@pytest.fixture
def stood(audited: Audited) -> Audited:
    """A ledger with two older checkpoints, of which the first is anchored elsewhere."""
    return standing(audited)


def standing(audited: Audited) -> Audited:
    audited.grow(SIZE)
    audited.keep(audited.sign(EARLY))
    # Of the checkpoints of one hour only the last goes along.
    audited.house.clock.advance(timedelta(hours=1))
    audited.keep(audited.sign(LATE), "late")
    audited.house.clock.advance(timedelta(hours=1))
    audited.sign()
    return audited


def edit(audited: Audited, idx: int) -> None:
    audited.meddle("UPDATE entry SET body = :body WHERE idx = :idx", idx=idx, body=disclosure().body())


def delete(audited: Audited, idx: int) -> None:
    audited.meddle("DELETE FROM entry WHERE idx = :idx", idx=idx)


def delete_and_renumber(audited: Audited, idx: int) -> None:
    """Take an entry out, close the gap, put something else last, and compute everything anew."""
    delete(audited, idx)
    for later in range(idx + 1, SIZE):
        audited.meddle("UPDATE entry SET idx = idx - 1 WHERE idx = :later", later=later)
    last = disclosure()
    audited.meddle(
        "INSERT INTO entry (idx, entry, leaf, body) VALUES (:idx, :id, :leaf, :body)",
        idx=SIZE - 1,
        id=last.id,
        leaf=bytes(32),
        body=last.body(),
    )
    audited.rebuild()


def swap(audited: Audited, idx: int) -> None:
    for was, becomes in ((idx, -1), (idx + 1, idx), (-1, idx + 1)):
        audited.meddle("UPDATE entry SET idx = :becomes WHERE idx = :was", was=was, becomes=becomes)


# ---- rows of the table ----


@pytest.mark.parametrize("idx", [0, 255, 256, 399, 511, 512, 599])
def test_1_an_edited_body_is_named(stood: Audited, idx: int) -> None:
    edit(stood, idx)

    done = stood.export()
    found = stood.verify()

    assert done.fits  # The tree is as it was signed; the entry is not.
    assert (found.code, found.faults) == (1, {f"leaf: {idx}"})


@pytest.mark.parametrize(("idx", "place"), [(20, "0 to 299"), (400, "300 to 499"), (550, "500 to 599")])
def test_2_what_was_recomputed_is_not_what_was_signed(stood: Audited, idx: int, place: str) -> None:
    edit(stood, idx)
    stood.rebuild()

    done = stood.export()
    found = stood.verify()

    assert not done.fits
    assert found.code == 1
    assert f"root: {place}" in found.faults


def test_3_what_was_signed_anew_with_the_stolen_key_is_not_what_is_anchored(stood: Audited) -> None:
    edit(stood, 400)
    stood.rebuild()
    stood.meddle("DELETE FROM checkpoint")
    stood.sign()

    stood.export()
    alone = stood.verify()
    early = stood.verify("--anchor", str(stood.at / "anchor"))
    late = stood.verify("--anchor", str(stood.at / "late"))

    # Nobody can know without an anchor that is larger than the place; with one it is named.
    assert (alone.code, early.code) == (0, 0)
    assert early.report["anchors"]["newest"] == EARLY
    assert (late.code, late.faults) == (1, {"root: 0 to 499"})


@pytest.mark.parametrize("idx", [0, 399, 512, 599])
def test_4_a_deleted_entry_is_missed(stood: Audited, idx: int) -> None:
    delete(stood, idx)

    stood.export()
    found = stood.verify()

    assert found.code == 1
    assert f"missing: {idx}" in found.faults


def test_4_a_gap_that_was_closed_is_not_what_was_signed(stood: Audited) -> None:
    delete_and_renumber(stood, 400)

    stood.export()
    found = stood.verify()

    assert found.code == 1
    assert {"root: 300 to 499"} <= found.faults


@pytest.mark.parametrize("idx", [10, 255, 598])
def test_4_swapped_entries_are_named(stood: Audited, idx: int) -> None:
    swap(stood, idx)

    stood.export()
    found = stood.verify()

    assert found.code == 1
    # In a full tile the tree remembers them; in the tail the root does.
    expected = {f"leaf: {idx}", f"leaf: {idx + 1}"} if idx < 511 else {"root: 500 to 599"}
    assert expected <= found.faults


def test_5_a_ledger_that_was_cut_does_not_reach_its_anchor(stood: Audited) -> None:
    stood.meddle("DELETE FROM entry WHERE idx >= 400")
    stood.meddle("DELETE FROM checkpoint WHERE size >= 400")
    stood.rebuild()

    stood.export()
    alone = stood.verify()
    found = stood.verify("--anchor", str(stood.at / "late"))

    assert alone.code == 0
    assert alone.report["anchors"]["says"].endswith("truncation after 0 cannot be excluded")
    assert (found.code, found.faults) == (1, {"shorter_than_anchor: 300 to 499"})


def test_6_a_row_that_was_planted_behind_the_head_is_not_exported(stood: Audited) -> None:
    planted = disclosure()
    stood.meddle(
        "INSERT INTO entry (idx, entry, leaf, body) VALUES (:idx, :id, :leaf, :body)",
        idx=SIZE,
        id=planted.id,
        leaf=bytes(32),
        body=planted.body(),
    )

    done = stood.export()
    found = stood.verify()
    report = attest.verify(stood.house.parts.stores)

    # The ledger is closed, the signed part is as it was, and who looks at the store itself is told.
    assert not done.entered
    assert (found.code, found.report["size"]) == (0, SIZE)
    assert {str(one) for one in report.faults} == {f"past_head: {SIZE}"}


def test_7_two_ledgers_that_grow_apart_under_one_key_are_a_fork(stood: Audited) -> None:
    stood.export()
    kept = (stood.at / "export" / "checkpoint").read_bytes()
    edit(stood, 550)
    stood.rebuild()
    stood.meddle("DELETE FROM checkpoint WHERE size > 500")
    stood.restart()
    stood.grow(SIZE + 50)
    stood.sign()
    stood.export("other")

    found = said("diff", str(stood.at / "export"), str(stood.at / "other"), "--vkey", stood.vkey)

    assert (found.code, found.faults) == (1, {"fork: 550 to 599"})
    assert found.report["relation"] == "forked"
    assert found.report["first_difference"] == 550
    other = (stood.at / "other" / "checkpoint").read_bytes()
    assert found.report["evidence"] == [kept.decode(), other.decode()]
    assert len(found.report["signed_by"]) == 1


def test_9_whatever_bit_of_a_checkpoint_is_another_it_is_refused(on_files: Audited) -> None:
    on_files.grow(20)
    packed = on_files.sign(signers=on_files.signers[:1]).pack()
    on_files.export()
    checkpoint = on_files.at / "export" / "checkpoint"

    accepted = []
    for at in range(len(packed)):
        for bit in (0, 3, 7):
            changed = bytearray(packed)
            changed[at] ^= 1 << bit
            checkpoint.write_bytes(changed)
            if on_files.verify().code == 0:
                accepted.append((at, bit))

    assert accepted == []


@pytest.mark.parametrize("change", ["size", "leading zero", "root", "extension", "no text", "line ends"])
def test_9_a_malformed_checkpoint_is_refused(on_files: Audited, change: str) -> None:
    on_files.grow(20)
    packed = on_files.sign().pack()
    root = packed.split(b"\n")[2]
    on_files.export()
    changed = {
        "size": packed.replace(b"\n20\n", b"\n19\n"),
        "leading zero": packed.replace(b"\n20\n", b"\n020\n"),
        "root": packed.replace(root, root[:-4]),
        "extension": packed.replace(root, root + b"\nmore"),
        "no text": b"\n\n" + packed.partition(b"\n\n")[2],
        "line ends": packed.replace(b"\n", b"\r\n"),
    }[change]
    (on_files.at / "export" / "checkpoint").write_bytes(changed)

    assert on_files.verify().code != 0


# ---- files of the export ----


def flip(path: Path, at: int) -> None:
    changed = bytearray(path.read_bytes())
    changed[at] ^= 1
    path.write_bytes(changed)


FLIPPED = {
    "an entry": (bundle_path(1), 20, {"leaf: 256"}),
    "an entry of the tail": (bundle_path(2, 88), 1_000, None),
    "a length": (bundle_path(0), 1, None),
    "a leaf": (tile_path(0, 1), 32 * 5, {"leaf: 261", "tree: 256 to 511", "root: 0 to 299"}),
    "a leaf of the tail": (tile_path(0, 2, 88), 32 * 80, {"leaf: 592", "root: 500 to 599"}),
    "a node": (tile_path(1, 0, 2), 40, {"tree: 256 to 511"}),
    "the checkpoint's signature": ("checkpoint", 150, None),
    "an older checkpoint": ("checkpoints/500", 60, None),
}


@pytest.mark.parametrize("name", FLIPPED)
def test_one_flipped_byte_is_refused(on_files: Audited, name: str) -> None:
    path, at, expected = FLIPPED[name]
    standing(on_files).export()

    flip(on_files.at / "export" / path, at)
    found = on_files.verify()

    assert found.code == 1
    assert expected is None or expected <= found.faults


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        (bundle_path(1), "file_missing: 256 to 511"),
        (bundle_path(2, 88), "file_missing: 512 to 599"),
        (tile_path(0, 0), "file_missing: 0 to 255"),
        (tile_path(1, 0, 2), "file_missing: 0 to 511"),
        ("checkpoint", "file_missing"),
        ("export.json", "file_missing"),
    ],
)
def test_a_file_that_did_not_come_along_leaves_the_whole_open(
    on_files: Audited, path: str, fault: str
) -> None:
    standing(on_files).export()

    (on_files.at / "export" / path).unlink()
    found = on_files.verify()

    assert (found.code, found.faults) == (2, {fault})


def test_a_narrower_tile_of_another_past_is_named(on_files: Audited) -> None:
    on_files.grow(300)
    on_files.sign()
    on_files.export()
    on_files.grow(310)
    on_files.sign()
    on_files.export()

    flip(on_files.at / "export" / tile_path(0, 1, 44), 0)
    found = on_files.verify()

    assert (found.code, found.faults) == (1, {"narrower_tile: 256 to 299"})


# ---- keys ----


def test_a_key_that_the_ledger_never_opened_signs_nothing(on_files: Audited) -> None:
    stranger = on_files.pair(7)
    on_files.grow(20)
    on_files.sign(signers=stranger)
    on_files.export()

    own = on_files.verify()
    theirs = said("verify", str(on_files.at / "export"), "--vkey", stranger[0].key.text())

    assert (own.code, "unsigned" in own.faults) == (2, True)
    assert (theirs.code, "signing_key: 20" in theirs.faults) == (1, True)


@pytest.mark.parametrize("kind", [Kind.SIGNING_KEY_CLOSED, Kind.SIGNING_KEY_REVOKED])
def test_a_key_that_was_ended_signs_nothing_more(on_files: Audited, kind: Kind) -> None:
    on_files.open_keys(on_files.signers, kind)
    on_files.grow(20)
    on_files.sign()
    on_files.export()

    found = on_files.verify()

    assert found.code == 1
    assert "signing_key: 20" in found.faults


@pytest.mark.parametrize("given", [1, 2])
def test_whoever_has_one_key_follows_to_the_next(on_files: Audited, given: int) -> None:
    after = on_files.pair(2)
    on_files.open_keys(after)
    on_files.sign()
    on_files.open_keys(on_files.signers, Kind.SIGNING_KEY_CLOSED)
    on_files.grow(20)
    on_files.sign(signers=after)
    on_files.export()

    vkey = on_files.pair(given)[0].key.text()
    found = said("verify", str(on_files.at / "export"), "--vkey", vkey)

    assert (found.code, found.faults) == (0, set())
    assert after[0].key.text() in found.report["signed_by"]
    named = [one["what"] for one in found.report["warnings"] if one["reason"] == "keys_followed"]
    assert named == [on_files.pair(3 - given)[0].key.text()]


@pytest.mark.parametrize(
    ("by", "expected"), [(1, (1, "shorter_than_checkpoint: 300 to 599")), (7, (2, "unsigned"))]
)
def test_a_checkpoint_that_is_larger_than_the_export_shows_that_it_was_cut(
    on_files: Audited, by: int, expected: tuple[int, str]
) -> None:
    on_files.grow(SIZE)
    on_files.sign(EARLY)
    on_files.export()
    cut = on_files.sign(SIZE, signers=on_files.pair(by)[:1])

    (on_files.at / "export" / "checkpoints" / "600").write_bytes(cut.pack())
    found = on_files.verify()

    assert (found.code, found.faults) == (expected[0], {expected[1]})


@pytest.mark.parametrize("key", ["revoked", "never opened"])
def test_nothing_is_proved_by_a_key_that_did_not_count(on_files: Audited, key: str) -> None:
    signers = on_files.signers if key == "revoked" else on_files.pair(7)
    if key == "revoked":
        on_files.open_keys(signers, Kind.SIGNING_KEY_REVOKED)
    on_files.enter(disclosure(b"A" * 16))
    size = on_files.sign(signers=signers).checkpoint.size
    on_files.export()
    export, vkey = str(on_files.at / "export"), signers[0].key.text()

    proved = said("prove", export, "0", "--vkey", vkey)
    listed = said("subject", export, token_text(b"A" * 16), "--vkey", vkey)

    for found in (proved, listed):
        assert (found.code, found.faults) == (1, {f"signing_key: {size}"})
        assert found.report["key_windows"] == "judged"
    assert "proof" not in proved.report


def test_a_size_that_nobody_signed_is_not_gone_through(on_files: Audited) -> None:
    on_files.sign()
    on_files.export()
    claimed = Checkpoint(on_files.origin, 10**15, b"x" * 32)
    stranger = on_files.pair(7)[0]
    (on_files.at / "export" / "checkpoint").write_bytes(
        Note(claimed.text(), (stranger.sign(claimed, at_seconds=1),)).pack()
    )

    beside = on_files.verify()
    for one in (on_files.at / "export" / "checkpoints").iterdir():
        one.unlink()
    alone = on_files.verify()
    subject = said("subject", str(on_files.at / "export"), token_text(b"A" * 16), "--vkey", on_files.vkey)

    # One that is signed stands beside it: then it ends where nothing more is to be had.
    assert (beside.code, "unsigned" in beside.faults) == (2, True)
    assert (alone.code, alone.faults) == (2, {"unsigned"})
    assert (subject.code, subject.faults) == (2, {"unsigned"})


def test_where_neither_leaves_nor_entries_came_along_it_ends(on_files: Audited) -> None:
    standing(on_files).export()
    for path in (tile_path(0, 0), bundle_path(0)):
        (on_files.at / "export" / path).unlink()

    found = on_files.verify()

    assert found.code == 2
    assert found.faults == {
        "file_missing: 0 to 255",
        "root_unknown: 0 to 299",
        "root_unknown: 0 to 499",
        "root_unknown: 0 to 599",
    }


def test_a_file_without_end_is_not_read_to_its_end(on_files: Audited) -> None:
    on_files.sign()
    on_files.export()
    endless, proof = on_files.at / "endless", on_files.at / "one.tlog-proof"
    with endless.open("wb") as file:
        file.truncate(1 << 40)
    said("prove", str(on_files.at / "export"), "0", "--vkey", on_files.vkey, "--out", str(proof))

    bundle = said("subject", str(endless), "--vkey", on_files.vkey)
    entry = said("check-proof", str(proof), "--entry", str(endless), "--vkey", on_files.vkey)

    assert (bundle.code, bundle.faults) == (2, {"bundle_unusable"})
    assert (entry.code, entry.faults) == (1, {"proof: 0"})


def test_a_signature_in_the_name_of_another_ledger_is_no_signature(on_files: Audited) -> None:
    on_files.grow(20)
    note = on_files.sign()
    on_files.export()
    other = Checkpoint("customer-vault/other", note.checkpoint.size, note.checkpoint.root)
    forged = Note(other.text(), tuple(one.sign(other, at_seconds=1) for one in on_files.signers))

    (on_files.at / "export" / "checkpoint").write_bytes(forged.pack())
    found = on_files.verify()

    assert found.code != 0


# ---- anchors ----


def test_an_anchor_of_another_root_is_named(on_files: Audited) -> None:
    on_files.grow(300)
    on_files.sign()
    on_files.export()
    head = Checkpoint(on_files.origin, 200, b"x" * 32)

    found = on_files.verify("--anchor", on_files.keep(head.text()))

    assert (found.code, found.faults) == (1, {"root: 0 to 199"})


def test_an_anchor_that_is_none_leaves_it_open(on_files: Audited) -> None:
    on_files.sign()
    on_files.export()
    other = Checkpoint("customer-vault/other", 1, b"x" * 32)

    for text in ("not an anchor", other.text()):
        found = on_files.verify("--anchor", on_files.keep(text))
        assert (found.code, found.faults) == (2, {"anchor_unusable"})


# ---- proofs ----


@pytest.mark.parametrize("idx", [0, 255, 256, 511, 599])
def test_a_proof_holds_by_itself(stood: Audited, idx: int) -> None:
    stood.export()
    file = stood.at / "one.tlog-proof"

    made = said("prove", str(stood.at / "export"), str(idx), "--vkey", stood.vkey, "--out", str(file))
    found = said("check-proof", str(file), "--vkey", stood.vkey)

    assert (made.code, found.code) == (0, 0)
    assert (found.report["index"], found.report["size"]) == (idx, SIZE)
    assert found.report["entry"] == made.report["entry"]
    # What one entry's proof says of the key that signed is not when it counted.
    assert made.report["key_windows"] == "judged"
    assert str(found.report["key_windows"]).startswith("not judged")


def test_nothing_is_proved_of_what_is_not_as_it_was_signed(on_files: Audited) -> None:
    standing(on_files).export()
    flip(on_files.at / "export" / bundle_path(1), 20)

    found = said("prove", str(on_files.at / "export"), "256", "--vkey", on_files.vkey)

    assert (found.code, found.faults) == (1, {"proof: 256"})
    assert "proof" not in found.report


def test_what_is_not_in_the_export_is_not_proved(on_files: Audited) -> None:
    on_files.sign()
    on_files.export()

    found = said("prove", str(on_files.at / "export"), "99", "--vkey", on_files.vkey)

    assert (found.code, found.faults) == (2, {"index: 99"})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(data=st.data())
def test_9_a_mutated_proof_is_refused(on_files: Audited, data: st.DataObject) -> None:
    file = on_files.at / "one.tlog-proof"
    if not file.exists():
        on_files.grow(100)
        on_files.sign(signers=on_files.signers[:1])
        on_files.export()
        said("prove", str(on_files.at / "export"), "57", "--vkey", on_files.vkey, "--out", str(file))
    changed = bytearray(file.read_bytes())
    at = data.draw(st.integers(0, len(changed) - 1))
    changed[at] ^= data.draw(st.integers(1, 255))
    mutated = on_files.at / "mutated"
    mutated.write_bytes(changed)

    assert said("check-proof", str(mutated), "--vkey", on_files.vkey).code != 0


# ---- subjects ----


def test_16_the_entries_of_a_subject_are_listed_each_with_its_proof(stood: Audited) -> None:
    token, other = b"A" * 16, b"B" * 16
    size = stood.size
    stood.enter(disclosure(token), disclosure(other), disclosure(other, token), disclosure())
    stood.sign()
    stood.export()

    found = said(
        "subject",
        str(stood.at / "export"),
        token_text(token),
        "--vkey",
        stood.vkey,
        "--proofs",
        str(stood.at / "p"),
    )

    assert found.code == 0
    assert found.report["count"] == 2
    assert {one["index"] for one in found.report["entries"]} <= set(range(size, size + 4))
    for one in found.report["entries"]:
        assert said("check-proof", one["proof"], "--vkey", stood.vkey).code == 0


def test_16_an_entry_of_a_subject_that_was_dropped_is_missed(on_files: Audited) -> None:
    token = b"A" * 16
    on_files.enter(disclosure(token), disclosure(token), disclosure(token))
    on_files.sign()
    on_files.export()
    bundle = on_files.at / "export" / bundle_path(0, on_files.size - 1)
    bodies = unpack_bundle(bundle.read_bytes())
    bundle.write_bytes(pack_bundle([*bodies[:-1], disclosure().body()]))

    found = said("subject", str(on_files.at / "export"), token_text(token), "--vkey", on_files.vkey)

    assert found.code == 1
    assert found.report["count"] == 2
    assert f"leaf: {len(bodies) - 1}" in found.faults


@pytest.mark.parametrize("token", ["", "AAAA", b64encode(b"A" * 16).decode()])
def test_what_is_no_audit_token_is_not_sought(on_files: Audited, token: str) -> None:
    on_files.sign()
    on_files.export()

    found = said("subject", str(on_files.at / "export"), token, "--vkey", on_files.vkey)

    assert (found.code, found.faults) == (2, {"token_unusable"})


# ---- comparing ----


def test_an_export_that_another_continues_is_consistent_with_it(on_files: Audited) -> None:
    on_files.grow(300)
    note = on_files.sign()
    on_files.export("old")
    on_files.grow(900)
    on_files.sign()
    on_files.export("new")
    old, new, anchor = str(on_files.at / "old"), str(on_files.at / "new"), on_files.keep(note)

    by_export = said("diff", old, new, "--vkey", on_files.vkey)
    by_note = said("diff", anchor, new, "--vkey", on_files.vkey)
    same = said("diff", old, anchor)
    back = said("diff", new, old)

    assert (by_export.code, by_export.report["relation"]) == (0, "consistent")
    assert (by_note.code, by_note.report["relation"]) == (0, "consistent")
    assert (same.code, same.report["relation"]) == (0, "same")
    assert (back.code, back.faults) == (1, {"shorter_than_old: 300 to 899"})


def test_of_two_checkpoints_alone_no_relation_is_known(on_files: Audited) -> None:
    one = on_files.keep(on_files.sign(), "one")
    on_files.grow(20)
    other = on_files.keep(on_files.sign(), "other")

    found = said("diff", one, other)

    assert (found.code, found.report["relation"]) == (2, "unknown")
