"""Visiting: from the text of a session to the person who began it, as that person stands now."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from vault.custody.standing import Standing
from vault.custody.visits import NOBODY, SECRET_BYTES, Pass, read_session, write_session
from vault.domain.access import Actor
from vault.domain.entry import Entry, ObjectRef, PolicyRef
from vault.domain.instants import millis, moment
from vault.domain.kinds import Kind
from vault.domain.terms import AppId, EntryId, Millis, PersonId, uuid7
from vault.errors import Unauthenticated
from vault.services import witness
from vault.services.authenticate import actor_of, stand, still
from vault.services.parts import Parts
from vault.services.reviewing import check_reviewed
from vault.storage import outbox, register, sessions
from vault.storage.outbox import OutboxRow
from vault.storage.people import LoginKeyRow
from vault.storage.sessions import SessionRow
from vault.storage.unit_of_work import Connection

# A session ends where nobody has used it for so long, and in any case so long after it began.
IDLE: Final = timedelta(minutes=30)
LONGEST: Final = timedelta(hours=12)
# How long a second factor counts: who reveals or governs later shows it again.
PROVEN_FOR: Final = timedelta(minutes=30)
# How exactly the last use of a session is known.
_SEEN_APART: Final = timedelta(minutes=1)
SECOND_FACTORS: Final = frozenset({"totp", "passkey"})


@dataclass(frozen=True, slots=True)
class Visit:
    """A person with a session: the actor as it stands now, and what a change says beside the cookie."""

    actor: Actor
    standing: Standing
    row: SessionRow
    shown: Pass = field(repr=False)
    csrf: str = field(repr=False)
    # Whether the person has a second factor and has not shown it in this session yet.
    is_half: bool = False


def visit(parts: Parts, text: str, *, source: str, at: datetime) -> Visit:
    """Find the person behind a session's text.

    Missing, garbled, foreign, ended and expired sessions are Unauthenticated alike; the ledger counts them by
    *source*, with the reason. Raises HouseLocked while the stores contradict each other.
    """
    shown = read_session(text) or NOBODY
    return _visit(parts, shown, source=source, at=at)


def visit_again(parts: Parts, session: bytes, *, source: str, at: datetime) -> Visit:
    """Find the person behind a session that was shown when something began which now comes to its end.

    Whoever calls knows by a MAC of ours that it was. Raises as :func:`visit` does.
    """
    return _visit(parts, Pass(session, b""), source=source, at=at, was_shown=True)


def _visit(parts: Parts, shown: Pass, *, source: str, at: datetime, was_shown: bool = False) -> Visit:
    parts.lock.check(at)
    with parts.stores.data.read() as conn:
        row = sessions.session(conn, parts.tenant, shown.id)
    standing = stand(parts, AppId(row.person if row is not None else NOBODY.id))
    reason = _why_not(parts, row, shown, at, was_shown=was_shown)
    actor = actor_of(standing, row.person, at) if row is not None else None
    if row is not None and reason is None and actor is not None:
        actor = still(standing, replace(actor, secret=row.session, strength=_strength(row, at)), at)
    if row is None or reason is not None or actor is None:
        parts.ledger.count_failure(source, reason or "person")
        raise Unauthenticated
    check_reviewed(standing, row.person, at=at)
    row = _seen(parts, row, at)
    keys = standing.login_keys.get(row.person, ())
    is_half = row.strength == 0 and bool(second_factors(keys))
    return Visit(actor, standing, row, shown, parts.visits.csrf(shown), is_half)


def second_factors(keys: tuple[LoginKeyRow, ...]) -> list[str]:
    """Name the kinds of second factors that a person has."""
    return sorted({one.kind for one in keys if one.ended_ms is None and one.kind in SECOND_FACTORS})


def begin(
    parts: Parts,
    standing: Standing,
    person: PersonId,
    *,
    strength: int,
    at: datetime,
    was: SessionRow | None = None,
    by: ObjectRef | None = None,
) -> tuple[str, str, SessionRow]:
    """Begin a session, or go on with *was* under a new id and at another strength: the old text ends.

    *by* is what the person logged in by, where that is no password. Returns the text for the cookie, what a
    change says beside it, and the row. The entry is durable first.
    """
    # The id begins with the moment before anything was looked at, or with that of the session it goes on
    # with: whatever ends all sessions in between, or did, ends this one too.
    since = standing.people[person].since_ms if person in standing.people else Millis(0)
    born = Millis(int.from_bytes(was.session[:6])) if was is not None else max(millis(at), since)
    session = uuid7(born, parts.random(10))
    shown = Pass(session, parts.random(SECRET_BYTES))
    begun = was.begun_ms if was is not None else millis(at)
    row = parts.visits.sign(
        SessionRow(
            parts.tenant,
            session,
            person,
            parts.visits.session(shown),
            strength,
            begun,
            millis(at),
            millis(at),
        )
    )
    actor = actor_of(standing, person, at)
    if actor is None:
        raise Unauthenticated
    kind = Kind.SESSION_BEGUN if was is None else Kind.SESSION_RAISED
    entry = session_entry(
        parts, replace(actor, secret=session, strength=strength), kind, standing, at=at, about=by
    )
    parts.ledger.append(entry)
    # A crash here leaves an entry of a session that nobody has the text of.
    if was is None:
        parts.stores.data.transact(lambda conn: sessions.begin(conn, row))
    else:
        _go_on(parts, row, was, _ending(parts, actor, standing, was.session, at=at))
    return write_session(shown), parts.visits.csrf(shown), row


def _go_on(parts: Parts, row: SessionRow, was: SessionRow, ending: OutboxRow) -> None:
    """Put *row* in the place of *was*, which must still be there: who logged out meanwhile stays out."""

    def change(conn: Connection) -> None:
        if sessions.end(conn, parts.tenant, [was.session]) != 1:
            raise Unauthenticated
        outbox.add(conn, [ending])
        sessions.begin(conn, row)

    parts.stores.data.transact(change)
    parts.ledger.settle([ending.entry])


def ended_since(parts: Parts, person: PersonId, at: datetime) -> Millis:
    """Give the moment from which on a session counts, so that none that there is now does.

    A worker's clock may be ahead of this one's, so the newest session is looked at as well.
    """
    with parts.stores.data.read() as conn:
        rows = sessions.sessions_of(conn, parts.tenant, person)
    newest = max((int.from_bytes(row.session[:6]) for row in rows), default=0)
    return Millis(max(millis(at), newest) + 1)


def end(parts: Parts, actor: Actor, standing: Standing, ended: list[bytes], *, at: datetime) -> None:
    """End sessions at once and for ever: one whose row is put back stays ended, by the register."""
    rows = [_ending(parts, actor, standing, session, at=at) for session in ended]

    def forget(conn: Connection) -> None:
        sessions.end(conn, parts.tenant, ended)
        outbox.add(conn, rows)

    parts.stores.data.transact(forget)
    parts.ledger.settle([row.entry for row in rows])


def session_entry(
    parts: Parts,
    actor: Actor,
    kind: Kind,
    standing: Standing,
    *,
    at: datetime,
    about: ObjectRef | None = None,
) -> Entry:
    """Tell what became of a session."""
    return Entry(
        id=EntryId(parts.new_id()),
        at_ms=millis(at),
        kind=kind,
        actor=witness.actor_ref(actor),
        outcome="recorded",
        policy=PolicyRef(standing.policy_digest, standing.policy_number),
        authority=standing.version,
        object=about,
        reason_code=f"strength_{actor.strength}" if kind is not Kind.SESSION_ENDED else None,
    )


def _ending(parts: Parts, actor: Actor, standing: Standing, session: bytes, *, at: datetime) -> OutboxRow:
    about = ObjectRef("session", session)
    entry = session_entry(parts, actor, Kind.SESSION_ENDED, standing, at=at, about=about)
    notice = witness.notice("revoked", session)
    # A row without a subject is one of the authority: its revision is the version that stands already.
    row = OutboxRow(parts.tenant, entry.id, entry.at_ms, None, standing.version, entry.body(), notice)
    return parts.ledger.waiting(row)


def _why_not(
    parts: Parts, row: SessionRow | None, shown: Pass, at: datetime, *, was_shown: bool
) -> str | None:
    """Say why a session does not serve; the secret is compared in any case."""
    kept = row.verifier if row is not None else bytes(32)
    fits = parts.visits.is_same(parts.visits.session(shown), kept)
    if row is None or not (fits or was_shown):
        return "session"
    if not parts.visits.is_ours(row):
        return "session_row"
    if at >= min(moment(row.seen_ms) + IDLE, moment(row.begun_ms) + LONGEST):
        return "session_expired"
    with parts.stores.register.read() as conn:
        return "session_ended" if register.has_ended(conn, row.session) else None


def _strength(row: SessionRow, at: datetime) -> int:
    return row.strength if at < moment(row.proved_ms) + PROVEN_FOR else 0


def _seen(parts: Parts, row: SessionRow, at: datetime) -> SessionRow:
    if at < moment(row.seen_ms) + _SEEN_APART:
        return row
    seen = parts.visits.sign(replace(row, seen_ms=Millis(millis(at))))
    parts.stores.data.transact(lambda conn: sessions.replace(conn, seen))
    return seen
