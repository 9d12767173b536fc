"""Keeps the audit file of every process that starts here to so many pages as a file beside it says.

SQLite's own ``max_page_count`` is a connection's, and no other process can set it: whoever opens the file
sets it for itself.
"""

import os
import sqlite3
from pathlib import Path
from typing import Any

_connect = sqlite3.connect


def connect(database: Any, *given: Any, **named: Any) -> sqlite3.Connection:
    """Connect as ever; where it is to the file with a quota, obey that."""
    connection: sqlite3.Connection = _connect(database, *given, **named)
    quota = Path(os.environ["AUDIT_QUOTA"])
    if f"{quota.with_suffix('.db')}?" in str(database) and quota.exists():
        connection.execute(f"PRAGMA max_page_count={int(quota.read_text())}")
    return connection


sqlite3.connect = connect  # type: ignore[assignment]
