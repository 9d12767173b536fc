"""XLSX parts: a workbook is unpacked by little blocks and read by events, so that no bomb in it goes off."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final, Protocol
from xml.etree.ElementTree import Element

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser, ParseError, fromstring

from vault.errors import Misconfigured

# What a sheet may unpack to: a million rows of sixty cells. It is streamed, so this bounds time alone.
LARGEST_SHEET_BYTES: Final = 4 * 1024**3
# What is held while a sheet is read may unpack to no more than this.
LARGEST_HELD_BYTES: Final = 256 * 1024**2
LARGEST_SMALL_PART_BYTES: Final = 16 * 1024**2
MOST_PARTS: Final = 10_000
DAMAGED: Final = (
    "The workbook is damaged, or no XLSX; open it in a spreadsheet program and save it as XLSX again."
)

_BLOCK_BYTES = 64 * 1024
# A tag or a comment longer than this is none that a spreadsheet writes; the parser would hold all of it.
_LONGEST_TOKEN_BYTES = 1024 * 1024
# Others that ZIP has (bzip2, LZMA) unpack a whole block at once, whatever its size.
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_NO_WORKBOOK = (
    "The file is no XLSX workbook; an older one, or one with a password, must be saved as XLSX without one."
)
_TOO_LARGE = "The workbook unpacks to more than a workbook may; save it in several files, or as CSV."


class Target(Protocol):
    """Who is told what stands in a part: the names of elements come without their namespace."""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Take the beginning of an element."""

    def end(self, name: str) -> None:
        """Take the end of an element."""

    def data(self, text: str) -> None:
        """Take text, which may come in pieces."""


class Parts:
    """The parts of one workbook by their names."""

    def __init__(self, packed: zipfile.ZipFile) -> None:
        """Look at the table of contents alone."""
        entries = packed.infolist()
        if len(entries) > MOST_PARTS:
            raise Misconfigured([_TOO_LARGE])
        self._packed = packed
        # Excel does not tell names apart by their case.
        self._entries = {entry.filename.lower(): entry for entry in entries}

    def __contains__(self, name: str) -> bool:
        """Tell whether the part is there."""
        return name.lower() in self._entries

    def tree(self, name: str) -> Element:
        """Read a small part as a whole."""
        with _telling_plainly():
            return fromstring(b"".join(self._blocks(name, LARGEST_SMALL_PART_BYTES)), forbid_dtd=True)

    def stream(self, name: str, target: Target, *, largest_bytes: int) -> Iterator[None]:
        """Tell *target* what stands in a part, and stop after each block."""
        telling = _Telling(target)
        parser = DefusedXMLParser(target=telling, forbid_dtd=True)
        silent_bytes = 0
        with _telling_plainly():
            for block in self._blocks(name, largest_bytes):
                telling.told = False
                parser.feed(block)
                silent_bytes = 0 if telling.told else silent_bytes + len(block)
                if silent_bytes > _LONGEST_TOKEN_BYTES:
                    raise Misconfigured([_TOO_LARGE])
                yield
            parser.close()
            yield

    def _blocks(self, name: str, largest_bytes: int) -> Iterator[bytes]:
        entry = self._entries.get(name.lower())
        if entry is None or entry.compress_type not in _METHODS:
            raise Misconfigured([DAMAGED])
        # What it declares is all that is ever unpacked: more of it is cut off, and the checksum tells.
        if entry.file_size > largest_bytes:
            raise Misconfigured([_TOO_LARGE])
        with self._packed.open(entry) as opened:
            while block := opened.read(_BLOCK_BYTES):
                yield block


@contextmanager
def opened_parts(file: BinaryIO) -> Iterator[Parts]:
    """Open the workbook in *file*, which stays the caller's; every fault of it is a Misconfigured."""
    if not zipfile.is_zipfile(file):
        raise Misconfigured([_NO_WORKBOOK])
    with _telling_plainly():
        packed = zipfile.ZipFile(file)
    with packed:
        yield Parts(packed)


def plain(name: str) -> str:
    """Name an element or an attribute without its namespace: strict and common workbooks differ in it."""
    return name.rpartition("}")[2]


@contextmanager
def _telling_plainly() -> Iterator[None]:
    """Say that a workbook is damaged in our words: those of its readers may hold what stands in it."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
        raise Misconfigured([DAMAGED]) from None
    except (ParseError, DefusedXmlException, UnicodeError):
        raise Misconfigured([DAMAGED]) from None


class _Telling:
    """Stands between the parser and a target, and notices whether anything is told at all."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.told = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.told = True
        self._target.start(plain(name), attributes)

    def end(self, name: str) -> None:
        self.told = True
        self._target.end(plain(name))

    def data(self, text: str) -> None:
        self.told = True
        self._target.data(text)

    def close(self) -> None:
        return
