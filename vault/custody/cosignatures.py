"""Cosignatures: what a witness gave for a checkpoint is by its keys, or it is nothing."""

from collections.abc import Iterable

from vault.crypto.signing import verified
from vault.domain.note import KeyKind, Note, VerifierKey, parted

_WITNESS_KINDS = (KeyKind.COSIGNATURE, KeyKind.MLDSA44)


def keys_of(vkeys: Iterable[str]) -> tuple[VerifierKey, ...]:
    """Read a witness's keys; raises ValueError ``vkey`` for one that no witness cosigns by."""
    # C2SP tlog-cosignature: what a witness gives has a time, which plain Ed25519 has not.
    keys = tuple(map(VerifierKey.parse, vkeys))
    if not keys or any(key.kind not in _WITNESS_KINDS for key in keys):
        raise ValueError("vkey")
    return keys


def cosigned(note: Note, lines: bytes, keys: tuple[VerifierKey, ...]) -> Note:
    """Add what a witness answered to *note*: the lines that its *keys* signed, and no other's.

    Raises ValueError where there is none, one is not what it says to be, or has no time (C2SP tlog-witness).
    """
    answered = Note.unpack((note.text + "\n").encode() + lines)
    _check(answered, keys)
    return note.signed_also(one for one in answered.signatures if any(one.is_by(key) for key in keys))


def is_cosigned(packed: bytes, size: int, keys: tuple[VerifierKey, ...]) -> bool:
    """Tell whether these bytes are a note of the checkpoint of *size* that a witness cosigned."""
    try:
        note = Note.unpack(packed)
        _check(note, keys)
        is_of_size = note.checkpoint.size == size
    except ValueError:
        return False
    return is_of_size


def is_signed_by_each_kind(note: Note, keys: tuple[VerifierKey, ...]) -> bool:
    """Tell whether of each kind among *keys* one signed *note*; a line that is not what it says spoils it.

    Of a kind there may be several: the key that signs now, and the one that signs after the next rotation.
    """
    try:
        return {key.kind for key in verified(note, keys)} == {key.kind for key in keys}
    except ValueError:
        return False


def is_signed_by_any(note: Note, keys: tuple[VerifierKey, ...]) -> bool:
    """Tell whether one of *keys* signed *note*; a line that is not what it says to be spoils it."""
    try:
        return bool(verified(note, keys))
    except ValueError:
        return False


def _check(note: Note, keys: tuple[VerifierKey, ...]) -> None:
    by = verified(note, keys)
    if not by:
        raise ValueError("cosignature")
    for one in note.signatures:
        for key in by:
            if one.is_by(key) and parted(key.kind, one.signature)[0] == 0:
                raise ValueError("cosignature")
