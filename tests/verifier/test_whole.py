"""An export of a signed ledger is verified with the public key alone, and says how far that reaches."""

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest

from scripts.bench.verifying import ORIGIN, disclosed, opening, write
from tests.auditing import OPERATOR, Audited, said
from tests.custody.ledgers import disclosure
from tests.notary import a_directory, hand_over, use
from vault.crypto.signing import Signer
from vault.domain.kinds import Kind
from vault.domain.note import Checkpoint, KeyKind, Note
from vault.errors import Conflict, NotFound

SIZE = 600


def test_an_export_as_it_was_signed_is_whole(audited: Audited) -> None:
    audited.grow(SIZE)
    audited.sign()

    done = audited.export()
    found = audited.verify()

    assert (done.size, done.added, done.fits) == (SIZE, SIZE, True)
    assert (found.code, found.faults, found.warnings) == (0, set(), set())
    assert found.report["verdict"] == "ok"
    assert (found.report["size"], found.report["root"]) == (SIZE, done.root.hex())
    assert found.report["signed_by"] == [audited.vkey]


def test_without_an_anchor_the_report_says_that_nothing_is_known_of_what_was_cut(on_files: Audited) -> None:
    on_files.sign()
    on_files.export()

    found = on_files.verify()

    assert found.report["anchors"] == {
        "count": 0,
        "newest": 0,
        "claimed": 0,
        "says": "anchors: 0, newest at size 0; truncation after 0 cannot be excluded",
    }


def test_what_the_anchors_of_the_house_gave_counts_where_a_witness_signed_it(on_files: Audited) -> None:
    use(on_files.house, a_directory(on_files.at / "wall"))
    on_files.grow(300)
    on_files.sign()
    hand_over(on_files.house)
    on_files.grow(310)
    on_files.sign()
    on_files.export()

    found = on_files.verify()

    assert (found.code, found.faults) == (0, set())
    assert found.report["anchors"]["says"] == (
        "anchors: 0, newest at size 0; truncation after 0 cannot be excluded; claimed by the house: 1"
    )

    witness = Signer("witness.example", KeyKind.COSIGNATURE, bytes(32))
    ((file, note),) = [
        (one, Note.unpack(one.read_bytes())) for one in (on_files.at / "export" / "anchors").rglob("*.note")
    ]
    file.write_bytes(note.signed_also([witness.sign(note.checkpoint, at_seconds=1)]).pack())
    policy = on_files.at / "policy"
    policy.write_text(f"witness W {witness.key.text()}\nquorum none\n")
    for word, key in (("--vkey", witness.key.text()), ("--policy", str(policy))):
        seen = on_files.verify(word, key)
        assert (seen.code, seen.report["anchors"]["says"]) == (
            0,
            "anchors: 1, newest at size 300; truncation after 300 cannot be excluded",
        )


def test_what_the_house_claims_that_others_hold_must_agree_all_the_same(on_files: Audited) -> None:
    on_files.grow(30)
    on_files.sign()
    on_files.export()
    claimed = on_files.at / "export" / "anchors" / "wall" / "20.note"
    claimed.parent.mkdir(parents=True)
    claimed.write_text(Checkpoint(on_files.origin, 20, b"x" * 32).text())

    found = on_files.verify()

    assert (found.code, found.faults) == (1, {"root: 0 to 19"})
    assert found.report["anchors"]["count"] == 0


@pytest.mark.parametrize("kind", ["note", "three lines"])
def test_an_anchor_that_the_ledger_continues_is_counted(on_files: Audited, kind: str) -> None:
    on_files.grow(300)
    note = on_files.sign()
    on_files.grow(310)
    on_files.sign()
    on_files.export()

    anchor = on_files.keep(note if kind == "note" else note.text)
    found = on_files.verify("--anchor", anchor)

    assert found.code == 0
    assert found.report["anchors"]["says"] == (
        "anchors: 1, newest at size 300; truncation after 300 cannot be excluded"
    )


@pytest.mark.parametrize("size", [2, 255, 256, 257, 511, 512, 513])
def test_every_size_around_a_tile_is_whole(on_files: Audited, size: int) -> None:
    if size > on_files.size:
        on_files.grow(size)
    on_files.sign()
    on_files.export()

    assert on_files.verify().code == 0


