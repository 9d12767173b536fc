"""Revive: what ended after a restored set was taken ends again, and what is derived is made anew.

Each step repeats itself without harm, so that whatever a crash leaves is done again by the same command.
"""

from collections.abc import Callable
from dataclasses import replace

from vault.domain.access import Actor
from vault.domain.kinds import Kind
from vault.domain.terms import (
    ZERO_ID,
    AppId,
    RequestId,
    RoleId,
)
from vault.errors import Conflict, Refused
from vault.services import deriving
from vault.services.authenticate import policy_in_force, stand
from vault.services.commanding import needs_second
from vault.services.ending_again import (
    amended,
    ended_since,
    meant_by,
    restored_from,
    restrict_again,
    withdraw_again,
)
from vault.services.governing import (
    GOVERNED_FOR,
    Change,
    Told,
    govern,
    ground_for,
    may_govern,
    only_operator,
)
from vault.services.laying_tokens import lay_tokens
from vault.services.lowering import erase_again, lower_floors
from vault.services.parts import Call, Parts
from vault.services.system import house_itself
from vault.storage import restoring

Progress = Callable[[str], None]


def replay(parts: Parts, actor: Actor, *, progress: Progress = lambda _step: None) -> None:
    """Let end again, in freshly filled stores, all that ended since, and make what is derived anew.

    For an operator, before anybody is served. Raises BackupUnfit ``backup_mixed`` where data has no key and
    nothing says that it was erased, and what the stores raise; the house stays unusable until it is repeated.
    """
    only_operator(actor)
    with parts.stores.keys.read() as conn:
        row = restoring.read(conn)
    if row is None or row.state != restoring.LOADED:
        return
    ended = ended_since(parts, row)
    progress("erased")
    erase_again(parts, ended.erased)
    progress("floors")
    lower_floors(parts)
    progress("authority")
    govern(parts, actor, lambda ground: amended(ground, ended, row), may=lambda _parts, _ground: None)
    progress("customers")
    call = _call(parts, "system:restore")
    for whom in meant_by(parts, ended.restricted):
        restrict_again(parts, call, whom)
    withdraw_again(parts, call, ended.withdrawn)
    progress("indexes")
    lay_tokens(parts, _call(parts, "system:index"))
    progress("ledger")
    deriving.make_anew(parts)
    deriving.catch_up(parts)


def finish(parts: Parts) -> None:
    """Say that all is replayed and verified: what is left is that somebody opens the house."""
    _move(parts, restoring.LOCKED, was=restoring.LOADED)


def open_restored(parts: Parts, actor: Actor, second: Actor | None) -> None:
    """Let a restored house be used again: for an operator, and with *second*, who governs.

    A house that never had two administrators is opened by its operator alone. Raises Refused ``role`` or the
    guardrail's code, Refused ``second_person`` where nobody else agrees, and Conflict ``not_restored``.
    """
    only_operator(actor)
    ground = ground_for(parts, actor)
    if second is not None:
        may_govern(parts, ground_for(parts, second))
    elif needs_second(ground):
        raise Refused("second_person")
    with parts.stores.keys.read() as conn:
        row = restoring.read(conn)
    if row is None or row.state != restoring.LOCKED:
        raise Conflict("not_restored")
    about = restored_from(row)
    # Told first: a crash behind it leaves the house locked, and the command to be repeated.
    by = actor if second is None else second
    govern(parts, by, lambda _ground: Change((), (Told(Kind.HOUSE_OPENED, about),)))
    _move(parts, restoring.OPEN, was=restoring.LOCKED)


def state(parts: Parts) -> str | None:
    """Say how the restore stands; None in a house that was made of no sets."""
    with parts.stores.keys.read() as conn:
        row = restoring.read(conn)
    return row.state if row is not None else None


def _move(parts: Parts, becomes: str, *, was: str) -> None:
    with parts.stores.keys.read() as conn:
        row = restoring.read(conn)
    if row is not None and row.state == was:
        parts.stores.keys.transact(lambda conn: restoring.put(conn, replace(row, state=becomes)))


def _call(parts: Parts, role: str) -> Call:
    standing = stand(parts, AppId(ZERO_ID))
    policy = policy_in_force(parts, standing)
    return Call(
        house_itself(RoleId(role)), standing, policy, GOVERNED_FOR, RequestId(parts.new_id()), source=""
    )
