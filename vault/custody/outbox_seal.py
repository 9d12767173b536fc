"""Outbox seal: a change that waits for its entry is believed only as it was committed.

mac = MAC(authority, "PV1O" | tenant | entry 16 | at_ms u64 | has_subject u8 | subject 16 | revision u64
          | SHA-256(body) | has_notice u8 | SHA-256(notice))[:16]

Who can write into the data store alone could else put words into the ledger, end things in the register, and
raise floors in the keys store beyond every revision that there is.
"""

import hashlib
import struct
from dataclasses import replace
from struct import Struct

from vault.crypto.mac import MacKey, same
from vault.domain.terms import ID_BYTES, ZERO_ID
from vault.storage.outbox import OutboxRow

_ROW = Struct(">4s16s16sQB16sQ32sB32s")


class OutboxSeal:
    """Signs outbox rows and knows its own again."""

    __slots__ = ("_key",)

    def __init__(self, root: bytes) -> None:
        """Sign under the authority *root* of the house."""
        self._key = MacKey(root)

    def sign(self, row: OutboxRow) -> OutboxRow:
        """Sign *row*, to be committed with its effect; raises struct.error where it cannot be one."""
        return replace(row, mac=self._key.mac(_message(row))[:ID_BYTES])

    def is_ours(self, row: OutboxRow) -> bool:
        """Tell whether *row* stands as a writer of this house committed it."""
        try:
            return same(self._key.mac(_message(row))[:ID_BYTES], row.mac)
        except struct.error:
            return False


def _message(row: OutboxRow) -> bytes:
    subject, notice = row.subject, row.notice
    if any(len(one) != ID_BYTES for one in (row.tenant, row.entry, subject or ZERO_ID)):
        # struct would fill up or cut off in silence.
        raise struct.error("width")
    return _ROW.pack(
        b"PV1O",
        row.tenant,
        row.entry,
        row.at_ms,
        subject is not None,
        subject or ZERO_ID,
        row.revision,
        hashlib.sha256(row.body).digest(),
        notice is not None,
        hashlib.sha256((notice or "").encode()).digest(),
    )
