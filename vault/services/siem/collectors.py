"""Collectors: events go to a collector of syslog, each in a message that says its place in the ledger."""

import re
import socket
from base64 import b64encode
from collections.abc import Sequence

from vault.domain import event_kinds
from vault.domain.events import PRODUCT
from vault.domain.instants import moment
from vault.domain.syslog import Message, Severity
from vault.services import syslogging
from vault.services.siem.rendering import Event
from vault.services.syslogging import Collector
from vault.setting_exporters import SyslogSink

# 32473 is the number of examples (RFC 5612); a product that has one of its own puts it here.
_DATA = "vault@32473"
_GRAVITY = {
    event_kinds.Severity.INFORMATIONAL: Severity.INFORMATIONAL,
    event_kinds.Severity.LOW: Severity.NOTICE,
    event_kinds.Severity.MEDIUM: Severity.WARNING,
    event_kinds.Severity.HIGH: Severity.ERROR,
    event_kinds.Severity.CRITICAL: Severity.CRITICAL,
}


class SyslogCollector:
    """A collector that is told one message for each event."""

    def __init__(self, sink: SyslogSink) -> None:
        """Know who it is; each batch is a connection of its own, whose end acknowledges it."""
        self._collector = Collector(sink.transport, sink.host, sink.port, sink.ca_file, sink.client_file)
        self._host = re.sub(r"[^!-~]", "", socket.gethostname())[:255] or "-"

    def next_place(self, _place: str | None, _first: int, _day: str) -> str | None:
        """Keep no place: a collector has none."""
        return None

    def take(self, events: Sequence[Event], _place: str | None) -> str | None:
        """Send one message for each event."""
        syslogging.send(self._collector, [self._message(event) for event in events])
        return None

    def _message(self, event: Event) -> bytes:
        return Message(
            at=moment(event.at_ms),
            host=self._host,
            app=PRODUCT,
            about=event.kind,
            severity=_GRAVITY[event.severity],
            data={_DATA: {"idx": str(event.idx), "leaf": b64encode(event.leaf).decode()}},
            text=event.line.decode(),
        ).encode()
