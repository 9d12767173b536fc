"""Years: a year of the ledger that is over is closed by an entry: from where to where, under which root."""

import json

from vault.domain.entry_reading import read_entry
from vault.domain.instants import millis, moment
from vault.domain.kinds import Kind
from vault.domain.shards import Shard, year_ends
from vault.domain.terms import RoleId
from vault.errors import Conflict
from vault.services.dating import present
from vault.services.governing import ground_for
from vault.services.keeping import kept, shard_of
from vault.services.parts import Parts
from vault.services.system import house_itself
from vault.storage import audit, derived, pruning

_PAGE = 1_000
_RETENTION = RoleId("retention")


def close_years(parts: Parts) -> list[Shard]:
    """Close every year that is over and was not closed before; returns what was said of them.

    A year ends before the first entry that is dated in a later one: whatever stands before it is of the year
    or of an older one, whatever clocks did. Two processes may say the same; the first of them counts.
    Raises what dating raises.
    """
    now = present(parts).year
    last = _newest(parts)
    year, first = (last.year + 1, last.end) if last is not None else _beginning(parts)
    closed: list[Shard] = []
    while year < now:
        shard = shard_of(parts, year, first=first, end=_end(parts, year, first))
        actor = house_itself(_RETENTION)
        ground = ground_for(parts, actor)
        parts.ledger.append(kept(parts, actor, Kind.YEAR_CLOSED, shard.ref(), ground=ground, times=shard.end))
        closed.append(shard)
        year, first = year + 1, shard.end
    return closed


def _newest(parts: Parts) -> Shard | None:
    """Read the entry by which a year was closed last; raises Conflict ``ledger_broken`` for a stranger's."""
    with parts.stores.audit.read() as conn:
        index = derived.newest(conn, Kind.YEAR_CLOSED)
        rows = [] if index is None else audit.entries(conn, index, limit=1)
    if not rows:
        return None
    entry = read_entry(rows[0].body)
    if not parts.entry_seal.is_ours(entry):
        raise Conflict("ledger_broken")
    return Shard.of(entry)


def _beginning(parts: Parts) -> tuple[int, int]:
    """Tell where the first year begins that can be closed; this one, where nothing was written yet."""
    with parts.stores.audit.read() as conn:
        first = pruning.minimum(conn)
        rows = audit.entries(conn, first, limit=1)
    return (moment(_at(rows[0].body)).year if rows else parts.clock().year), first


def _end(parts: Parts, year: int, index: int) -> int:
    """Find the first entry from *index* on that is dated behind *year*; the head where there is none."""
    ends = millis(year_ends(year))
    while True:
        with parts.stores.audit.read() as conn:
            head = audit.head(conn)
            rows = audit.entries(conn, index, limit=_PAGE) if head is not None and index < head.size else []
        for row in rows:
            if _at(row.body) >= ends:
                return row.idx
        if not rows:
            return index
        index = rows[-1].idx + 1


def _at(body: bytes) -> int:
    return int(json.loads(body)["t"])
