"""Witness: how each use case is told to the ledger, in codes and audit tokens."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from vault.custody.identity import Identity
from vault.domain.access import Actor, Denied, Granted, Request
from vault.domain.canonical import canonical
from vault.domain.catalogue import Field
from vault.domain.entry import ActorRef, Entry, ObjectRef, OutcomeSet, PolicyRef
from vault.domain.grants import token_text
from vault.domain.instants import millis, month
from vault.domain.kinds import Kind
from vault.domain.sealed import SealedRow
from vault.domain.terms import Action, EntryId, FieldName, Millis, Tier, id_text
from vault.errors import Corrupt, VaultError
from vault.services.parts import Call, Parts

_SHOWN_AS: Mapping[Action, Kind] = {
    Action.READ: Kind.PROFILE_DISCLOSED,
    Action.REVEAL: Kind.VALUE_REVEALED,
    Action.MATCH: Kind.VALUE_MATCHED,
    Action.LOOKUP: Kind.SUBJECT_LOOKED_UP,
    Action.PROCESS: Kind.INDEX_RECOUNTED,
}
Verdict = Granted | Denied | VaultError


def entry(
    parts: Parts,
    call: Call,
    kind: Kind,
    action: Action,
    *,
    outcome: str,
    sets: Iterable[OutcomeSet] = (),
    tier: Tier | None = None,
    gates: tuple[str, ...] = (),
    times: int = 0,
    about: ObjectRef | None = None,
    more: Mapping[str, str] | None = None,
    at: datetime | None = None,
) -> Entry:
    """Write down who asks, for what, on which authority; *more* goes into the sealed detail only.

    An entry that names subjects is dated by the decision that made their tokens (*at*): a month that ends
    in between must not part them.
    """
    now = at or parts.clock()
    at_ms: Millis = millis(now)
    detail, key_epoch = parts.detail.seal(at_ms, {**call.detail, **(more or {})})
    return Entry(
        id=EntryId(parts.new_id()),
        at_ms=at_ms,
        kind=kind,
        actor=actor_ref(call.actor),
        outcome=outcome,
        action=action,
        purpose=call.purpose if call.purpose in call.policy.purposes else None,
        reason_code=call.reason,
        ticket=parts.detail.fingerprint(at_ms, "ticket", call.ticket) if call.ticket else None,
        sets=tuple(sets),
        times=times,
        tier=tier,
        policy=PolicyRef(call.policy.digest, call.policy.number),
        context=call.context,
        role_set=tuple(sorted(call.actor.roles(call.purpose, now))),
        gates=gates,
        authority=call.standing.version,
        request=call.request,
        object=about,
        detail=detail,
        key_epoch=key_epoch,
    )


def refused(parts: Parts, call: Call, action: Action, refusal: VaultError) -> Entry:
    """Tell that an actor was refused before any customer was looked up."""
    return entry(parts, call, Kind.PROFILE_REFUSED, action, outcome=f"refused:{refusal.code}", times=1)


def disclosed(parts: Parts, call: Call, request: Request, verdicts: Sequence[Verdict]) -> Entry:
    """Tell what is about to be opened of whom, and who of the asked was refused; one set per outcome."""
    sets = list(_sets(verdicts))
    outcomes = {one.outcome or "granted" for one in sets}
    missed = sum(1 for one in verdicts if not isinstance(one, (Granted, Denied)))
    granted = any(isinstance(one, Granted) for one in verdicts)
    tiers = [request.catalogue.field(name).decision_tier for one in sets for name in one.fields]
    return entry(
        parts,
        call,
        _shown_as(call, request) if granted or request.action is Action.LOOKUP else Kind.PROFILE_REFUSED,
        request.action,
        outcome=next(iter(outcomes)) if len(outcomes) == 1 else "mixed" if outcomes else "refused:not_found",
        sets=sets,
        tier=max(tiers, default=None),
        gates=_gates(request),
        times=missed,
        about=call.about,
        at=next((one.at for one in verdicts if isinstance(one, (Granted, Denied))), None),
    )


def _shown_as(call: Call, request: Request) -> Kind:
    if call.about is not None and call.about.type == "caller":
        # The house itself compares contacts with a caller; the clerk's own entry says what came of it.
        return Kind.VALUE_MATCHED
    return _SHOWN_AS[request.action]


def missed(parts: Parts, call: Call, field: Field, typed: bytes) -> Entry:
    """Tell of a lookup that found nobody; what was typed stays as a keyed hash inside the sealed detail.

    So enumeration shows to an investigator, and a hit leaves nothing of what was typed (DESIGN §8).
    """
    print_of = parts.detail.fingerprint(millis(parts.clock()), "typed", typed.hex())
    more = {"field": field.name, "typed": token_text(print_of)}
    return entry(
        parts,
        call,
        Kind.SUBJECT_LOOKED_UP,
        Action.LOOKUP,
        outcome="refused:not_found",
        times=1,
        tier=field.decision_tier,
        more=more,
    )


def cancelled(parts: Parts, call: Call, action: Action, grants: Sequence[Granted]) -> Entry:
    """Tell that what the entry before had granted was not opened: the subject or the authority had moved."""
    return entry(
        parts,
        call,
        Kind.RELEASE_CANCELLED,
        action,
        outcome="refused:changed_meanwhile",
        sets=[OutcomeSet(subjects=tuple(one.token for one in grants))],
    )


def failed(parts: Parts, call: Call, action: Action, fault: Exception, *, under: EntryId) -> Entry:
    """Tell that nothing was released under the entry *under*, which stands: opening met a fault."""
    code = fault.reason if isinstance(fault, Corrupt) else getattr(fault, "code", "fault")
    about = ObjectRef("entry", under)
    return entry(parts, call, Kind.RELEASE_FAILED, action, outcome=f"failed:{code}", about=about)


def rejected(
    parts: Parts, call: Call, action: Action, fault: Corrupt, *, grant: Granted | None = None
) -> Entry:
    """Tell that a store did not hold what was put into it; the reason stands here and nowhere else."""
    return entry(
        parts,
        call,
        Kind.VALUE_REJECTED,
        action,
        outcome=f"failed:{fault.reason}",
        sets=[OutcomeSet(subjects=(grant.token,))] if grant is not None else (),
        times=0 if grant is not None else 1,
        at=None if grant is None else grant.at,
    )


def issued(parts: Parts, call: Call, identities: Sequence[Identity]) -> Entry:
    """Tell that the actor learns these subjects by its own id (counted again by ``vaultctl doctor``)."""
    at = parts.clock()
    period = month(at)
    return entry(
        parts,
        call,
        Kind.IDS_ISSUED,
        Action.READ,
        outcome="granted",
        sets=[OutcomeSet(subjects=tuple(one.audit_token(period) for one in identities))],
        at=at,
    )


def written(
    parts: Parts,
    call: Call,
    kind: Kind,
    grant: Granted,
    *,
    fields: Iterable[FieldName] = (),
    tier: Tier | None = None,
) -> Entry:
    """Tell a change of one subject; the caller adds what was sealed (:func:`revisions`)."""
    changed = OutcomeSet(subjects=(grant.token,), fields=tuple(sorted(fields)))
    return entry(parts, call, kind, grant.action, outcome="recorded", sets=[changed], tier=tier, at=grant.at)


def restriction_ref(identity: Identity) -> bytes:
    """Name a customer who is restricted as the register does: by a keyed hash of the customer's own."""
    return identity.ref_mac("restriction", identity.subject.hex())


