"""Notary head: what the notary knows of the ledger by itself, as its file outside every store has it."""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vault.domain.canonical import canonical
from vault.domain.merkle import Frontier
from vault.domain.note import Note
from vault.domain.signing_keys import Window, Windows
from vault.domain.terms import HouseId

_VERSION = 1


@dataclass(frozen=True, slots=True)
class NotaryHead:
    """How far the notary has read the ledger of *house*, what it found there, and what it signed last."""

    house: HouseId
    tree: Frontier = field(default_factory=Frontier)
    windows: Windows = field(default_factory=dict)
    # The newest signed checkpoint, and when it was signed; nothing before the first.
    note: Note | None = None
    signed_ms: int = 0

    def pack(self) -> bytes:
        """Write the file."""
        return canonical(
            {
                "v": _VERSION,
                "house": _text(self.house),
                "size": self.tree.size,
                "root": _text(self.tree.root()),
                "frontier": _text(self.tree.pack()),
                "keys": [
                    {
                        "id": _text(key),
                        "code": one.code,
                        "opened": one.opened,
                        "ended": one.ended,
                        "revoked": one.is_revoked,
                    }
                    for key, one in sorted(self.windows.items())
                ],
                "note": None if self.note is None else self.note.pack().decode(),
                "signed": self.signed_ms,
            }
        )

    @classmethod
    def unpack(cls, packed: bytes) -> "NotaryHead":
        """Read the file; raises ValueError ``notary_head`` for any other spelling."""
        try:
            found = _read(cls, json.loads(packed))
            again = found.pack()
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise ValueError("notary_head") from None
        if again != packed:
            raise ValueError("notary_head")
        return found


def _read(make: type[NotaryHead], told: Mapping[str, Any]) -> NotaryHead:
    note = told["note"]
    return make(
        HouseId(_bytes(told["house"])),
        Frontier.unpack(told["size"], _bytes(told["frontier"])),
        {
            _bytes(one["id"]): Window(one["code"], one["opened"], one["ended"], is_revoked=one["revoked"])
            for one in told["keys"]
        },
        None if note is None else Note.unpack(note.encode()),
        told["signed"],
    )


def _text(raw: bytes) -> str:
    return b64encode(raw).decode()


def _bytes(text: str) -> bytes:
    return b64decode(text, validate=True)
