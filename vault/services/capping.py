"""Capping: whoever acts by an emergency meets few customers, one at a time."""

import json
from collections.abc import Sequence
from datetime import datetime

from vault.domain.instants import millis
from vault.domain.terms import Action, SubjectId
from vault.errors import Refused
from vault.services.parts import Call, Parts
from vault.services.permitting import refuse
from vault.storage import sessions
from vault.storage.people import EmergencyRow


def cap(parts: Parts, call: Call, action: Action, subjects: Sequence[SubjectId]) -> None:
    """Count *subjects* towards the emergency by which *call* is made, if it is made by one.

    Raises Refused ``emergency_bulk`` for more than one customer at once, ``emergency_cap`` beyond the most.
    """
    row = emergency_of(call, parts.clock())
    if row is None or not subjects:
        return
    if len(subjects) > 1:
        refuse(parts, call, action, Refused("emergency_bulk"))
    fits = parts.stores.data.transact(
        lambda conn: sessions.meet_in_emergency(
            conn, parts.tenant, row.role_grant, subjects[0], most=row.most_subjects
        )
    )
    if not fits:
        refuse(parts, call, action, Refused("emergency_cap", limit=row.most_subjects))


def emergency_of(call: Call, at: datetime) -> EmergencyRow | None:
    """Find the emergency that is among what lets *call* be made, whatever ordinary grants are beside it."""
    if call.actor.kind != "person" or not call.standing.emergencies:
        return None
    now, found = millis(at), None
    for grant in call.standing.grants.get(call.actor.id, ()):
        is_live = grant.revoked_ms is None and now < grant.expires_ms
        if not is_live or call.purpose not in json.loads(grant.purposes):
            continue
        emergency = call.standing.emergencies.get(grant.role_grant)
        if emergency is not None:
            found = emergency
    return found
