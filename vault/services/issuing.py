"""Issuing: an app learns a customer by its own id, and the ledger keeps that it did."""

from collections.abc import Mapping, Sequence

from vault.custody.identity import Identity
from vault.domain.access import is_out_of_use
from vault.domain.canonical import Json
from vault.domain.forms import read
from vault.domain.terms import Action, SpaceId, SubjectId, id_text
from vault.errors import Corrupt
from vault.services import witness
from vault.services.locating import Located, locate_subjects
from vault.services.naming import shown_id
from vault.services.parts import Call, Parts
from vault.storage import key_states, keys
from vault.storage.unit_of_work import Connection


def issue(parts: Parts, call: Call, identities: Sequence[Identity]) -> list[str]:
    """Give the asking app its own id of each subject, in the order asked.

    A row that is new is preceded by an entry that names it, so that a dropped one is found by recount.
    """
    if call.actor.kind == "person":
        # People know customers by the vault's own ids: nothing is given out that was not there.
        return [shown_id(call.actor, one, one.subject) for one in identities]
    space = call.actor.space
    own = {identity.subject: identity.pairwise(space, identity.subject) for identity in identities}
    with parts.stores.keys.read() as conn:
        known = keys.resolve(conn, parts.tenant, space, list(own.values()))
    fresh = [identity for identity in identities if own[identity.subject] not in known]
    if fresh:
        parts.ledger.append(witness.issued(parts, call, fresh))
        # A crash here leaves an entry without a row: the app was not answered, and asks again.
        parts.stores.keys.transact(lambda conn: _give(conn, parts, space, own, fresh))
    return [id_text("cus", own[identity.subject]) for identity in identities]


def _give(
    conn: Connection,
    parts: Parts,
    space: SpaceId,
    own: Mapping[SubjectId, bytes],
    fresh: Sequence[Identity],
) -> None:
    """Keep the ids that are given out; whoever was erased meanwhile is given none that would stay."""
    living = key_states.living(conn, parts.tenant, [one.subject for one in fresh])
    given = [(space, own[one.subject], one.subject) for one in fresh if one.subject in living]
    keys.add_pairwise(conn, parts.tenant, given)


def related(parts: Parts, call: Call, relations: Sequence[bytes]) -> Json:
    """Show relations as the app's own ids of the contacts, with roles; one that is gone is left out.

    So is one of whom nothing may be used: an id is personal data too (promise 6). They are looked at behind
    the entry, so that whatever ended before it is seen.

    Raises Corrupt, after that is an entry, where a contact's rows are not what was put there.
    """
    links = [read(plain)[1] for plain in relations]
    wanted = [
        (SubjectId(bytes.fromhex(str(link["subject"]))), str(link["role"]))
        for link in links
        if isinstance(link, dict)
    ]
    living = _in_use(parts, call, [subject for subject, _ in wanted])
    own = dict(zip(living, issue(parts, call, list(living.values())), strict=True))
    # A new id has an entry of its own, and somebody may have been restricted while that waited for its turn.
    still = _in_use(parts, call, list(own))
    # In the app's own order: that in which they were added would be common to every app (promise 10).
    pairs = sorted((own[subject], role) for subject, role in wanted if subject in still)
    return [{"id": shown, "role": role} for shown, role in pairs]


def _in_use(parts: Parts, call: Call, wanted: Sequence[SubjectId]) -> dict[SubjectId, Identity]:
    """Find those of whom something may be used; raises Corrupt, after that is an entry."""
    found = locate_subjects(parts, wanted)
    for fault in (one for one in found.values() if isinstance(one, Corrupt)):
        parts.ledger.append(witness.rejected(parts, call, Action.READ, fault))
        raise fault
    purpose = call.policy.purposes[call.purpose]
    return {
        subject: one.identity
        for subject, one in found.items()
        if isinstance(one, Located) and not is_out_of_use(one.row.gates, purpose)
    }
