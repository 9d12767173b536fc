"""Login: a person proves who it is, step by step; nothing tells whether a name exists."""

import json
from dataclasses import replace
from datetime import datetime
from typing import Final

from vault.custody.standing import Standing
from vault.domain.canonical import canonical
from vault.domain.entry import ObjectRef
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.terms import ZERO_ID, AppId, PersonId
from vault.errors import Unauthenticated
from vault.services import throttling, visiting
from vault.services.authenticate import LIVE, stand
from vault.services.beginning import LoggedIn, begun, raised, unproven
from vault.services.choosing import check_password
from vault.services.governing import Change, Ground, Told, govern, may_oneself
from vault.services.holding import PASSWORD, living
from vault.services.joining import LINKS, stranger, taken, whoever_has_a_link, whom
from vault.services.linking import presented
from vault.services.parts import Parts
from vault.services.reviewing import check_reviewed
from vault.services.visiting import Visit, second_factors
from vault.storage import sessions
from vault.storage.people import LoginKeyRow, PersonRow
from vault.storage.sessions import SessionRow

TOTP: Final = "totp"
RECOVERY_CODES: Final = "recovery"


def join(parts: Parts, text: str, *, password: str, source: str) -> PersonId:
    """Take an invitation, or a link to begin anew, and choose a password; the link is used up.

    Raises Unauthenticated ``link`` for one that is foreign, used or expired, alike; Invalid
    ``password_length`` or ``password_weak``, and then the link can be used again.
    """
    throttling.attempt(parts, {"source": source}, at=parts.clock())
    joined: list[PersonId] = []

    def command(ground: Ground) -> Change:
        link = presented(parts, ground, text, LINKS)
        row = whom(ground, link)
        check_password(password, beside=[row.login])
        body = canonical({"argon2id": parts.logins.password(row.person, password)}).decode()
        now = millis(ground.at)
        key = LoginKeyRow(parts.tenant, row.person, parts.new_id(), PASSWORD, PASSWORD, body, now, None)
        joined[:] = [row.person]
        return taken(ground, link, row, key)

    try:
        govern(parts, stranger(), command, may=whoever_has_a_link)
    except Unauthenticated:
        parts.ledger.count_failure(source, "link")
        raise
    throttling.succeeded(parts, {"source": source})
    return joined[0]


def log_in(parts: Parts, login: str, *, password: str, source: str) -> LoggedIn:
    """Begin a session by name and password.

    Raises Unauthenticated ``login`` for a wrong name and a wrong password alike, after the same work;
    TooMany ``login_throttled``; Refused ``account_locked``, which only whoever has the password is told.
    """
    at = parts.clock()
    parts.lock.check(at)
    name = login.strip().lower()
    what = {"name": name, "source": source}
    throttling.attempt(parts, what, at=at)
    standing = stand(parts, AppId(ZERO_ID))
    row = next((one for one in standing.people.values() if one.login == name and one.state == LIVE), None)
    kept = _password(standing, row)
    person = row.person if row is not None else PersonId(ZERO_ID)
    if not parts.logins.is_password(person, password, kept) or row is None:
        parts.ledger.count_failure(source, "login")
        raise Unauthenticated("login")
    throttling.succeeded(parts, what)
    check_reviewed(standing, row.person, at=at)
    return begun(parts, standing, row.person, strength=0, at=at)


def prove_code(parts: Parts, visit: Visit, code: str, *, source: str) -> LoggedIn:
    """Raise a session by a time-based code (RFC 6238); a code serves once.

    Raises Unauthenticated ``second_factor`` for a wrong, old or used code alike, and TooMany.
    """
    at = parts.clock()
    what = {"factor": visit.row.person.hex()}
    throttling.attempt(parts, what, at=at)
    for key in living(visit.standing, visit.row.person, kind=TOTP):
        sealed = str(json.loads(key.body)["sealed"])
        step = parts.logins.step(key.person, key.login_key, sealed, code, at=at)
        if step is not None and _use_once(parts, key, step, at=at):
            throttling.succeeded(parts, what)
            return raised(parts, visit, strength=1, at=at)
    return unproven(parts, source=source)


def prove_recovery(parts: Parts, visit: Visit, code: str, *, source: str) -> LoggedIn:
    """Raise a session by a recovery code, which is used up. Raises as :func:`prove_code` does."""
    at = parts.clock()
    what = {"factor": visit.row.person.hex()}
    throttling.attempt(parts, what, at=at)
    if not second_factors(visit.standing.login_keys.get(visit.row.person, ())):
        # A code stands in for a second factor; where there is none, a password would make its own.
        raise Unauthenticated("second_factor")
    kept = parts.logins.kept_code(visit.row.person, code)

    def command(ground: Ground) -> Change:
        for key in living(ground.standing, visit.row.person, kind=RECOVERY_CODES):
            left = [one for one in json.loads(key.body)["codes"] if one != kept]
            if len(left) < len(json.loads(key.body)["codes"]):
                used = replace(key, body=canonical({"codes": [*left]}).decode())
                about = ObjectRef("login_key", key.login_key, f"{key.kind}:{len(left)}_left")
                return Change((used,), (Told(Kind.LOGIN_KEY_ENDED, about),))
        raise Unauthenticated("second_factor")

    try:
        govern(parts, visit.actor, command, may=may_oneself)
    except Unauthenticated:
        return unproven(parts, source=source)
    throttling.succeeded(parts, what)
    return raised(parts, visit, strength=1, at=at)


def log_out(parts: Parts, visit: Visit) -> None:
    """End this session."""
    visiting.end(parts, visit.actor, visit.standing, [visit.row.session], at=parts.clock())


def own_sessions(parts: Parts, visit: Visit) -> list[SessionRow]:
    """List the person's own sessions that may still serve, oldest first."""
    since = millis(parts.clock() - visiting.LONGEST)
    with parts.stores.data.read() as conn:
        rows = sessions.sessions_of(conn, parts.tenant, visit.row.person)
    return [row for row in rows if row.begun_ms > since and parts.visits.is_ours(row)]


def end_session(parts: Parts, visit: Visit, session: bytes) -> bool:
    """End one of the person's own sessions; False where it is none of them, or over."""
    if session not in {row.session for row in own_sessions(parts, visit)}:
        return False
    visiting.end(parts, visit.actor, visit.standing, [session], at=parts.clock())
    return True


def _use_once(parts: Parts, key: LoginKeyRow, counter: int, *, at: datetime) -> bool:
    return parts.stores.data.transact(
        lambda conn: sessions.use_once(conn, parts.tenant, key.login_key, counter, millis(at))
    )


def _password(standing: Standing, row: PersonRow | None) -> str | None:
    keys = living(standing, row.person, kind=PASSWORD) if row is not None else []
    return str(json.loads(keys[0].body)["argon2id"]) if keys else None
