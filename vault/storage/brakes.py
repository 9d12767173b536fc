"""Brakes: how much of a window an actor has spent, counted for all processes together.

Every function takes a connection and leaves the commit to the service (STYLE 32).
"""

from typing import Any

from sqlalchemy import Connection, bindparam, case
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningInsert

from vault.domain.terms import ActorId, Millis, TenantId
from vault.storage.session_tables import brake


def spend(
    conn: Connection, tenant: TenantId, actor: ActorId, *, window: str, start_ms: Millis, count: int
) -> int:
    """Add *count* to what was spent of the window that began at *start_ms*; returns the sum.

    A window that began earlier is over, and begins anew; of two processes whose clocks differ a little, the
    later window holds for both.
    """
    statement = _SPEND[conn.dialect.name]
    told = {"tenant": tenant, "actor": actor, "window": window, "start_ms": start_ms, "spent": count}
    return int(conn.execute(statement, told).scalar_one())


def _statement(insert: type[sqlite.Insert] | type[postgresql.Insert]) -> ReturningInsert[Any]:
    names = ("tenant", "actor", "window", "start_ms", "spent")
    fresh = insert(brake).values(**{name: bindparam(name) for name in names})
    held, new = brake.c, fresh.excluded
    return fresh.on_conflict_do_update(
        index_elements=["tenant", "actor", "window"],
        set_={
            "spent": case((held.start_ms >= new.start_ms, held.spent + new.spent), else_=new.spent),
            "start_ms": case((held.start_ms >= new.start_ms, held.start_ms), else_=new.start_ms),
        },
    ).returning(held.spent)


# Written once: to build such a statement costs more than to run it.
_SPEND = {"sqlite": _statement(sqlite.Insert), "postgresql": _statement(postgresql.Insert)}
