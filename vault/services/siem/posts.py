"""Posts: batches of events go to a collector by HTTP, as lines or as Elasticsearch and Splunk take them."""

import gzip
import ssl
from collections.abc import Sequence
from functools import cached_property

import orjson

from vault.domain.events import PRODUCT
from vault.errors import Unavailable
from vault.services import fetching, syslogging
from vault.services.siem.rendering import Event
from vault.setting_exporters import Body, HttpSink

_SCHEME: dict[Body, str] = {
    "ndjson": "Bearer",
    "array": "Bearer",
    "elastic": "ApiKey",
    "splunk": "Splunk",
}
_CONTENT: dict[Body, str] = {
    "ndjson": "application/x-ndjson",
    "array": "application/json",
    "elastic": "application/x-ndjson",
    "splunk": "application/json",
}
_LONGEST_SECONDS = 20
# What Elasticsearch says of an event that it has already.
_STANDS_ALREADY = 409


class HttpCollector:
    """A collector that is posted one body for each batch."""

    def __init__(self, sink: HttpSink, exporter: str, house: str) -> None:
        """Know who it is, and by which names the events of this house go."""
        self._sink = sink
        self._exporter = exporter
        self._house = house

    def next_place(self, _place: str | None, _first: int, _day: str) -> str | None:
        """Keep no place: a collector has none."""
        return None

    def take(self, events: Sequence[Event], _place: str | None) -> str | None:
        """Post the batch. A batch that comes again has the same events under the same indexes."""
        body = self._sink.body
        headers = {
            "Content-Type": _CONTENT[body],
            "Content-Encoding": "gzip",
            "Accept": "application/json",
            "Vault-Batch": f"{self._exporter}:{events[0].idx}-{events[-1].idx}",
        }
        if self._sink.token:
            headers["Authorization"] = f"{_SCHEME[body]} {self._sink.token}"
        heard = fetching.send(
            "POST",
            self._sink.url,
            body=gzip.compress(self._written(events), compresslevel=1),
            headers=headers,
            unheard="unavailable",
            trusting=self._trusted,
            within_seconds=_LONGEST_SECONDS,
        )
        if not 200 <= heard.status < 300:
            raise Unavailable(reason=f"status_{heard.status}")
        if body == "elastic":
            _each_taken(heard.body, len(events))
        return None

    @cached_property
    def _trusted(self) -> ssl.SSLContext | None:
        # The machine's own trust is read where nothing else is named.
        ca_file = self._sink.ca_file
        try:
            return None if ca_file is None else syslogging.trusting(ca_file)
        except OSError:
            raise Unavailable(reason="ca_file") from None

    def _written(self, events: Sequence[Event]) -> bytes:
        match self._sink.body:
            case "ndjson":
                return b"".join(event.line + b"\n" for event in events)
            case "array":
                return b"[" + b",".join(event.line for event in events) + b"]"
            case "elastic":
                return b"".join(self._created(event) + event.line + b"\n" for event in events)
            case "splunk":
                return b"\n".join(map(self._wrapped, events))

    def _created(self, event: Event) -> bytes:
        """Name the event by its index: what was created once is refused the second time, and stands."""
        return orjson.dumps({"create": {"_id": f"{self._house}-{event.idx}"}}) + b"\n"

    def _wrapped(self, event: Event) -> bytes:
        seconds, thousandths = divmod(event.at_ms, 1000)
        told = {
            "time": f"{seconds}.{thousandths:03}",
            "host": self._house,
            "source": PRODUCT,
            "event": orjson.Fragment(event.line),
        }
        return orjson.dumps(told)


def _each_taken(body: bytes, count: int) -> None:
    """Believe an answer of Elasticsearch only where each event was created, now or before."""
    try:
        items = orjson.loads(body)["items"]
        statuses = [next(iter(item.values()))["status"] for item in items]
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration):
        raise Unavailable(reason="answer") from None
    refused = [one for one in statuses if not (200 <= one < 300 or one == _STANDS_ALREADY)]
    if refused or len(statuses) != count:
        raise Unavailable(reason=f"item_{refused[0]}" if refused else "answer")
