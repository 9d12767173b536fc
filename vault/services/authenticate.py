"""Authenticate: from a bearer token to an actor who stands on a verified authority, or to nobody."""

import json
from collections.abc import Callable, Container, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from vault.custody import access_tokens, credentials
from vault.custody.credentials import NOBODY
from vault.custody.standing import Standing, check_floor
from vault.domain.access import Actor, HeldRole
from vault.domain.entry import ActorRef, Entry, ObjectRef
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.networks import admits
from vault.domain.policy import Policy
from vault.domain.terms import ActorId, AppId, EntryId, GrantId, Millis, PersonId, PurposeId, RoleId, SpaceId
from vault.errors import Corrupt, Invalid, Unauthenticated, VaultError
from vault.services.parts import ON_BEHALF, Call, Parts
from vault.services.proving import Proof, is_live, known_proof, proof_id, shown_secret, shown_token
from vault.services.reviewing import is_overdue
from vault.storage import floors
from vault.storage.accounts import GrantRow
from vault.storage.floors import Floors
from vault.storage.unit_of_work import Connection

LIVE = "live"
REVOKED = "revoked"
# What a person is before the invitation was taken, and after the end.
INVITED = "invited"
ENDED = "ended"


def authenticate(
    parts: Parts, header: str | None, *, source: str, at: datetime, certificate: bytes | None = None
) -> tuple[Actor, Standing]:
    """Find the app behind an ``Authorization`` header, as it stands now.

    The header holds an app's secret, or an access token that it was given; one that was given for a
    *certificate* comes with it. Missing, garbled, foreign, wrong, expired and revoked ones are
    Unauthenticated alike, as is a call from outside of the app's networks; the ledger counts them by
    *source*, with the reason. Raises Corrupt where a row that decides is not what we wrote, after that is an
    entry, and HouseLocked while the stores contradict each other.
    """
    # Here every request passes, so here a locked house stops it.
    parts.lock.check(at)
    read = credentials.read(header)
    token = access_tokens.read(header) if read is None else None
    # A garbled header takes the same way, with the same reads and the same MAC.
    presented = read or NOBODY

    def prove(standing: Standing) -> Proof | str:
        if token is not None:
            return shown_token(parts, standing, token, at, certificate=certificate)
        return shown_secret(parts, standing, presented, at)

    app = token.app if token is not None else presented.app if read is not None else None
    actor, standing, _ = admit(parts, app, prove, source=source, at=at)
    return actor, standing


def admit(
    parts: Parts, app: AppId | None, prove: Callable[[Standing], Proof | str], *, source: str, at: datetime
) -> tuple[Actor, Standing, Proof]:
    """Let *app* in where *prove* finds, under what stands now, what it has shown; all else is alike.

    None is a caller who names no app: what is done for one that is unknown is done for it too.
    """
    asked = app if app is not None else NOBODY.app
    try:
        standing = stand(parts, asked)
    except Corrupt as fault:
        # Whoever asks gets this far, so it is counted once it comes by the hundred.
        parts.ledger.refuse(_rejected(parts, fault, ObjectRef("app", asked), source=source, at=at))
        raise
    shown, actor = prove(standing), actor_of(standing, asked, at)
    if app is None:
        reason = "no_credential"
    elif isinstance(shown, str):
        reason = shown
    elif actor is None:
        reason = "app"
    elif not may_call_from(standing, app, source):
        reason = "network"
    else:
        return replace(actor, secret=proof_id(shown)), standing, shown
    parts.ledger.count_failure(source, reason)
    raise Unauthenticated


def may_call_from(standing: Standing, app: AppId, source: str) -> bool:
    """Tell whether the terms of *app* let it call from *source*; without any it may from everywhere."""
    terms = standing.terms.get(app)
    return terms is None or admits(terms.networks, source)


def stand(parts: Parts, app_id: AppId) -> Standing:
    """Read the authority as it stands now, with the rows of *app_id*, at a version that its floor admits."""
    with parts.stores.keys.glance() as conn:
        before = floors.read(conn)
    standing = _standing_of(parts, app_id)
    try:
        check_floor(standing, before)
    except Corrupt:
        # Writers may have been at work between the two looks, however many; what they announced is in the
        # floors by now. That tells them from an owner who went back or ahead (DESIGN §4).
        with parts.stores.keys.glance() as conn:
            check_floor(standing, before, floors.read(conn))
    return standing


def _standing_of(parts: Parts, app_id: AppId) -> Standing:
    """Find what stands: one statement tells where nothing has changed since it was verified last."""
    with parts.stores.data.glance() as conn:
        unchanged = parts.authority.unchanged(conn, app_id)
    if unchanged is not None:
        return unchanged
    with parts.stores.data.read() as conn:
        return parts.authority.standing_of(conn, app_id)


def in_force(parts: Parts, conn: Connection, call: Call, known: Floors | None) -> bool:
    """Tell whether the authority, in the snapshot that *conn* sees, is the one that *call* stands on.

    *known* are the floors as they were read after the call's entry, if it has one: an authority that was put
    back below them, since somebody was revoked, is not in force.
    """
    if not parts.authority.recheck(conn, call.standing, AppId(call.actor.id)):
        return False
    try:
        check_floor(call.standing, known)
    except Corrupt:
        # Whoever stands anew on what the stores hold now finds it out, and tells it.
        return False
    return True