def test_an_export_leaves_an_entry_that_waits_for_the_next(audited: Audited) -> None:
    size = audited.size
    audited.sign()

    done = audited.export()

    last = audited.house.entries()[-1]
    assert (last["kind"], last["n"], last["actor"]["id"]) == (Kind.LEDGER_EXPORTED, size, OPERATOR)
    assert (done.size, audited.size) == (size, size + 1)


@pytest.mark.parametrize(("was", "size"), [(100, 101), (255, 256), (256, 300), (300, 800), (300, 300)])
def test_an_export_that_stands_is_continued(audited: Audited, was: int, size: int) -> None:
    audited.grow(was)
    audited.sign()
    audited.export()
    audited.grow(max(size, audited.size))
    audited.sign(size)

    done = audited.export()
    found = audited.verify()

    assert done.added == size - was
    assert (found.code, found.report["checkpoints"]) == (0, 3 if size > was else 2)
    assert tree_of(audited) == tree_of(audited, "anew", export=True)


def tree_of(audited: Audited, name: str = "export", *, export: bool = False) -> dict[str, bytes]:
    """Every tile and bundle for the newest size; narrower ones of older sizes may stand beside them."""
    if export:
        audited.export(name)
    home = audited.at / name / "tile"
    files = {str(one.relative_to(home)): one.read_bytes() for one in home.rglob("*") if one.is_file()}
    newest = {path.partition(".p/")[0]: path for path in sorted(files, key=lambda one: (len(one), one))}
    return {path: files[path] for path in newest.values()}


def test_what_is_written_and_signed_meanwhile_waits_for_the_next_export(audited: Audited) -> None:
    audited.grow(1_500)
    audited.sign()

    def meanwhile() -> None:
        audited.enter(disclosure(), disclosure())
        audited.sign()

    done = audited.export(meanwhile=meanwhile)
    found = audited.verify()

    assert (done.size, found.code, found.report["size"]) == (1_500, 0, 1_500)
    assert audited.size == 1_505
    assert audited.export().size == 1_505
    assert audited.verify().code == 0


def test_entries_of_a_later_kind_are_for_a_newer_tool(tmp_path: Path) -> None:
    signer = Signer(ORIGIN, KeyKind.ED25519, bytes(32))
    foreseen = disclosed(1).replace(b"profile.disclosed", b"profile.foreseen")
    write(tmp_path, [opening(signer), foreseen, disclosed(2)], signer)

    found = said("verify", str(tmp_path), "--vkey", signer.key.text())

    assert (found.code, found.faults) == (2, {"newer_than_this_tool: 1"})


def test_only_a_newer_checkpoint_will_do_where_one_is_asked_for(on_files: Audited) -> None:
    on_files.sign()
    on_files.export()

    with pytest.raises(Conflict, match="no_newer_checkpoint"):
        on_files.export(newer=True)


def test_what_nobody_signed_is_not_exported(on_files: Audited) -> None:
    with pytest.raises(NotFound, match="no_checkpoint"):
        on_files.export()


def test_a_directory_of_something_else_is_left_alone(on_files: Audited) -> None:
    on_files.sign()
    (on_files.at / "export").mkdir()
    (on_files.at / "export" / "letter").write_text("to somebody")

    with pytest.raises(Conflict, match="export_directory"):
        on_files.export()

    assert [one.name for one in (on_files.at / "export").iterdir()] == ["letter"]


def test_an_export_of_another_past_is_not_continued(audited: Audited) -> None:
    audited.grow(300)
    audited.sign()
    audited.export()
    audited.meddle("UPDATE entry SET body = :body WHERE idx = 20", body=disclosure().body())
    audited.rebuild()
    audited.restart()
    audited.grow(310)
    audited.sign()

    with pytest.raises(Conflict, match="export_differs"):
        audited.export()

    assert audited.verify().code == 0


def test_an_export_of_a_longer_ledger_is_not_cut(on_files: Audited) -> None:
    on_files.grow(300)
    on_files.sign(200)
    note = on_files.sign(300)
    on_files.export()
    on_files.meddle("DELETE FROM checkpoint WHERE size = 300")

    with pytest.raises(Conflict, match="export_ahead"):
        on_files.export()

    assert (on_files.at / "export" / "checkpoint").read_bytes() == note.pack()


