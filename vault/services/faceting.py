"""Faceting: which values were met most among what was found, and how many entries have each."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from vault.domain.manner import Manner

# So many values of a facet are named; the others are counted together.
SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Facet:
    """The values of one kind that were met most, each with its entries; the others are all that follow."""

    name: str
    values: tuple[tuple[str, int], ...]
    other_values: int
    other_entries: int


def facets_of(counts: Sequence[tuple[Manner, int]]) -> tuple[Facet, ...]:
    """Count the entries of each value; *counts* are those of each manner."""
    return tuple(_facet(name, counts, value) for name, value in _FACETS.items())


_FACETS: Final[Mapping[str, Callable[[Manner], str]]] = {
    "actor": lambda one: one.actor,
    "kind": lambda one: one.kind,
    "purpose": lambda one: one.purpose,
    "outcome": lambda one: one.whole_outcome,
    "tier": lambda one: str(one.tier) if one.tier >= 0 else "",
}


def _facet(name: str, counts: Sequence[tuple[Manner, int]], value: Callable[[Manner], str]) -> Facet:
    met: Counter[str] = Counter()
    for manner, many in counts:
        met[value(manner)] += many
    # What entries do not have is no value.
    del met[""]
    shown = tuple(met.most_common(SHOWN))
    others = met.total() - sum(many for _, many in shown)
    return Facet(name, shown, len(met) - len(shown), others)
