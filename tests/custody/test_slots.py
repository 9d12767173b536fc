"""Slot files: what is served, what is refused, and what opens under a slot."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.custody.providers.local import SEALED_BYTES, LocalSlots, create_slot_file
from vault.errors import Corrupt, Misconfigured

KEY = bytes(range(32))
SLOTS = LocalSlots({"KEK_T3": bytes(range(100, 132)), "KEK_T4": bytes(range(200, 232))})
SEALED = SLOTS.seal("KEK_T3", KEY, context=b"context", draw=os.urandom)


def test_a_slot_file_serves_its_slot(tmp_path: Path) -> None:
    create_slot_file(tmp_path / "three")
    create_slot_file(tmp_path / "four")

    slots = LocalSlots.read({"KEK_T3": tmp_path / "three", "KEK_T4": tmp_path / "four"})

    assert slots.served == {"KEK_T3", "KEK_T4"}
    sealed = slots.seal("KEK_T3", KEY, context=b"context", draw=os.urandom)
    assert LocalSlots.read({"KEK_T3": tmp_path / "three"}).open("KEK_T3", sealed, context=b"context") == KEY


def test_a_new_slot_file_is_its_owners_alone_and_replaces_none(tmp_path: Path) -> None:
    path = tmp_path / "slot"

    create_slot_file(path, draw=bytes)

    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_bytes() == b"vault-slot-1 " + b"A" * 43 + b"\n"
    with pytest.raises(FileExistsError):
        create_slot_file(path)


def test_a_slot_without_a_file_is_not_served(tmp_path: Path) -> None:
    create_slot_file(tmp_path / "three")

    slots = LocalSlots.read({"KEK_T3": tmp_path / "three", "KEK_T4": tmp_path / "none"})

    assert slots.served == {"KEK_T3"}


def test_a_slot_whose_file_cannot_be_read_is_not_served(tmp_path: Path) -> None:
    # A directory cannot be read as a file, whoever asks; root may read any file.
    assert LocalSlots.read({"KEK_T4": tmp_path}).served == frozenset()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610])
def test_a_slot_file_that_others_may_read_stops_the_start(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "slot"
    create_slot_file(path)
    path.chmod(mode)

    with pytest.raises(Misconfigured) as caught:
        LocalSlots.read({"KEK_T3": path})

    assert caught.value.faults == (f"{path} (slot KEK_T3) is open to others; run 'chmod 600 {path}'.",)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "vault-slot-1",
        "vault-slot-2 " + "A" * 43,
        "vault-slot-1 " + "A" * 42,
        "vault-slot-1 " + "A" * 44,
        "vault-slot-1 " + "A" * 42 + "=",
        "vault-slot-1 " + "A" * 42 + "+",
        "vault-slot-1 " + "A" * 43 + "\n\n",
        "vault-slot-1 " + "A" * 43 + "\nmore",
        " vault-slot-1 " + "A" * 43,
    ],
)
def test_a_file_that_is_no_slot_file_stops_the_start(tmp_path: Path, text: str) -> None:
    path = tmp_path / "slot"
    path.write_text(text)
    path.chmod(0o600)

    with pytest.raises(Misconfigured, match="is not a slot file"):
        LocalSlots.read({"KEK_T3": path})


def test_all_bad_slot_files_are_told_at_once(tmp_path: Path) -> None:
    paths = {name: tmp_path / name for name in ("KEK_T3", "KEK_T4")}
    for path in paths.values():
        path.write_text("nothing")
        path.chmod(0o600)

    with pytest.raises(Misconfigured) as caught:
        LocalSlots.read(paths)

    assert len(caught.value.faults) == 2


def test_two_slots_may_not_share_a_secret(tmp_path: Path) -> None:
    create_slot_file(tmp_path / "slot")

    with pytest.raises(Misconfigured, match="KEK_T3, KEK_T4 hold the same secret"):
        LocalSlots.read({"KEK_T3": tmp_path / "slot", "KEK_T4": tmp_path / "slot"})


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=60))
def test_a_key_opens_under_its_slot_and_context(key: bytes, context: bytes) -> None:
    sealed = SLOTS.seal("KEK_T3", key, context=context, draw=os.urandom)

    assert len(sealed) == SEALED_BYTES
    assert SLOTS.open("KEK_T3", sealed, context=context) == key


@pytest.mark.parametrize(
    ("slot", "context"), [("KEK_T4", b"context"), ("KEK_T3", b"another"), ("KEK_T3", b"")]
)
def test_another_slot_or_context_opens_nothing(slot: str, context: bytes) -> None:
    with pytest.raises(Corrupt) as caught:
        SLOTS.open(slot, SEALED, context=context)

    assert caught.value.reason == "slot_commitment"


@given(st.integers(0, SEALED_BYTES * 8 - 1))
def test_a_flipped_bit_opens_nothing(bit: int) -> None:
    flipped = (int.from_bytes(SEALED) ^ 1 << bit).to_bytes(SEALED_BYTES)

    with pytest.raises(Corrupt) as caught:
        SLOTS.open("KEK_T3", flipped, context=b"context")

    assert caught.value.reason in {"slot_version", "slot_commitment", "aead"}


@pytest.mark.parametrize("odd", [b"", SEALED[:-1], SEALED + b"\0"])
def test_a_cut_or_extended_key_opens_nothing(odd: bytes) -> None:
    with pytest.raises(Corrupt) as caught:
        SLOTS.open("KEK_T3", odd, context=b"context")

    assert caught.value.reason == "slot_length"


def test_a_closed_provider_serves_nothing() -> None:
    slots = LocalSlots({"KEK_T3": bytes(32)})

    slots.close()

    assert slots.served == frozenset()


def test_no_repr_shows_a_secret() -> None:
    secret = bytes(range(100, 132))

    shown = repr(LocalSlots({"KEK_T3": secret}))

    assert secret.hex() not in shown
    assert "\\x" not in shown
