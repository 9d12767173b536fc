"""Leads: what of a house leads from one id to others, through every column of every table of every store."""

import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from tests.house import House
from vault.domain.terms import id_bytes
from vault.storage import erasing
from vault.storage.unit_of_work import STORE_NAMES

_HEX = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
_NAMED = re.compile(r"\b[a-z]{3}_[0-9a-z]{26}\b")
_BASE64 = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{22}(?![A-Za-z0-9_-])")
_JWS = re.compile(r"[A-Za-z0-9_-]+\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+")

Place = tuple[str, str]


def rows(house: House) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    """Every row of every table, with its store and table."""
    for name in STORE_NAMES:
        with house.parts.stores.named(name).read() as conn:
            for table, row in erasing.columns(conn, name):
                yield (name, table), row


def ids(value: object) -> set[bytes]:
    """The 16-byte ids that a column is or spells, in whatever spelling the house has for one."""
    if isinstance(value, bytes):
        if len(value) == 16:
            return {value}
        try:
            value = value.decode()
        except UnicodeDecodeError:
            return set()
    if not isinstance(value, str):
        return set()
    found = {bytes.fromhex(one) for one in _HEX.findall(value)}
    found |= {urlsafe_b64decode(f"{one}==") for one in _BASE64.findall(value)}
    found |= {raw for one in _NAMED.findall(value) if (raw := id_bytes(one[:3], one)) is not None}
    for one in _JWS.findall(value):
        with suppress(ValueError):
            found |= ids(urlsafe_b64decode(f"{one}{'=' * (-len(one) % 4)}"))
    return found


def followed(house: House, start: set[bytes], *, common: set[bytes]) -> tuple[set[bytes], set[Place]]:
    """Follow *start* from row to row until nothing new is met; what is *common* to all leads nowhere.

    Gives every id that was met, and the tables in which.
    """
    held = [
        (place, {one for value in row.values() for one in ids(value)} - common) for place, row in rows(house)
    ]
    met, places = set(start), set[Place]()
    while True:
        found = [(place, known) for place, known in held if known & met]
        places |= {place for place, _ in found}
        further = {one for _, known in found for one in known}
        if further <= met:
            return met, places
        met |= further
