"""Detail keys: those of months that are over for long enough end, and nobody opens what they sealed."""

from vault.custody.detail import DESTROYED
from vault.custody.keyring import KeyPurpose
from vault.domain.entry import ObjectRef
from vault.domain.instants import month
from vault.domain.kinds import Kind
from vault.domain.shards import days_of, is_month, months_over
from vault.domain.terms import RoleId
from vault.services.dating import newest_told, present
from vault.services.governing import ground_for
from vault.services.keeping import HELD, Said, kept, read_all, read_on
from vault.services.parts import Parts
from vault.services.system import house_itself
from vault.storage import keys

_RETENTION = RoleId("retention")
# No policy is followed that would let go of what was written the month before last.
_LEAST_MONTHS = 2


def destroy_due(parts: Parts) -> list[int]:
    """Destroy the keys of months that the policy keeps no longer, and no hold covers; returns the months.

    The entry of each is durable before its key goes; a crash in between leaves a key that the next run tells
    of and destroys again. Only where one is due the ledger is read for its holds. Raises Conflict
    ``ledger_broken``: a hold may have been taken out; and what dating raises.
    """
    now, newest = present(parts), newest_told(parts)
    actor = house_itself(_RETENTION)
    ground = ground_for(parts, actor)
    with parts.stores.keys.read() as conn:
        living = keys.epochs(conn, parts.tenant, KeyPurpose.DETAIL, state="active")
    least = max(ground.policy.ledger.detail_months, _LEAST_MONTHS)
    # What is written now needs the key of its month, however the clock got there.
    most = month(newest) if newest is not None else 0
    due = [one for one in living if is_month(one) and one < most and months_over(one, at=now) >= least]
    if not due:
        return []
    said, gone = read_all(parts), list[int]()
    for epoch in due:
        if _is_held(said, epoch):
            continue
        about = ObjectRef("detail_key", code=str(epoch))
        parts.ledger.append(kept(parts, actor, Kind.DETAIL_KEY_DESTROYED, about, ground=ground))
        # Reading the ledger took its time: a hold whose entry came before this one keeps what it holds.
        read_on(parts, said)
        if _is_held(said, epoch):
            stopped = kept(parts, actor, Kind.ENDING_STOPPED, about, ground=ground, outcome=HELD)
            parts.ledger.append(stopped)
            continue
        _destroy(parts, epoch)
        gone.append(epoch)
    parts.detail.forget(gone)
    return gone


def _is_held(said: Said, epoch: int) -> bool:
    return any(hold.covers(*days_of(epoch)) for hold in said.holds.values())


def _destroy(parts: Parts, epoch: int) -> None:
    parts.stores.keys.transact(
        lambda conn: keys.destroy_sealed_key(
            conn, parts.tenant, KeyPurpose.DETAIL, epoch=epoch, state=DESTROYED
        )
    )
