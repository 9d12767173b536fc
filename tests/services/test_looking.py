"""Whatever is asked of a ledger, what is found and counted is what going through every entry would find."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice

import pytest

from scripts.bench.ledgers import actor_id, grow, month, subject_token
from tests.custody.ledgers import open_stores
from vault.domain.entry import Entry
from vault.domain.manner import manner_of
from vault.domain.query import Names, Query, fits
from vault.domain.query_reading import read_query
from vault.domain.stretches import NEVER
from vault.domain.terms import Millis
from vault.services import deriving
from vault.services.addressing import actors_named
from vault.services.looking import Found, look
from vault.storage import audit, derived
from vault.storage.lines import Wanted
from vault.storage.unit_of_work import Stores

SIZE = 2_400
NAMES = Names({actor_id(number): f"actor.{number}" for number in range(104)})
QUERIES = (
    "",
    "actor:actor.3",
    "actor:actor.3,actor.40 -tier:4",
    "kind:profile.refused outcome:refused:brake",
    "-outcome:refused",
    "lost_parcel",
    "actor.1 disclosed",
    "created:2026-11-10",
    "created:2026-11-10T08:10..2026-11-12T17:05",
    "created:2026-11-10T08:10..2026-11-10T09:05",
    "created:2026-11-10T09:10..2026-11-10T09:50 kind:profile.*",
    "created:>=2026-11-20T12:30 action:read",
    "created:<2026-11-04 actor:actor.3",
    "created:>2026-11-28",
    "n:>3",
    "n:>=1 tier:2",
    "n:2..15",
    "n:0",
    "operator",
)


@pytest.fixture
def entries() -> list[Entry]:
    """A month of entries; the clock was set back by an hour and a half in the middle of it."""
    made = list(month(SIZE, seed=7))
    middle = made[SIZE // 2].at_ms
    return [one if one.at_ms < middle else replace(one, at_ms=Millis(one.at_ms - 5_400_000)) for one in made]


@pytest.fixture
def stores(store_urls: Mapping[str, str], entries: list[Entry]) -> Iterator[Stores]:
    """A ledger with all of them, indexed."""
    opened = open_stores(store_urls)
    opened.audit.transact(audit.create)
    grow(opened.audit, iter(entries))
    start = 0
    while start < SIZE:
        with opened.audit.write() as conn:
            rows = audit.entries(conn, start, limit=700)
            derived.move(conn, deriving.INDEX, start, rows[-1].idx + 1)
            deriving.take_in(conn, rows)
        start = rows[-1].idx + 1
    yield opened
    opened.close()


def expected(entries: list[Entry], query: Query, tokens: frozenset[bytes] | None = None) -> list[int]:
    """Go through every entry, newest first."""
    return [
        idx
        for idx, one in reversed(list(enumerate(entries)))
        if fits(query, manner_of(one), NAMES)
        and query.since_ms <= one.at_ms < query.until_ms
        and query.n_least <= one.n
        and (query.n_most is None or one.n <= query.n_most)
        and (tokens is None or tokens & set(deriving.tokens_of(one)))
    ]


def found(stores: Stores, query: Query, wanted: Wanted, *, before: int = NEVER, limit: int = 20) -> Found:
    with stores.audit.read() as conn:
        return look(conn, query, wanted, NAMES, before=before, limit=limit, histogram=True)


def wanted_of(query: Query) -> Wanted:
    return Wanted(
        since_ms=query.since_ms, until_ms=query.until_ms, n_least=query.n_least, n_most=query.n_most
    )


def test_what_is_found_and_counted_is_what_every_entry_says(stores: Stores, entries: list[Entry]) -> None:
    for text in QUERIES:
        query = actors_named(read_query(text), NAMES)
        all_of_it = expected(entries, query)

        met: list[int] = []
        before: int = NEVER
        while True:
            page = found(stores, query, wanted_of(query), before=before)
            met += [line.idx for line, _ in page.lines]
            if not page.more:
                break
            before = met[-1]

        assert met == all_of_it, text
        assert page.entries == len(all_of_it), text
        assert dict(page.counts) == Counter(manner_of(entries[idx]) for idx in all_of_it), text
        if page.bars is not None:
            width = page.bars.width_ms
            bars = Counter(entries[idx].at_ms // width * width for idx in all_of_it)
            assert dict(page.bars.entries) == bars, text


def test_a_customer_is_found_by_tokens_and_by_what_else_is_asked(
    stores: Stores, entries: list[Entry]
) -> None:
    often = Counter(token for one in entries for token in deriving.tokens_of(one))
    for token, _ in (*islice(often.most_common(), 3), (subject_token(99_999), 0)):
        for text in ("", "kind:profile.disclosed", "created:>=2026-11-14T10:30 n:1"):
            query = actors_named(read_query(f"{text} subject:{'A' * 22}"), NAMES)
            wanted = Wanted(
                since_ms=query.since_ms,
                tokens=(frozenset({token}),),
                n_least=query.n_least,
                n_most=query.n_most,
            )

            page = found(stores, query, wanted, limit=1000)

            all_of_it = expected(entries, query, frozenset({token}))
            assert [line.idx for line, _ in page.lines] == all_of_it
            assert page.entries == len(all_of_it)
