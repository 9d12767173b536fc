"""Contest: the vault, its floor and its peer side by side on one database, all of them under way at once."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sqlalchemy import make_url

from scripts.bench import houses, serving
from scripts.bench.drivers import Driver
from scripts.bench.floor.rows import Sealed, lay
from scripts.bench.houses import Bench
from scripts.bench.peer import app as peer
from scripts.bench.serving import Served
from tests.postgres import Server

CONTESTANTS: Final = ("vault", "floor", "peer")
_STORES: Final = ("data", "keys", "audit", "register")
_CHUNK: Final = 500


@dataclass
class Contest:
    """What stands on one database, and which customers were not taken in yet."""

    database: str
    bench: Bench
    urls: Mapping[str, str]
    served: Mapping[str, Served]
    folder: Path
    customers: int
    _next: int = field(default=0)

    def fresh(self, count: int) -> range:
        """Take *count* numbers that belong to nobody yet."""
        first = self.customers + self._next
        self._next += count
        return range(first, first + count)


@contextmanager
def contest(database: str, server: Server | None, folder: Path, *, customers: int) -> Iterator[Contest]:
    """Build all three with *customers*, and serve them."""
    folder.mkdir()
    with ExitStack() as stack:
        urls = _urls(server, stack, folder)
        own = {name: urls[f"vault_{name}"] for name in _STORES} if server else {}
        bench = houses.build(folder / "vault", own, customers=customers, listed=customers)
        _fill_floor(urls, customers)
        peer.fill(urls["peer"], customers)
        floor = {f"FLOOR_{name.upper()}": urls[f"floor_{name}"] for name in ("keys", "data", "audit")}
        served = {
            "vault": stack.enter_context(serving.vault(bench.environ)),
            "floor": stack.enter_context(serving.granian("scripts.bench.floor.app:make", floor)),
            "peer": stack.enter_context(
                serving.granian("scripts.bench.peer.app:make", {"PEER_URL": urls["peer"]})
            ),
        }
        yield Contest(database, bench, urls, served, folder, customers)


def _urls(server: Server | None, stack: ExitStack, folder: Path) -> dict[str, str]:
    floors = [f"floor_{name}" for name in ("keys", "data", "audit")]
    if server is None:
        files = {name: str(folder / f"{name}.db") for name in floors}
        return {**files, "peer": f"sqlite:///{folder}/peer.db"}
    whole = stack.enter_context(server.database())
    vaults = {
        f"vault_{name}": make_url(whole)
        .update_query_dict({"options": f"-csearch_path={name}"})
        .render_as_string(hide_password=False)
        for name in _STORES
    }
    others = {name: stack.enter_context(server.database()) for name in (*floors, "peer")}
    others["peer"] = others["peer"].replace("postgresql://", "postgresql+psycopg://")
    return {**vaults, **others}


def _fill_floor(urls: Mapping[str, str], customers: int) -> None:
    keys, data, audit = (Driver(urls[f"floor_{name}"]) for name in ("keys", "data", "audit"))
    lay(keys, data, audit)
    for first in range(0, customers, _CHUNK):
        whole = Sealed(range(first, min(first + _CHUNK, customers)))
        whole.store_keys(keys)
        whole.store_data(data)


def told(contest: Contest, **more: Any) -> dict[str, Any]:
    """Write what a row without a server is told of this contest."""
    return {
        "environ": dict(contest.bench.environ),
        "token": contest.bench.tokens["desk"],
        "ids": list(contest.bench.ids["desk"][:500]),
        "audit": contest.urls["floor_audit"],
        "peer": contest.urls["peer"],
        **more,
    }


def headers(contest: Contest, name: str, app: str) -> dict[str, str]:
    """Make the headers that *name* is called with."""
    if name == "vault":
        return contest.bench.headers(app)
    return {"Authorization": f"Bearer {peer.TOKEN}", "Vault-Purpose": "P04"}


def some(ids: Sequence[str], count: int) -> list[str]:
    """Take *count* of *ids*, from the whole of them."""
    return list(ids[:: max(1, len(ids) // count)][:count])
