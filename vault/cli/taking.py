"""Taking: reads a feed of a house page by page, and goes on by its cursor where the stream broke."""

import http.client
import json
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from vault.cli.posting import KINDS, LATER, WAITS_SECONDS, Address, code_of
from vault.errors import Conflict, Misconfigured, Unavailable, VaultError


@dataclass(frozen=True, slots=True)
class Page:
    """Customers as the lines that the house wrote, and the cursor behind them; None behind the last."""

    customers: Sequence[bytes]
    next: str | None


@dataclass(frozen=True, slots=True)
class Taking:
    """One caller of one house."""

    address: Address
    token: str = field(repr=False)
    purpose: str
    _: KW_ONLY
    waits_seconds: Sequence[float] = WAITS_SECONDS
    wait: Callable[[float], object] = time.sleep

    def pages(
        self, feed: str, *, cursor: str | None, begin: Callable[[Mapping[str, Any]], None]
    ) -> Iterator[Page]:
        """Give every page from *cursor* on; *begin* is given each head, and may refuse to go on.

        A house that does not answer, or breaks off, is asked again for half a minute, then Unavailable.
        Raises what the house answers.
        """
        left = iter(self.waits_seconds)
        while True:
            try:
                for page in self._once(feed, cursor, begin):
                    yield page
                    if page.next is None:
                        return
                    # Whoever got on begins to be patient anew.
                    cursor, left = page.next, iter(self.waits_seconds)
            except Unavailable as fault:
                pause = next(left, None)
                if pause is None:
                    raise
                code = fault.code
            else:
                pause, code = next(left, None), "no_answer"
                if pause is None:
                    raise Unavailable(code)
            self.wait(pause)

    def _once(
        self, feed: str, cursor: str | None, begin: Callable[[Mapping[str, Any]], None]
    ) -> Iterator[Page]:
        """Read one answer as far as it goes; a line that is cut off ends it."""
        asked = f"?{urlencode({'cursor': cursor})}" if cursor is not None else ""
        connection = self.address.connect()
        try:
            connection.request(
                "GET",
                f"{self.address.base}/v1/feeds/{quote(feed, safe='')}{asked}",
                headers={"Authorization": f"Bearer {self.token}", "Vault-Purpose": self.purpose},
            )
            answer = connection.getresponse()
            if answer.status != HTTPStatus.OK:
                raise _refusal(answer.status, answer.read())
            yield from _paged(answer, begin)
        except ssl.SSLCertVerificationError:
            raise Misconfigured(["--address: the certificate of the house cannot be verified."]) from None
        except (OSError, http.client.HTTPException):
            raise Unavailable("no_answer") from None
        finally:
            connection.close()


def _paged(answer: http.client.HTTPResponse, begin: Callable[[Mapping[str, Any]], None]) -> Iterator[Page]:
    customers: list[bytes] = []
    for line in answer:
        if not line.endswith(b"\n"):
            return
        told = json.loads(line)
        if "feed" in told:
            begin(told)
        elif "id" in told:
            customers.append(line)
        elif "error" in told:
            status = told["error"].get("status", HTTPStatus.SERVICE_UNAVAILABLE)
            raise _refusal(status, json.dumps(told["error"]).encode())
        elif "end" in told or told.get("next") is not None:
            # Where nobody was looked at, there is no place to go on from.
            yield Page(customers, told.get("next"))
            customers = []


def _refusal(status: int, body: bytes) -> VaultError:
    try:
        code = code_of(json.loads(body))
    except ValueError:
        code = "internal"
    if status in LATER:
        return Unavailable(code)
    return KINDS.get(status, VaultError)(code)


def same_head(known: Mapping[str, Any], head: Mapping[str, Any]) -> None:
    """Refuse to go on where the feed is shown otherwise than it was: Conflict ``feed_changed``."""
    names = ("feed", "treatments", "withheld")
    if any(known.get(name) != head.get(name) for name in names):
        raise Conflict("feed_changed")
