"""Columns: what the tables of the four stores are made of, and the house's row that each of them has."""

from sqlalchemy import BigInteger, Column, Dialect, Integer, LargeBinary, MetaData, SmallInteger, Table
from typing_extensions import override

# Every constraint has a name, so that migrations can speak of it on both databases.
_NAMES = {
    "pk": "pk_%(table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}

data = MetaData(naming_convention=_NAMES)
keys = MetaData(naming_convention=_NAMES)
audit = MetaData(naming_convention=_NAMES)
register = MetaData(naming_convention=_NAMES)


class Bytes(LargeBinary):
    """Bytes as they are: both drivers take them so, and a batch has a hundred thousand of them."""

    @override
    def bind_processor(self, dialect: Dialect) -> None:
        return None


def id_column(name: str, *, nullable: bool = False) -> Column[bytes]:
    """An id, or a MAC cut to its length."""
    return Column(name, Bytes(16), nullable=nullable)


def digest_column(name: str) -> Column[bytes]:
    """A whole hash."""
    return Column(name, Bytes(32), nullable=False)


def millis_column(name: str, *, nullable: bool = False) -> Column[int]:
    """A moment, in milliseconds since 1970 in UTC."""
    return Column(name, BigInteger, nullable=nullable)


def house_table(metadata: MetaData, *more: Column[int]) -> Table:
    """The one row that says which house a store belongs to; in each of the four."""
    return Table(
        "house",
        metadata,
        Column("one", SmallInteger, primary_key=True, autoincrement=False),
        id_column("house"),
        id_column("tenant"),
        Column("incarnation", Integer, nullable=False),
        millis_column("created_ms"),
        *more,
    )