def notice(kind: str, ref: bytes) -> str:
    """Write what must reach the register with an entry: what ended, by its 16-byte id, and nothing else."""
    return canonical([{"kind": kind, "ref": token_text(ref), "tier": 0, "gen": 0}]).decode()


def history_viewed(parts: Parts, call: Call, grant: Granted) -> Entry:
    """Tell that the asker is about to learn when which fields of a customer changed."""
    fields = tuple(name for name, _ in grant.items)
    viewed = OutcomeSet(subjects=(grant.token,), fields=fields)
    return entry(parts, call, Kind.HISTORY_VIEWED, Action.READ, outcome="granted", sets=[viewed], at=grant.at)


def revisions(rows: Iterable[SealedRow]) -> tuple[tuple[Tier, int, bytes], ...]:
    """List what a write sealed: tier, tier revision and manifest (CRYPTO §1: the audit entry covers both)."""
    return tuple((row.tier, row.tier_rev, row.mac) for row in rows if row.block == 0)


def _sets(verdicts: Sequence[Verdict]) -> Iterable[OutcomeSet]:
    """Group subjects by what they met, so that a thousand alike take one set."""
    groups: dict[object, tuple[OutcomeSet, list[bytes]]] = {}
    for one in verdicts:
        match one:
            case Granted():
                key: object = (one.items, tuple(sorted(one.withheld.items())))
                shape = OutcomeSet(
                    fields=tuple(name for name, _ in one.items),
                    treatments=tuple(treatment for _, treatment in one.items),
                    withheld=tuple(sorted(one.withheld.items())),
                )
            case Denied():
                key = one.reason
                shape = OutcomeSet(outcome=f"refused:{one.reason}")
            case _:
                continue
        groups.setdefault(key, (shape, []))[1].append(one.token)
    for shape, tokens in groups.values():
        yield OutcomeSet(tuple(tokens), shape.fields, shape.treatments, shape.withheld, shape.outcome)


def actor_ref(actor: Actor) -> ActorRef:
    """Name who acts: apps and people by id, a person with the session, others by name; and for whom."""
    if actor.kind == "person":
        session = token_text(actor.secret) if actor.secret else None
        return ActorRef(token_text(actor.id), actor.kind, session=session)
    behalf = id_text("per", actor.behalf.id) if actor.behalf is not None else None
    return ActorRef(token_text(actor.id) if actor.kind == "app" else actor.name, actor.kind, on_behalf=behalf)


def _gates(request: Request) -> tuple[str, ...]:
    needed = {
        one.value for requires in request.purpose.requires.values() for group in requires for one in group
    }
    return tuple(sorted(needed))
