"""Proving: what a checkpoint and the proof of one entry take where the ledger has so many entries."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Final

from scripts.bench import houses, ledgers
from scripts.bench.accepted import Figure, figure
from scripts.bench.growth import urls_of
from tests.postgres import Server
from vault.bootstrap import now, open_house
from vault.domain.merkle import includes
from vault.domain.tiles import Roots, inclusion_proof
from vault.notary_settings import settings_of
from vault.outpost import open_seat
from vault.services import evidence
from vault.services.governing import operator
from vault.services.notarise import Notary
from vault.services.parts import Parts
from vault.settings import read
from vault.storage import audit, tree
from vault.storage.unit_of_work import Store

_CUSTOMERS: Final = 20
_CHECKPOINTS: Final = 40
_PROOFS: Final = 400


def measure(database: str, server: Server | None, folder: Path, size: int) -> Iterator[Figure]:
    """Measure a house whose ledger has *size* entries."""
    folder.mkdir()
    with ExitStack() as kept:
        url = None if server is None else kept.enter_context(server.database())
        bench = houses.build(folder / "vault", urls_of(url), customers=_CUSTOMERS, listed=0)
        parts = kept.enter_context(open_house(read(bench.environ, directory=Path("/"))))
        ledgers.grow(parts.stores.audit, ledgers.month(size))
        notary = Notary(kept.enter_context(open_seat(settings_of(bench.settings), clock=now)))
        signed = notary.attend().tree
        yield figure("checkpoint", database, _each(lambda _: _signed(parts, notary), range(_CHECKPOINTS)))
        indexes = Random(size).choices(range(signed.size), k=_PROOFS)
        root, store = signed.root(), parts.stores.audit
        yield figure(
            "proof_first", database, _each(lambda at: _prove(store, at, signed.size, root, {}), indexes)
        )
        known: Roots = {}
        _prove(store, 0, signed.size, root, known)
        yield figure(
            "proof", database, _each(lambda at: _prove(store, at, signed.size, root, known), indexes)
        )
        me = operator(os.getuid())
        yield figure(
            "proof_given", database, _each(lambda at: _timed(evidence.proof, parts, me, at), indexes)
        )


def _each(work: Callable[[int], float], numbers: Iterable[int]) -> list[float]:
    return [work(number) for number in numbers]


def _signed(parts: Parts, notary: Notary) -> float:
    """Let one entry come, and time the checkpoint over it."""
    evidence.checkpoint(parts, operator(os.getuid()))
    return _timed(notary.attend)


def _prove(store: Store, index: int, size: int, root: bytes, known: Roots) -> float:
    """Read a proof from the store, with the roots of tiles that are known, and time that."""
    began = time.perf_counter()
    with store.read() as conn:
        path = inclusion_proof(index, size, tree.reader(conn, known))
        ((_, leaf),) = audit.leaves(conn, index, limit=1)
    spent = (time.perf_counter() - began) * 1e3
    if not includes(root, path, leaf=leaf, index=index, size=size):
        raise RuntimeError(f"entry {index} is not proved")
    return spent


def _timed(work: Callable[..., object], *given: object) -> float:
    began = time.perf_counter()
    work(*given)
    return (time.perf_counter() - began) * 1e3
