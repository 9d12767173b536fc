"""Chunks: the rows of a file go in, chunk by chunk; each has its own outcome, and none goes in twice."""

import json
import secrets
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

from vault.domain.canonical import Json
from vault.domain.identifiers import compact
from vault.errors import Invalid, InvalidValue, TooLarge, VaultError
from vault.services.bulk.sheets import LARGEST_ROW_BYTES, Row

CHUNK_ROWS: Final = 500
_CHUNK_BYTES = 4 * 1024 * 1024
# Beyond so many values a dry run compares no further: its memory is bounded, and it says so.
MOST_COMPARED: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Record:
    """A record on its way in, and the same as the API reads it."""

    body: Mapping[str, Json] = field(repr=False)
    encoded: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to say of a row: a code, and the field that is meant."""

    code: str
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a record: ``admitted``, ``replayed`` (admitted before), ``checked`` or ``refused``."""

    state: str
    id: str | None = None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Landed:
    """A row and what became of it."""

    row: int
    line: int
    outcome: Outcome

    def lines(self) -> Iterator[dict[str, str | int | None]]:
        """Write it for a report, a line for each finding: places, codes and names, never a value."""
        for found in self.outcome.findings or (Finding("", None),):
            yield {
                "row": self.row,
                "line": self.line,
                "outcome": self.outcome.state,
                "id": self.outcome.id,
                "field": found.field,
                "code": found.code or None,
            }


Convert = Callable[[Mapping[str, Json]], Mapping[str, Json]]
Submit = Callable[[Sequence[Record]], Sequence[Outcome]]


def bring_in(
    rows: Iterable[Row], convert: Convert, submit: Submit, *, key: str, lanes: int = 1
) -> Iterator[Landed]:
    """Hand the records of *rows* to *submit* in chunks, up to *lanes* at once; yields every row, in order.

    Each record goes in under *key* and its row number, so that a file may be brought in again after a kill.
    What a chunk as a whole is refused for is found by halving it. Memory stays flat, however long the file.
    """
    chunks = _chunks(_prepared(row, convert, key) for row in rows)
    for chunk, outcomes in _submitted(chunks, submit, lanes):
        landed = iter(outcomes)
        for row, made in chunk:
            outcome = next(landed) if isinstance(made, Record) else Outcome("refused", findings=(made,))
            yield Landed(row.number, row.line, outcome)


def refused(fault: VaultError) -> Outcome:
    """Say that a record was refused, by the code and the field of *fault*."""
    name = fault.facts.get("field")
    return Outcome("refused", findings=(Finding(fault.code, name if isinstance(name, str) else None),))


class Comparing:
    """What a dry run must remember, since nothing of it is stored: keyed hashes of unique values."""

    def __init__(self, unique: Collection[str]) -> None:
        """Compare the fields *unique*; the key is this run's own, and dies with it."""
        self._unique = tuple(unique)
        self._key = secrets.token_bytes(16)
        self._seen: set[bytes] = set()

    @property
    def is_full(self) -> bool:
        """Tell whether rows went by that were not compared any more."""
        return len(self._seen) >= MOST_COMPARED

    def wrap(self, submit: Submit) -> Submit:
        """Let *submit* refuse what an earlier row of the file would have taken."""
        return lambda records: [
            self._judged(record, outcome) for record, outcome in zip(records, submit(records), strict=True)
        ]

    def _judged(self, record: Record, outcome: Outcome) -> Outcome:
        fields = record.body.get("fields")
        if outcome.state != "checked" or not isinstance(fields, dict):
            return outcome
        prints = {
            name: blake2b(f"{name}\0{compact(value)}".encode(), digest_size=10, key=self._key).digest()
            for name in self._unique
            if isinstance(value := fields.get(name), str)
        }
        for name, print_ in prints.items():
            if print_ in self._seen:
                return Outcome("refused", findings=(Finding("duplicate", name),))
        if not self.is_full:
            self._seen.update(prints.values())
        return outcome


@dataclass
class Tally:
    """The counts of an import: rows by outcome, findings by code and field."""

    rows: Counter[str] = field(default_factory=Counter)
    findings: Counter[Finding] = field(default_factory=Counter)

    def count(self, landed: Landed) -> None:
        """Count one row."""
        self.rows[landed.outcome.state] += 1
        self.findings.update(landed.outcome.findings)


_Prepared = tuple[Row, Record | Finding]


def _prepared(row: Row, convert: Convert, key: str) -> _Prepared:
    if row.fault is not None:
        return row, Finding(row.fault)
    try:
        body = {**convert(row.cells), "idempotency_key": f"{key}-{row.number}"}
    except InvalidValue as fault:
        return row, refused(fault).findings[0]
    encoded = _encoded(body)
    if len(encoded) > LARGEST_ROW_BYTES:
        return row, Finding("too_large")
    return row, Record(body, encoded)


def _encoded(body: Mapping[str, Json]) -> bytes:
    try:
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        # A lone surrogate has no UTF-8; written as an escape it reaches the field that refuses it.
        return json.dumps(body, separators=(",", ":")).encode()


def _chunks(prepared: Iterable[_Prepared]) -> Iterator[list[_Prepared]]:
    chunk: list[_Prepared] = []
    size = 0
    for one in prepared:
        weight = len(one[1].encoded) if isinstance(one[1], Record) else 0
        if chunk and (len(chunk) >= CHUNK_ROWS or size + weight > _CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(one)
        size += weight
    if chunk:
        yield chunk


def _submitted(
    chunks: Iterable[list[_Prepared]], submit: Submit, lanes: int
) -> Iterator[tuple[list[_Prepared], Sequence[Outcome]]]:
    """Keep *lanes* chunks under way, and give them back in order."""
    under_way: deque[tuple[list[_Prepared], Future[Sequence[Outcome]]]] = deque()
    with ThreadPoolExecutor(lanes) as pool:
        try:
            for chunk in chunks:
                records = [made for _, made in chunk if isinstance(made, Record)]
                under_way.append((chunk, pool.submit(_halving, submit, records)))
                if len(under_way) >= lanes:
                    done, outcomes = under_way.popleft()
                    yield done, outcomes.result()
            while under_way:
                done, outcomes = under_way.popleft()
                yield done, outcomes.result()
        finally:
            # Whoever stops here must not wait for what was not begun yet.
            pool.shutdown(wait=True, cancel_futures=True)


def _halving(submit: Submit, records: Sequence[Record]) -> Sequence[Outcome]:
    """Submit *records*; where they are refused as a whole, find by halves the one that is to blame."""
    if not records:
        return []
    try:
        return submit(records)
    except (Invalid, TooLarge) as fault:
        if len(records) == 1:
            return [refused(fault)]
        middle = len(records) // 2
        return [*_halving(submit, records[:middle]), *_halving(submit, records[middle:])]
