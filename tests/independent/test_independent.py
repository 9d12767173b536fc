"""What others have written accepts what the vault hands out, and refuses it after one flipped byte."""

import shutil
from copy import copy
from dataclasses import replace
from pathlib import Path

import pytest

from tests.auditing import Audited, said
from tests.house import House
from tests.independent.programs import aics, build_go, openssl_verifies, run
from vault.domain.bundles import bundle_path, tile_path
from vault.domain.note import Note

SIZE = 600
FLIPPED = {
    "an entry": (bundle_path(1), 20),
    "an entry of the tail": (bundle_path(2, 88), 20),
    "a length": (bundle_path(0), 1),
    "a leaf": (tile_path(0, 1), 32 * 5),
    "a leaf of the tail": (tile_path(0, 2, 88), 32 * 80),
    "a node": (tile_path(1, 0, 2), 40),
    "the size": ("checkpoint", 42),
    "the root": ("checkpoint", 60),
    "the signature": ("checkpoint", 150),
}


@pytest.fixture(scope="session")
def go(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program around Go's own verifier."""
    return build_go(tmp_path_factory.mktemp("go"))


@pytest.fixture
def exported(unchecked_house: House, tmp_path: Path) -> Audited:
    """An export of a house in which somebody was admitted and looked at."""
    return exported_of(unchecked_house, tmp_path)


@pytest.fixture(scope="session")
def made() -> list[Audited]:
    """The one export that is copied for whoever flips a byte of it, once it was made."""
    return []


@pytest.fixture
def on_files(
    request: pytest.FixtureRequest,
    made: list[Audited],
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Audited:
    """The same where the database does not matter."""
    if not made:
        made.append(exported_of(request.getfixturevalue("sqlite_house"), tmp_path_factory.mktemp("made")))
    copy_of = copy(made[0])
    copy_of.at = tmp_path
    shutil.copytree(made[0].at / "export", tmp_path / "export")
    return copy_of


def exported_of(house: House, at: Path) -> Audited:
    at.mkdir(exist_ok=True)
    # What the auditor is given is the notary's own key.
    with house.keeper() as keeper:
        audited = Audited(house, at, keeper.keys.pair(1)._signers)
    customer = house.admit()
    house.state(customer, "contract")
    house.disclose("servicedesk", house.known_to("servicedesk", customer), "name")
    audited.grow(300)
    house.attended()
    house.clock.advance(house.hours(1))
    audited.grow(SIZE)
    house.attended()
    audited.export()
    return audited


def flip(audited: Audited, name: str) -> None:
    path, at = FLIPPED[name]
    file = audited.at / "export" / path
    changed = bytearray(file.read_bytes())
    changed[at] ^= 1
    file.write_bytes(changed)


def test_go_accepts_an_export(exported: Audited, go: Path) -> None:
    done = run(go, "export", exported.at / "export", exported.vkey)

    assert (done.returncode, done.stdout) == (0, f"ok: {SIZE} entries, 2 older checkpoints\n")


@pytest.mark.parametrize("name", FLIPPED)
def test_go_refuses_an_export_with_one_flipped_byte(on_files: Audited, go: Path, name: str) -> None:
    flip(on_files, name)

    assert run(go, "export", on_files.at / "export", on_files.vkey).returncode == 1


def test_go_accepts_the_proof_of_each_entry_of_a_subject(exported: Audited, go: Path) -> None:
    entry = next(one for one in exported.house.entries() if one["kind"] == "profile.disclosed")
    token = entry["sets"][0]["subjects"][0]

    found = said(
        "subject",
        str(exported.at / "export"),
        token,
        "--vkey",
        exported.vkey,
        "--proofs",
        str(exported.at / "p"),
    )

    assert found.report["count"] > 0
    for one in found.report["entries"]:
        assert run(go, "proof", one["proof"], exported.vkey).stdout == f"ok: entry {one['index']} of {SIZE}\n"


@pytest.mark.parametrize("line", range(12))
def test_go_refuses_a_proof_with_one_other_line(on_files: Audited, go: Path, line: int) -> None:
    file = on_files.at / "one"
    said("prove", str(on_files.at / "export"), "257", "--vkey", on_files.vkey, "--out", str(file))
    lines = file.read_bytes().split(b"\n")
    proved = lines[line]
    lines[line] = proved[:-2] + (b"xx" if proved[-2:] != b"xx" else b"yy")
    file.write_bytes(b"\n".join(lines))

    assert run(go, "proof", file, on_files.vkey).returncode == 1
    assert said("check-proof", str(file), "--vkey", on_files.vkey).code != 0


def test_aics_tlog_accepts_an_export(exported: Audited) -> None:
    assert aics_says(exported) == [0] * 7


@pytest.mark.parametrize("name", FLIPPED)
def test_aics_tlog_refuses_an_export_with_one_flipped_byte(on_files: Audited, name: str) -> None:
    flip(on_files, name)

    assert any(aics_says(on_files))


def aics_says(audited: Audited) -> list[int]:
    """Verify the checkpoint, that it continues an older one, and that entries of each tile are under it."""
    program, home = aics(), audited.at / "export"
    trusted = ["--log-key", audited.vkey, "--origin", audited.origin, "--tiles", home]
    done = [run(program, "verify-checkpoint", *trusted)]
    older = home / "checkpoints" / "300"
    done.append(run(program, "verify-consistency", "--old-checkpoint", older, *trusted))
    for index in (0, 256, 261, 512, 592):
        leaf = audited.at / f"leaf-{index}"
        leaf.write_bytes(entry_of(home, index))
        done.append(run(program, "verify-inclusion", "--index", index, "--leaf", leaf, *trusted))
    return [one.returncode for one in done]


def entry_of(home: Path, index: int) -> bytes:
    """Cut an entry out of its bundle, whatever the bundle is worth."""
    width = min(256, SIZE - index // 256 * 256)
    packed = (home / bundle_path(index // 256, width)).read_bytes()
    for _ in range(index % 256):
        packed = packed[2 + int.from_bytes(packed[:2]) :]
    return packed[2 : 2 + int.from_bytes(packed[:2])]


def test_openssl_accepts_the_signature_and_refuses_another(on_files: Audited, tmp_path: Path) -> None:
    note = Note.unpack((on_files.at / "export" / "checkpoint").read_bytes())
    key = on_files.signers[0].key
    (own,) = (one for one in note.signatures if one.is_by(key))
    flipped = replace(own, signature=own.signature[:-1] + bytes([own.signature[-1] ^ 1]))

    assert openssl_verifies(tmp_path, note, key)
    assert not openssl_verifies(tmp_path, Note(note.text, (flipped,)), key)
    assert not openssl_verifies(tmp_path, replace(note, text=note.text.replace("600", "601")), key)
