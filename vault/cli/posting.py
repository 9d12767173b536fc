"""Posting: sends batches of records to a house's API, and reads what became of each."""

import http.client
import json
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from vault.domain.terms import is_code
from vault.errors import (
    Conflict,
    Invalid,
    Misconfigured,
    NotFound,
    Refused,
    TooLarge,
    Unauthenticated,
    Unavailable,
    VaultError,
)
from vault.services.bulk.chunks import Finding, Outcome, Record
from vault.setting_forms import is_loopback

# A house that restarts is back within this; whatever was sent twice goes in once.
WAITS_SECONDS: Final = (0.5, 1, 2, 4, 8, 15)
# A machine that starts again takes minutes, and its house has to catch up with its ledger. Whom nobody has
# answered yet is not kept so long from learning that the address is wrong.
LONGER_SECONDS: Final = (15,) * 18
_TIMEOUT_SECONDS = 60
KINDS: Mapping[int, type[VaultError]] = {
    400: Invalid,
    401: Unauthenticated,
    403: Refused,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    415: Invalid,
    422: Invalid,
    428: Invalid,
}
LATER = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Address:
    """Where a house listens; without TLS on this machine alone."""

    host: str
    port: int
    is_secure: bool
    base: str

    @classmethod
    def read(cls, text: str) -> "Address":
        """Read an address such as ``https://vault.example.com``; raises Misconfigured."""
        try:
            parts = urlsplit(text)
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            raise Misconfigured(["--address is no address; write https://host:port."]) from None
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.username:
            raise Misconfigured(["--address is no address; write https://host:port."])
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            # S0-11: personal data and a token would cross the network in clear.
            raise Misconfigured(["--address goes over the network; it must begin with https://."])
        return cls(parts.hostname, port, parts.scheme == "https", parts.path.rstrip("/"))

    def connect(self) -> http.client.HTTPConnection:
        """Make a connection, which opens with its first request."""
        kind = http.client.HTTPSConnection if self.is_secure else http.client.HTTPConnection
        return kind(self.host, self.port, timeout=_TIMEOUT_SECONDS)


@dataclass(frozen=True, slots=True)
class Posting:
    """One caller of one house; threads may share it, each has a connection of its own."""

    address: Address
    token: str = field(repr=False)
    purpose: str
    _: KW_ONLY
    dry_run: bool
    waits_seconds: Sequence[float] = WAITS_SECONDS
    longer_seconds: Sequence[float] = LONGER_SECONDS
    _own: threading.local = field(default_factory=threading.local, repr=False)
    _answered: threading.Event = field(default_factory=threading.Event, repr=False)
    _ended: threading.Event = field(default_factory=threading.Event, repr=False)

    def __call__(self, records: Sequence[Record]) -> list[Outcome]:
        """Send one batch; raises what the house answers to the batch as a whole.

        A house that does not answer is asked again for half a minute, one that answered before for five, then
        Unavailable ``no_answer``.
        """
        body = b'{"records":[%s]}' % b",".join(record.encoded for record in records)
        for wait_seconds in self._waits():
            status, answer = self._ask(body)
            last = answer
            if status == HTTPStatus.OK:
                undecided = [one["error"] for one in answer["items"] if _is_undecided(one)]
                if not undecided:
                    self._answered.set()
                    return [self._outcome(item) for item in answer["items"]]
                last = undecided[0]
            elif status not in LATER:
                raise KINDS.get(status, VaultError)(code_of(answer))
            if wait_seconds is None or self._ended.wait(wait_seconds):
                raise Unavailable(code_of(last))
        raise AssertionError

    def end(self) -> None:
        """Let whoever waits for the house to come back wait no longer."""
        self._ended.set()

    def _waits(self) -> Iterator[float | None]:
        """How long to wait behind each answer; None where there is no other."""
        yield from self.waits_seconds
        # Another lane may have been answered meanwhile.
        if self._answered.is_set():
            yield from self.longer_seconds
        yield None

    def _ask(self, body: bytes) -> tuple[int, Any]:
        path = f"{self.address.base}/v1/subjects/batch?dry_run={str(self.dry_run).lower()}"
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Vault-Purpose": self.purpose,
            "Content-Type": "application/json",
        }
        connection = self._connection()
        try:
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        except ssl.SSLCertVerificationError:
            raise Misconfigured(["--address: the certificate of the house cannot be verified."]) from None
        except (OSError, http.client.HTTPException, ValueError):
            # Whether it was carried out, nobody knows; the keys of the records make it safe to ask again.
            connection.close()
            return HTTPStatus.SERVICE_UNAVAILABLE, {"code": "no_answer"}

    def _connection(self) -> http.client.HTTPConnection:
        standing: http.client.HTTPConnection | None = getattr(self._own, "connection", None)
        if standing is None:
            standing = self._own.connection = self.address.connect()
        return standing

    def _outcome(self, item: Mapping[str, Any]) -> Outcome:
        if "error" in item:
            found = Finding(code_of(item["error"]), item["error"].get("field"))
            return Outcome("refused", findings=(found,))
        warnings = tuple(Finding(one["code"], one.get("field")) for one in item["warnings"])
        new = "checked" if self.dry_run else "admitted"
        return Outcome("replayed" if item.get("replayed") else new, item["id"], warnings)


def code_of(problem: Any) -> str:
    """Read the code of a problem that a house answered; ``internal`` where it has none."""
    code = problem.get("code") if isinstance(problem, dict) else None
    return code if isinstance(code, str) and is_code(code) else "internal"


def _is_undecided(item: Mapping[str, Any]) -> bool:
    """Tell whether what became of a record is not known yet: to refuse it could be wrong.

    It was sent before an answer was lost, and is still being carried out; or it is in, and its entry is late.
    A tier that a process does not serve is served no sooner for being asked again.
    """
    problem = item.get("error")
    if not isinstance(problem, dict):
        return False
    code = code_of(problem)
    return code == "key_in_flight" or (problem.get("status") in LATER and code != "tier_unavailable")
