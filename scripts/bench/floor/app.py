"""Floor: the work of the hot calls with bare drivers and primitives; no framework, no rules, no masks."""

import hmac
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from scripts.bench.drivers import Driver
from scripts.bench.floor.rows import AAD, INDEX_KEY, KEK, NONCE_BYTES, TOKEN, Sealed, own_id
from scripts.bench.floor.turns import Turns
from scripts.bench.records import TIERS

_ENTRY_BYTES: Final = 900
_SUBJECT_ENTRY_BYTES: Final = 60


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
        """Answer GET /<number>, POST /batch with numbers, POST /subjects with one."""
        hmac.digest(TOKEN, environ.get("HTTP_AUTHORIZATION", "").encode(), "sha256")
        path = environ["PATH_INFO"]
        if environ["REQUEST_METHOD"] == "GET":
            numbers = [int(path[1:] or 0)]
            body = orjson.dumps(self.read(numbers)[0])
        elif path == "/batch":
            body = orjson.dumps(self.read(orjson.loads(_body(environ))))
        else:
            body = self.admit(int(_body(environ)))
        start("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    def read(self, numbers: Sequence[int]) -> list[dict[str, str]]:
        """Read, tell, read again and open each of *numbers*."""
        own = [own_id(number) for number in numbers]
        idents = self._among(self._keys, "SELECT subject, floor, wrapped FROM ident WHERE own", own)
        subjects = [row[0] for row in idents]
        heads = self._among(self._data, "SELECT subject, revision, seal FROM subject WHERE subject", subjects)
        for subject, _, mac in heads:
            hmac.compare_digest(hmac.digest(INDEX_KEY, subject, "sha256"), mac)
        self.turns.append(b"e" * (_ENTRY_BYTES + _SUBJECT_ENTRY_BYTES * (len(numbers) - 1)))
        deks = self._among(self._keys, "SELECT subject, tier, wrapped FROM dek WHERE subject", subjects)
        again = self._among(self._data, "SELECT subject, revision, seal FROM subject WHERE subject", subjects)
        rows = self._among(self._data, "SELECT subject, tier, mac, cells FROM sealed WHERE subject", subjects)
        if len(again) != len(heads):
            raise RuntimeError("a customer has moved")
        sealed = {(row[0], row[1]): row for row in rows}
        shown: dict[bytes, dict[str, str]] = {subject: {} for subject in subjects}
        for subject, tier, wrapped in deks:
            self.open(sealed[subject, tier], self.unwrap(wrapped), shown[subject])
        for _, _, wrapped in idents:
            self.unwrap(wrapped)
        return list(shown.values())

    def admit(self, number: int) -> bytes:
        """Seal and store one customer: keys, data, entry."""
        whole = Sealed([number])
        whole.store_keys(self._keys)
        whole.store_data(self._data)
        self.turns.append(b"e" * _ENTRY_BYTES)
        self._keys.execute("UPDATE ident SET floor = 1 WHERE own = ?", (own_id(number),))
        return b'{"id":"%s"}' % own_id(number).hex().encode()

    def unwrap(self, wrapped: bytes) -> bytes:
        """Unwrap a key."""
        return self._kek.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], AAD)

    def open(self, row: Sequence[Any], dek: bytes, shown: dict[str, str]) -> None:
        """Check the manifest of one tier, and decrypt its cells."""
        _, tier, mac, body = row
        hmac.compare_digest(hmac.digest(dek, body, "sha256"), mac)
        aead, at = AESGCM(dek), 0
        for name in TIERS[tier]:
            size = int.from_bytes(body[at : at + 4])
            cell = body[at + 4 : at + 4 + size]
            shown[name] = aead.decrypt(cell[:NONCE_BYTES], cell[NONCE_BYTES:], AAD).rstrip(b"\0").decode()
            at += 4 + size

    def _among(self, driver: Driver, statement: str, wanted: Sequence[bytes]) -> list[Any]:
        if driver.is_server:
            return driver.rows(f"{statement} = ANY(?)", (list(wanted),))
        return driver.rows(f"{statement} IN ({','.join('?' * len(wanted))})", wanted)


def _body(environ: dict[str, Any]) -> bytes:
    read: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    return read