def actor_of(standing: Standing, actor_id: ActorId | AppId | PersonId, at: datetime) -> Actor | None:
    """Make the actor that an app or a person is under *standing*; None where it is unknown or ended.

    Only live grants count: an expired or revoked one gives no role, whoever holds it.
    """
    held = tuple(_held(standing, ActorId(actor_id), millis(at)))
    app = standing.apps.get(AppId(actor_id))
    if app is not None and app.state == LIVE:
        sources = frozenset(json.loads(app.sources))
        return Actor(ActorId(actor_id), "app", app.name, app.space, held, sources=sources)
    person = standing.people.get(PersonId(actor_id))
    if person is not None and person.state == LIVE:
        # People know customers by the vault's own ids; what is sealed for them alone is so by their own.
        return Actor(ActorId(actor_id), "person", person.login, SpaceId(actor_id), held)
    return None


def person_behind(standing: Standing, person: PersonId, at: datetime) -> Actor | None:
    """Make the actor on whose behalf an app asks; None where it has not joined, has ended or is locked out.

    A role that was taken in an emergency is for the hand that took it: an app gains nothing by it.
    """
    row = standing.people.get(person)
    if row is None or row.state != LIVE or is_overdue(standing, person, at=at):
        return None
    held = tuple(_held(standing, ActorId(person), millis(at), but=standing.emergencies))
    return Actor(ActorId(person), "person", row.login, SpaceId(person), held)


def _held(
    standing: Standing, holder: ActorId, now: Millis, *, but: Container[GrantId] = ()
) -> Iterator[HeldRole]:
    for one in standing.grants.get(holder, ()):
        ends = min([one.expires_ms, *uncertified(standing, one)])
        if one.revoked_ms is None and now < ends and one.role_grant not in but:
            yield HeldRole(RoleId(one.role), frozenset(map(PurposeId, json.loads(one.purposes))), ends)


def uncertified(standing: Standing, grant: GrantRow) -> Iterator[Millis]:
    """Say when a grant ends because nobody has certified it: silence revokes."""
    for item in standing.certifications.get(grant.role_grant, ()):
        if item.verdict is None:
            yield item.due_ms


def still(standing: Standing, actor: Actor, at: datetime) -> Actor | None:
    """Stand *actor* on a *standing* that may be newer; None where it, or what it has shown, has ended.

    Who is neither an app nor a person (an operator, the house itself) has no account that could end.
    """
    if actor.kind == "person":
        return _still_logged_in(standing, actor, at)
    if actor.kind != "app":
        return actor
    proof = known_proof(standing, AppId(actor.id), actor.secret)
    lives = proof is not None and is_live(proof, millis(at))
    found = actor_of(standing, actor.id, at) if lives else None
    if found is None or actor.behalf is None:
        return replace(found, secret=actor.secret) if found is not None else None
    behalf = person_behind(standing, PersonId(actor.behalf.id), at)
    # Without the person the app would ask for itself, for more than it was asked.
    return replace(found, secret=actor.secret, behalf=behalf) if behalf is not None else None


def _still_logged_in(standing: Standing, actor: Actor, at: datetime) -> Actor | None:
    person = standing.people.get(PersonId(actor.id))
    found = actor_of(standing, actor.id, at)
    # A session's id begins with the moment at which it was made (RFC 9562 5.7).
    if person is None or found is None or int.from_bytes(actor.secret[:6]) < person.since_ms:
        return None
    return replace(found, secret=actor.secret, strength=actor.strength)


def renew(parts: Parts, call: Call) -> Call:
    """Stand the same actor on the authority as it is now; raises Unauthenticated where it was revoked.

    Raises Invalid ``on_behalf`` where the person ended on whose behalf it asks.
    """
    standing = stand(parts, AppId(call.actor.id))
    policy = policy_in_force(parts, standing)
    at, behalf = parts.clock(), call.actor.behalf
    if behalf is not None and person_behind(standing, PersonId(behalf.id), at) is None:
        raise Invalid("on_behalf", field=ON_BEHALF)
    actor = still(standing, call.actor, at)
    if actor is None or not may_call_from(standing, AppId(actor.id), call.source):
        raise Unauthenticated
    return replace(call, actor=actor, standing=standing, policy=policy)


def policy_in_force(parts: Parts, standing: Standing) -> Policy:
    """Find the active policy of *standing*; its files are read where its version is new to this process.

    Raises Corrupt where they are not those of its digest, after that is an entry.
    """
    known = parts.rulebook.known(standing.policy_number, standing.policy_digest)
    if known is not None:
        return known
    try:
        with parts.stores.data.read() as conn:
            files = parts.authority.policy_files(conn, standing)
    except Corrupt as fault:
        about = ObjectRef("policy", None, str(standing.policy_number))
        parts.ledger.refuse(_rejected(parts, fault, about, source="", at=parts.clock()))
        raise
    return parts.rulebook.policy(standing.policy_number, files)


def get_ready(parts: Parts) -> None:
    """Read the active policy before anyone waits for it; what is wrong with it, the first call tells."""
    with suppress(VaultError):
        policy_in_force(parts, stand(parts, NOBODY.app))


def _rejected(parts: Parts, fault: Corrupt, about: ObjectRef, *, source: str, at: datetime) -> Entry:
    """Tell that a deciding row was not ours; nobody is proven yet, so no actor is named."""
    detail, key_epoch = parts.detail.seal(millis(at), {"source": source} if source else {})
    return Entry(
        id=EntryId(parts.new_id()),
        at_ms=millis(at),
        kind=Kind.VALUE_REJECTED,
        actor=ActorRef("unknown", "app"),
        outcome=f"failed:{fault.reason}",
        times=1,
        object=about,
        detail=detail,
        key_epoch=key_epoch,
    )
