"""Glances: drivers' connections, lent for one statement that reads, which is a snapshot of its own."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

from sqlalchemy import Connection, Dialect, Engine

Values: TypeAlias = Sequence[object] | Mapping[str, object]


class Glance:
    """One driver's connection; what is read with it begins and ends by itself."""

    __slots__ = ("_driver", "_is_server", "dialect")

    def __init__(self, driver: Any, dialect: Dialect) -> None:
        """Take *driver*, of which nobody else knows."""
        self._driver = driver
        self.dialect = dialect
        self._is_server = dialect.name == "postgresql"

    def rows(self, question: str, values: Values) -> list[Sequence[Any]]:
        """Put *question*, in the database's own words, to the driver."""
        if self._is_server:
            # Columns of bytes come as they are, and not as twice as many digits.
            return cast("list[Sequence[Any]]", self._driver.execute(question, values, binary=True).fetchall())
        return cast("list[Sequence[Any]]", self._driver.execute(question, values).fetchall())

    @property
    def driver(self) -> Any:
        """The connection itself, for whoever has to tell whether it still serves."""
        return self._driver

    def close(self) -> None:
        """Let go of the connection."""
        self._driver.close()


# What a repository can put a question to.
Reader: TypeAlias = Connection | Glance


def fresh(engine: Engine) -> Glance:
    """Take a connection out of *engine*, for good."""
    lent = engine.raw_connection()
    lent.detach()
    driver: Any = lent.dbapi_connection
    if engine.dialect.name == "postgresql":
        driver.set_autocommit(True)
        driver.execute("SET default_transaction_read_only = on")
    return Glance(driver, engine.dialect)
