"""Query: what is asked of the ledger, and which manners of entries fit it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from vault.domain.manner import Manner
from vault.domain.stretches import BEGIN, NEVER
from vault.domain.terms import Millis

# An id by which nobody is called: a name that nobody has finds nothing, and is no mistake.
NOBODY: Final = ""


@dataclass(frozen=True, slots=True)
class Term:
    """One qualifier with its values, any of which may fit; or, negated, none may."""

    name: str
    values: tuple[str, ...]
    negated: bool = False
    # Where it stands in what was typed.
    position: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is asked, read and checked; whatever stands beside each other must all fit."""

    # Of codes: each is judged by a manner alone.
    terms: tuple[Term, ...] = ()
    # Of single entries: subjects as they were typed, tickets, requests and objects.
    subjects: tuple[Term, ...] = ()
    tickets: tuple[Term, ...] = ()
    requests: tuple[tuple[bytes, ...], ...] = ()
    objects: tuple[tuple[bytes, ...], ...] = ()
    since_ms: Millis = BEGIN
    until_ms: Millis = NEVER
    n_least: int = 0
    n_most: int | None = None

    @property
    def is_of_manners(self) -> bool:
        """Tell whether nothing but manners and times is asked for."""
        alone = not (self.subjects or self.tickets or self.requests or self.objects)
        return alone and self.n_least == 0 and self.n_most is None


@dataclass(frozen=True, slots=True)
class Names:
    """How actors are called at the moment: staff are data subjects, and no entry holds a name."""

    # By the id that an entry has.
    of: Mapping[str, str] = field(default_factory=dict)

    def ids(self, name: str) -> frozenset[str]:
        """Find who is called so, whatever the case."""
        wanted = name.casefold()
        return frozenset(actor for actor, known in self.of.items() if known.casefold() == wanted)


def fits(query: Query, manner: Manner, names: Names) -> bool:
    """Tell whether entries of this manner are asked for, as far as the manner decides."""
    return all(_FITS[term.name](term, manner, names) != term.negated for term in query.terms)


def _any(read: Callable[[Manner], str]) -> Callable[[Term, Manner, Names], bool]:
    def judge(term: Term, manner: Manner, _: Names) -> bool:
        found = read(manner)
        return any(_is_like(value, found) for value in term.values)

    return judge


def _is_like(value: str, found: str) -> bool:
    # ``profile.*`` means whatever begins so.
    return found.startswith(value[:-1]) if value.endswith("*") else found == value


def _is_actor(read: Callable[[Manner], str]) -> Callable[[Term, Manner, Names], bool]:
    def judge(term: Term, manner: Manner, _: Names) -> bool:
        return read(manner) in term.values

    return judge


def _has_outcome(term: Term, manner: Manner, _: Names) -> bool:
    return any(
        _is_like(value, manner.whole_outcome if ":" in value else manner.outcome) for value in term.values
    )


def _has_tier(term: Term, manner: Manner, _: Names) -> bool:
    return str(manner.tier) in term.values


def _has_word(term: Term, manner: Manner, names: Names) -> bool:
    told = (
        manner.kind,
        names.of.get(manner.actor, manner.actor),
        manner.actor_type,
        names.of.get(manner.behalf, manner.behalf),
        manner.role,
        manner.action,
        manner.purpose,
        manner.whole_outcome,
        manner.reason_code,
        manner.object_type,
    )
    return any(value in one.casefold() for one in told for value in term.values)


_FITS: Final[Mapping[str, Callable[[Term, Manner, Names], bool]]] = {
    "actor": _is_actor(lambda one: one.actor),
    "on-behalf": _is_actor(lambda one: one.behalf),
    "action": _any(lambda one: one.action),
    "kind": _any(lambda one: one.kind),
    "purpose": _any(lambda one: one.purpose),
    "role": _any(lambda one: one.role),
    "reason": _any(lambda one: one.reason_code),
    "object": _any(lambda one: one.object_type),
    "outcome": _has_outcome,
    "tier": _has_tier,
    "word": _has_word,
}
