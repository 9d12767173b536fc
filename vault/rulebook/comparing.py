"""Comparing: says in words, place by place, what another policy would newly allow, change and take away."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Final, TypeAlias, TypeVar

from vault.domain.policy import Policy
from vault.domain.terms import PurposeId
from vault.rulebook.matrix import Place, cells, needs

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Difference:
    """One place that two policies answer differently; "" where one of them allows nothing there."""

    place: Place
    before: str
    after: str

    def words(self) -> str:
        """Say it to whoever has to approve it."""
        place = self.place
        about = f" {place.field}" if place.field else ""
        whom = f"{place.role} for {place.purpose}{about}"
        if not self.before:
            return f"{whom}: newly {self.after}"
        if not self.after:
            return f"{whom}: no longer {self.before}"
        return f"{whom}: {self.before} becomes {self.after}"


@dataclass(frozen=True, slots=True)
class Condition:
    """What a purpose requires of a customer, where two policies differ; "" where one has no such purpose."""

    purpose: PurposeId
    before: str
    after: str

    def words(self) -> str:
        """Say it to whoever has to approve it."""
        if not self.before:
            return f"{self.purpose}: a new purpose, which needs {self.after}"
        if not self.after:
            return f"{self.purpose}: no purpose any longer; it needed {self.before}"
        return f"{self.purpose}: needs {self.after}, and no longer {self.before}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that two policies allow and require differently, by role, purpose and field."""

    access: tuple[Difference, ...] = ()
    needs: tuple[Condition, ...] = ()

    def words(self) -> list[str]:
        """Say it line by line."""
        return [one.words() for one in self.access] + [one.words() for one in self.needs]

    def told(self) -> dict[str, list[dict[str, str]]]:
        """Write it as JSON."""
        return {
            "access": [asdict(one.place) | {"before": one.before, "after": one.after} for one in self.access],
            "needs": [asdict(one) for one in self.needs],
        }


ALIKE: Final = Comparison()


Cells: TypeAlias = Mapping[Place, str]


def compare(before: Policy, after: Policy, *, cells_of: Callable[[Policy], Cells] = cells) -> Comparison:
    """Compare what two policies allow and require; *cells_of* may know what one allows already."""
    changed = _changed(cells_of(before), cells_of(after))
    required = _changed(needs(before), needs(after))
    return Comparison(tuple(Difference(*one) for one in changed), tuple(Condition(*one) for one in required))


def _changed(before: Mapping[K, str], after: Mapping[K, str]) -> Iterator[tuple[K, str, str]]:
    for key in sorted(before.keys() | after.keys()):  # type: ignore[type-var]
        was, is_now = before.get(key, ""), after.get(key, "")
        if was != is_now:
            yield key, was, is_now
