"""Archive: rows become chunks, cut by their content, compressed, and sealed to whoever may restore.

chunk  = age(recipients, zstd(payload))
payload = msgpack ["customer-vault-chunk-1", house 16, kind, table, [columns…]] | msgpack row | …
mark   = MAC(marking key, payload)[:16]
"""

import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Protocol

import msgpack
import zstandard

from vault.crypto import age
from vault.crypto.age import Identity, Recipient
from vault.custody.set_keys import SetKeys
from vault.domain.backup_set import Chunk, SetKind
from vault.domain.terms import HouseId
from vault.errors import BackupUnfit

_LABEL: Final = "customer-vault-chunk-1"
_LEVEL: Final = 1
# A chunk ends behind a row whose beginning, which is its key, says so: then a change moves no other chunk.
_LEAST, _MOST = 256 << 10, 4 << 20
_KEY_BYTES: Final = 40
_ENDS: Final = 0x1FF
# One row is never larger than that, and neither is what a chunk unpacks to.
_LARGEST: Final = 256 << 20
_AT_ONCE: Final = 4
_SEALERS: Final = 2


class Written(Protocol):
    """Where sealed chunks go, and where those lie that stand already."""

    def write(self, name: str, content: bytes, /) -> None:
        """Keep *content* under *name*, durably."""

    def read(self, name: str, /) -> bytes:
        """Read what stands under *name*."""


@dataclass(frozen=True, slots=True)
class Binding:
    """What a chunk says of itself, since age binds nothing."""

    house: HouseId
    kind: SetKind
    table: str
    columns: tuple[str, ...]

    def head(self) -> bytes:
        """Write it, as the first thing of a payload."""
        said = [_LABEL, self.house, self.kind.value, self.table, list(self.columns)]
        packed: bytes = msgpack.packb(said)
        return packed


@dataclass(frozen=True, slots=True)
class Sealing:
    """Whither the chunks of one set go, to whom they are sealed, and which need not be written again.

    *standing* are names of chunks in the set's own folder, by their marks; *earlier* chunks of other sets.
    """

    place: Written
    folder: str
    keys: SetKeys
    recipients: Sequence[Recipient]
    standing: Mapping[str, str]
    earlier: Mapping[tuple[str, str], Chunk]


def write_chunks(
    sealing: Sealing, tables: Iterator[tuple[Binding, Iterator[Sequence[tuple[Any, ...]]]]]
) -> list[Chunk]:
    """Seal every row of *tables* and give the chunks in their order.

    The rows are read in this thread; others compress, seal and write, and never more than a few chunks are
    in memory. A crash leaves whole chunks, which the next run finds standing.
    """
    chunks: list[Chunk] = []
    under_way: deque[Future[Chunk]] = deque()
    with ThreadPoolExecutor(_SEALERS, thread_name_prefix="backup") as sealers:
        try:
            for binding, batches in tables:
                for payload, rows in _cut(binding.head(), batches):
                    if len(under_way) >= _AT_ONCE:
                        chunks.append(under_way.popleft().result())
                    under_way.append(sealers.submit(_seal, sealing, binding.table, payload, rows))
            chunks += [one.result() for one in under_way]
        except BaseException:
            for one in under_way:
                one.cancel()
            raise
    return chunks


def recipients_of(texts: Sequence[str]) -> list[Recipient]:
    """Read the public keys of whoever may restore; raises BackupUnfit ``backup_recipients``."""
    try:
        found = [age.recipient(text) for text in texts]
    except ValueError:
        found = []
    if not found:
        raise BackupUnfit("backup_recipients")
    return found


def identities_of(text: str) -> list[Identity]:
    """Read an identity file of age; raises BackupUnfit ``backup_identity``."""
    try:
        return age.identities(text)
    except ValueError:
        raise BackupUnfit("backup_identity") from None


def check_chunk(one: Chunk, sealed: bytes) -> None:
    """Compare sealed bytes with what the manifest says; raises BackupUnfit ``backup_chunk``."""
    if sha256(sealed).hexdigest() != one.digest:
        raise BackupUnfit("backup_chunk", chunk=one.name)


def open_chunk(
    one: Chunk, sealed: bytes, known: Sequence[Identity], *, house: HouseId, kind: SetKind
) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Open a chunk and give its columns and rows.

    Raises BackupUnfit ``backup_chunk`` where it is not the one that its manifest names, and
    ``backup_identity`` where none of the identities opens it.
    """
    check_chunk(one, sealed)
    try:
        packed = age.open_sealed(sealed, known)
    except ValueError:
        raise BackupUnfit("backup_identity") from None
    try:
        # What says that it is larger is not unpacked; what says nothing is none of ours.
        is_sound = 0 <= zstandard.frame_content_size(packed) <= _LARGEST
        plain = zstandard.ZstdDecompressor().decompress(packed) if is_sound else b""
        unpacked = msgpack.Unpacker(use_list=False, max_buffer_size=_LARGEST, strict_map_key=True)
        unpacked.feed(plain)
        label, of, for_kind, table, columns = unpacked.unpack()
        rows = list(unpacked)
    except (ValueError, TypeError, zstandard.ZstdError, msgpack.UnpackException):
        raise BackupUnfit("backup_chunk", chunk=one.name) from None
    if (label, of, for_kind, table, len(rows)) != (_LABEL, house, kind.value, one.table, one.rows):
        raise BackupUnfit("backup_chunk", chunk=one.name)
    return columns, rows


def _cut(head: bytes, batches: Iterator[Sequence[tuple[Any, ...]]]) -> Iterator[tuple[bytes, int]]:
    pack: Callable[[Any], bytes] = msgpack.Packer(autoreset=True).pack
    crc = zlib.crc32
    parts, size = [head], 0
    for batch in batches:
        for row in batch:
            packed = pack(row)
            parts.append(packed)
            size += len(packed)
            if size >= _LEAST and (crc(packed[:_KEY_BYTES]) & _ENDS == 0 or size >= _MOST):
                yield b"".join(parts), len(parts) - 1
                parts, size = [head], 0
    if size:
        yield b"".join(parts), len(parts) - 1


def _seal(sealing: Sealing, table: str, payload: bytes, rows: int) -> Chunk:
    mark = sealing.keys.mark(payload)
    earlier = sealing.earlier.get((table, mark))
    if earlier is not None:
        return earlier
    standing = sealing.standing.get(mark)
    if standing is not None:
        known = Chunk(standing, table, rows)
        # A power cut may have left less than was written.
        if sha256(sealing.place.read(f"{sealing.folder}/{standing}")).hexdigest() == known.digest:
            return known
    sealed = age.seal(zstandard.ZstdCompressor(level=_LEVEL).compress(payload), sealing.recipients)
    one = Chunk(f"{mark}-{sha256(sealed).hexdigest()}", table, rows)
    sealing.place.write(f"{sealing.folder}/{one.name}", sealed)
    return one
