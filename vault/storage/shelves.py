"""Shelves: connections that wait to be lent again, as they were returned."""

import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Generic, NamedTuple, Protocol, TypeVar

import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

DRIVER_ERRORS = (SQLAlchemyError, sqlite3.Error, psycopg.Error)


class Closing(Protocol):
    """What is closed when it is not wanted any more."""

    def close(self) -> None:
        """Let go of it."""


T = TypeVar("T", bound=Closing)


class Shelf(Generic[T]):
    """The connections of one kind that wait, the last one returned first.

    A pool that counts, and that tells its listeners of every coming and going, takes longer than most
    questions. Each thread has one of a kind at a time, so there are never more than threads.
    """

    def __init__(self, make: Callable[[], T], *, is_fit: Callable[[T], bool]) -> None:
        """Open what is missing with *make*; *is_fit* tells whether one that waited still serves."""
        self._make = make
        self._is_fit = is_fit
        self._idle: deque[T] = deque()
        # How often the shelf was emptied: what was lent before that leads to where nobody looks any more.
        self.emptied = 0

    def take(self) -> T:
        """Lend a connection that serves; raises the driver's or the library's error where there is none."""
        while self._idle:
            try:
                waiting = self._idle.pop()
            except IndexError:
                break
            if self._is_fit(waiting):
                return waiting
            waiting.close()
        return self._make()

    def put(self, lent: T, *, lent_at: int) -> None:
        """Take back what was lent and met no fault, when the shelf had been emptied *lent_at* times."""
        if lent_at == self.emptied:
            self._idle.append(lent)
        else:
            lent.close()

    def empty(self) -> Iterator[T]:
        """Hand out whatever waits; what is lent at the moment is closed when it comes back."""
        self.emptied += 1
        while self._idle:
            try:
                yield self._idle.pop()
            except IndexError:
                return


@contextmanager
def on_loan(connection: Connection, shelf: Shelf[Connection]) -> Iterator[Connection]:
    """Lend *connection* and put it on *shelf* afterwards, with no transaction open; or close it for good."""
    lent = Lent(connection, shelf, shelf.emptied, connection.connection.dbapi_connection)
    try:
        yield connection
    except BaseException as fault:
        # Whoever was interrupted may be in the middle of something.
        _take_back(lent, is_whole=isinstance(fault, Exception))
        raise
    _take_back(lent)


class Lent(NamedTuple):
    """What was lent, from where, and over which of the driver's connections."""

    connection: Connection
    shelf: Shelf[Connection]
    lent_at: int
    driver: object


def _take_back(lent: Lent, *, is_whole: bool = True) -> None:
    connection, shelf = lent.connection, lent.shelf
    # The library reconnects by itself where it may; such a connection was not made for this shelf.
    if is_whole and not connection.invalidated and connection.connection.dbapi_connection is lent.driver:
        # The library takes a commit that failed for the end; the driver may not.
        with suppress(*DRIVER_ERRORS):
            connection.rollback()
            connection.connection.rollback()
            shelf.put(connection, lent_at=lent.lent_at)
            return
    connection.invalidate()
    connection.close()
