"""Reading a query: from what a reviewer typed to what is asked; a mistake is told by code and place."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from vault.domain.entry import OUTCOMES
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.query import Query, Term
from vault.domain.stretches import NEVER
from vault.domain.terms import ID_BYTES, PREFIXES, Action, Millis, Tier, id_bytes, is_code

LONGEST: Final = 1_000
MOST_TERMS: Final = 40
MOST_VALUES: Final = 100

# A qualifier ends at its colon; what stands in quotation marks is one text, whatever is in it.
_TERM: Final = re.compile(r'\s*(-?)(?:([a-z][a-z-]*):)?((?:"[^"]*"|[^\s"])*)')
_VALUES: Final = re.compile(r'((?:"[^"]*"|[^,"])*)(?:,|$)')
_BOUND: Final = re.compile(r"(>=|<=|>|<)?(.+)", re.DOTALL)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MINUTE: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?Z?", re.ASCII)
_NUMBER: Final = re.compile(r"\d{1,15}", re.ASCII)
_NEVER_NEGATED: Final = frozenset({"subject", "ticket", "request", "created", "n"})


class QueryFault(ValueError):
    """What was typed is no query; *code* says why and *position* where, and nothing typed is said again."""

    def __init__(self, code: str, position: int) -> None:
        """Name the fault."""
        super().__init__(code)
        self.code = code
        self.position = position


def read_query(text: str) -> Query:
    """Read what was typed; raises QueryFault."""
    if len(text) > LONGEST:
        raise QueryFault("query_length", LONGEST)
    query = Query()
    for count, term in enumerate(_terms(text)):
        if count >= MOST_TERMS:
            raise QueryFault("query_length", term.position)
        try:
            query = _READ[term.name](query, term)
        except ValueError:
            raise QueryFault("query_value", term.position) from None
    if query.since_ms >= query.until_ms or (query.n_most is not None and query.n_least > query.n_most):
        raise QueryFault("query_range", 0)
    return query


def _terms(text: str) -> list[Term]:
    found: list[Term] = []
    place = 0
    while place < len(text.rstrip()):
        match = _TERM.match(text, place)
        if match is None or match.end() == place:
            raise QueryFault("query_quote", place)
        minus, name, rest = match.groups()
        position = match.start(1)
        place = match.end()
        if text[place : place + 1] == '"':
            raise QueryFault("query_quote", place)
        if name is not None and name not in _READ:
            raise QueryFault("query_qualifier", position)
        if name in _NEVER_NEGATED and minus:
            raise QueryFault("query_negation", position)
        # A word has no list: a comma is a letter of it.
        values = _values(rest) if name is not None else (rest.replace('"', ""),)
        if not all(values) or len(values) > MOST_VALUES:
            raise QueryFault("query_value", position)
        found.append(Term(name or "word", values, bool(minus), position, place))
    return found


def _values(text: str) -> tuple[str, ...]:
    found = [match.group(1).replace('"', "") for match in _VALUES.finditer(text)]
    # Behind the last value there is the end of the text once more.
    return tuple(found[:-1] if len(found) > 1 and not text.endswith(",") else found)


# ---- what each qualifier takes; a value that it does not take is a ValueError ----


def _told(query: Query, term: Term, values: tuple[str, ...]) -> Query:
    return replace(query, terms=(*query.terms, replace(term, values=values)))


def _code(query: Query, term: Term) -> Query:
    for value in term.values:
        if not is_code(value.removesuffix("*") or "any"):
            raise ValueError("code")
    return _told(query, term, term.values)


def _purpose(query: Query, term: Term) -> Query:
    return _code(query, replace(term, values=tuple(one.upper() for one in term.values)))


def _kind(query: Query, term: Term) -> Query:
    known = [one.value for one in Kind]
    for value in term.values:
        begun = value.removesuffix("*")
        if value not in known and (begun == value or not any(one.startswith(begun) for one in known)):
            raise ValueError("kind")
    return _told(query, term, term.values)


def _action(query: Query, term: Term) -> Query:
    return _told(query, term, tuple(Action(value).value for value in term.values))


def _outcome(query: Query, term: Term) -> Query:
    for value in term.values:
        if value.partition(":")[0] not in OUTCOMES or not is_code(value.removesuffix("*")):
            raise ValueError("outcome")
    return _told(query, term, term.values)


def _tier(query: Query, term: Term) -> Query:
    chosen: set[int] = set()
    for value in term.values:
        least, most = _numbers(value)
        if least > max(Tier) or (most is not None and most > max(Tier)):
            raise ValueError("tier")
        chosen |= {tier for tier in Tier if least <= tier and (most is None or tier <= most)}
    return _told(query, term, tuple(str(int(one)) for one in sorted(chosen)))


def _word(query: Query, term: Term) -> Query:
    return _told(query, term, tuple(value.casefold() for value in term.values))


def _person(query: Query, term: Term) -> Query:
    # Ids and names are told apart by whoever knows the names.
    return _told(query, term, term.values)


def _subject(query: Query, term: Term) -> Query:
    return replace(query, subjects=(*query.subjects, term))


def _ticket(query: Query, term: Term) -> Query:
    return replace(query, tickets=(*query.tickets, term))


def _request(query: Query, term: Term) -> Query:
    ids = [id_bytes("req", value) or _hexadecimal(value) for value in term.values]
    return replace(query, requests=(*query.requests, tuple(ids)))


def _object(query: Query, term: Term) -> Query:
    ids = [_any_id(value) for value in term.values]
    known = tuple(one for one in ids if one is not None)
    if not known:
        return _code(query, term)
    if term.negated or len(known) < len(ids):
        raise ValueError("object")
    return replace(query, objects=(*query.objects, known))


def _created(query: Query, term: Term) -> Query:
    (value,) = term.values
    since, until = _stretch(value)
    return replace(query, since_ms=max(query.since_ms, since), until_ms=min(query.until_ms, until))


def _n(query: Query, term: Term) -> Query:
    (value,) = term.values
    least, most = _numbers(value)
    tops = [one for one in (query.n_most, most) if one is not None]
    return replace(query, n_least=max(query.n_least, least), n_most=min(tops) if tops else None)


_READ: Final[Mapping[str, Callable[[Query, Term], Query]]] = {
    "actor": _person,
    "on-behalf": _person,
    "action": _action,
    "kind": _kind,
    "purpose": _purpose,
    "role": _code,
    "reason": _code,
    "object": _object,
    "outcome": _outcome,
    "tier": _tier,
    "subject": _subject,
    "ticket": _ticket,
    "request": _request,
    "created": _created,
    "n": _n,
    "word": _word,
}


def _numbers(text: str) -> tuple[int, int | None]:
    """Read ``3``, ``>3``, ``>=3``, ``<3``, ``<=3`` and ``2..4`` as the least and the most."""
    if ".." in text:
        low, high = text.split("..", 1)
        return _number(low), _number(high)
    sign, number = _bound(text)
    value = _number(number)
    match sign:
        case ">":
            return value + 1, None
        case ">=":
            return value, None
        case "<":
            return 0, value - 1
        case "<=":
            return 0, value
        case _:
            return value, value


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise ValueError("number")
    return int(text)


def _stretch(text: str) -> tuple[Millis, Millis]:
    """Read a time: a day stands for all of it, a minute or second too; both ends of ``..`` belong to it."""
    if ".." in text:
        first, last = text.split("..", 1)
        return _moment(first)[0], _moment(last)[1]
    sign, rest = _bound(text)
    begin, end = _moment(rest)
    match sign:
        case ">":
            return end, NEVER
        case ">=":
            return begin, NEVER
        case "<":
            return Millis(0), begin
        case "<=":
            return Millis(0), end
        case _:
            return begin, end


def _bound(text: str) -> tuple[str | None, str]:
    match = _BOUND.fullmatch(text)
    if match is None:
        raise ValueError("bound")
    return match.group(1), match.group(2)


def _moment(text: str) -> tuple[Millis, Millis]:
    """Read a day, a minute or a second of UTC as its first millisecond and the one behind its last."""
    if _DAY.fullmatch(text):
        lasts = timedelta(days=1)
    elif found := _MINUTE.fullmatch(text):
        lasts = timedelta(seconds=1) if found.group(1) else timedelta(minutes=1)
    else:
        raise ValueError("moment")
    begin = datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC)
    # The last day that a calendar has ends nowhere; nothing of a house happens on the first ones either.
    if not 1970 <= begin.year < 9999:
        raise ValueError("moment")
    return millis(begin), millis(begin + lasts)


def _any_id(text: str) -> bytes | None:
    prefix = text.partition("_")[0]
    return id_bytes(prefix, text) if prefix in PREFIXES else None


def _hexadecimal(text: str) -> bytes:
    # Answers and log lines name a request so.
    raw = bytes.fromhex(text)
    if len(raw) != ID_BYTES or len(text) != 2 * ID_BYTES:
        raise ValueError("request")
    return raw
