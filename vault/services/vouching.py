"""Vouching: a checkpoint goes to others only if its note says what its row says, signed by a key in force."""

from typing import Final

from vault.custody import cosignatures
from vault.domain.note import Note
from vault.domain.signing_keys import TRACE, counts, public_keys, with_bodies
from vault.services.running import Signers
from vault.storage import audit, checkpoints
from vault.storage.checkpoints import CheckpointRow
from vault.storage.unit_of_work import Store

# So many entries are searched by one statement, which must end within seconds.
_STRETCH: Final = 100_000


def is_vouched_for(store: Store, row: CheckpointRow, signers: Signers) -> bool:
    """Tell whether *row* is what the notary signed; *signers* remembers the keys, and how far they were read.

    Whoever has a key, or writes the entries that open one, is found by others: this keeps a planted or broken
    row from them.
    """
    _read_on(store, signers)
    try:
        note = Note.unpack(row.note)
        said = note.checkpoint
        if (said.size, said.root) != (row.size, row.root):
            return False
    except (ValueError, TypeError):
        # SQLite keeps whatever an owner's hand writes into a column.
        return False
    keys = public_keys(signers.windows, said.origin)
    return cosignatures.is_signed_by_any(
        note, tuple(key for key in keys if counts(signers.windows, key, row.size))
    )


def _read_on(store: Store, signers: Signers) -> None:
    with store.read() as conn:
        head = audit.head(conn)
    size = head.size if head is not None else 0
    if size < signers.until:
        signers.windows, signers.until = {}, 0
    for start in range(signers.until, size, _STRETCH):
        stop = min(start + _STRETCH, size)
        with store.read() as conn:
            found = checkpoints.mentioning(conn, TRACE, start, stop=stop)
        signers.windows, signers.until = with_bodies(signers.windows, found), stop
