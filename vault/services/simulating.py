"""Simulating: what another policy would have answered to what was asked, by the ledger; nothing is opened."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Final, TypeAlias

from vault.domain.entry import Entry
from vault.domain.entry_reading import read_entry
from vault.domain.instants import millis
from vault.domain.policy import ContextClass
from vault.domain.terms import ZERO_ID, Action, AppId, FieldName, Millis, PurposeId, RoleId
from vault.errors import Corrupt, PolicyMistakes
from vault.rulebook.asking import JUDGED
from vault.rulebook.checking import check
from vault.rulebook.rules import Rulebook
from vault.rulebook.trying import answer
from vault.services.authenticate import policy_in_force, stand
from vault.services.parts import Parts
from vault.storage import audit

_PAGE: Final = 500
_NO_FIELD: Final = FieldName("")

_Case: TypeAlias = tuple[frozenset[RoleId], PurposeId, ContextClass, Action]


@dataclass(frozen=True, slots=True, order=True)
class Turned:
    """One kind of answer that would have been another: who asked for what, and what was and would be given.

    ``before`` and ``after`` are treatments, ``permitted``, or why not.
    """

    roles: tuple[RoleId, ...]
    purpose: PurposeId
    action: Action
    field: FieldName
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Simulation:
    """How many entries were looked at, and how many customers each turned answer would have concerned."""

    entries: int
    judged: int
    turned: Mapping[Turned, int]

    def words(self) -> list[str]:
        """Say it line by line, what concerns most first."""
        return [
            f"{count:>8}  {'+'.join(one.roles)} for {one.purpose} {one.action}"
            f"{' ' + one.field if one.field else ''}: {one.before} becomes {one.after}"
            for one, count in self._ordered()
        ]

    def told(self) -> dict[str, object]:
        """Write it as JSON."""
        turned = [{**asdict(one), "customers": count} for one, count in self._ordered()]
        return {"entries": self.entries, "judged": self.judged, "turned": turned}

    def _ordered(self) -> list[tuple[Turned, int]]:
        return sorted(self.turned.items(), key=lambda one: (-one[1], one[0]))


def simulate(parts: Parts, files: Mapping[str, str], *, days: int) -> Simulation:
    """Judge anew, under *files* and under the policy in force, what was asked in the last *days*.

    Roles, purpose, action and what was brought are those of each entry; what is true of the customer stays
    as it was judged then. Raises PolicyMistakes with every mistake of *files*, and Corrupt ``entry`` where an
    entry cannot be read.
    """
    wanted, mistakes = check(files)
    if wanted is None:
        raise PolicyMistakes([str(mistake) for mistake in mistakes])
    held = policy_in_force(parts, stand(parts, AppId(ZERO_ID)))
    since = millis(parts.clock() - timedelta(days=days))
    # A rulebook of its own: what is only thought of must not push out what is in force.
    rulebook = Rulebook()
    turned: Counter[Turned] = Counter()
    entries = judged = 0
    for entry in _entries(parts, since):
        entries += 1
        case = _case(entry)
        if case is None:
            continue
        judged += 1
        for one in entry.sets:
            for name in (*one.fields, *(name for name, _ in one.withheld)) or (_NO_FIELD,):
                before, after = (
                    answer(rulebook.row(policy, *case), name, assigned=True) for policy in (held, wanted)
                )
                if before != after:
                    _, purpose, _, action = case
                    turned[Turned(entry.role_set, purpose, action, name, before, after)] += len(one.subjects)
    return Simulation(entries, judged, turned)


def _case(entry: Entry) -> _Case | None:
    """Give what the matrix was asked, where it was asked at all.

    Two rows decide on what an app asks on behalf of a person, and the entry has the roles of the one alone.
    """
    if entry.actor.on_behalf is not None:
        return None
    if entry.action not in JUDGED or entry.purpose is None or entry.context is None or not entry.role_set:
        return None
    return frozenset(entry.role_set), entry.purpose, entry.context, entry.action


def _entries(parts: Parts, since: Millis) -> Iterator[Entry]:
    with parts.stores.audit.read() as conn:
        index, end = 0, audit.size(conn)
    while index < end:
        with parts.stores.audit.read() as conn:
            rows = audit.entries(conn, index, limit=_PAGE)
        if not rows:
            return
        for row in rows:
            if row.idx < end and (entry := _read(row.body)).at_ms >= since:
                yield entry
        index = rows[-1].idx + 1


def _read(body: bytes) -> Entry:
    try:
        return read_entry(body)
    except ValueError:
        raise Corrupt("entry") from None
