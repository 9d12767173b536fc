"""Sessions: who is logged in, how often log-ins failed of late, and what was used when.

Every function takes a connection and leaves the commit to the service (STYLE 32).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, case, delete, insert, select, update

from vault.domain.terms import GrantId, Millis, PersonId, SubjectId, TenantId
from vault.storage.account_tables import emergency
from vault.storage.session_tables import emergency_use, last_use, login_failure, login_session, login_use
from vault.storage.statements import inserting

# No step and no counter of what people log in by is negative.
_ONCE = -1


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One session of a person; ``strength`` is that of its log-in, and ``proved_ms`` when it was shown."""

    tenant: TenantId
    session: bytes
    person: PersonId
    verifier: bytes
    strength: int
    begun_ms: Millis
    proved_ms: Millis
    seen_ms: Millis
    mac: bytes = b""


@dataclass(frozen=True, slots=True)
class FailureRow:
    """How often log-ins failed of late for one name or address; none is tried before ``until_ms``."""

    tenant: TenantId
    about: bytes
    failures: int
    last_ms: Millis
    until_ms: Millis


def session(conn: Connection, tenant: TenantId, session_id: bytes) -> SessionRow | None:
    """Read one session."""
    held = login_session.c
    found = conn.execute(
        select(login_session).where(held.tenant == tenant, held.session == session_id)
    ).first()
    return SessionRow(*found) if found else None


def sessions_of(conn: Connection, tenant: TenantId, person: PersonId) -> list[SessionRow]:
    """Read a person's sessions, oldest first."""
    held = login_session.c
    query = select(login_session).where(held.tenant == tenant, held.person == person)
    return [SessionRow(*row) for row in conn.execute(query.order_by(held.begun_ms, held.session))]


def begin(conn: Connection, row: SessionRow) -> None:
    """Keep a new session."""
    conn.execute(insert(login_session).values(**asdict(row)))


def replace(conn: Connection, row: SessionRow) -> bool:
    """Put *row* in the place of the session with its id; False where that has ended meanwhile."""
    held = login_session.c
    same = (held.tenant == row.tenant) & (held.session == row.session)
    return conn.execute(update(login_session).where(same).values(**asdict(row))).rowcount == 1


def end(conn: Connection, tenant: TenantId, session_ids: Collection[bytes]) -> int:
    """Forget sessions; returns how many there were."""
    held = login_session.c
    gone = delete(login_session).where(held.tenant == tenant, held.session.in_(list(session_ids)))
    return conn.execute(gone).rowcount


def forget_older(conn: Connection, tenant: TenantId, begun_before_ms: int) -> int:
    """Sweep sessions that began before a moment; every one of them is over."""
    held = login_session.c
    gone = delete(login_session).where(held.tenant == tenant, held.begun_ms < begun_before_ms)
    return conn.execute(gone).rowcount


def count_failure(
    conn: Connection, tenant: TenantId, about: bytes, *, at_ms: Millis, forgotten_ms: Millis
) -> FailureRow:
    """Count one more failure, from one on where the last lies before *forgotten_ms*; returns what stands.

    One statement: whoever counts for the same name waits until this transaction ends.
    """
    held = login_failure.c
    is_old = held.last_ms <= forgotten_ms
    fresh = inserting(conn.dialect.name, login_failure).values(
        tenant=tenant, about=about, failures=1, last_ms=at_ms, until_ms=0
    )
    counted = fresh.on_conflict_do_update(
        index_elements=["tenant", "about"],
        set_={
            "failures": case((is_old, 1), else_=held.failures + 1),
            "until_ms": case((is_old, 0), else_=held.until_ms),
            "last_ms": at_ms,
        },
    )
    return FailureRow(*conn.execute(counted.returning(*login_failure.c)).one())


def wait_until(conn: Connection, tenant: TenantId, about: bytes, *, until_ms: Millis) -> None:
    """Let nobody try before a moment."""
    held = login_failure.c
    same = (held.tenant == tenant) & (held.about == about)
    conn.execute(update(login_failure).where(same).values(until_ms=until_ms))


def take_back_failure(conn: Connection, tenant: TenantId, abouts: Collection[bytes]) -> None:
    """Take back the last failure of *abouts*, which was none."""
    held = login_failure.c
    same = (held.tenant == tenant) & held.about.in_(list(abouts))
    conn.execute(update(login_failure).where(same).values(failures=held.failures - 1, until_ms=0))


