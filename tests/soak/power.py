"""Power cuts: what a process did to its files is written down, and played back up to any moment."""

import os
import random
import shutil
import struct
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_NUMBERS = struct.Struct("=QQ")
_SECTOR_BYTES = 512


def build(folder: Path) -> Path | None:
    """Compile the recorder; None where the machine has no compiler."""
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None:
        return None
    library = folder / "power.so"
    source = Path(__file__).with_name("power.c")
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl", "-lpthread"]
    subprocess.run(command, check=True, capture_output=True)
    return library


def recorded(library: Path, state: Path, log: Path) -> Mapping[str, str]:
    """The environment under which a process is recorded."""
    log.touch(mode=0o600)
    return {"LD_PRELOAD": str(library), "POWER_FOLDER": str(state), "POWER_LOG": str(log)}


@dataclass(frozen=True)
class Act:
    """One thing that was done to a file, and where in the log it ends."""

    end: int
    kind: str
    path: str
    offset: int
    data: bytes


def acts(log: Path) -> Iterator[Act]:
    """Read the whole log."""
    said, at = log.read_bytes(), 0
    while at < len(said):
        kind, named = _NUMBERS.unpack_from(said, at)
        at += _NUMBERS.size
        path = said[at : at + named].decode()
        at += named
        offset, length = _NUMBERS.unpack_from(said, at)
        at += _NUMBERS.size + length
        yield Act(at, chr(kind), path, offset, said[at - length : at])


@dataclass
class Disk:
    """The files of a state directory: what is on the disk for certain, and what was only handed to it."""

    files: dict[str, bytearray] = field(default_factory=dict)
    unsynced: dict[str, list[Act]] = field(default_factory=dict)

    @classmethod
    def of(cls, state: Path) -> "Disk":
        """Take what lies there, all of it on the disk."""
        return cls({str(file): bytearray(file.read_bytes()) for file in state.glob("*.db*")})

    def take(self, act: Act) -> None:
        """Go one act further."""
        if act.kind == "U":
            # Whoever removes a file has flushed before whatever was still needed of it.
            self.files.pop(act.path, None)
            self.unsynced.pop(act.path, None)
        elif act.kind == "S":
            for one in self.unsynced.pop(act.path, []):
                _carry_out(self.files, one)
        else:
            self.unsynced.setdefault(act.path, []).append(act)

    def cut(self, folder: Path, chance: random.Random | None) -> None:
        """Leave in *folder* what a power cut leaves: without *chance* nothing that was not flushed.

        With it, any of the writes that were under way, each whole, torn at a sector, or not at all.
        """
        folder.mkdir(mode=0o700)
        files = {path: bytearray(content) for path, content in self.files.items()}
        for one in (act for acts_of in self.unsynced.values() for act in acts_of):
            if chance is not None and chance.random() < 0.5:
                _carry_out(files, _torn(one, chance))
        for path, content in files.items():
            file = folder / Path(path).name
            file.write_bytes(content)
            file.chmod(0o600)


def _torn(act: Act, chance: random.Random) -> Act:
    if act.kind != "W" or chance.random() < 0.7:
        return act
    kept = chance.randrange(0, len(act.data) + 1, _SECTOR_BYTES)
    return Act(act.end, act.kind, act.path, act.offset, act.data[:kept])


def _carry_out(files: dict[str, bytearray], act: Act) -> None:
    content = files.setdefault(act.path, bytearray())
    if act.kind == "T":
        del content[act.offset :]
        content.extend(bytes(act.offset - len(content)))
        return
    content.extend(bytes(max(0, act.offset - len(content))))
    content[act.offset : act.offset + len(act.data)] = act.data


def size_of(log: Path) -> int:
    """Where the log stands now."""
    return os.stat(log).st_size  # noqa: PTH116 - asked at each answer, so as cheaply as can be
