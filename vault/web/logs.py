"""Logs: what operators may know of a running house, as JSON lines of codes, counts and places in the code."""

import sys
import threading
from contextlib import suppress
from pathlib import Path
from traceback import walk_tb
from types import TracebackType
from typing import Any, TextIO, cast

import structlog
from structlog.typing import FilteringBoundLogger

_ROOT = Path(__file__).parents[2]


def logger(stream: TextIO) -> FilteringBoundLogger:
    """Make a logger that writes one JSON object a line to *stream*; nothing global is set."""
    return cast(
        FilteringBoundLogger,
        structlog.wrap_logger(
            _Lines(stream),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.EventRenamer("event"),
                structlog.processors.JSONRenderer(),
            ],
            wrapper_class=structlog.make_filtering_bound_logger("info"),
        ),
    )


def frames(error: BaseException) -> list[str]:
    """List where *error* passed, innermost last: files, lines and function names; no source, no locals."""
    return [
        f"{_place(frame.f_code.co_filename)}:{line}:{frame.f_code.co_name}"
        for frame, line in walk_tb(error.__traceback__)
    ]


def hush(log: FilteringBoundLogger) -> None:
    """Let a thread or a process that dies of an exception say where, not what it held.

    The interpreter's own traces end with the exception's message, and a driver's may quote a value.
    """

    def said(kind: type[BaseException], error: BaseException | None) -> None:
        log.error("fault", type=kind.__name__, at=frames(error) if error is not None else [])

    def in_main(kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> Any:
        said(kind, error)

    def in_thread(args: threading.ExceptHookArgs) -> Any:
        if args.exc_type is not SystemExit:
            said(args.exc_type, args.exc_value)

    sys.excepthook = in_main
    threading.excepthook = in_thread


class _Lines:
    """Writes a line at a time; a log that cannot be written must not stop an answer."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.turn = threading.Lock()

    def msg(self, line: str) -> None:
        with self.turn, suppress(OSError):
            self.stream.write(f"{line}\n")
            self.stream.flush()

    info = warning = error = msg


def _place(file: str) -> str:
    path = Path(file)
    return str(path.relative_to(_ROOT)) if path.is_relative_to(_ROOT) else path.name
