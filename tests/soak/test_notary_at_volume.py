"""A notary that is a million entries behind catches up page by page, and one checkpoint costs little."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TypeAlias

import pytest

from tests.house import House
from vault.domain.entry import ActorRef, Entry
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.merkle import leaf_hash
from vault.domain.terms import EntryId
from vault.domain.tlog_proof import TlogProof
from vault.notary_settings import NotarySettings, settings_of
from vault.services import evidence
from vault.storage import audit, tree
from vault.storage.audit import LeafRow

ENTRIES = {"sqlite": 1_000_000, "postgresql": 200_000}
_AT_ONCE = 10_000
Record: TypeAlias = Callable[[str, object], None]
# What a notary reads at once is bounded, and so is the whole process, interpreter and libraries included.
MOST_GROWTH_MIB = 32
MOST_MIB = 200
# Linux hands a process's ru_maxrss on to whatever it starts, tests of a full worker to the notary;
# what /proc tells is the process's own.
_NOTARY = """
import os, sys, time
from pathlib import Path
from tests.soak.importing import peak_mib
from vault.bootstrap import now
from vault.outpost import open_seat
from vault.notary_settings import NotarySettings
from vault.services.notarise import Notary
from vault.settings import Mode
url, *paths = sys.argv[1:]
with open_seat(NotarySettings(Mode.DEMO, url, *map(Path, paths)), clock=now) as seat:
    before = peak_mib(os.getpid())
    began = time.monotonic()
    Notary(seat).attend()
    seconds = time.monotonic() - began
    print(seconds, before, peak_mib(os.getpid()))
"""

pytestmark = pytest.mark.soak


def fill(house: House, count: int) -> None:
    """Append entries as turns of ten thousand do, only without what they tell of."""
    store = house.parts.stores.audit
    for _ in range(count // _AT_ONCE):
        rows = []
        for _ in range(_AT_ONCE):
            entry = an_entry(house)
            body = entry.body()
            rows.append((entry.id, leaf_hash(body), body))
        with store.write() as conn:
            head = audit.lock_head(conn)
            assert head is not None
            was = tree.stored_frontier(head)
            tree.grow(conn, was, [LeafRow(was.size + at, *row) for at, row in enumerate(rows)])


def an_entry(house: House) -> Entry:
    return Entry(
        id=EntryId(house.parts.new_id()),
        at_ms=millis(house.clock()),
        kind=Kind.PROFILE_DISCLOSED,
        actor=ActorRef("AAAAAAAAAAAAAAAAAAAAAA", "app", "service_desk"),
        outcome="recorded",
        times=1,
    )


def in_a_process(settings: NotarySettings) -> tuple[float, int, int]:
    """Let a notary look once in a process of its own: seconds, and MiB before and at the most."""
    words = [settings.audit_url, settings.signing, settings.directory, settings.state_dir]
    done = subprocess.run(
        [sys.executable, "-c", _NOTARY, *map(str, words)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, before, most = done.stdout.split()
    return float(seconds), int(before), int(most)


def test_a_notary_catches_up_within_bounds_and_a_checkpoint_costs_milliseconds(
    unchecked_house: House, record_property: Record
) -> None:
    house = unchecked_house
    count = ENTRIES[house.parts.stores.audit.dialect]
    fill(house, count)

    seconds, before, most = in_a_process(settings_of(house.settings))
    costs = []
    with house.notary() as notary:
        notary.attend()
        for _ in range(20):
            house.parts.ledger.append(an_entry(house))
            began = time.monotonic()
            notary.attend()
            costs.append(time.monotonic() - began)
        size = notary.attend().tree.size
    proofs = []
    for index in range(0, size, size // 20):
        began = time.monotonic()
        packed = evidence.proof(house.parts, house.operator, index)
        proofs.append(time.monotonic() - began)
        assert TlogProof.unpack(packed).index == index

    record_property("entries", count)
    record_property("caught up in s", round(seconds, 1))
    record_property("entries per s", round(count / seconds))
    record_property("MiB before and at the most", (before, most))
    record_property("ms of a checkpoint", round(1000 * median(costs), 2))
    record_property("ms of a proof", round(1000 * median(proofs), 2))
    assert most - before <= MOST_GROWTH_MIB
    assert most <= MOST_MIB
