"""Floor rows: the least that must be kept of a customer, sealed with bare primitives."""

import hashlib
import hmac
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from scripts.bench.drivers import Driver
from scripts.bench.records import INDEXED, TIERS, fields_of

KEK: Final = b"k" * 32
INDEX_KEY: Final = b"i" * 32
TOKEN: Final = b"t" * 32
AAD: Final = b"one cell of one tier of one customer of one tenant, as 64 bytes."
NONCE_BYTES: Final = 12

# Three stores, as the vault's: keys, data and audit.
KEYS: Final = (
    "CREATE TABLE ident (own BLOB PRIMARY KEY, subject BLOB, floor BIGINT, wrapped BLOB)",
    "CREATE TABLE dek (subject BLOB, tier INTEGER, wrapped BLOB, PRIMARY KEY (subject, tier))",
)
DATA: Final = (
    "CREATE TABLE subject (subject BLOB PRIMARY KEY, revision BIGINT, seal BLOB)",
    "CREATE TABLE consent (subject BLOB PRIMARY KEY, purpose TEXT, state TEXT, body BLOB)",
    "CREATE TABLE sealed (subject BLOB, tier INTEGER, mac BLOB, cells BLOB, PRIMARY KEY (subject, tier))",
    "CREATE TABLE token (field INTEGER, token BLOB, subject BLOB, PRIMARY KEY (field, token, subject))",
)
_AUDIT: Final = "CREATE TABLE entry (idx {serial}, body BLOB, leaf BLOB)"
_SERIALS: Final = {True: "BIGSERIAL PRIMARY KEY", False: "INTEGER PRIMARY KEY"}


def lay(keys: Driver, data: Driver, audit: Driver) -> None:
    """Make the tables."""
    for statement in KEYS:
        keys.execute(statement)
    for statement in DATA:
        data.execute(statement)
    audit.execute(_AUDIT.format(serial=_SERIALS[audit.is_server]))


def own_id(number: int) -> bytes:
    """Make the id by which the one app of the floor knows a customer."""
    return hashlib.sha256(b"own%d" % number).digest()[:16]


def seal(aead: AESGCM, plain: bytes) -> bytes:
    """Seal one value."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + aead.encrypt(nonce, plain, AAD)


class Sealed:
    """Everything that is stored of the customers *numbers*."""

    def __init__(self, numbers: Iterable[int]) -> None:
        """Seal them."""
        self.idents: list[Sequence[Any]] = []
        self.deks: list[Sequence[Any]] = []
        self.subjects: list[Sequence[Any]] = []
        self.sealed: list[Sequence[Any]] = []
        self.tokens: list[Sequence[Any]] = []
        self.consents: list[Sequence[Any]] = []
        kek = AESGCM(KEK)
        for number in numbers:
            self._add(number, fields_of(number), kek)

    def store_keys(self, keys: Driver) -> None:
        """Store what belongs in the keys store."""
        with keys.transaction():
            keys.execute_many("INSERT INTO ident VALUES (?, ?, ?, ?)", self.idents)
            keys.execute_many("INSERT INTO dek VALUES (?, ?, ?)", self.deks)

    def store_data(self, data: Driver) -> None:
        """Store what belongs in the data store."""
        with data.transaction():
            data.execute_many("INSERT INTO subject VALUES (?, ?, ?)", self.subjects)
            data.execute_many("INSERT INTO sealed VALUES (?, ?, ?, ?)", self.sealed)
            data.execute_many("INSERT INTO consent VALUES (?, ?, ?, ?)", self.consents)
            data.execute_many("INSERT INTO token VALUES (?, ?, ?)", self.tokens)

    def _add(self, number: int, fields: Mapping[str, str], kek: AESGCM) -> None:
        subject = os.urandom(16)
        self.idents.append((own_id(number), subject, 1, seal(kek, os.urandom(32))))
        for tier, names in TIERS.items():
            dek = os.urandom(32)
            self.deks.append((subject, tier, seal(kek, dek)))
            aead = AESGCM(dek)
            cells = [seal(aead, fields[name].encode().ljust(32, b"\0")) for name in names]
            body = b"".join(len(cell).to_bytes(4) + cell for cell in cells)
            self.sealed.append((subject, tier, hmac.digest(dek, body, "sha256"), body))
        self.subjects.append((subject, 1, hmac.digest(INDEX_KEY, subject, "sha256")))
        self.consents.append((subject, "P11", "given", b"{}" * 100))
        for field, name in enumerate(INDEXED):
            self.tokens.append((field, hmac.digest(INDEX_KEY, fields[name].encode(), "sha256"), subject))
