"""Cases: what was raised about somebody, the hottest first; looked into and decided, never by oneself."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, TypeAlias

from vault.custody.standing import Standing
from vault.domain.access import Actor
from vault.domain.entry import Entry, ObjectRef
from vault.domain.entry_reading import read_entry
from vault.domain.grants import token_bytes, token_text
from vault.domain.instants import millis, moment
from vault.domain.kinds import Kind
from vault.domain.terms import ActorId, AppId, CaseId, PersonId, id_text
from vault.errors import Conflict, Corrupt, Invalid, NotFound, Refused
from vault.services import filing
from vault.services.authenticate import actor_of
from vault.services.governing import Ground
from vault.services.granting import owner_of
from vault.services.inspecting import admit, inspect, permitted_for, told
from vault.services.parts import Parts
from vault.storage import alerts, audit, casefiles, pruning
from vault.storage.casefiles import CaseRow

VERDICTS: Final = ("justified", "mistake", "violation")
STATES: Final = (filing.OPEN, filing.ASSIGNED, filing.DECIDED)
LONGEST_COMMENT: Final = 2_000
_MOST_CASES: Final = 1_000

Check: TypeAlias = Callable[[Ground, CaseRow], None]


@dataclass(frozen=True, slots=True)
class Case:
    """A case as a reviewer sees it: whom it is about, how hot it is by now, and who works on it."""

    row: CaseRow
    heat: float
    name: str
    assignee: str | None
    # So many of the entries that tell of it were pruned.
    pruned: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened in a case; an alert names the entries that raised it."""

    index: int
    at: datetime
    kind: str
    by: str
    rule: str | None = None
    severity: str | None = None
    score: int | None = None
    entries: tuple[int, ...] = ()
    code: str | None = None
    comment: str | None = None


def ranked(parts: Parts, actor: Actor, *, state: str | None = None, limit: int = 100) -> list[Case]:
    """List the cases about others, the hottest first; without a *state* those that are not decided.

    Raises Invalid ``state_name``, and what inspecting raises.
    """
    if state is not None and state not in STATES:
        raise Invalid("unknown_code", field="state")
    ground = inspect(parts, actor, ObjectRef("list", None, "cases"), kind=Kind.CASE_VIEWED)
    filing.catch_up(parts, ground.policy.signals.half_life)
    states = [state] if state is not None else [filing.OPEN, filing.ASSIGNED]
    with parts.stores.audit.read() as conn:
        rows = casefiles.listing(conn, states=states, limit=_MOST_CASES)
    found = [_seen(ground, row) for row in rows if not is_own(ground.standing, ground.actor, row)]
    return sorted(found, key=lambda one: (-one.heat, one.row.casefile))[:limit]


def show(parts: Parts, actor: Actor, case: CaseId) -> tuple[Case, list[Step]]:
    """Show one case, with all that happened in it. Raises NotFound, and Refused ``own_case``."""
    about = ObjectRef("case", case)
    ground, purpose = admit(parts, actor, about, check=lambda ground: _check_others(parts, ground, case))
    parts.ledger.append(told(parts, ground, about, kind=Kind.CASE_VIEWED, purpose=purpose))
    row = _standing_row(parts, ground, case)
    with parts.stores.audit.read() as conn:
        indexes = casefiles.entries(conn, case)
        standing = audit.entries_at(conn, indexes)
        found = [(idx, read_entry(standing[idx].body)) for idx in indexes if idx in standing]
        minimum = pruning.minimum(conn)
        raised = alerts.alerts(conn, {entry.id for _, entry in found if entry.kind is Kind.ALERT_RAISED})
    steps = [
        _step(parts, ground.standing, idx, entry, {key: one.entries for key, one in raised.items()})
        for idx, entry in found
    ]
    return replace(
        _seen(ground, row), pruned=sum(1 for idx in indexes if idx < minimum and idx not in standing)
    ), steps


def assign(parts: Parts, actor: Actor, case: CaseId, to: PersonId) -> None:
    """Give a case to somebody who may review it; raises Invalid ``assignee`` and Conflict ``state``."""

    def check(ground: Ground, row: CaseRow) -> None:
        _check_undecided(row)
        person = actor_of(ground.standing, to, ground.at)
        if person is None or is_own(ground.standing, person, row):
            raise Invalid("assignee", field="to")
        try:
            # With the second factor that reviewing takes.
            permitted_for(parts, replace(ground, actor=replace(person, strength=1)))
        except Refused:
            raise Invalid("assignee", field="to") from None

    _act(parts, actor, case, Kind.CASE_ASSIGNED, code=id_text("per", to), check=check)


def comment(parts: Parts, actor: Actor, case: CaseId, text: str) -> None:
    """Say something about a case; it stands in the sealed detail of its entry, and nowhere else."""
    if not 0 < len(text.strip()) <= LONGEST_COMMENT:
        raise Invalid("length", field="text", limit=LONGEST_COMMENT)
    _act(parts, actor, case, Kind.CASE_COMMENTED, detail={"text": text})


