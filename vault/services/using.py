"""Using: when a grant and a secret were of use last, remembered now and then, and asked for nowhere else."""

from collections.abc import Mapping

from vault.domain.instants import millis
from vault.domain.terms import Millis
from vault.services.parts import Call, Parts
from vault.storage import sessions


def note(parts: Parts, call: Call) -> None:
    """Note the use of what an actor has shown, and of the grants by which it may ask for the purpose."""
    actor, now = call.actor, millis(parts.clock())
    if actor.secret and actor.kind == "app":
        parts.uses.note(actor.secret, now)
    # Those of a person on whose behalf it asks are not: an app's word is no proof that anybody needs them.
    for grant in call.standing.grants.get(actor.id, ()):
        if grant.revoked_ms is None and now < grant.expires_ms and f'"{call.purpose}"' in grant.purposes:
            parts.uses.note(grant.role_grant, now)


def write_down(parts: Parts) -> None:
    """Write down what was used; the watch does so every half a minute, and whoever asks, before."""
    uses = parts.uses.take()
    if uses:
        parts.stores.data.transact(lambda conn: sessions.note_uses(conn, parts.tenant, uses))


def last_used(parts: Parts) -> Mapping[bytes, Millis]:
    """Say when each grant and secret was of use last; of other processes, up to a minute ago."""
    write_down(parts)
    with parts.stores.data.read() as conn:
        return sessions.last_uses(conn, parts.tenant)
