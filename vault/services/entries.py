"""Entries: one entry of the ledger laid out for whoever reviews, and its sealed detail for a reason."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from vault.custody.detail import epoch_of
from vault.domain.access import Actor
from vault.domain.canonical import Json
from vault.domain.entry import ObjectRef
from vault.domain.entry_reading import read_entry
from vault.domain.kinds import Kind
from vault.domain.query import Names
from vault.errors import Corrupt, NotFound
from vault.services import addressing, inspecting
from vault.services.parts import Parts
from vault.storage import audit, checkpoints, pruning
from vault.storage.audit import LeafRow


@dataclass(frozen=True, slots=True)
class Shown:
    """An entry as it stands in the ledger, and how those whom it names are called now."""

    index: int
    leaf: bytes
    body: Mapping[str, Json]
    names: Names
    size: int
    checkpoint: int | None


def show(parts: Parts, actor: Actor, index: int) -> Shown:
    """Lay out one entry, behind an entry that says who did; raises NotFound, Refused, Corrupt.

    NotFound ``pruned`` tells of one that was there and was taken out; Corrupt ``entry`` of one that is none.
    """
    ground = inspecting.inspect(parts, actor, _about(index))
    row, size, checkpoint = _read(parts, index)
    try:
        read_entry(row.body)
    except ValueError:
        # The verifier names it; nobody is shown what nobody has written.
        raise Corrupt("entry") from None
    return Shown(
        index, row.leaf, json.loads(row.body), addressing.names_of(ground.standing), size, checkpoint
    )


def open_detail(parts: Parts, actor: Actor, index: int, *, reason: str) -> Mapping[str, str]:
    """Open what is sealed in one entry, behind an entry that says who did and why.

    Raises NotFound where there is none, or its month's key is destroyed, and what showing raises.
    """
    ground, purpose = inspecting.admitted(parts, actor, _about(index))
    parts.ledger.append(
        inspecting.told(parts, ground, _about(index), kind=Kind.DETAIL_OPENED, purpose=purpose, reason=reason)
    )
    row, _, _ = _read(parts, index)
    try:
        sealed = read_entry(row.body).detail
    except ValueError:
        raise Corrupt("entry") from None
    if sealed is None or epoch_of(sealed) not in addressing.months_with_keys(parts):
        raise NotFound
    return parts.detail.open(sealed, epoch_of(sealed))


def _about(index: int) -> ObjectRef:
    return ObjectRef("entry", None, str(index))


def _read(parts: Parts, index: int) -> tuple[LeafRow, int, int | None]:
    with parts.stores.audit.read() as conn:
        head = audit.head(conn)
        rows = audit.entries(conn, index, limit=1)
        signed = checkpoints.newest_root(conn)
        minimum = pruning.minimum(conn)
    if 0 <= index < minimum:
        raise NotFound("pruned")
    if head is None or not rows or rows[0].idx != index or index >= head.size:
        raise NotFound
    return rows[0], head.size, None if signed is None else signed[0]
