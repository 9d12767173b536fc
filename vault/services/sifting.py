"""Sifting: which checkpoints are kept: each hour's last, and each that others signed than the next."""

from typing import Final

from vault.domain.note import Note
from vault.domain.terms import Millis

_HOUR_MS: Final = 3_600_000


def is_kept(at_ms: Millis, packed: bytes, *, next_ms: Millis, next_packed: bytes) -> bool:
    """Tell whether a checkpoint stays beside the next one that there is; the newest of all always does.

    What was sifted once is sifted alike again.
    """
    return at_ms // _HOUR_MS != next_ms // _HOUR_MS or _signers(packed) != _signers(next_packed)


def _signers(packed: bytes) -> list[bytes]:
    try:
        return [one.key_id for one in Note.unpack(packed).signatures]
    except ValueError:
        return []
