"""Sheets: the rows of an imported file, and what can be said of the file as a whole."""

import codecs
import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import BinaryIO, Final

from vault.domain.canonical import Json
from vault.errors import Misconfigured

# More than any customer needs, and little enough that a file without line ends costs no memory.
LARGEST_ROW_BYTES: Final = 1024 * 1024
ENCODINGS: Final = ("utf-8", "gb18030", "auto")

_BLOCK_BYTES = 1024 * 1024
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class Row:
    """One row by its place in the file: its cells by column, or the code of what is wrong with it.

    ``number`` counts rows from 1, ``line`` is the physical line where the row begins.
    """

    number: int
    line: int
    cells: Mapping[str, Json] = field(repr=False)
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a cell cannot be read; its row is told for it."""

    code: str


class Moment(str):
    """What a cell holds that is a date by its type: the ISO form, with the time where there is one."""

    __slots__ = ()

    @classmethod
    def of(cls, day: date, seconds: int = 0) -> "Moment":
        """Write a day, and the time of it where that is not midnight."""
        return cls(f"{day.isoformat()} {clock(seconds)}" if seconds else day.isoformat())

    @property
    def day(self) -> str:
        """The day alone."""
        return str(self[:10])


@dataclass(frozen=True, slots=True)
class Survey:
    """A file as a whole: its SHA-256, its size, and in which encodings it could be written."""

    digest: str
    size: int
    encodings: frozenset[str]


def survey(file: BinaryIO) -> Survey:
    """Read *file* once from its beginning, a block at a time."""
    digest, size = hashlib.sha256(), 0
    decoders = {name: codecs.getincrementaldecoder(name)() for name in ("utf-8", "gb18030")}
    file.seek(0)
    while block := file.read(_BLOCK_BYTES):
        if size == 0 and block.startswith(_UTF16_MARKS):
            raise Misconfigured(["The file is written in UTF-16; save it as CSV in UTF-8."])
        digest.update(block)
        size += len(block)
        decoders = {name: one for name, one in decoders.items() if _takes(one, block, final=False)}
    left = frozenset(name for name, one in decoders.items() if _takes(one, b"", final=True))
    return Survey(digest.hexdigest(), size, left)


def encoding_of(found: Survey, wanted: str) -> str:
    """Settle on an encoding; raises Misconfigured where the file as a whole is plainly of the other.

    ``auto`` takes UTF-8 where the file can be that, else GB18030. Single broken rows are no reason to stop.
    """
    if wanted == "auto":
        return "gb18030" if found.encodings == {"gb18030"} else "utf-8"
    if found.encodings and wanted not in found.encodings:
        (other,) = found.encodings
        raise Misconfigured(
            [f"The file is not written in {wanted}, but could be {other}: --encoding {other}."]
        )
    return wanted


def clock(seconds: int) -> str:
    """Write a time of day, told in seconds since midnight."""
    minutes, second = divmod(seconds, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}"


def held_against(header: Sequence[str], columns: Collection[str]) -> list[str]:
    """Hold the first row against the mapping's *columns*; it may be a customer's: nothing of it is said back.

    Raises Misconfigured where one is missing, strange or there twice.
    """
    if not header:
        raise Misconfigured(["The file has no first row that names its columns."])
    names = [name.strip() for name in header]
    faults = [f"The file has no column {name!r}." for name in columns if name not in names]
    for place, name in enumerate(names, 1):
        if name not in columns:
            faults.append(f"Column {place} is neither mapped nor ignored.")
        elif name in names[: place - 1]:
            faults.append(f"Column {place} has the name of another.")
    if faults:
        raise Misconfigured(faults)
    return names


def _takes(decoder: codecs.IncrementalDecoder, block: bytes, *, final: bool) -> bool:
    try:
        decoder.decode(block, final)
    except UnicodeDecodeError:
        return False
    return True
