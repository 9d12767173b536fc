"""Identity: what a subject's ident yields: its seal, its tokens and its ids (CRYPTO §7).

wrapped      = keywrap(KEK[tenant, 0, epoch], ident 32), AAD "PV1N" | header 6 | tenant | subject
K_seal       = Expand(ident, "PV1Z" | tenant | subject, 32)
audit token  = Expand(ident, "PV1A" | yyyymm u32 | tenant | subject, 16)
pairwise id  = Expand(ident, "PV1P" | space 16 | tenant | id 16, 16)
shadow       = pairwise id of SHA-256("PV1T" | field u32 | item u64)[:16]
ETag         = MAC(K_seal, "PV1E" | space 16 | tenant | subject | revision u64)[:16]
ref          = MAC(K_seal, "ref" | kind | 00 | ref)[:16]
"""

import hashlib
from dataclasses import replace
from struct import Struct

from typing_extensions import override

from vault.crypto.aead import KEY_BYTES, Nonces
from vault.crypto.kdf import expand
from vault.crypto.mac import MacKey, same
from vault.custody.keyring import Keyring
from vault.domain.seal import seal_message
from vault.domain.sealed import IdentRow, SubjectRow
from vault.domain.terms import ID_BYTES, SpaceId, SubjectId, TenantId, Tier, is_code
from vault.errors import Corrupt

_LABEL = b"PV1N"
# A new subject has no revision yet; its first is 1.
_NOTHING, _FIRST = 0, 1
_LIVING = frozenset({"pending", "active"})

_SHADOW = Struct(">4sIQ")


class Identity:
    """An opened ident; reading it opens no value of the subject."""

    __slots__ = ("_address", "_audit_tokens", "_ident", "_seal_key", "subject", "tenant")

    def __init__(self, ident: bytes, *, tenant: TenantId, subject: SubjectId) -> None:
        """Hold *ident*; only :func:`admit` and :func:`open_ident` have one to give."""
        if len(tenant) != ID_BYTES or len(subject) != ID_BYTES:
            raise Corrupt("address")
        self.tenant, self.subject = tenant, subject
        self._ident = ident
        self._address = tenant + subject
        self._seal_key = MacKey(expand(ident, b"PV1Z" + self._address, length=KEY_BYTES))
        self._audit_tokens: dict[int, bytes] = {}

    def seal(self, row: SubjectRow) -> SubjectRow:
        """Seal everything that decides about the subject; what *row* holds as its seal is replaced."""
        self._check_mine(row)
        return replace(row, seal=self._seal_key.mac(seal_message(row)))

    def verify(self, row: SubjectRow) -> None:
        """Raise Corrupt ``seal`` unless *row* is, to the byte, what was sealed for this subject."""
        self._check_mine(row)
        if not same(self._seal_key.mac(seal_message(row)), row.seal):
            raise Corrupt("seal")

    def audit_token(self, yyyymm: int) -> bytes:
        """What stands for the subject in one month's ledger entries."""
        token = self._audit_tokens.get(yyyymm)
        if token is None:
            info = b"PV1A" + yyyymm.to_bytes(4) + self._address
            token = self._audit_tokens[yyyymm] = expand(self._ident, info, length=ID_BYTES)
        return token

    def pairwise(self, space: SpaceId, id: bytes) -> bytes:  # noqa: A002 - the glossary's word
        """The id by which one app's space knows the subject, or a con, req, att or asn of it."""
        if len(space) != ID_BYTES or len(id) != ID_BYTES:
            raise ValueError("id")
        return expand(self._ident, b"PV1P" + space + self.tenant + id, length=ID_BYTES)

    def shadow(self, field_number: int, item: int, space: SpaceId) -> bytes:
        """What an app sees in place of a value it may not see; it never depends on the value."""
        place = hashlib.sha256(_SHADOW.pack(b"PV1T", field_number, item)).digest()[:ID_BYTES]
        return self.pairwise(space, place)

    def etag(self, space: SpaceId, revision: int) -> bytes:
        """One space's name for one revision, so that two apps cannot compare theirs."""
        if len(space) != ID_BYTES:
            raise ValueError("space")
        return self._seal_key.mac(b"PV1E" + space + self._address + revision.to_bytes(8))[:ID_BYTES]

    def ref_mac(self, kind: str, ref: str) -> bytes:
        """The keyed hash that is kept in place of an order or case number."""
        # A code has no NUL, so kind and ref cannot run into each other.
        if not is_code(kind):
            raise ValueError("kind")
        return self._seal_key.mac(b"ref" + kind.encode() + b"\0" + ref.encode())[:ID_BYTES]

    @override
    def __repr__(self) -> str:
        """Show neither the secret nor whose it is."""
        return "<Identity sealed from view>"

    def _check_mine(self, row: SubjectRow) -> None:
        if row.tenant != self.tenant or row.subject != self.subject:
            raise Corrupt("address")


def admit(keyring: Keyring, tenant: TenantId, subject: SubjectId) -> tuple[IdentRow, Identity]:
    """Draw the ident of a new subject; it counts once its row stands in the keys store."""
    ident = keyring.draw(KEY_BYTES)
    epoch, wrapped = keyring.wrap(
        Tier.IDENT, ident, label=_LABEL, address=tenant + subject, nonces=Nonces(1, draw=keyring.draw)
    )
    row = IdentRow(tenant, subject, epoch, wrapped, "active", _NOTHING, _FIRST)
    return row, Identity(ident, tenant=tenant, subject=subject)


def open_ident(keyring: Keyring, row: IdentRow) -> Identity:
    """Open a subject's ident; raises Corrupt for a tombstone or a row of another subject."""
    check_living(row)
    ident = keyring.unwrap(
        Tier.IDENT, row.wrapped, epoch=row.kek_epoch, label=_LABEL, address=row.tenant + row.subject
    )
    return Identity(ident, tenant=row.tenant, subject=row.subject)


def check_living(row: IdentRow) -> None:
    """Raise Corrupt ``tombstone`` unless the subject's keys are in use."""
    if row.state not in _LIVING:
        raise Corrupt("tombstone")
