"""The workbench: a keyring of a new house, invented customers, and a way to seal and to open them."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache

from vault.crypto.aead import Suite
from vault.custody import deks
from vault.custody.barrier import Barrier, CellChange, SealedSubject
from vault.custody.identity import Identity, admit
from vault.custody.keyring import SLOT_NAMES, KeyPurpose, Keyring
from vault.custody.providers.local import LocalSlots
from vault.custody.receipt import Receipt
from vault.domain import forms
from vault.domain.access import Actor, Denied, Granted, HeldRole, Request, SubjectFacts, decide
from vault.domain.catalogue import Catalogue, Field, FieldType
from vault.domain.forms import Form
from vault.domain.grants import grant_digest
from vault.domain.instants import millis, month
from vault.domain.policy import ContextClass, MatrixRow, Purpose
from vault.domain.profile import Profile
from vault.domain.seal import NO_BLOCKS, tiers_with
from vault.domain.sealed import DekRow, IdentRow, SealedKeyRow, SealedRow, SubjectRow
from vault.domain.terms import (
    Action,
    ActorId,
    FieldName,
    FieldNumber,
    Gate,
    HouseId,
    Millis,
    PurposeId,
    RoleId,
    SpaceId,
    SubjectId,
    SubjectKind,
    TenantId,
    Tier,
    Treatment,
)
from vault.errors import Corrupt

HOUSE = HouseId(bytes.fromhex("0190c0de00007000800000000000a001"))
TENANT = TenantId(bytes.fromhex("0190c0de00007000800000000000b002"))
ADA = SubjectId(bytes.fromhex("0190c0de00007000800000000000c003"))
BO = SubjectId(bytes.fromhex("0190c0de00007000800000000000c004"))
SPACE = SpaceId(bytes.fromhex("0190c0de00007000800000000000d005"))
CLERK = ActorId(bytes.fromhex("0190c0de00007000800000000000e006"))
NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
NO_HEAD = bytes(32)


def a_field(number: int, name: str, kind: FieldType, tier: Tier, **more: object) -> Field:
    """Make a field that any customer may have and every treatment may show."""
    made = Field(
        FieldNumber(number),
        FieldName(name),
        "basic",
        "personal",
        frozenset(SubjectKind),
        kind,
        tier,
        (tier,),
        frozenset(Treatment),
        "ordinary",
    )
    return replace(made, **more)  # type: ignore[arg-type]


FIELDS = (
    a_field(1, "customer_no", FieldType.CODE, Tier.L2, exact=True, unique=True),
    a_field(2, "name", FieldType.NAME, Tier.L2),
    a_field(3, "salutation", FieldType.TEXT, Tier.L2),
    a_field(4, "grade", FieldType.ENUM, Tier.L2, codes={"gold": 1, "silver": 2}),
    a_field(5, "mobile", FieldType.MOBILE, Tier.L3, exact=True, suffix_bits=12, repeatable=True),
    a_field(6, "email", FieldType.EMAIL, Tier.L3, exact=True, tier_history=(Tier.L2, Tier.L3)),
    a_field(7, "address", FieldType.ADDRESS, Tier.L3),
    a_field(8, "birthday", FieldType.DATE, Tier.L3),
    a_field(9, "id_number", FieldType.ID_NUMBER, Tier.L4, exact=True, unique=True),
    a_field(10, "bank_account", FieldType.BANK_CARD, Tier.L4),
    a_field(11, "credit_limit", FieldType.MONEY, Tier.L4),
    a_field(12, "blocked", FieldType.BOOLEAN, Tier.L4),
)
CATALOGUE = Catalogue.of(FIELDS, {"clerk": 1, "import": 2})
PLAIN: Mapping[str, bytes] = {
    "customer_no": forms.write(Form.TEXT, "C-000017"),
    "name": forms.write(Form.TEXT, "林晓雯"),
    "salutation": forms.write(Form.TEXT, ""),
    "grade": forms.write(Form.ENUM, 1),
    "mobile": forms.write(Form.TEXT, "+8613800000017"),
    "email": forms.write(Form.TEXT, "ada@example.com"),
    "address": forms.write(Form.TEXT, "浙江省杭州市西湖区示例路 17 号"),
    "birthday": forms.write(Form.DATE, "1990-02-28"),
    "id_number": forms.write(Form.TEXT, "11010519491231002X"),
    "bank_account": forms.write(Form.TEXT, "6222020000000000017"),
    "credit_limit": forms.write(Form.MONEY, {"currency": "CNY", "amount": "12000.5"}),
    "blocked": forms.write(Form.BOOLEAN, value=False),
}


def some_slots() -> LocalSlots:
    """Make every slot a secret of its own."""
    return LocalSlots({name: os.urandom(32) for name in SLOT_NAMES})


@cache
def a_keyring() -> Keyring:
    """Create a new house's keyring, the same one for all who ask."""
    return Keyring.create(some_slots(), house=HOUSE, tenant=TENANT)[0]


def two_epochs() -> tuple[LocalSlots, list[SealedKeyRow]]:
    """Create a house whose index of L3 is being rotated: both roots are there."""
    slots = some_slots()
    ring, rows = Keyring.create(slots, house=HOUSE, tenant=TENANT)
    return slots, [*rows, ring.seal_new(KeyPurpose.INDEX, tier=Tier.L3, epoch=2)]


def change(name: str, plain: bytes | None, *, item: int = 0, **more: object) -> CellChange:
    """Make a change of a field by the clerk, now."""
    made = CellChange(CATALOGUE.field(name), item, plain, 1, millis(NOW), CLERK)
    return replace(made, **more)  # type: ignore[arg-type]


