"""Search: whoever reviews asks the ledger; the question is an entry before its answer is given."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from vault.domain.access import Actor
from vault.domain.entry import ObjectRef, OutcomeSet
from vault.domain.grants import token_text
from vault.domain.instants import millis, month
from vault.domain.kinds import Kind
from vault.domain.query import Query
from vault.domain.query_reading import QueryFault, read_query
from vault.domain.stretches import NEVER
from vault.domain.terms import ID_BYTES, PurposeId
from vault.errors import Invalid, InvalidValue
from vault.services import addressing, inspecting
from vault.services.addressing import Sought
from vault.services.deriving import INDEX
from vault.services.faceting import facets_of
from vault.services.governing import Ground
from vault.services.looking import Found, look
from vault.services.parts import Parts
from vault.services.rendering import Answer
from vault.storage import audit, checkpoints, derived, tallies

MOST: Final = 1_000
_ABOUT: Final = ObjectRef("list", None, "search")


def search(
    parts: Parts,
    actor: Actor,
    text: str,
    *,
    cursor: str | None = None,
    limit: int = 100,
    facets: bool = False,
    histogram: bool = False,
) -> Answer:
    """Answer one page of a query, newest first, behind an entry that holds the query sealed.

    Raises InvalidValue ``query_…`` with the place of a mistake, Invalid ``limit`` and ``cursor``, Refused for
    whoever may not review, and LedgerUnavailable where the question cannot be told.
    """
    ground, purpose = inspecting.admitted(parts, actor, _ABOUT)
    if not 1 <= limit <= MOST:
        raise Invalid("limit", field="limit", limit=MOST)
    question = (b"search", actor.id, text.encode())
    before = NEVER if cursor is None else int.from_bytes(parts.cursors.open(cursor, *question))
    try:
        query = read_query(text)
        sought = [addressing.seek(parts, ground.standing, term) for term in query.subjects]
    except QueryFault as fault:
        wrong = InvalidValue(fault.code, field="query", position=fault.position)
        # Of what was typed nothing is kept: only that somebody asked, and how that was wrong.
        kind = Kind.LEDGER_SEARCHED
        parts.ledger.refuse(inspecting.told(parts, ground, _ABOUT, kind=kind, purpose=purpose, refusal=wrong))
        raise wrong from None
    names = addressing.names_of(ground.standing)
    query = addressing.actors_named(query, names)
    # One snapshot: whoever appends meanwhile changes nothing of the answer.
    with parts.stores.audit.read() as conn:
        wanted = addressing.wanted_of(
            parts, query, sought, first_day=tallies.first_day(conn) or 0, at=ground.at
        )
        found = look(conn, query, wanted, names, before=before, limit=limit, histogram=histogram)
        size = audit.size(conn)
        forgetting = derived.is_forgetting(conn, INDEX)
        indexed = 0 if forgetting else derived.position(conn, INDEX)
        signed = checkpoints.newest_root(conn)
    _tell(parts, ground, purpose, text=text, query=query, sought=sought, found=found)
    after = found.lines[-1][0].idx.to_bytes(ID_BYTES) if found.more else None
    return Answer(
        found,
        names,
        facets_of(found.counts) if facets else (),
        None if after is None else parts.cursors.seal(after, *question),
        indexed,
        size,
        None if signed is None else signed[0],
    )


def _tell(
    parts: Parts,
    ground: Ground,
    purpose: PurposeId,
    *,
    text: str,
    query: Query,
    sought: Sequence[Sought],
    found: Found,
) -> None:
    """Tell who asked and how many entries fitted; what was typed goes into the sealed detail alone.

    Who was asked for stands in the entry as audit tokens where there was something to be seen of them, so
    that the customer's own report says so; else the detail has a keyed hash of what was typed (DESIGN §8).
    """
    at_ms = millis(ground.at)
    detail = {"query": _without_subjects(text, query)}
    tokens: frozenset[bytes] = frozenset()
    if query.subjects and found.entries:
        tokens = frozenset[bytes]().union(*(one.tokens_of([month(ground.at)]) for one in sought))
    elif query.subjects:
        typed = " ".join(sorted({value for term in query.subjects for value in term.values}))
        detail["subject"] = token_text(parts.detail.fingerprint(at_ms, "subject", typed))
    sealed, key_epoch = parts.detail.seal(at_ms, detail)
    entry = inspecting.told(
        parts, ground, _ABOUT, kind=Kind.LEDGER_SEARCHED, purpose=purpose, times=found.entries
    )
    sets = (OutcomeSet(tuple(sorted(tokens))),) if tokens else ()
    parts.ledger.append(replace(entry, sets=sets, detail=sealed, key_epoch=key_epoch))


def _without_subjects(text: str, query: Query) -> str:
    kept, place = "", 0
    for term in sorted(query.subjects, key=lambda one: one.position):
        kept += f"{text[place : term.position]}subject:*"
        place = term.end
    return kept + text[place:]
