"""Own: what people keep for themselves: passwords, codes, recovery codes, and the secrets of their apps."""

import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

import pyotp

from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.terms import ActorId, AppId
from vault.errors import Conflict, Invalid, NotFound, Refused, Unauthenticated
from vault.services import throttling
from vault.services.authenticate import LIVE
from vault.services.choosing import check_password
from vault.services.governing import Change, Ground, Told, govern, may_oneself
from vault.services.granting import owner_of
from vault.services.holding import (
    PASSWORD,
    add,
    check_raised,
    fresh_key,
    is_needed,
    living,
    told_of,
)
from vault.services.keying import Issued, dated, fresh_secret, secret_ref
from vault.services.owning import promised
from vault.services.parts import Parts
from vault.services.visiting import Visit, ended_since
from vault.storage import sessions
from vault.storage.people import LoginKeyRow

_TOTP: Final = "totp"
_CODES: Final = "recovery"
# How long a secret lives that an owner has taken.
SECRET_DAYS: Final = 90
_ISSUER: Final = "Customer Vault"


@dataclass(frozen=True, slots=True)
class Begun:
    """A generator of codes that counts once it has shown one: the secret, and the address that apps read."""

    secret: str = field(repr=False)
    address: str = field(repr=False)


def login_keys(visit: Visit) -> list[LoginKeyRow]:
    """List what the person logs in by, ended ones left out."""
    return living(visit.standing, visit.row.person)


def change_password(parts: Parts, visit: Visit, *, old: str, new: str, source: str) -> None:
    """Choose another password; every session ends, this one too.

    Raises Unauthenticated ``login`` for a wrong old one, TooMany, Invalid ``password_length`` or ``…_weak``.
    """
    at, what = parts.clock(), {"factor": visit.row.person.hex(), "source": source}
    throttling.attempt(parts, what, at=at)
    kept = next((one for one in login_keys(visit) if one.kind == PASSWORD), None)
    hashed = str(json.loads(kept.body)["argon2id"]) if kept is not None else None
    if not parts.logins.is_password(visit.row.person, old, hashed):
        parts.ledger.count_failure(source, "password")
        raise Unauthenticated("login")
    throttling.succeeded(parts, what)
    person = visit.standing.people[visit.row.person]
    check_password(new, beside=[person.login])
    body = {"argon2id": parts.logins.password(visit.row.person, new)}

    def command(ground: Ground) -> Change:
        now = millis(ground.at)
        row = ground.standing.people[visit.row.person]
        former = [
            replace(one, ended_ms=now) for one in living(ground.standing, visit.row.person, kind=PASSWORD)
        ]
        key = fresh_key(parts, ground, visit, PASSWORD, name=PASSWORD, body=body)
        since = replace(row, since_ms=ended_since(parts, visit.row.person, ground.at))
        return Change((key, since, *former), (told_of(Kind.LOGIN_KEY_ADDED, key),))

    govern(parts, visit.actor, command, may=may_oneself)


def begin_totp(parts: Parts, visit: Visit) -> Begun:
    """Draw the secret of a generator of codes; it counts once :func:`confirm_totp` has seen a code of it."""
    secret = parts.logins.new_totp()
    login = visit.standing.people[visit.row.person].login
    address = pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=_ISSUER)
    return Begun(secret, address)


def confirm_totp(parts: Parts, visit: Visit, *, secret: str, code: str, name: str) -> bytes:
    """Keep the generator of *secret*, which shows *code* now; returns the key's id.

    The secret comes back from whoever has just scanned it: until then the vault has kept nothing.
    Raises Invalid ``generator_secret``, ``generator_code``, ``limit``, and Refused ``second_factor_first``
    where the person has a second factor and has not shown it.
    """
    check_raised(visit)
    key_id = parts.new_id()
    try:
        sealed = parts.logins.seal_totp(visit.row.person, key_id, secret)
    except ValueError:
        raise Invalid("generator_secret", field="secret") from None
    step = parts.logins.step(visit.row.person, key_id, sealed, code, at=parts.clock())
    if step is None:
        raise Invalid("generator_code", field="code")
    add(parts, visit, key_id, _TOTP, name=name, body={"sealed": sealed})
    parts.stores.data.transact(
        lambda conn: sessions.use_once(conn, parts.tenant, key_id, step, millis(parts.clock()))
    )
    return key_id


def new_recovery_codes(parts: Parts, visit: Visit) -> list[str]:
    """Draw ten recovery codes, shown once, in the place of the former ones. Raises as for a second factor."""
    check_raised(visit)
    codes, kept = parts.logins.new_codes(visit.row.person)

    def command(ground: Ground) -> Change:
        former = [
            replace(one, ended_ms=millis(ground.at))
            for one in living(ground.standing, visit.row.person, kind=_CODES)
        ]
        key = fresh_key(parts, ground, visit, _CODES, name=_CODES, body={"codes": [*kept]})
        return Change((key, *former), (told_of(Kind.LOGIN_KEY_ADDED, key),))

    govern(parts, visit.actor, command, may=may_oneself)
    return codes


def end_key(parts: Parts, visit: Visit, key_id: bytes) -> None:
    """End one of the person's own keys. Raises NotFound, Refused, Invalid ``key_needed`` for the way in."""
    check_raised(visit)

    def command(ground: Ground) -> Change:
        found = next(
            (one for one in living(ground.standing, visit.row.person) if one.login_key == key_id), None
        )
        if found is None:
            raise NotFound
        if is_needed(ground.standing, found):
            raise Invalid("key_needed", field="key")
        return Change((replace(found, ended_ms=millis(ground.at)),), (told_of(Kind.LOGIN_KEY_ENDED, found),))

    govern(parts, visit.actor, command, may=may_oneself)


def take_secret(parts: Parts, visit: Visit, link: bytes) -> Issued:
    """Take a promised secret of an app that one answers for; it is made now, and shown here alone.

    Raises NotFound, Refused ``second_factor_first`` without a second factor, Conflict ``revoked``.
    """
    if visit.actor.strength < 1:
        raise Refused("second_factor_first")
    found = next((one for one in promised(visit, millis(parts.clock())) if one.link == link), None)
    if found is None or found.app is None:
        raise NotFound
    secret, issued = fresh_secret(parts, AppId(found.app))

    def command(ground: Ground) -> Change:
        row = ground.standing.links.get(link)
        app = ground.standing.apps.get(issued.app)
        if row is None or row.used_ms is not None or app is None:
            raise NotFound
        if app.state != LIVE:
            raise Conflict("revoked")
        if owner_of(ground.standing, ActorId(issued.app)) != ground.actor.id:
            # Somebody else answers for it by now.
            raise NotFound
        fresh = dated(secret, ground, ground.at + timedelta(days=SECRET_DAYS))
        told = Told(Kind.APP_SECRET_ISSUED, secret_ref(fresh))
        return Change((fresh, replace(row, used_ms=millis(ground.at))), (told,))

    govern(parts, visit.actor, command, may=may_oneself)
    return issued
