"""Exporters: how each is faring that tells a SIEM of the ledger; how far it came stands in ``derived``."""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, select

from vault.domain.terms import Millis
from vault.storage import ledger_tables as tables
from vault.storage.shapes import Shape
from vault.storage.statements import Question


@dataclass(frozen=True, slots=True)
class ExporterRow:
    """One exporter: by which settings, when the ledger was told of it, and what became of it since."""

    name: str
    settings: bytes
    told_ms: Millis
    sent: int = 0
    sent_ms: Millis | None = None
    fault: str | None = None
    fault_ms: Millis | None = None
    # The file that was last written to, and how long it was then.
    place: str | None = None


_EXPORTER = Shape(tables.exporter, ExporterRow)
_FIND = Question(select(*_EXPORTER.columns).where(tables.exporter.c.name == bindparam("who")))


def find(conn: Connection, name: str) -> ExporterRow | None:
    """Read how an exporter is faring; None for one that has not begun."""
    found = _EXPORTER.load(_FIND.ask(conn, who=name))
    return found[0] if found else None


def standing(conn: Connection) -> list[ExporterRow]:
    """Read how each exporter is faring, by their names."""
    return _EXPORTER.load(conn.execute(select(*_EXPORTER.columns).order_by(tables.exporter.c.name)))


def forget(conn: Connection, name: str) -> None:
    """Forget how one is faring that is not set up any more."""
    conn.execute(delete(tables.exporter).where(tables.exporter.c.name == name))


def put(conn: Connection, row: ExporterRow) -> None:
    """Keep how an exporter is faring, in the place of what was known."""
    _EXPORTER.put(conn, [row])
