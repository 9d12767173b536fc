"""Floor rows: the least that must be kept of a customer for the same promises, by bare primitives."""

import hashlib
import hmac
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from scripts.bench.drivers import Driver
from scripts.bench.records import INDEXED, TIERS, fields_of

KEK: Final = b"k" * 32
INDEX_KEY: Final = b"i" * 32
TOKEN: Final = b"t" * 32
AAD: Final = b"one cell of one tier of one customer of one tenant, as 64 bytes."
INFO: Final = b"what the key is for, of which customer and tier, as 60 bytes."
NONCE_BYTES: Final = 12
COMMIT_BYTES: Final = 32
_SHA512: Final = SHA512()

# Three stores, as the vault's: keys, data and audit.
KEYS: Final = (
    "CREATE TABLE floors (one INTEGER PRIMARY KEY, authority BIGINT, ledger BIGINT)",
    "CREATE TABLE ident (own BLOB PRIMARY KEY, subject BLOB, floor BIGINT, wrapped BLOB)",
    "CREATE INDEX ident_subject ON ident (subject)",
    "CREATE TABLE dek (subject BLOB, tier INTEGER, wrapped BLOB, PRIMARY KEY (subject, tier))",
)
DATA: Final = (
    "CREATE TABLE app (token BLOB PRIMARY KEY, body BLOB, mac BLOB)",
    "CREATE TABLE subject (subject BLOB PRIMARY KEY, revision BIGINT, body BLOB, seal BLOB)",
    "CREATE TABLE consent (subject BLOB PRIMARY KEY, purpose TEXT, state TEXT, body BLOB)",
    "CREATE TABLE fact (subject BLOB, kind TEXT, body BLOB, PRIMARY KEY (subject, kind))",
    "CREATE TABLE sealed (subject BLOB, tier INTEGER, mac BLOB, cells BLOB, PRIMARY KEY (subject, tier))",
    "CREATE TABLE token (field INTEGER, token BLOB, subject BLOB, PRIMARY KEY (field, token, subject))",
)
_FACTS: Final = ("order", "contract", "assignment")
_AUDIT: Final = "CREATE TABLE entry (idx {serial}, body BLOB, leaf BLOB)"
_SERIALS: Final = {True: "BIGSERIAL PRIMARY KEY", False: "INTEGER PRIMARY KEY"}


def lay(keys: Driver, data: Driver, audit: Driver) -> None:
    """Make the tables, with the one app and the floors."""
    for statement in KEYS:
        keys.execute(statement)
    for statement in DATA:
        data.execute(statement)
    audit.execute(_AUDIT.format(serial=_SERIALS[audit.is_server]))
    keys.execute("INSERT INTO floors VALUES (1, 1, 1)")
    data.execute("INSERT INTO app VALUES (?, ?, ?)", (TOKEN, b"a" * 200, b"m" * 32))


def own_id(number: int) -> bytes:
    """Make the id by which the one app of the floor knows a customer."""
    return hashlib.sha256(b"own%d" % number).digest()[:16]


def derive(key: bytes, length: int) -> bytes:
    """Derive what a key is used by."""
    return HKDFExpand(_SHA512, length, INFO).derive(key)


def seal(aead: AESGCM, plain: bytes) -> bytes:
    """Seal one value."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + aead.encrypt(nonce, plain, AAD)


def seal_of(ident_key: bytes, body: bytes, consents: Sequence[bytes], facts: Sequence[bytes]) -> bytes:
    """Seal what decides about a customer."""
    heads = [hashlib.sha256(b"".join(sorted(listed))).digest() for listed in (consents, facts)]
    return hmac.digest(ident_key, body + b"".join(heads), "sha256")


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
        self.facts: list[Sequence[Any]] = []
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
            data.execute_many("INSERT INTO subject VALUES (?, ?, ?, ?)", self.subjects)
            data.execute_many("INSERT INTO sealed VALUES (?, ?, ?, ?)", self.sealed)
            data.execute_many("INSERT INTO consent VALUES (?, ?, ?, ?)", self.consents)
            data.execute_many("INSERT INTO fact VALUES (?, ?, ?)", self.facts)
            data.execute_many("INSERT INTO token VALUES (?, ?, ?)", self.tokens)

    def _add(self, number: int, fields: Mapping[str, str], kek: AESGCM) -> None:
        subject, ident = os.urandom(16), os.urandom(32)
        self.idents.append((own_id(number), subject, 1, seal(kek, ident)))
        for tier, names in TIERS.items():
            dek = os.urandom(32)
            okm = derive(dek, 96)
            # What commits to a key lies beside it.
            self.deks.append((subject, tier, seal(kek, dek) + okm[64:]))
            aead = AESGCM(okm[:32])
            cells = [seal(aead, fields[name].encode().ljust(32, b"\0")) for name in names]
            body = b"".join(len(cell).to_bytes(4) + cell for cell in cells)
            self.sealed.append((subject, tier, hmac.digest(okm[32:64], body, "sha256"), body))
        facts = [f"{kind} of {number}".encode().ljust(200) for kind in _FACTS]
        body, consent = b"s" * 180, b"{}" * 100
        self.facts += [(subject, kind, fact) for kind, fact in zip(_FACTS, facts, strict=True)]
        self.consents.append((subject, "P11", "given", consent))
        self.subjects.append((subject, 1, body, seal_of(derive(ident, 32), body, [consent], facts)))
        for field, name in enumerate(INDEXED):
            self.tokens.append((field, hmac.digest(INDEX_KEY, fields[name].encode(), "sha256"), subject))
