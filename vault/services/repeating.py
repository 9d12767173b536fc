"""Repeating: the same creating call sent again answers as the first did, for 24 hours (DESIGN §11)."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from vault.domain.canonical import Json
from vault.domain.instants import millis
from vault.domain.terms import Action, SubjectId
from vault.errors import Conflict, Corrupt, InvalidValue, LedgerUnavailable, VaultError
from vault.services import witness
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
    behalf = call.actor.behalf
    # Two people behind one app may come upon the same key, and are not answered with each other's.
    asker = (call.actor.id,) if behalf is None else (call.actor.id, behalf.id)
    kept = parts.fingerprints.of(b"key", *asker, key.encode())
    return AnsweredRow(
        parts.tenant,
        call.actor.id,
        kept,
        # Under its key, so that nobody sees which calls had one body; for another purpose it is another call.
        parts.fingerprints.of(b"body", kept, call.purpose.encode(), hashlib.sha256(sent).digest()),
        status=201,
        result=None,
        revision=1,
        warnings="[]",
        created_ms=millis(parts.clock()),
    )


def answering(parts: Parts, row: AnsweredRow, result: bytes | None) -> AnsweredRow:
    """Let *row* remember its result, signed."""
    return parts.fingerprints.sign(replace(row, result=result))


def answered(
    parts: Parts, call: Call, action: Action, row: AnsweredRow | None, *, of: SubjectId | None = None
) -> AnsweredRow | None:
    """Find how the same call was answered before; raises Conflict where its body was another.

    Whoever asks has been permitted again, for it is judged like any call. What was answered is no news to the
    same app, so that nothing more is told to the ledger than the first time. Raises Corrupt, after that is an
    entry, for an answer that is not as it was kept.

    The result is the subject itself, or something *of* a subject (a consent, a fact).

    The first call may have died, or answered 503, after its change took hold: before we say that it did,
    its entry is made durable.
    """
    if row is None:
        return None
    known = _same(parts, call, action, row, _known(parts, [row]).get(row.key))
    if isinstance(known, VaultError):
        raise known
    if known is not None and known.result is not None:
        settle(parts, of or SubjectId(known.result))
    return known


def answered_each(
    parts: Parts, call: Call, rows: Sequence[AnsweredRow]
) -> list[AnsweredRow | VaultError | None]:
    """Find how each of these calls of one actor, which admit subjects, was answered before.

    Order kept; what :func:`answered` raises is the call's own item.
    """
    try:
        known = _known(parts, rows)
    except Corrupt as fault:
        # One row is too broken to be read: asked for one by one, it fails alone.
        return (
            [fault] if len(rows) == 1 else [one for row in rows for one in answered_each(parts, call, [row])]
        )
    found = [_same(parts, call, Action.ADMIT, row, known.get(row.key)) for row in rows]
    results = [SubjectId(one.result) for one in found if isinstance(one, AnsweredRow) and one.result]
    try:
        settle(parts, *results)
    except LedgerUnavailable as fault:
        return [fault if isinstance(one, AnsweredRow) else one for one in found]
    return found


def _known(parts: Parts, rows: Sequence[AnsweredRow]) -> dict[bytes, AnsweredRow]:
    if not rows:
        return {}
    with parts.stores.data.read() as conn:
        return idempotency.find(conn, parts.tenant, rows[0].actor, keys={row.key for row in rows})


def _same(
    parts: Parts, call: Call, action: Action, row: AnsweredRow, known: AnsweredRow | None
) -> AnsweredRow | VaultError | None:
    """Tell whether what is known under the key of *row* is ours, and was answered to the same body."""
    if known is None:
        return None
    if not parts.fingerprints.is_ours(known):
        fault = Corrupt("answer")
        parts.ledger.append(witness.rejected(parts, call, action, fault))
        return fault
    # Only now: a time that nobody signed could make the answer old, and the call act again.
    if not known.stands(row.created_ms):
        return None
    return known if hmac.compare_digest(known.body, row.body) else Conflict("idempotency_key_reused")
