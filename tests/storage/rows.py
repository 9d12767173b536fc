"""Invented rows: any bytes of the right length will do, since storage never looks inside."""

import hashlib

from vault.domain.sealed import DekRow, IdentRow, SealedRow, SubjectRow
from vault.domain.terms import Gate, Millis, SubjectId, SubjectKind, TenantId, Tier
from vault.storage.tokens import TokenRow

TENANT = TenantId(b"T" * 16)
NOW = Millis(1_790_000_000_000)


def digest(*parts: object) -> bytes:
    return hashlib.sha256(repr(parts).encode()).digest()


def subject_id(number: int) -> SubjectId:
    return SubjectId(number.to_bytes(16))


ADA = subject_id(1)
BEN = subject_id(2)


def subject_row(subject: SubjectId = ADA, *, revision: int = 1) -> SubjectRow:
    return SubjectRow(
        tenant=TENANT,
        subject=subject,
        kind=SubjectKind.PERSON,
        gates=Gate.MINOR | Gate.PROSPECT,
        revision=revision,
        consent_head=digest("consents", subject, revision),
        facts_head=bytes(32),
        blocks_digest=bytes(32),
        tiers=b"tiers",
        seal=digest("seal", subject, revision),
        changed_ms=NOW,
    )


def sealed_row(
    subject: SubjectId = ADA, tier: Tier = Tier.L3, *, revision: int = 1, block: int = 0
) -> SealedRow:
    return SealedRow(
        tenant=TENANT,
        subject=subject,
        tier=tier,
        block=block,
        gen=1,
        tier_rev=revision,
        revision=revision,
        changed_ms=NOW,
        prev_mac=bytes(32),
        body=b"manifest",
        mac=digest("manifest", subject, tier, revision),
        cells=b"\x00\xffcells" * 9,
    )


def ident_row(subject: SubjectId = ADA) -> IdentRow:
    return IdentRow(TENANT, subject, 1, digest("ident", subject) + bytes(34), "active", 0, 0)


def dek_row(subject: SubjectId = ADA, tier: Tier = Tier.L3, *, gen: int = 1, salt: int = 0) -> DekRow:
    wrapped = digest("dek", subject, tier, gen, salt) + bytes(34)
    return DekRow(TENANT, subject, tier, gen, 1, 1, wrapped, digest("commit", salt), "pending")


def token_row(
    subject: SubjectId = ADA,
    value: object = "value",
    *,
    index_id: int = 7,
    item: int = 0,
    unique: bool = True,
) -> TokenRow:
    token = digest(index_id, value)[:16]
    return TokenRow(TENANT, index_id, 1, token, subject, item, unique, digest(subject, item)[:16])
