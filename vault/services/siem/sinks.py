"""Sinks: where the events of an exporter go; each says by its return that it has them for good."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from vault.services.siem.collectors import SyslogCollector
from vault.services.siem.files import Folder
from vault.services.siem.posts import HttpCollector
from vault.services.siem.rendering import Event
from vault.setting_exporters import Exporter, FileSink, SyslogSink


class Sink(Protocol):
    """Takes events in their order."""

    def next_place(self, place: str | None, first: int, day: str) -> str | None:
        """Say where the events from index *first* on will be written; noted down before they are."""

    def take(self, events: Sequence[Event], place: str | None) -> str | None:
        """Take *events*, for good; returns the place to go on from.

        Raises Unavailable where it cannot be known that they arrived: whoever calls sends them again.
        """


def opened(exporter: Exporter, house: str) -> AbstractContextManager[Sink | None]:
    """Open the sink of an exporter; None where another process is at it."""
    sink = exporter.sink
    if isinstance(sink, FileSink):
        return Folder.locked(sink)
    if isinstance(sink, SyslogSink):
        return nullcontext(SyslogCollector(sink))
    return nullcontext(HttpCollector(sink, exporter.name, house))
