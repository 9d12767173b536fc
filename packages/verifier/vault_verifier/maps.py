"""Maps: every sealed subject map is made anew from the entries, and held against its root."""

from collections.abc import Mapping

from vault.domain.canonical import Json
from vault.domain.entry import Entry
from vault.domain.kinds import Kind
from vault.domain.subject_map import Listed, MapHead, blocks, tokens_in, tree_of
from vault.domain.tiles import TILE_WIDTH
from vault_verifier.export import Export, Missing
from vault_verifier.report import Report


class Maps:
    """Follows which entries name each token.

    It holds some 300 bytes for each token of the ledger, and hashes all of them anew for each map. Behind a
    prune maps begin at its minimum index; those before it, of which an export does not have every entry, are
    counted and not judged.
    """

    def __init__(self, report: Report, export: Export, minimum: int = 0) -> None:
        """Name in *report* each map that is not that of its entries; *export* begins at *minimum*."""
        self._report = report
        self._export = export
        self._start = minimum
        # Where maps may begin behind what was pruned, as entries tell.
        self._starts: list[int] = []
        # Whether maps begin where the export does, or later.
        self._is_whole = minimum == 0
        self._older = 0
        self._listed: dict[bytes, Listed] = {}
        # Entries behind the last map, each with the tokens that it names.
        self._waiting: list[tuple[int, frozenset[bytes]]] = []
        self._next = minimum
        self._has_gap = False
        self._checked = 0
        self._size = 0

    def see(self, index: int, entry: Entry) -> None:
        """Take an entry's tokens in, and judge a map where the entry seals one."""
        # Without an entry that could not be read, every later map would be accused.
        self._has_gap = self._has_gap or index != self._next
        self._next = index + 1
        tokens = frozenset(token for one in entry.sets for token in one.subjects)
        if tokens:
            self._waiting.append((index, tokens))
        if entry.kind is Kind.LEDGER_PRUNED:
            self._starts.append(entry.times)
        if entry.kind is Kind.MAP_SEALED and entry.object is not None:
            self._judge(index, entry.times, entry.object.code)

    def finish(self, size: int) -> None:
        """Say how many maps there were, up to which size, or that they could not be judged."""
        facts: dict[str, Json] = {"checked": self._checked, "size": self._size}
        self._report.facts["maps"] = facts | ({"older": self._older} if self._older else {})
        if self._has_gap or self._next != size or (self._older and not self._is_whole):
            self._report.warn("maps_unchecked")

    def _judge(self, index: int, size: int, code: str | None) -> None:
        if self._has_gap:
            return
        if not self._size <= size <= index:
            self._report.fault("map", index)
            return
        self._take_in(size)
        self._size = size
        if _code(self._listed, self._start, size) == code or self._begins_anew(size, code):
            self._is_whole = True
        elif not self._is_whole:
            self._older += 1
            return
        else:
            self._report.fault("map", index)
        self._checked += 1

    def _begins_anew(self, size: int, code: str | None) -> bool:
        """Tell whether a map begins where one of the prunes before it ended; then so do those behind it."""
        for start in self._starts:
            if self._start < start <= size:
                listed = _made(self._export, start, size)
                if listed is not None and _code(listed, start, size) == code:
                    self._start, self._listed = start, listed
                    return True
        return False

    def _take_in(self, size: int) -> None:
        """Add to each token the entries before *size* that name it."""
        fresh: dict[bytes, list[int]] = {}
        left: list[tuple[int, frozenset[bytes]]] = []
        for at, tokens in self._waiting:
            if at >= size:
                left.append((at, tokens))
                continue
            for token in tokens:
                fresh.setdefault(token, []).append(at)
        for token, indexes in fresh.items():
            was = self._listed.get(token) or Listed(token)
            self._listed[token] = was.named_in(indexes)
        self._waiting = left


def _code(listed: Mapping[bytes, Listed], start: int, size: int) -> str:
    made = [listed[token] for token in sorted(listed)]
    return MapHead(size, len(made), tree_of([one.root() for one in blocks(made)]), start).code()


def _made(export: Export, start: int, size: int) -> dict[bytes, Listed] | None:
    """Make a map of the entries from *start*, a multiple of 256, up to *size*; None where one is missing."""
    named: dict[bytes, list[int]] = {}
    newest = export.note().checkpoint.size
    for first in range(start, size, TILE_WIDTH):
        try:
            bodies = export.bundle(first // TILE_WIDTH, min(TILE_WIDTH, newest - first))
        except (Missing, ValueError):
            return None
        for at, body in enumerate(bodies[: size - first], first):
            for token in tokens_in(body):
                named.setdefault(token, []).append(at)
    return {token: Listed(token).named_in(indexes) for token, indexes in named.items()}
