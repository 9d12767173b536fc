"""The digest that ties an opening to its entry: exactly which field of whom is shown how."""

from base64 import urlsafe_b64encode
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import sha256

from vault.domain.canonical import canonical
from vault.domain.terms import FieldName, Treatment

Shown = tuple[FieldName, Treatment]
# An audit token, a field and the treatment under which it may be shown.
Triple = tuple[bytes, FieldName, Treatment]


def token_text(raw: bytes) -> str:
    """Write a token or id as an entry does: base64url without padding."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def grant_digest(triples: Iterable[Triple]) -> bytes:
    """Hash *triples*: SHA-256 of canonical([[token, field, treatment], …]), sorted, each once.

    The ledger computes it from an entry's sets, the barrier from the Granted it was handed; an auditor can
    repeat it. The subject stands there as its audit token, so that no digest links an erased customer.
    """
    return projections_digest((token, [(name, treatment)]) for token, name, treatment in triples)


def projections_digest(projections: Iterable[tuple[bytes, Sequence[Shown]]]) -> bytes:
    """Hash the same list, told by subject: (audit token, what is shown of it)."""
    granted: dict[bytes, Sequence[Shown]] = {}
    for token, shown in projections:
        granted[token] = [*granted[token], *shown] if token in granted else shown
    # A batch repeats a few projections a thousand times, so each is laid out once.
    layouts: dict[tuple[Shown, ...], bytes] = {}
    rows: list[tuple[str, bytes]] = []
    for token, shown in granted.items():
        key = tuple(shown)
        if key not in layouts:
            layouts[key] = b",".join(b"\0" + _tail(*one) for one in sorted(set(key)))
        rows.append((token_text(token), layouts[key]))
    # A layout holds no zero byte of its own: canonical bytes escape it.
    listed = [layout.replace(b"\0", b'["%s",' % text.encode()) for text, layout in sorted(rows) if layout]
    return sha256(b"[" + b",".join(listed) + b"]").digest()


@lru_cache(maxsize=4096)
def _tail(name: FieldName, treatment: Treatment) -> bytes:
    return canonical([name, treatment])[1:]
