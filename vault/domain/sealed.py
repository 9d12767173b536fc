"""Sealed: the rows of keys and sealed values, as the stores hold them and every floor hands them on."""

from dataclasses import dataclass

from vault.domain.terms import Gate, Millis, SubjectId, SubjectKind, TenantId, Tier


@dataclass(frozen=True, slots=True)
class SubjectRow:
    """One subject as the data store holds it; ``seal`` covers everything that decides about it."""

    tenant: TenantId
    subject: SubjectId
    kind: SubjectKind
    gates: Gate
    revision: int
    consent_head: bytes
    facts_head: bytes
    blocks_digest: bytes
    tiers: bytes
    seal: bytes
    changed_ms: Millis


@dataclass(frozen=True, slots=True)
class SealedRow:
    """The cells and the manifest of one subject × tier × block; ``revision`` wrote them."""

    tenant: TenantId
    subject: SubjectId
    tier: Tier
    block: int
    gen: int
    tier_rev: int
    revision: int
    changed_ms: Millis
    prev_mac: bytes
    body: bytes
    mac: bytes
    cells: bytes


@dataclass(frozen=True, slots=True)
class IdentRow:
    """A subject's wrapped ident and the floor of its revision, from the keys store."""

    tenant: TenantId
    subject: SubjectId
    kek_epoch: int
    wrapped: bytes
    state: str
    rev_floor: int
    rev_pending: int

    def admits(self, revision: int) -> bool:
        """Tell whether *revision* may stand: it is in force, or was announced on top of what is."""
        return self.rev_floor <= revision <= self.rev_pending


@dataclass(frozen=True, slots=True)
class DekRow:
    """A wrapped DEK of one subject × tier × generation, from the keys store."""

    tenant: TenantId
    subject: SubjectId
    tier: Tier
    gen: int
    kek_epoch: int
    field_suite: int
    wrapped: bytes
    commitment: bytes
    state: str


@dataclass(frozen=True, slots=True)
class SealedKeyRow:
    """A KEK or root, sealed by a provider under its slot."""

    tenant: TenantId
    purpose: int
    tier: Tier
    epoch: int
    provider: str
    sealed: bytes
    state: str
