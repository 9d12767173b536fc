"""Repeating: the same creating call sent again answers as the first did, for 24 hours (DESIGN §11)."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from vault.domain.canonical import Json
from vault.domain.instants import millis
from vault.domain.terms import SubjectId
from vault.errors import Conflict, Corrupt, InvalidValue, LedgerUnavailable, VaultError
from vault.services.parts import Call, Parts
from vault.services.writing import settle
from vault.storage import idempotency
from vault.storage.idempotency import AnsweredRow

LONGEST_KEY = 128


def keyed(parts: Parts, call: Call, key: str | None, body: Mapping[str, Json]) -> AnsweredRow | None:
    """Prepare the row that will remember this call: keyed hashes of key and body, never either."""
    if key is None:
        return None
    if not 0 < len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise InvalidValue("idempotency_key", field="idempotency_key")
    sent = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    return AnsweredRow(
        parts.tenant,
        call.actor.id,
        parts.fingerprints.of(b"key", call.actor.id, key.encode()),
        parts.fingerprints.of(b"body", hashlib.sha256(sent).digest()),
        status=201,
        result=None,
        revision=1,
        warnings="[]",
        created_ms=millis(parts.clock()),
    )


def answering(parts: Parts, row: AnsweredRow, result: bytes | None) -> AnsweredRow:
    """Let *row* remember its result under the hash of its body: another result is another body's."""
    return replace(row, result=result, body=parts.fingerprints.of(b"answer", row.body, result or b""))


def answered(parts: Parts, row: AnsweredRow | None, *, of: SubjectId | None = None) -> AnsweredRow | None:
    """Find how the same call was answered before; raises Conflict where its body was another.

    The result is the subject itself, or something *of* a subject (a consent, a fact).

    The first call may have died, or answered 503, after its change took hold: before we say that it did,
    its entry is made durable.
    """
    if row is None:
        return None
    known = _same(parts, row, _known(parts, [row]).get(row.key))
    if isinstance(known, VaultError):
        raise known
    if known is not None and known.result is not None:
        settle(parts, of or SubjectId(known.result))
    return known


def answered_each(parts: Parts, rows: Sequence[AnsweredRow]) -> list[AnsweredRow | VaultError | None]:
    """Find how each of these calls of one actor, whose results are subjects, was answered before.

    Order kept; what :func:`answered` raises is the call's own item.
    """
    try:
        known = _known(parts, rows)
    except Corrupt as fault:
        # One row is too broken to be read: asked for one by one, it fails alone.
        return [fault] if len(rows) == 1 else [one for row in rows for one in answered_each(parts, [row])]
    found = [_same(parts, row, known.get(row.key)) for row in rows]
    results = [SubjectId(one.result) for one in found if isinstance(one, AnsweredRow) and one.result]
    try:
        settle(parts, *results)
    except LedgerUnavailable as fault:
        return [fault if isinstance(one, AnsweredRow) else one for one in found]
    return found


def _known(parts: Parts, rows: Sequence[AnsweredRow]) -> dict[bytes, AnsweredRow]:
    at_ms = millis(parts.clock())
    if not rows:
        return {}
    with parts.stores.data.read() as conn:
        keys = {row.key for row in rows}
        return idempotency.find(conn, parts.tenant, rows[0].actor, keys=keys, at_ms=at_ms)


def _same(parts: Parts, row: AnsweredRow, known: AnsweredRow | None) -> AnsweredRow | VaultError | None:
    """Tell whether what is known under the key of *row* was answered to the same body."""
    if known is None or hmac.compare_digest(known.body, answering(parts, row, known.result).body):
        return known
    return Conflict("idempotency_key_reused")
