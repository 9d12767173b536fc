"""Comparing: whether of two exports or checkpoints the later continues the earlier, and where they part."""

from dataclasses import dataclass
from pathlib import Path

from vault.domain.canonical import Json
from vault.domain.merkle import EMPTY_ROOT
from vault.domain.note import MAX_NOTE_BYTES, Checkpoint, Note, VerifierKey
from vault.domain.tiles import TILE_WIDTH, frontier
from vault_verifier.anchors import read_anchor
from vault_verifier.export import Export, Missing
from vault_verifier.proving import judge_note
from vault_verifier.report import Report


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two: its checkpoint, the note around it, and its tiles where it is an export."""

    head: Checkpoint
    note: Note | None
    export: Export | None

    def root_at(self, size: int) -> bytes | None:
        """Compute the root of its first *size* leaves; None where it does not hold them."""
        if size == self.head.size:
            return self.head.root
        if self.export is None or size > self.head.size:
            return None
        return frontier(size, self.export.reader(self.head.size)).root() if size else EMPTY_ROOT


def diff(old: Path, new: Path, keys: tuple[VerifierKey, ...]) -> Report:
    """Compare two exports or checkpoints; where neither continues the other, that is a fork."""
    report = Report("diff")
    sides = [_side(report, path) for path in (old, new)]
    if sides[0] is None or sides[1] is None:
        return report
    one, other = sides[0], sides[1]
    report.facts.update(old=_head(one), new=_head(other))
    if one.head.origin != other.head.origin:
        report.fault("origin", what=other.head.origin)
        return report
    for side in (one, other):
        if side.note is not None and keys:
            judge_note(report, side.note, keys)
    shorter, longer = sorted((one, other), key=lambda side: side.head.size)
    try:
        reached = longer.root_at(shorter.head.size)
    except (Missing, ValueError):
        reached = None
    if reached is None:
        report.fault("root_unknown", shorter.head.size)
        report.facts["relation"] = "unknown"
    elif reached == shorter.head.root:
        report.facts["relation"] = "same" if one.head.size == other.head.size else "consistent"
        if other.head.size < one.head.size:
            report.fault("shorter_than_old", other.head.size, one.head.size - 1)
    else:
        _fork(report, shorter, longer)
    return report


def _fork(report: Report, shorter: Side, longer: Side) -> None:
    first = _first_difference(shorter, longer)
    report.facts["relation"] = "forked"
    report.facts["first_difference"] = first
    # Two signed checkpoints of one ledger that no proof can join: whoever has the key has told two stories.
    report.facts["evidence"] = [_told(shorter), _told(longer)]
    report.fault("fork", first, shorter.head.size - 1)


def _first_difference(shorter: Side, longer: Side) -> int | None:
    """Find the first leaf that the two have not in common; None where one of them has no leaves."""
    if shorter.export is None or longer.export is None:
        return None
    first = max(
        one.minimum(side.head.size) for side, one in ((shorter, shorter.export), (longer, longer.export))
    )
    for index in range(first // TILE_WIDTH, -(-shorter.head.size // TILE_WIDTH)):
        width = min(TILE_WIDTH, shorter.head.size - index * TILE_WIDTH)
        theirs = min(TILE_WIDTH, longer.head.size - index * TILE_WIDTH)
        try:
            mine = shorter.export.tile(0, index, width)
            other = longer.export.tile(0, index, theirs)
        except (Missing, ValueError):
            return None
        for at, (left, right) in enumerate(zip(mine, other, strict=False)):
            if left != right:
                return index * TILE_WIDTH + at
    return None


def _side(report: Report, path: Path) -> Side | None:
    try:
        if path.is_dir():
            export = Export(path)
            export.about()
            note = export.note()
            return Side(note.checkpoint, note, export)
        with path.open("rb") as file:
            anchor = read_anchor(path.name, file.read(MAX_NOTE_BYTES + 1))
    except Missing as missing:
        report.fault("file_missing", what=missing.name)
    except OSError:
        report.fault("file_missing", what=path.name)
    except ValueError:
        report.fault("note_unusable", what=path.name)
    else:
        return Side(anchor.head, anchor.note, None)
    return None


def _told(side: Side) -> str:
    return side.head.text() if side.note is None else side.note.pack().decode()


def _head(side: Side) -> Json:
    return {"size": side.head.size, "root": side.head.root.hex()}
