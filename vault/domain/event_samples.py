"""Event samples: an invented entry of each kind, to show what becomes of it in a SIEM."""

from hashlib import sha256
from typing import Final

from vault.domain.entry import ActorRef, Entry, ObjectRef, OutcomeSet, PolicyRef
from vault.domain.event_kinds import KINDS, Class
from vault.domain.events import Mark, Placed
from vault.domain.kinds import Kind
from vault.domain.note import Checkpoint
from vault.domain.policy import ContextClass
from vault.domain.terms import (
    Action,
    EntryId,
    FieldName,
    Millis,
    PurposeId,
    RequestId,
    RoleId,
    Tier,
    Treatment,
    id_text,
)

# 21 November 2026, 08:00 UTC.
_AT: Final = Millis(1_795_248_000_000)
_ABOUT_SUBJECTS: Final = frozenset(
    {
        "subject",
        "contact",
        "profile",
        "value",
        "history",
        "consent",
        "fact",
        "assignment",
        "restriction",
        "ids",
    }
)
MARK: Final = Mark(
    house="house-of-samples",
    version="0.0.0",
    checkpoint=Checkpoint("vault.example.com/ledger", 1_000, sha256(b"a root").digest()),
    at_ms=_AT,
)


def sample(kind: Kind) -> Entry:
    """Invent an entry of *kind*; nobody and nothing in it is real."""
    noun, _, deed = kind.value.partition(".")
    is_refused = deed in {"refused", "unauthenticated"}
    is_of_subjects = noun in _ABOUT_SUBJECTS
    return Entry(
        id=EntryId(_id("entry")),
        at_ms=_AT,
        kind=kind,
        actor=ActorRef("svc-desk-7", "person", role="service_desk", session="s-1", on_behalf="staff-12"),
        outcome="refused:role" if is_refused else "granted" if is_of_subjects else "recorded",
        action=Action.READ if is_of_subjects else None,
        purpose=PurposeId("P04") if is_of_subjects else None,
        reason_code="customer_call" if is_of_subjects else None,
        sets=(_shown(),) if is_of_subjects and not is_refused else (),
        times=0 if is_of_subjects and not is_refused else 1,
        tier=Tier.L3 if is_of_subjects else None,
        policy=PolicyRef(sha256(b"a policy").digest(), 3),
        context=ContextClass(reason=True, strength=2, actor="person"),
        role_set=(RoleId("service_desk"),),
        authority=7,
        request=RequestId(_id("request")),
        object=None if is_of_subjects else _about(kind, noun),
    )


def placed(kind: Kind) -> Placed:
    """Place such an entry in a ledger that is not there."""
    entry = sample(kind)
    return Placed(1_234, sha256(b"\x00" + entry.body()).digest(), entry)


def _shown() -> OutcomeSet:
    return OutcomeSet(
        subjects=(_id("subject"),),
        fields=(FieldName("mobile"), FieldName("name")),
        treatments=(Treatment.MASK, Treatment.PLAIN),
        withheld=((FieldName("birthday"), "not_granted"),),
    )


def _about(kind: Kind, noun: str) -> ObjectRef:
    if KINDS[kind].ocsf is Class.USER_ACCESS:
        return ObjectRef("grant", _id("grant"), f"service_desk:{id_text('app', _id('app'))}")
    return ObjectRef(noun, _id(noun), "a_code")


def _id(of: str) -> bytes:
    return sha256(of.encode()).digest()[:16]
