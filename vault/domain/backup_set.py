"""Backup sets: what a set's manifest says, in the one spelling that is signed (format 1)."""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from vault.domain.canonical import Json, canonical
from vault.domain.terms import ID_BYTES, HouseId, Millis, TenantId

VERSION: Final = 1
FORMAT: Final = "customer-vault-backup"
# The name of a chunk: its mark, by which equal content is known again, and the digest of its sealed bytes.
_NAME: Final = re.compile(r"([0-9a-f]{32})-([0-9a-f]{64})", re.ASCII)
_TABLE: Final = re.compile(r"[a-z_]{1,32}", re.ASCII)


class SetKind(StrEnum):
    """Of which store a set is; the register is in none."""

    DATA = "data"
    KEYS = "keys"
    AUDIT = "audit"


class UnknownVersion(ValueError):
    """A manifest of this product, and of another format than this release reads."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows of one table that follow each other, sealed; ``of`` is the set that keeps them, where another."""

    name: str
    table: str
    rows: int
    of: bytes | None = None

    @property
    def mark(self) -> str:
        """What is the same for the same rows of one house."""
        return self.name.partition("-")[0]

    @property
    def digest(self) -> str:
        """SHA-256 of the sealed bytes."""
        return self.name.partition("-")[2]


@dataclass(frozen=True, slots=True)
class Position:
    """Where the register stood before the set was begun."""

    seq: int
    chain: bytes


@dataclass(frozen=True, slots=True)
class SetManifest:
    """What a set is of, and every chunk of it in order; ``group`` is common to sets that belong together."""

    house: HouseId
    tenant: TenantId
    created_ms: Millis
    incarnation: int
    set: bytes
    group: bytes
    kind: SetKind
    taken_ms: Millis
    parent: bytes | None
    # The revision of the store's tables.
    revision: str
    register: Position
    # Floors and heads of the store, by name.
    heads: Mapping[str, int | str]
    recipients: tuple[str, ...]
    tables: Mapping[str, int]
    chunks: tuple[Chunk, ...]

    def pack(self) -> bytes:
        """Write it: canonical JSON (RFC 8785) and a newline."""
        written: dict[str, Json] = {
            "format": FORMAT,
            "version": VERSION,
            "house": _text(self.house),
            "tenant": _text(self.tenant),
            "created_ms": self.created_ms,
            "incarnation": self.incarnation,
            "set": _text(self.set),
            "group": _text(self.group),
            "kind": self.kind.value,
            "taken_ms": self.taken_ms,
            "parent": None if self.parent is None else _text(self.parent),
            "revision": self.revision,
            "register": [self.register.seq, _text(self.register.chain)],
            "heads": dict(self.heads),
            "recipients": list(self.recipients),
            "tables": dict(self.tables),
            "chunks": [_listed(one) for one in self.chunks],
        }
        return canonical(written) + b"\n"

    @classmethod
    def unpack(cls, packed: bytes) -> "SetManifest":
        """Read one; raises ValueError for any other spelling, UnknownVersion for one of another format."""
        try:
            said = json.loads(packed)
        except (ValueError, RecursionError):
            raise ValueError("manifest") from None
        if not isinstance(said, dict) or said.get("format") != FORMAT:
            raise ValueError("manifest")
        if said.get("version") != VERSION:
            raise UnknownVersion("version")
        try:
            found = _read(said)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise ValueError("manifest") from None
        counted: dict[str, int] = {}
        for one in found.chunks:
            counted[one.table] = counted.get(one.table, 0) + one.rows
        if found.pack() != packed or {name: rows for name, rows in found.tables.items() if rows} != counted:
            raise ValueError("manifest")
        return found


def is_chunk_name(text: str) -> bool:
    """Tell whether *text* could name a chunk."""
    return _NAME.fullmatch(text) is not None


def _read(said: Mapping[str, Any]) -> SetManifest:
    seq, chain = said["register"]
    return SetManifest(
        house=HouseId(_bytes(said["house"])),
        tenant=TenantId(_bytes(said["tenant"])),
        created_ms=Millis(said["created_ms"]),
        incarnation=said["incarnation"],
        set=_bytes(said["set"]),
        group=_bytes(said["group"]),
        kind=SetKind(said["kind"]),
        taken_ms=Millis(said["taken_ms"]),
        parent=None if said["parent"] is None else _bytes(said["parent"]),
        revision=said["revision"],
        register=Position(seq, _bytes(chain, length=32)),
        heads=said["heads"],
        recipients=tuple(said["recipients"]),
        tables={_matching(_TABLE, name): int(rows) for name, rows in said["tables"].items()},
        chunks=tuple(map(_chunk, said["chunks"])),
    )


def _listed(one: Chunk) -> list[Json]:
    listed: list[Json] = [one.name, one.table, one.rows]
    return listed if one.of is None else [*listed, _text(one.of)]


def _chunk(listed: list[Any]) -> Chunk:
    name, table, rows, *of = listed
    return Chunk(_matching(_NAME, name), _matching(_TABLE, table), int(rows), _bytes(of[0]) if of else None)


def _matching(form: re.Pattern[str], text: str) -> str:
    if form.fullmatch(text) is None:
        raise ValueError("manifest")
    return text


def _text(raw: bytes) -> str:
    return b64encode(raw).decode()


def _bytes(text: str, *, length: int = ID_BYTES) -> bytes:
    raw = b64decode(text, validate=True)
    if len(raw) != length:
        raise ValueError("manifest")
    return raw
