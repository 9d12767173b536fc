"""Verifying: how fast the auditor's tool goes through an export, beside the bare hashing and parsing of it.

One process, one core; nothing of a house is needed.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
from vault_verifier.verifying import verify

from scripts.bench.accepted import Figure, figure
from vault.crypto.signing import Signer
from vault.domain.bundles import (
    ABOUT,
    CHECKPOINT,
    bundle_path,
    pack_bundle,
    tile_path,
    tiles_of,
    unpack_bundle,
)
from vault.domain.canonical import canonical
from vault.domain.entry import ActorRef, Entry, OutcomeSet, PolicyRef
from vault.domain.kinds import Kind
from vault.domain.merkle import Frontier, leaf_hash
from vault.domain.note import Checkpoint, KeyKind, Note
from vault.domain.policy import ContextClass
from vault.domain.signing_keys import key_object
from vault.domain.terms import (
    Action,
    EntryId,
    FieldName,
    Millis,
    PurposeId,
    RequestId,
    RoleId,
    Tier,
    Treatment,
    uuid7,
)
from vault.domain.tiles import TILE_HEIGHT, TILE_WIDTH, Tile, tree_reader
from vault.storage.export_files import ExportFiles

ORIGIN = "customer-vault/bench"
BEGAN_MS = 1_795_262_430_000


def measure(count: int) -> Iterator[Figure]:
    """Make an export of *count* entries, and tell how many of them are verified in a second."""
    signer = Signer(ORIGIN, KeyKind.ED25519, bytes(32))
    with TemporaryDirectory() as home:
        directory = Path(home)
        write(directory, [opening(signer), *(disclosed(at) for at in range(1, count))], signer)
        bare = _timed(lambda: floor(directory, count))
        whole = _timed(lambda: _verified(directory, signer))
    yield figure("verify", "–", [count / whole], floor=count / bare)


def opening(signer: Signer) -> bytes:
    """Write the entry from which on the key counts."""
    return Entry(
        id=EntryId(uuid7(BEGAN_MS, os.urandom(10))),
        at_ms=Millis(BEGAN_MS),
        kind=Kind.SIGNING_KEY_OPENED,
        actor=ActorRef("operator:0", "operator"),
        outcome="recorded",
        object=key_object(signer.key),
    ).body()


def disclosed(at: int) -> bytes:
    """Write the usual entry: somebody is shown four fields of a customer."""
    fields = tuple(FieldName(name) for name in ("name", "mobile", "email", "address"))
    shown = OutcomeSet(
        (os.urandom(16),), fields, (Treatment.MASK,) * 4, ((FieldName("id_number"), "not_granted"),)
    )
    return Entry(
        id=EntryId(uuid7(BEGAN_MS + at, os.urandom(10))),
        at_ms=Millis(BEGAN_MS + at),
        kind=Kind.PROFILE_DISCLOSED,
        actor=ActorRef("AAECAwQFBgcICQoLDA0ODw", "app"),
        outcome="granted",
        action=Action.READ,
        purpose=PurposeId("P04"),
        sets=(shown,),
        tier=Tier.L3,
        policy=PolicyRef(bytes(32), 3),
        context=ContextClass(reason=False, ticket=False, approvals=0, strength=0, actor="app"),
        role_set=(RoleId("service_desk"),),
        gates=("contract",),
        authority=12,
        request=RequestId(os.urandom(16)),
        detail=os.urandom(90),
        key_epoch=202611,
    ).body()


def write(directory: Path, bodies: Sequence[bytes], signer: Signer) -> None:
    """Write an export of *bodies* as the vault does, without a vault."""
    leaves = [leaf_hash(body) for body in bodies]
    size, files = len(bodies), ExportFiles(directory)

    def no_tile(level: int, index: int) -> Tile:
        raise LookupError(level, index)

    read = tree_reader(lambda start, stop: leaves[start:stop], no_tile)
    for level, index, width in tiles_of(size):
        first = index * TILE_WIDTH
        hashes = (
            [read(TILE_HEIGHT * level, at) for at in range(first, first + width)]
            if level
            else leaves[first : first + width]
        )
        files.put(tile_path(level, index, width), b"".join(hashes))
        if level == 0:
            files.put(bundle_path(index, width), pack_bundle(bodies[first : first + width]))
    head = Checkpoint(ORIGIN, size, Frontier().extend(leaves).root())
    files.put(ABOUT, canonical({"v": 1, "origin": ORIGIN}))
    files.put(CHECKPOINT, Note(head.text(), (signer.sign(head, at_seconds=0),)).pack())


def floor(directory: Path, size: int) -> None:
    """Hash and parse every entry, and look at nothing."""
    for index in range(-(-size // TILE_WIDTH)):
        width = min(TILE_WIDTH, size - index * TILE_WIDTH)
        for body in unpack_bundle((directory / bundle_path(index, width)).read_bytes()):
            sha256(b"\0" + body).digest()
            orjson.loads(body)


def _verified(directory: Path, signer: Signer) -> None:
    report = verify(directory, (signer.key,))
    if report.faults:
        sys.exit(f"the export is not whole: {report.faults}")


def _timed(work: Callable[[], None]) -> float:
    # The processor's own time: what else the machine does is no part of it.
    began = time.process_time()
    work()
    return time.process_time() - began
