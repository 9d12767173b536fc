"""Somebody else's deed, at an exact moment of a service's work: between two of its looks at the stores."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from typing_extensions import override

from tests.house import House
from vault.storage.glances import Glance
from vault.storage.unit_of_work import Connection, Store

T = TypeVar("T")


class Moments:
    """Counts the looks of one worker at data and keys; behind the chosen one, the deed is done, once."""

    def __init__(self, at: int, deed: Callable[[], object]) -> None:
        self._left = at
        self._deed = deed
        self._inside = 0

    @property
    def came(self) -> bool:
        """Tell whether the chosen moment came."""
        return self._left <= 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """A look; one within another is no moment of its own, since the outer one holds its locks."""
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
        if self._inside == 0:
            self._pass()

    def _pass(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._deed()


class Watched(Store):
    """A store that tells of every transaction that has ended."""

    def __init__(self, store: Store, moments: Moments) -> None:
        self.__dict__.update(store.__dict__)
        self._store, self._moments = store, moments

    @override
    @contextmanager
    def read(self) -> Iterator[Connection]:
        with self._moments.one(), self._store.read() as conn:
            yield conn

    @override
    @contextmanager
    def glance(self) -> Iterator[Glance]:
        with self._moments.one(), self._store.glance() as conn:
            yield conn

    @override
    @contextmanager
    def write(self) -> Iterator[Connection]:
        with self._moments.one(), self._store.write() as conn:
            yield conn

    @override
    def transact(self, work: Callable[[Connection], T]) -> T:
        with self._moments.one():
            return self._store.transact(work)


@contextmanager
def interrupted(
    house: House, at: int, deed: Callable[[], object], *, lives_on: bool = False
) -> Iterator[tuple[House, Moments]]:
    """Lend a worker behind whose look number *at* the *deed* is done, for the block or for good."""
    other, moments = house.another(), Moments(at, deed)
    own = house._others[-1]
    stores = other.parts.stores
    watched = replace(stores, data=Watched(stores.data, moments), keys=Watched(stores.keys, moments))
    other.parts = replace(other.parts, stores=watched)
    try:
        yield other, moments
    finally:
        # There are dozens of moments, and a server has not so many connections.
        if not lives_on:
            house._others.remove(own)
            own.close()
