"""Whoever takes sets, or makes a house of them, is killed at each step; the same command again is right."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.house import RULEBOOK, House
from tests.postgres import Server
from tests.services.preserved import Vaulted, empty_stores, load, opened, replaced
from tests.services.test_restore import rehired
from vault.bootstrap import open_house
from vault.errors import Misconfigured
from vault.services import preserve, restrict, revive
from vault.services.recount import recount
from vault.settings import Settings
from vault.storage.places import Directory
from vault.storage.restoring import LOCKED
from vault.storage.unit_of_work import Connection, Store

BOB = {"name": "王小明", "mobile": "+8613900139000"}


class Steps:
    """Counts what takes effect for good, and kills this process before or behind the chosen one."""

    def __init__(self, at: int, *, before: bool) -> None:
        self._left, self._before = at, before

    def begin(self) -> None:
        self._left -= 1
        if self._left == 0 and self._before:
            os.kill(os.getpid(), signal.SIGKILL)

    def end(self) -> None:
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def survives(at: int, *, before: bool, work: Callable[[], object]) -> bool:
    """Do *work* in a fork that dies at its *at*-th commit or file; tells whether it came to its end."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            count_steps(Steps(at, before=before))
            work()
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert status == 0 or (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL)
    return status == 0


def count_steps(steps: Steps) -> None:
    """Count from here on; in a fork of its own, whose classes are nobody else's."""
    write_file, write, transact = Directory.write, Store.write, Store.transact

    def counted_file(self: Directory, name: str, content: bytes) -> None:
        steps.begin()
        write_file(self, name, content)
        steps.end()

    @contextmanager
    def counted_write(self: Store) -> Iterator[Connection]:
        with write(self) as conn:
            yield conn
            steps.begin()
        steps.end()

    def counted_transact(self: Store, work: Callable[[Connection], Any]) -> Any:
        def counted(conn: Connection) -> Any:
            done = work(conn)
            steps.begin()
            return done

        done = transact(self, counted)
        steps.end()
        return done

    Directory.write = counted_file  # type: ignore[method-assign]
    Store.write = counted_write  # type: ignore[method-assign]
    Store.transact = counted_transact  # type: ignore[method-assign]


@pytest.mark.slow
def test_a_backup_that_is_killed_at_each_step_is_gone_on_with(house: House, tmp_path: Path) -> None:
    house.admit(consents=["P11"])
    kept = Vaulted.at(tmp_path / "sets")

    def take() -> None:
        with open_house(house.settings, clock=house.clock, rulebook=RULEBOOK) as parts:
            preserve.take(parts, house.operator, kept.plan)

    for at in count(1, 3):
        lived = [survives(at, before=before, work=take) for before in (True, False)]
        if all(lived):
            break

    assert {one.fault for one in preserve.check(house.parts, kept.plan.to)} == {None}
    assert len(kept.shelf(house).manifests()) >= 3
    assert not list(kept.root.rglob(".half-*"))


def is_restored(house: House, settings: Settings) -> bool:
    """Tell whether nothing but opening is left."""
    try:
        with open_house(settings, clock=house.clock, rulebook=RULEBOOK) as parts:
            return revive.state(parts) == LOCKED
    except Misconfigured:
        return False


@pytest.mark.slow
@pytest.mark.parametrize("becomes", ["sqlite", "postgresql"])
def test_a_restore_that_is_killed_at_each_step_is_gone_on_with(
    house: House, tmp_path: Path, becomes: str, postgresql: Server
) -> None:
    customer = house.admit(consents=["P11"])
    other = house.admit(BOB)
    kept = Vaulted.at(tmp_path / "sets")
    kept.take(house)
    house.withdraw(customer)
    restrict.restrict(house.parts, house.call("officer"), house.known_to("officer", other), "disputed")

    with empty_stores(becomes, tmp_path, postgresql) as urls:
        settings = replaced(house, urls)
        for at in count(1):
            lived = [
                survives(at, before=before, work=partial(load, house, kept, settings))
                for before in (True, False)
                if not (at > 1 and is_restored(house, settings))
            ]
            if all(lived):
                break

        new = opened(house, settings)
        assert [one for (one,) in new.rows_of("data", "SELECT state FROM consent")] == ["withdrawn"]
        assert sorted(one & 1 for (one,) in new.rows_of("data", "SELECT gates FROM subject")) == [0, 1]
        rehired(house, new, "intake")
        new.amend("intake", customer, {"name": "欧阳明"})
        assert list(recount(new.parts)) == []
        new.check()