def grant_for(
    row: SubjectRow, identity: Identity, shown: Mapping[str, Treatment], *, catalogue: Catalogue = CATALOGUE
) -> Granted:
    """Let decide() grant *shown* for a purpose that requires nothing and yields to no restriction."""
    purpose = PurposeId("P01")
    fields = tuple(FieldName(name) for name in shown)
    matrix = MatrixRow(
        Action.READ,
        purpose,
        permitted=True,
        treatments={FieldName(name): how for name, how in shown.items()},
        refusals={},
        mask="screen",
        own=False,
    )
    asked = Purpose(purpose, "orders", (), {}, {"CN": ()}, despite_restriction=True, mask="screen")
    request = Request(Action.READ, asked, fields, ContextClass(), catalogue, frozenset(Tier))
    held = HeldRole(RoleId("desk"), frozenset({purpose}), Millis(1 << 50))
    actor = Actor(CLERK, "app", "desk", SPACE, (held,))
    known = SubjectFacts(
        row.subject, row.kind, row.gates, row.revision, identity.audit_token(month(NOW)), (), ()
    )
    decided = decide(actor, request, matrix, known, at=NOW)
    assert not isinstance(decided, Denied)
    return decided


def receipt_for(*grants: Granted, at: float = 0.0) -> Receipt:
    """Make the receipt of an entry that lists exactly these grants."""
    triples = [(one.token, name, treatment) for one in grants for name, treatment in one.items]
    return Receipt(0, bytes(32), grant_digest(triples), at)


@dataclass(frozen=True)
class Customer:
    """A subject with all its rows, as the stores would hand them over."""

    keyring: Keyring
    identity: Identity
    ident: IdentRow
    subject: SubjectRow | None = None
    deks: Mapping[Tier, DekRow] = field(default_factory=dict)
    rows: Mapping[Tier, SealedRow] = field(default_factory=dict)

    @classmethod
    def admitted(
        cls, subject: SubjectId = ADA, *, suite: Suite = Suite.AES_256_GCM, keyring: Keyring | None = None
    ) -> "Customer":
        """Give a new subject its ident and a DEK for each tier it may use."""
        keyring = keyring or a_keyring()
        ident, identity = admit(keyring, TENANT, subject)
        made = {
            tier: deks.issue(keyring, tenant=TENANT, subject=subject, tier=tier, suite=suite)[0]
            for tier in (Tier.L1, Tier.L2, Tier.L3, Tier.L4)
        }
        return cls(keyring, identity, ident, None, made)

    def written(self, *changes: CellChange) -> "Customer":
        """Write the next revision, and settle it."""
        revision = self.subject.revision + 1 if self.subject is not None else 1
        rows = Barrier(self.keyring).seal(
            self.identity, self.deks, self.rows, changes, subject=self.subject, revision=revision, at=NOW
        )
        return self.sealed_with(rows, revision=revision)

    def sealed_with(self, rows: Iterable[SealedRow], *, revision: int) -> "Customer":
        """Put *rows* in force under a fresh seal."""
        listed = list(rows)
        was = self.subject.tiers if self.subject is not None else b""
        subject = self.identity.seal(
            SubjectRow(
                TENANT,
                self.identity.subject,
                SubjectKind.PERSON,
                Gate.NONE,
                revision,
                NO_HEAD,
                NO_HEAD,
                NO_BLOCKS,
                tiers_with(was, listed),
                b"",
                millis(NOW),
            )
        )
        ident = replace(self.ident, rev_floor=revision, rev_pending=revision)
        standing = {**self.rows, **{row.tier: row for row in listed}}
        return replace(self, ident=ident, subject=subject, rows=standing)

    def whole(self) -> "Customer":
        """Write a value of every field."""
        return self.written(*(change(name, plain) for name, plain in PLAIN.items()))

    def with_row(self, tier: Tier, **columns: object) -> "Customer":
        """Edit one tier's row, as a database administrator can."""
        edited = replace(self.rows[tier], **columns)  # type: ignore[arg-type]
        return replace(self, rows={**self.rows, tier: edited})

    @property
    def row(self) -> SubjectRow:
        """The subject row, which a written customer has."""
        assert self.subject is not None
        return self.subject

    def sealed(self) -> SealedSubject:
        """The rows as the barrier takes them."""
        return SealedSubject(self.identity, self.row, self.ident, self.deks, self.rows)

    def granted(self, *names: str, treatment: Treatment = Treatment.PLAIN) -> Granted:
        """Grant these fields, or every field."""
        return grant_for(self.row, self.identity, dict.fromkeys(names or PLAIN, treatment))


def opened(customer: Customer, *names: str, treatment: Treatment = Treatment.PLAIN) -> Profile | Corrupt:
    """Open one customer's fields under a fresh receipt: a Profile, or the Corrupt in its place."""
    granted = customer.granted(*names, treatment=treatment)
    barrier = Barrier(customer.keyring, monotonic=lambda: 1.0)
    return barrier.open([(customer.sealed(), granted)], receipt_for(granted), catalogue=CATALOGUE)[0]


def plains(
    profile: Profile | Corrupt, fields: Sequence[Field] = FIELDS
) -> dict[str, list[tuple[int, bytes | None]]]:
    """List what a profile holds by field name."""
    assert isinstance(profile, Profile), profile.reason
    return {one.name: held for one in fields if (held := profile.values(one))}


def reason(outcome: Profile | Corrupt) -> str:
    """Say why nothing was opened."""
    assert isinstance(outcome, Corrupt)
    return outcome.reason


def script(*chunks: bytes) -> Callable[[int], bytes]:
    """Draw what was written down, in order, and nothing else."""
    left = list(chunks)

    def draw(size: int) -> bytes:
        chunk = left.pop(0)
        assert len(chunk) == size
        return chunk

    return draw
