"""Alerts: what rules remember of the ledger, and what they raised; all of it can be made anew."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, select, update

from vault.domain.terms import Millis
from vault.storage import signal_tables as tables
from vault.storage.shapes import Shape


@dataclass(frozen=True, slots=True)
class MemoryRow:
    """What one rule remembers about one key, as JSON."""

    rule: str
    about: str
    memory: str


@dataclass(frozen=True, slots=True)
class AlertRow:
    """A rule that found something about somebody; ``entries`` is a JSON list of indexes."""

    alert: bytes
    rule: str
    severity: str
    score: int
    who: str
    who_type: str
    at_ms: Millis
    idx: int
    entries: str
    told: bool = False


_MEMORY = Shape(tables.signal_memory, MemoryRow)
_ALERT = Shape(tables.alert, AlertRow)
_alert = tables.alert.c


def memories(conn: Connection) -> list[MemoryRow]:
    """Read everything that is remembered."""
    return _MEMORY.load(conn.execute(select(*_MEMORY.columns)))


def remember(conn: Connection, rows: Sequence[MemoryRow], forgotten: Collection[tuple[str, str]]) -> None:
    """Keep what has changed, and drop what was forgotten."""
    _MEMORY.put(conn, rows)
    held = tables.signal_memory.c
    # One by one, by the key: PostgreSQL holds every row against each pair of a long list.
    this = (held.rule == bindparam("of")) & (held.about == bindparam("key"))
    listed = [{"of": rule, "key": about} for rule, about in sorted(forgotten)]
    if listed:
        conn.execute(delete(tables.signal_memory).where(this), listed)


def forget_all(conn: Connection) -> None:
    """Drop everything that is remembered."""
    conn.execute(delete(tables.signal_memory))


def put(conn: Connection, rows: Sequence[AlertRow]) -> int:
    """Keep alerts; one that was raised before is not raised again. Tells how many are new."""
    return _ALERT.insert_or_ignore(conn, rows)


def untold(conn: Connection, *, limit: int) -> list[AlertRow]:
    """Read the oldest alerts that are in no case yet."""
    query = select(*_ALERT.columns).where(_alert.told.is_(False))
    return _ALERT.load(conn.execute(query.order_by(_alert.at_ms, _alert.alert).limit(limit)))


def tell(conn: Connection, ids: Sequence[bytes]) -> None:
    """Note that these are entries by now."""
    for start in range(0, len(ids), 400):
        among = _alert.alert.in_(ids[start : start + 400])
        conn.execute(update(tables.alert).where(among).values(told=True))


def alerts(conn: Connection, ids: Collection[bytes]) -> dict[bytes, AlertRow]:
    """Read alerts by their ids."""
    return {row.alert: row for row in _ALERT.find(conn, among={"alert": ids})}
