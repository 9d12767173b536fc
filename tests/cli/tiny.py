"""Applications that are small enough to look at how they are served."""

import os
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

from vault.errors import Misconfigured
from vault.settings import Settings

CANARY = "canary-13800138000"


class Application:
    """Answers with the process that answers; ``/slow`` takes its time, and its end is told."""

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer."""
        if environ["PATH_INFO"] == "/slow":
            sys.stderr.write("begun\n")
            sys.stderr.flush()
            threading.Event().wait(1.0)
        body = str(os.getpid()).encode()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    def close(self) -> None:
        """Tell that it was closed."""
        sys.stderr.write("closed\n")


def application(settings: Settings) -> Application:
    """Build one that works."""
    assert settings.threads
    return Application()


def slow_application(settings: Settings) -> Application:
    """Build one that takes its time to begin."""
    threading.Event().wait(20.0)
    return application(settings)


def misconfigured(settings: Settings) -> Application:
    """Refuse to begin."""
    raise Misconfigured([f"VAULT_BIND is {settings.port}; take another."])


def broken(_settings: Settings) -> Application:
    """Fail as a driver would."""
    raise ValueError(CANARY)
