"""Keeps the audit file of every process that starts here to so many pages as a file beside it says.

SQLite's own ``max_page_count`` is a connection's, and no other process can set it: whoever opens the file
sets it for itself, and again when the quota is another.
"""

import os
import sqlite3
import threading
import time
import weakref
from pathlib import Path
from typing import Any

_QUOTA = Path(os.environ["AUDIT_QUOTA"])
_AGAIN_SECONDS = 0.1
_connect = sqlite3.connect
_opened: "weakref.WeakSet[sqlite3.Connection]" = weakref.WeakSet()


def connect(database: Any, *given: Any, **named: Any) -> sqlite3.Connection:
    """Connect as ever; where it is to the file with a quota, obey that."""
    connection: sqlite3.Connection = _connect(database, *given, **named)
    if f"{_QUOTA.with_suffix('.db')}?" in str(database):
        if not _opened:
            threading.Thread(target=_obey, daemon=True).start()
        _opened.add(connection)
        _limit(connection)
    return connection


def _obey() -> None:
    while True:
        time.sleep(_AGAIN_SECONDS)
        for connection in list(_opened):
            _limit(connection)


def _limit(connection: sqlite3.Connection) -> None:
    try:
        connection.execute(f"PRAGMA max_page_count={int(_QUOTA.read_text())}")
    except (OSError, ValueError, sqlite3.Error):
        # It is being closed, or the quota is being written.
        return


sqlite3.connect = connect  # type: ignore[assignment]
