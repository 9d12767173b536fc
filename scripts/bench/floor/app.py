"""Floor: the work of the hot calls with bare drivers and primitives; no framework, no rules, no masks.

It asks the stores what must be asked, and opens what must be opened, for the same promises: floors, the rows
that decide about the application and the customer, an entry that is durable, everything that decides once
more, keys with their commitments, manifests, and each value at an address.
"""

import hmac
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from scripts.bench.drivers import Driver
from scripts.bench.floor.rows import (
    AAD,
    COMMIT_BYTES,
    KEK,
    NONCE_BYTES,
    TOKEN,
    Sealed,
    derive,
    own_id,
    seal_of,
)
from scripts.bench.floor.turns import Turns
from scripts.bench.records import FIELDS, TIERS, WAYBILL

_ENTRY_BYTES: Final = 900
_SUBJECT_ENTRY_BYTES: Final = 60
_PAGE: Final = 500


def make() -> Callable[..., Iterable[bytes]]:
    """Make the WSGI application of the stores that FLOOR_KEYS, FLOOR_DATA and FLOOR_AUDIT name."""
    return Floor(*(Driver(os.environ[f"FLOOR_{name}"]) for name in ("KEYS", "DATA", "AUDIT"))).answer


class Floor:
    """One process of the floor."""

    def __init__(self, keys: Driver, data: Driver, audit: Driver) -> None:
        """Serve these stores."""
        self._keys, self._data = keys, data
        self.turns = Turns(audit)
        self._kek = AESGCM(KEK)

    def answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """Answer GET /<number>, /feed/<count>, POST /batch and /bulk with numbers, /subjects with one."""
        hmac.digest(TOKEN, environ.get("HTTP_AUTHORIZATION", "").encode(), "sha256")
        path = environ["PATH_INFO"]
        if path.startswith("/feed/"):
            start("200 OK", [("Content-Type", "application/x-ndjson")])
            return self.feed(int(path[6:]))
        if environ["REQUEST_METHOD"] == "GET":
            body = orjson.dumps(self.read([int(path[1:] or 0)])[0])
        elif path == "/batch":
            body = orjson.dumps(self.read(orjson.loads(_body(environ))))
        elif path == "/bulk":
            body = self.admit(orjson.loads(_body(environ)))
        else:
            body = self.admit([int(_body(environ))])
        start("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    def feed(self, count: int) -> Iterator[bytes]:
        """Give the first *count* customers as lines, a page at a time, each with an entry of its own."""
        for first in range(0, count, _PAGE):
            page = self.read(range(first, min(first + _PAGE, count)), names=WAYBILL)
            yield b"".join([orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE) for one in page])

    def read(self, numbers: Sequence[int], *, names: Sequence[str] = FIELDS) -> list[dict[str, str]]:
        """Read, tell, read again and open *names* of each of *numbers*."""
        own = [own_id(number) for number in numbers]
        tiers = [tier for tier, held in TIERS.items() if set(held) & set(names)]
        self._keys.rows("SELECT * FROM floors")
        self._data.rows("SELECT * FROM app WHERE token = ?", (TOKEN,))
        idents = self._among(self._keys, "SELECT subject, floor, wrapped FROM ident WHERE own", own)
        subjects = [row[0] for row in idents]
        heads = self._deciding(subjects, idents)
        self.turns.append(b"e" * (_ENTRY_BYTES + _SUBJECT_ENTRY_BYTES * (len(numbers) - 1)))
        self._keys.rows("SELECT * FROM floors")
        self._among(self._keys, "SELECT subject, floor, wrapped FROM ident WHERE subject", subjects)
        deks = self._among(self._keys, _of("SELECT subject, tier, wrapped FROM dek", tiers), subjects)
        self._data.rows("SELECT * FROM app WHERE token = ?", (TOKEN,))
        again = self._among(self._data, "SELECT * FROM subject WHERE subject", subjects)
        rows = self._among(self._data, _of("SELECT subject, tier, mac, cells FROM sealed", tiers), subjects)
        if sorted(again) != sorted(heads):
            raise RuntimeError("a customer has moved")
        sealed = {(row[0], row[1]): row for row in rows}
        shown: dict[bytes, dict[str, str]] = {subject: {} for subject in subjects}
        for subject, tier, wrapped in deks:
            dek = self.unwrap(wrapped[:-COMMIT_BYTES])
            self.open(sealed[subject, tier], dek, wrapped[-COMMIT_BYTES:], shown[subject], names)
        return list(shown.values())

    def admit(self, numbers: Sequence[int]) -> bytes:
        """Seal and store customers: keys, data, entry, floors."""
        whole = Sealed(numbers)
        whole.store_keys(self._keys)
        whole.store_data(self._data)
        self.turns.append(*(b"e" * _ENTRY_BYTES for _ in numbers))
        with self._keys.transaction():
            self._keys.execute_many(
                "UPDATE ident SET floor = 1 WHERE own = ?", [(own_id(number),) for number in numbers]
            )
        return b'{"id":"%s"}' % own_id(numbers[0]).hex().encode()

    def unwrap(self, wrapped: bytes) -> bytes:
        """Unwrap a key."""
        return self._kek.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], AAD)

    def open(
        self, row: Sequence[Any], dek: bytes, commitment: bytes, shown: dict[str, str], names: Sequence[str]
    ) -> None:
        """Hold the key against its commitment and the tier against its manifest, and decrypt *names*."""
        _, tier, mac, body = row
        okm = derive(dek, 96)
        if not hmac.compare_digest(okm[64:], commitment):
            raise RuntimeError("another key")
        if not hmac.compare_digest(hmac.digest(okm[32:64], body, "sha256"), mac):
            raise RuntimeError("another manifest")
        aead, at = AESGCM(okm[:32]), 0
        for name in TIERS[tier]:
            size = int.from_bytes(body[at : at + 4])
            if name in names:
                cell = body[at + 4 : at + 4 + size]
                plain = aead.decrypt(cell[:NONCE_BYTES], cell[NONCE_BYTES:], AAD)
                shown[name] = plain.rstrip(b"\0").decode()
            at += 4 + size

    def _deciding(self, subjects: Sequence[bytes], idents: Sequence[Sequence[Any]]) -> list[Any]:
        """Read what decides about customers, and hold it against their seals."""
        heads = self._among(self._data, "SELECT * FROM subject WHERE subject", subjects)
        consents: dict[bytes, list[bytes]] = {subject: [] for subject in subjects}
        facts: dict[bytes, list[bytes]] = {subject: [] for subject in subjects}
        for subject, body in self._among(
            self._data, "SELECT subject, body FROM consent WHERE subject", subjects
        ):
            consents[subject].append(body)
        for subject, body in self._among(
            self._data, "SELECT subject, body FROM fact WHERE subject", subjects
        ):
            facts[subject].append(body)
        keys = {subject: self.unwrap(wrapped) for subject, _, wrapped in idents}
        for subject, _, body, mac in heads:
            ident = keys[subject]
            # The customer's token in the entry, and the id by which the app knows it.
            derive(ident, 16), derive(ident, 16)
            sealed = seal_of(derive(ident, 32), body, consents[subject], facts[subject])
            if not hmac.compare_digest(sealed, mac):
                raise RuntimeError("another customer")
        return heads

    def _among(self, driver: Driver, statement: str, wanted: Sequence[bytes]) -> list[Any]:
        if driver.is_server:
            return driver.rows(f"{statement} = ANY(?)", (list(wanted),))
        return driver.rows(f"{statement} IN ({','.join('?' * len(wanted))})", wanted)


def _of(statement: str, tiers: Sequence[int]) -> str:
    return f"{statement} WHERE tier IN ({', '.join(map(str, tiers))}) AND subject"


def _body(environ: dict[str, Any]) -> bytes:
    read: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    return read