def forget_failures(conn: Connection, tenant: TenantId, abouts: Collection[bytes]) -> None:
    """Forget the failures of *abouts*."""
    held = login_failure.c
    conn.execute(delete(login_failure).where(held.tenant == tenant, held.about.in_(list(abouts))))


def forget_failures_before(conn: Connection, tenant: TenantId, at_ms: Millis) -> None:
    """Forget all failures whose last one lies before a moment."""
    held = login_failure.c
    conn.execute(delete(login_failure).where(held.tenant == tenant, held.last_ms < at_ms))


def use_once(conn: Connection, tenant: TenantId, login_key: bytes, counter: int, at_ms: Millis) -> bool:
    """Take *counter* as used; False where it, or a later one, was used before."""
    held = login_use.c
    same = (held.tenant == tenant) & (held.login_key == login_key)
    later = update(login_use).where(same, held.counter < counter).values(counter=counter, last_ms=at_ms)
    if conn.execute(later).rowcount == 1:
        return True
    if conn.execute(select(held.counter).where(same)).first() is not None:
        return False
    row = {"tenant": tenant, "login_key": login_key, "counter": counter, "last_ms": at_ms}
    conn.execute(insert(login_use).values(**row))
    return True


def take_once(conn: Connection, tenant: TenantId, what: bytes, at_ms: Millis) -> bool:
    """Take *what* as used, whatever it is; False where it was used before."""
    row = {"tenant": tenant, "login_key": what, "counter": _ONCE, "last_ms": at_ms}
    taken = inserting(conn.dialect.name, login_use).values(**row).on_conflict_do_nothing()
    # What a driver counts of an insert that may do nothing differs; what comes back does not.
    return conn.execute(taken.returning(login_use.c.counter)).first() is not None


def forget_taken_before(conn: Connection, tenant: TenantId, at_ms: Millis) -> None:
    """Forget what was taken once before a moment, and by then could not come again."""
    held = login_use.c
    conn.execute(delete(login_use).where(held.tenant == tenant, held.counter == _ONCE, held.last_ms < at_ms))


def used(conn: Connection, tenant: TenantId, login_key: bytes) -> int:
    """Read the counter that was used last; 0 where none was."""
    held = login_use.c
    query = select(held.counter).where(held.tenant == tenant, held.login_key == login_key)
    return conn.execute(query).scalar() or 0


def note_uses(conn: Connection, tenant: TenantId, uses: Iterable[tuple[bytes, Millis]]) -> None:
    """Remember when each of these was used last; an earlier time changes nothing."""
    held = last_use.c
    for what, at_ms in sorted(uses):
        same = (held.tenant == tenant) & (held.what == what)
        known = conn.execute(select(held.last_ms).where(same)).first()
        if known is None:
            conn.execute(insert(last_use).values(tenant=tenant, what=what, last_ms=at_ms))
        elif known.last_ms < at_ms:
            conn.execute(update(last_use).where(same).values(last_ms=at_ms))


def last_uses(conn: Connection, tenant: TenantId) -> Mapping[bytes, Millis]:
    """Read when everything was used last."""
    held = last_use.c
    query = select(held.what, held.last_ms).where(held.tenant == tenant)
    return {row.what: Millis(row.last_ms) for row in conn.execute(query)}


def meet_in_emergency(
    conn: Connection, tenant: TenantId, grant: GrantId, subject: SubjectId, *, most: int
) -> bool:
    """Count a customer towards an emergency's most, once; False where there is no room for another one."""
    # Whoever counts holds the emergency's row: two that count at once would both find room for the last one.
    own = (emergency.c.tenant == tenant) & (emergency.c.role_grant == grant)
    conn.execute(select(emergency.c.role_grant).where(own).with_for_update())
    held = emergency_use.c
    same = (held.tenant == tenant) & (held.role_grant == grant)
    met = set(conn.execute(select(held.subject).where(same)).scalars())
    if subject in met:
        return True
    if len(met) >= most:
        return False
    conn.execute(insert(emergency_use).values(tenant=tenant, role_grant=grant, subject=subject))
    return True
