"""Addressing: from what a reviewer calls somebody to what entries call them, and back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from vault.custody import identity as identities
from vault.custody.identity import Identity
from vault.custody.keyring import KeyPurpose
from vault.custody.standing import Standing
from vault.domain.grants import token_bytes, token_text
from vault.domain.instants import millis, moment, month
from vault.domain.query import Names, Query, Term
from vault.domain.query_reading import QueryFault
from vault.domain.stretches import DAY_MS
from vault.domain.terms import ID_BYTES, SubjectId, id_bytes, id_text
from vault.errors import Corrupt
from vault.services.parts import Parts
from vault.storage import keys
from vault.storage.lines import Wanted

_ERASED = "tombstone"


@dataclass(frozen=True, slots=True)
class Sought:
    """Who was asked for in one term: subjects that live, and tokens that were typed as they are."""

    identities: tuple[Identity, ...]
    tokens: frozenset[bytes]

    def tokens_of(self, months: Sequence[int]) -> frozenset[bytes]:
        """Name the audit tokens by which entries of *months* tell of them."""
        return self.tokens | {one.audit_token(each) for one in self.identities for each in months}


def names_of(standing: Standing) -> Names:
    """Say how people and applications are called now, those who have left among them."""
    found = {token_text(app): row.name for app, row in standing.apps.items()}
    for person, row in standing.people.items():
        found[token_text(person)] = found[id_text("per", person)] = row.login
    return Names(found)


def actors_named(query: Query, names: Names) -> Query:
    """Put the ids of entries in the place of the ids and names that were typed."""
    return replace(query, terms=tuple(_named(term, names) for term in query.terms))


def wanted_of(
    parts: Parts, query: Query, sought: Sequence[Sought], *, first_day: int, at: datetime
) -> Wanted:
    """Say what *query* comes to in what the store holds: tokens and keyed hashes of the months asked for."""
    since = max(query.since_ms, first_day * DAY_MS)
    months = _months(moment(since), moment(min(query.until_ms, millis(at) + DAY_MS)))
    return Wanted(
        since_ms=query.since_ms,
        until_ms=query.until_ms,
        tokens=tuple(one.tokens_of(months) for one in sought),
        tickets=tuple(_hashes(parts, term, months) for term in query.tickets),
        requests=tuple(map(frozenset, query.requests)),
        objects=tuple(map(frozenset, query.objects)),
        n_least=query.n_least,
        n_most=query.n_most,
    )


def seek(parts: Parts, standing: Standing, term: Term) -> Sought:
    """Find whom a term names: by the vault's own id, an app's, or an audit token.

    Whoever is absent or erased is nobody. Raises QueryFault for what is none of these.
    """
    found: list[Identity] = []
    tokens: set[bytes] = set()
    for value in term.values:
        if (subject := id_bytes("sub", value)) is not None:
            found += _identities(parts, [SubjectId(subject)])
        elif (own := id_bytes("cus", value)) is not None:
            found += _known_to_apps(parts, standing, own)
        else:
            tokens.add(_token(value, term.position))
    return Sought(tuple(found), frozenset(tokens))


def months_with_keys(parts: Parts) -> frozenset[int]:
    """Name the months whose detail keys live: the others are not made again to look for something."""
    with parts.stores.keys.read() as conn:
        return frozenset(keys.epochs(conn, parts.tenant, KeyPurpose.DETAIL, state="active"))


def _named(term: Term, names: Names) -> Term:
    if term.name not in {"actor", "on-behalf"}:
        return term
    found: set[str] = set()
    for value in term.values:
        raw = id_bytes("per", value) or id_bytes("app", value)
        # What entries call an actor, an id of an API, or a name; ``operator:1000`` stands for itself.
        found |= {value} if raw is None else {value, token_text(raw)}
        found |= names.ids(value)
    return replace(term, values=tuple(sorted(found)))


def _identities(parts: Parts, subjects: Sequence[SubjectId]) -> list[Identity]:
    with parts.stores.keys.read() as conn:
        rows = keys.idents(conn, parts.tenant, subjects)
    found = []
    for row in rows.values():
        try:
            found.append(identities.open_ident(parts.keyring, row))
        except Corrupt as fault:
            # Nothing links an erased subject to its entries any more.
            if fault.reason != _ERASED:
                raise
    return found


def _known_to_apps(parts: Parts, standing: Standing, own: bytes) -> list[Identity]:
    """Find whom any app knows by this id; each app has ids of its own."""
    found: list[Identity] = []
    for space in {row.space for row in standing.apps.values()}:
        with parts.stores.keys.read() as conn:
            subjects = keys.resolve(conn, parts.tenant, space, [own])
        # The row that led here is not authenticated by itself: the subject's own ident must agree.
        for subject, one in zip(subjects.values(), _identities(parts, [*subjects.values()]), strict=False):
            if one.pairwise(space, subject) == own:
                found.append(one)
    return found


def _token(text: str, position: int) -> bytes:
    try:
        raw = token_bytes(text)
    except ValueError:
        raw = b""
    if len(raw) != ID_BYTES:
        raise QueryFault("query_value", position)
    return raw


def _hashes(parts: Parts, term: Term, months: Sequence[int]) -> frozenset[bytes]:
    living = months_with_keys(parts)
    return frozenset(
        parts.detail.fingerprint(_begin_ms(one), "ticket", value)
        for one in months
        if one in living
        for value in term.values
    )


def _months(since: datetime, until: datetime) -> list[int]:
    first, last = month(since), month(until)
    return [
        year * 100 + number
        for year in range(first // 100, last // 100 + 1)
        for number in range(1, 13)
        if first <= year * 100 + number <= last
    ]


def _begin_ms(yyyymm: int) -> int:
    return millis(datetime(yyyymm // 100, yyyymm % 100, 1, tzinfo=UTC))