def decide(parts: Parts, actor: Actor, case: CaseId, verdict: str) -> None:
    """Say what it was; new alerts open the case again. Raises Invalid ``verdict``, Conflict ``state``."""
    if verdict not in VERDICTS:
        raise Invalid("verdict", field="verdict")
    _act(parts, actor, case, Kind.CASE_DECIDED, code=verdict, check=lambda _, row: _check_undecided(row))


def notify(parts: Parts, actor: Actor, case: CaseId) -> None:
    """Have everybody who receives alerts told of this case once more, on somebody's word."""
    _act(parts, actor, case, Kind.CASE_NOTIFIED)


def is_own(standing: Standing, actor: Actor, row: CaseRow) -> bool:
    """Tell whether a case is about *actor*, or about an application for which *actor* answers."""
    if actor.kind != "person":
        return False
    raw = _raw(row.who)
    own = token_text(actor.id)
    return row.who == own or (raw is not None and owner_of(standing, ActorId(raw)) == actor.id)


def name_of(standing: Standing, who: str) -> str:
    """Name whom an entry calls *who*, as of now; an id where nobody has it."""
    raw = _raw(who)
    if raw is None:
        return who
    person, app = standing.people.get(PersonId(raw)), standing.apps.get(AppId(raw))
    return person.login if person is not None else app.name if app is not None else who


def _act(
    parts: Parts,
    actor: Actor,
    case: CaseId,
    kind: Kind,
    *,
    code: str | None = None,
    detail: Mapping[str, str] | None = None,
    check: Check = lambda _ground, _row: None,
) -> None:
    def checked(ground: Ground) -> None:
        check(ground, _others(parts, ground, case))

    ground, purpose = admit(parts, actor, ObjectRef("case", case), check=checked)
    entry = told(parts, ground, ObjectRef("case", case, code), kind=kind, purpose=purpose)
    if detail is not None:
        sealed, epoch = parts.detail.seal(entry.at_ms, detail)
        entry = replace(entry, detail=sealed, key_epoch=epoch)
    parts.ledger.append(entry)
    # A crash here loses nothing: whoever looks next brings the case up to its entries.
    filing.catch_up(parts, ground.policy.signals.half_life)


def _others(parts: Parts, ground: Ground, case: CaseId) -> CaseRow:
    """Find a case that is about somebody else; raises NotFound and Refused ``own_case``."""
    row = _standing_row(parts, ground, case)
    if is_own(ground.standing, ground.actor, row):
        raise Refused("own_case")
    return row


def _standing_row(parts: Parts, ground: Ground, case: CaseId) -> CaseRow:
    filing.catch_up(parts, ground.policy.signals.half_life)
    with parts.stores.audit.read() as conn:
        row = casefiles.cases(conn, [case]).get(case)
    if row is None:
        raise NotFound
    return row


def _check_others(parts: Parts, ground: Ground, case: CaseId) -> None:
    _others(parts, ground, case)


def _check_undecided(row: CaseRow) -> None:
    if row.state == filing.DECIDED:
        raise Conflict("state")


def _seen(ground: Ground, row: CaseRow) -> Case:
    heat = filing.heat_at(row, millis(ground.at), ground.policy.signals.half_life)
    return Case(row, heat, name_of(ground.standing, row.who), row.assignee)


def _step(parts: Parts, standing: Standing, idx: int, entry: Entry, raised: Mapping[bytes, str]) -> Step:
    code = entry.object.code if entry.object else None
    step = Step(idx, moment(entry.at_ms), entry.kind.value, name_of(standing, entry.actor.id))
    match entry.kind:
        case Kind.ALERT_RAISED:
            rule, _, score = (code or "").rpartition(":")
            entries: Sequence[int] = json.loads(
                raised.get(entry.id) or _detail(parts, entry, "entries") or "[]"
            )
            return replace(
                step, rule=rule, severity=entry.reason_code, score=int(score or 0), entries=tuple(entries)
            )
        case Kind.CASE_COMMENTED:
            return replace(step, comment=_detail(parts, entry, "text"))
        case Kind.CASE_ASSIGNED | Kind.CASE_DECIDED:
            return replace(step, code=code)
        case _:
            return step


def _detail(parts: Parts, entry: Entry, name: str) -> str | None:
    """Open one thing that the detail of an entry says; None where its key has ended."""
    if entry.detail is None or entry.key_epoch is None:
        return None
    try:
        return parts.detail.open(entry.detail, entry.key_epoch).get(name)
    except (Conflict, Corrupt):
        return None


def _raw(who: str) -> bytes | None:
    try:
        raw = token_bytes(who)
    except ValueError:
        return None
    return raw if len(raw) == 16 else None
