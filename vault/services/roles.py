"""Roles: one role of the policy in force is made, changed or retired, as the next version of the policy."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import tomlkit
from tomlkit.items import AoT, Table

from vault.domain.access import Actor
from vault.domain.policy import Role
from vault.domain.terms import ZERO_ID, AppId, ApprovalId, RoleId, is_code
from vault.errors import Conflict, Invalid, NotFound
from vault.services.authenticate import policy_in_force, stand
from vault.services.commanding import carry_out
from vault.services.governing import admit, view
from vault.services.granting import live_grants
from vault.services.parts import Parts
from vault.services.replacing import Replace

_FILE: Final = "roles.toml"
# In the order in which roles.toml has them; what is not named stays as it is.
_PLAIN: Final = ("title", "clearance", "purposes", "own", "alone", "emergency", "approves")
_LISTED: Final = ("reveal", "match", "lookup", "verbs", "writes")


def roles(parts: Parts, actor: Actor) -> Sequence[Role]:
    """List the roles of the policy in force; for whoever governs."""
    return list(view(parts, actor, "roles").policy.roles.values())


def change_role(parts: Parts, actor: Actor, role: RoleId, wanted: Mapping[str, Any]) -> ApprovalId | None:
    """Make *role* what *wanted* says, as roles.toml would, once a second person agrees; the rest stays.

    Comments and the other roles stay as they are. Raises Invalid ``role`` or ``key``, and what applying a
    policy raises: Misconfigured with every mistake.
    """
    admit(parts, actor)
    if not is_code(role):
        raise Invalid("role")
    unknown = wanted.keys() - {*_PLAIN, *_LISTED, "read"}
    if unknown:
        raise Invalid("unknown_key")
    base, files = _in_force(parts)
    document = tomlkit.parse(files[_FILE])
    found = _role(document, role)
    if found is None:
        found = tomlkit.table()
        found["id"] = role
        held = document.get("role")
        if isinstance(held, AoT):
            held.append(found)
    _write(found, wanted)
    return _replace(parts, actor, base, {**files, _FILE: tomlkit.dumps(document)})


def retire_role(parts: Parts, actor: Actor, role: RoleId) -> ApprovalId | None:
    """Take *role* out of the policy. Raises NotFound, and Conflict ``role_held`` while somebody holds it."""
    admit(parts, actor)
    base, files = _in_force(parts)
    standing, at = stand(parts, AppId(ZERO_ID)), parts.clock()
    if any(one.role == role for holder in standing.grants for one in live_grants(standing, holder, at)):
        raise Conflict("role_held")
    document = tomlkit.parse(files[_FILE])
    held = document.get("role")
    if not isinstance(held, AoT) or _role(document, role) is None:
        raise NotFound
    held.body[:] = [one for one in held.body if one.get("id") != role]
    return _replace(parts, actor, base, {**files, _FILE: tomlkit.dumps(document)})


def _replace(parts: Parts, actor: Actor, base: bytes, files: Mapping[str, str]) -> ApprovalId | None:
    author = actor.name if is_code(actor.name) else "person"
    command = Replace(base, author, files)
    return carry_out(parts, actor, command, attached=command.attached())


def _in_force(parts: Parts) -> tuple[bytes, Mapping[str, str]]:
    standing = stand(parts, AppId(ZERO_ID))
    policy_in_force(parts, standing)
    with parts.stores.data.read() as conn:
        return standing.policy_digest, parts.authority.policy_files(conn, standing)


def _role(document: tomlkit.TOMLDocument, role: RoleId) -> Table | None:
    held = document.get("role")
    tables = held.body if isinstance(held, AoT) else []
    return next((one for one in tables if one.get("id") == role), None)


def _write(table: Table, wanted: Mapping[str, Any]) -> None:
    """Put what is wanted into the role's table; its sub-table stays last, as TOML asks."""
    reading = table.pop("read", None)
    for name in (*_PLAIN, *_LISTED):
        if name not in wanted:
            continue
        value = wanted[name]
        if isinstance(value, list) and not value and name in _LISTED:
            table.pop(name, None)
        else:
            table[name] = value
    if "read" in wanted:
        reading = tomlkit.table()
        for treatment, names in wanted["read"].items():
            reading[treatment] = names
    if reading is not None and len(reading):
        table["read"] = reading
