"""Anchors: what somebody else knows of the ledger, and which no owner of its stores can take back."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from vault.crypto.signing import verified
from vault.domain.canonical import Json
from vault.domain.note import MAX_NOTE_BYTES, Checkpoint, Note, VerifierKey
from vault_verifier.report import Report


@dataclass(frozen=True, slots=True)
class Anchor:
    """A checkpoint from elsewhere: a signed note, or no more than its three lines."""

    what: str
    head: Checkpoint
    note: Note | None = None


def read_anchor(what: str, packed: bytes) -> Anchor:
    """Read a signed note, or the three lines of one; raises ValueError."""
    try:
        note = Note.unpack(packed)
    except ValueError:
        text = packed.decode()
        return Anchor(what, Checkpoint.parse(text if text.endswith("\n") else text + "\n"))
    return Anchor(what, note.checkpoint, note)


def given(report: Report, paths: Iterable[str]) -> Iterator[Anchor]:
    """Read the anchors that the auditor has: files, or directories full of them."""
    for path in map(Path, paths):
        for file in sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]:
            try:
                with file.open("rb") as opened:
                    yield read_anchor(file.name, opened.read(MAX_NOTE_BYTES + 1))
            except (OSError, ValueError):
                report.fault("anchor_unusable", what=file.name)


def is_seen(anchor: Anchor, witnesses: tuple[VerifierKey, ...]) -> bool:
    """Tell whether one of *witnesses* has signed it: the house itself could do that again at any time."""
    try:
        return anchor.note is not None and bool(verified(anchor.note, witnesses))
    except ValueError:
        return False


def summary(anchors: Iterable[Anchor], *, claimed: int) -> dict[str, Json]:
    """Say how far the anchors reach, and what therefore nobody can know.

    So many notes of others came along that are *claimed* by the house alone.
    """
    sizes = [one.head.size for one in anchors]
    newest = max(sizes, default=0)
    reach = f"anchors: {len(sizes)}, newest at size {newest}"
    says = f"{reach}; truncation after {newest} cannot be excluded"
    if claimed:
        says += f"; claimed by the house: {claimed}"
    return {"count": len(sizes), "newest": newest, "claimed": claimed, "says": says}