@pytest.mark.parametrize("left", ["tile/0/001.p/44", "tile/entries/001.p/44", "export.json"])
def test_an_export_that_was_interrupted_is_the_older_one_and_is_done_again(
    on_files: Audited, left: str
) -> None:
    on_files.grow(270)
    on_files.sign()
    on_files.export()
    on_files.grow(300)
    on_files.sign()
    on_files.export("next")
    # As far as a crash let it come: some of the new, the checkpoint of the old.
    (on_files.at / "export" / left).write_bytes((on_files.at / "next" / left).read_bytes())

    before = on_files.verify()
    on_files.export()
    after = on_files.verify()

    assert (before.code, before.report["size"]) == (0, 270)
    assert (after.code, after.report["size"]) == (0, 300)


def test_an_export_that_was_interrupted_at_its_end_gets_its_older_checkpoints_from_the_next(
    on_files: Audited,
) -> None:
    for size in (270, 280, 290):
        on_files.grow(size)
        on_files.sign()
        on_files.export()
        on_files.house.clock.advance(timedelta(hours=1))
    older = on_files.at / "export" / "checkpoints"
    kept = {one.name for one in older.iterdir()}
    for name in ("280", "290"):
        (older / name).unlink()
    on_files.grow(300)
    on_files.sign()

    on_files.export()

    assert {one.name for one in older.iterdir()} == kept | {"300"}
    assert on_files.verify().code == 0


def test_of_many_checkpoints_each_hours_last_goes_along(on_files: Audited) -> None:
    sizes = range(10, 70)
    for size in sizes:
        on_files.grow(size)
        on_files.sign()
        on_files.house.clock.advance(timedelta(minutes=10))
    on_files.export()

    kept = sorted(int(one.name) for one in (on_files.at / "export" / "checkpoints").iterdir())

    assert len(kept) == 10
    assert kept[-1] == 69
    assert on_files.verify().report["checkpoints"] == 11


def test_an_export_is_for_nobody_but_who_made_it(on_files: Audited) -> None:
    on_files.grow(300)
    on_files.sign()
    was = os.umask(0)
    try:
        on_files.export("deep/export")
    finally:
        os.umask(was)

    made = [on_files.at / "deep", *(on_files.at / "deep").rglob("*")]
    assert {(one.is_dir(), one.stat().st_mode & 0o777) for one in made} == {(True, 0o700), (False, 0o600)}


def test_an_export_says_what_it_is(on_files: Audited) -> None:
    on_files.sign()
    on_files.export()

    about = json.loads((on_files.at / "export" / "export.json").read_bytes())

    assert about == {
        "v": 1,
        "house": on_files.origin.removeprefix("customer-vault/"),
        "origin": on_files.origin,
        "minimum_index": 0,
        "notary": None,
    }


def test_a_clock_that_was_set_back_is_a_warning_with_its_place(on_files: Audited) -> None:
    on_files.grow(40)
    on_files.house.clock.advance(timedelta(hours=-30))
    on_files.open_keys(on_files.pair(9))
    on_files.sign()
    on_files.export()

    found = on_files.verify()

    assert found.code == 0
    assert found.warnings == {"clock_step_back: 40"}


def test_an_export_of_a_form_that_is_not_known_is_not_judged(on_files: Audited) -> None:
    on_files.sign()
    on_files.export()
    about = on_files.at / "export" / "export.json"
    about.write_bytes(about.read_bytes().replace(b'"v":1', b'"v":2'))

    found = on_files.verify()

    assert (found.code, found.faults) == (2, {"export_unusable"})


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["verify", "nowhere"], "key_unusable"),
        (["verify", "nowhere", "--vkey", "none"], "key_unusable"),
        (["verify", "nowhere", "--vkey", "a+00000000+AAAA"], "key_unusable"),
        (["check-proof", "nowhere"], "key_unusable"),
        (["diff", "nowhere", "nowhere"], "file_missing"),
    ],
)
def test_what_cannot_be_used_is_said_and_ends_with_2(words: list[str], fault: str) -> None:
    found = said(*words)

    assert (found.code, found.faults) == (2, {fault})
    assert found.report["verdict"] == "incomplete"


def test_an_export_that_is_not_there_ends_with_2(on_files: Audited) -> None:
    found = on_files.verify(name="nowhere")

    assert (found.code, found.faults) == (2, {"file_missing"})
