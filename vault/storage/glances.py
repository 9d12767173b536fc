"""Glances: drivers' connections, lent for one statement that reads, which is a snapshot of its own."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
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


class Shelf:
    """The connections that wait to be lent, the last one returned first.

    A pool that counts, and tells its listeners of every coming and going, takes longer than most questions.
    Each thread has one of them at a time, so there are never more than threads.
    """

    def __init__(self, engine: Engine, *, is_fit: Callable[[Any], bool]) -> None:
        """Take new connections out of *engine*, for good; *is_fit* tells whether one still serves."""
        self._engine = engine
        self._is_fit = is_fit
        self._idle: deque[Glance] = deque()

    def take(self) -> Glance:
        """Lend a connection that serves; raises the driver's or the library's error where there is none."""
        while self._idle:
            try:
                glance = self._idle.pop()
            except IndexError:
                break
            if self._is_fit(glance.driver):
                return glance
            glance.close()
        return self._fresh()

    def put(self, glance: Glance) -> None:
        """Take back what was lent and met no fault."""
        self._idle.append(glance)

    def empty(self) -> Iterator[Glance]:
        """Hand out whatever waits; what is lent at the moment comes back later."""
        while self._idle:
            yield self._idle.pop()

    def _fresh(self) -> Glance:
        lent = self._engine.raw_connection()
        lent.detach()
        driver: Any = lent.dbapi_connection
        if self._engine.dialect.name == "postgresql":
            driver.set_autocommit(True)
            driver.execute("SET default_transaction_read_only = on")
        return Glance(driver, self._engine.dialect)
