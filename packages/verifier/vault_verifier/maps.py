"""Maps: every sealed subject map is made anew from the entries, and held against its root."""

from vault.domain.entry import Entry
from vault.domain.kinds import Kind
from vault.domain.subject_map import Listed, MapHead, blocks, tree_of
from vault_verifier.report import Report


class Maps:
    """Follows which entries name each token.

    It holds some 300 bytes for each token of the ledger, and hashes all of them anew for each map.
    """

    def __init__(self, report: Report) -> None:
        """Name in *report* each map that is not that of its entries."""
        self._report = report
        self._listed: dict[bytes, Listed] = {}
        # Entries behind the last map, each with the tokens that it names.
        self._waiting: list[tuple[int, frozenset[bytes]]] = []
        self._next = 0
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
        if entry.kind is Kind.MAP_SEALED and entry.object is not None:
            self._judge(index, entry.times, entry.object.code)

    def finish(self, size: int) -> None:
        """Say how many maps there were, up to which size, or that they could not be judged."""
        self._report.facts["maps"] = {"checked": self._checked, "size": self._size}
        if self._has_gap or self._next != size:
            self._report.warn("maps_unchecked")

    def _judge(self, index: int, size: int, code: str | None) -> None:
        if self._has_gap:
            return
        if not self._size <= size <= index:
            self._report.fault("map", index)
            return
        self._take_in(size)
        made = [self._listed[token] for token in sorted(self._listed)]
        head = MapHead(size, len(made), tree_of([one.root() for one in blocks(made)]))
        if head.code() != code:
            self._report.fault("map", index)
        self._checked += 1
        self._size = size

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
