"""Repeating: the same creating call sent again answers as the first did, for 24 hours (DESIGN §11)."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace

from vault.domain.canonical import Json
from vault.domain.instants import millis
from vault.domain.terms import SubjectId
from vault.errors import Conflict, InvalidValue
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
    at_ms = millis(parts.clock())
    with parts.stores.data.read() as conn:
        known = idempotency.find(conn, parts.tenant, row.actor, key=row.key, at_ms=at_ms)
    if known is None:
        return None
    if not hmac.compare_digest(known.body, answering(parts, row, known.result).body):
        raise Conflict("idempotency_key_reused")
    if known.result is not None:
        settle(parts, of or SubjectId(known.result))
    return known
