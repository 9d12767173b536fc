"""App keys: public keys and certificates that apps prove themselves by, given by owners, without a secret."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from vault.custody.assertions import public_key
from vault.domain.access import Actor
from vault.domain.canonical import Json, canonical
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.terms import ActorId, AppId
from vault.errors import Conflict, Invalid, NotFound, Refused
from vault.services.authenticate import LIVE
from vault.services.governing import Change, Ground, Told, govern, may_oneself
from vault.services.parts import Parts
from vault.services.proving import CERTIFICATE, JWK, is_live, proof_ref
from vault.services.visiting import Visit
from vault.storage.people import AppKeyRow

LONGEST: Final = timedelta(days=365)
_MOST_KEYS: Final = 5


def add_jwk(
    parts: Parts, visit: Visit, app: AppId, given: Mapping[str, Json], *, until: datetime | None
) -> AppKeyRow:
    """Let *app* prove itself by the private half of a public JWK, which the vault never sees.

    Its owner alone may, never an admin. Raises Invalid ``key_form``, ``expiry``, ``limit``, Refused
    ``second_factor_first``, NotFound, Conflict ``key_known`` or ``revoked``.
    """
    _, written = public_key(given)
    return _add(parts, visit, app, kind=JWK, body=written, until=until)


def add_certificate(
    parts: Parts, visit: Visit, app: AppId, sha256: bytes, *, until: datetime | None
) -> AppKeyRow:
    """Let *app* prove itself by the certificate of that SHA-256. Raises as :func:`add_jwk` does."""
    body = canonical({"sha256": sha256.hex()}).decode()
    return _add(parts, visit, app, kind=CERTIFICATE, body=body, until=until)


def end_own(parts: Parts, visit: Visit, app: AppId, key: bytes) -> None:
    """End a key of an app that one answers for, and every token that it gave. Raises NotFound, Conflict."""

    def command(ground: Ground) -> Change:
        _check_owner(ground, app)
        return _ended(ground, app, key)

    govern(parts, visit.actor, command, may=may_oneself)


def end_key(parts: Parts, actor: Actor, app: AppId, key: bytes) -> None:
    """End a key of an app, for whoever governs. Raises NotFound, Conflict ``revoked``."""
    govern(parts, actor, lambda ground: _ended(ground, app, key))


def shown_kid(row: AppKeyRow) -> str:
    """Name a key by what it is: a JWK by its thumbprint (RFC 7638), a certificate by its SHA-256."""
    body = json.loads(row.body)
    return str(body["sha256"]) if row.kind == CERTIFICATE else public_key(body)[0]


def _add(
    parts: Parts, visit: Visit, app: AppId, *, kind: str, body: str, until: datetime | None
) -> AppKeyRow:
    if visit.actor.strength < 1:
        raise Refused("second_factor_first")
    key = parts.new_id()
    added: list[AppKeyRow] = []

    def command(ground: Ground) -> Change:
        _check_owner(ground, app)
        now, ends = millis(ground.at), until if until is not None else ground.at + LONGEST
        if ground.standing.apps[app].state != LIVE:
            raise Conflict("revoked")
        if not ground.at < ends <= ground.at + LONGEST:
            raise Invalid("expiry", field="until")
        held = ground.standing.app_keys.get(app, ())
        if any(one.body == body for one in held):
            # One that was ended for a reason does not come back by a slip.
            raise Conflict("key_known")
        if sum(is_live(one, now) for one in held) >= _MOST_KEYS:
            raise Invalid("limit", limit=_MOST_KEYS)
        row = AppKeyRow(parts.tenant, app, key, kind, body, now, millis(ends), None)
        added[:] = [row]
        return Change((row,), (Told(Kind.APP_KEY_ADDED, proof_ref(row), kind),))

    govern(parts, visit.actor, command, may=may_oneself)
    return added[0]


def _check_owner(ground: Ground, app: AppId) -> None:
    """Raise NotFound for whoever does not answer for *app*: it is none of theirs, whatever they hold."""
    terms = ground.standing.terms.get(app)
    if app not in ground.standing.apps or terms is None or terms.owner != ActorId(ground.actor.id):
        raise NotFound


def _ended(ground: Ground, app: AppId, key: bytes) -> Change:
    row = next((one for one in ground.standing.app_keys.get(app, ()) if one.app_key == key), None)
    if row is None:
        raise NotFound
    if row.revoked_ms is not None:
        raise Conflict("revoked")
    told = Told(Kind.APP_KEY_REVOKED, proof_ref(row), row.kind, ended=row.app_key)
    return Change((replace(row, revoked_ms=millis(ground.at)),), (told,))
