"""Floors: what the keys store remembers of the other stores and of the time; what lies below was put back."""

from dataclasses import dataclass
from functools import cache

from sqlalchemy import BigInteger, Connection, Update, bindparam, case, literal, or_, select, update

from vault.domain.terms import Millis
from vault.storage import keys_tables as tables
from vault.storage.glances import Reader
from vault.storage.shapes import Shape
from vault.storage.statements import Question, counted_on


@dataclass(frozen=True, slots=True)
class Floors:
    """Where authority, ledger and register stood, and the latest moment at which the house was well."""

    authority_floor: int
    authority_pending: int
    ledger_size: int
    register_size: int = 0
    latest_ms: int = 0


FLOORS = Shape(tables.keys_house, Floors)
_ALL = Question(select(*FLOORS.columns))


def read(conn: Reader) -> Floors | None:
    """Read the floors; None in a house that was not created."""
    found = FLOORS.load(_ALL.ask(conn))
    return found[0] if found else None


def begin_authority(conn: Connection, version: int) -> int | None:
    """Begin to write on top of the authority's *version*; give the number that is written.

    None where that is stale. The rule is that of ``keys.begin_write``.
    """
    held = tables.keys_house.c
    statement = update(tables.keys_house).where(held.authority_floor <= version)
    pending = counted_on(held.authority_pending, literal(version))
    begun = statement.values(authority_floor=version, authority_pending=pending)
    return conn.execute(begun.returning(held.authority_pending)).scalar()


def lift(
    conn: Connection,
    *,
    authority_version: int = 0,
    ledger_size: int = 0,
    register_size: int = 0,
    latest_ms: int = 0,
) -> None:
    """Raise each floor to what is given; none sinks, and nothing fails because it was done before."""
    told = {
        "authority_floor": authority_version,
        "ledger_size": ledger_size,
        "register_size": register_size,
        "latest_ms": latest_ms,
    }
    conn.execute(_lifting(), {f"new_{name}": value for name, value in told.items()})


def set_clock(conn: Connection, at_ms: Millis) -> None:
    """Forget every moment behind *at_ms*: the one floor that may sink, where a clock had run ahead."""
    conn.execute(update(tables.keys_house).values(latest_ms=at_ms))


@cache
def _lifting() -> Update:
    held = tables.keys_house.c
    told = {
        held[name]: bindparam(f"new_{name}", type_=BigInteger)
        for name in ("authority_floor", "ledger_size", "register_size", "latest_ms")
    }
    return (
        update(tables.keys_house)
        .where(or_(*(floor < value for floor, value in told.items())))
        # The two databases name the greater of two numbers differently.
        .values({floor: case((floor < value, value), else_=floor) for floor, value in told.items()})
    )
