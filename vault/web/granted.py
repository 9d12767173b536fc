"""Granted: grants, and what applications prove themselves by, as answers have them."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vault.domain.instants import millis, moment, rfc3339
from vault.domain.terms import Millis, id_text
from vault.services.app_keys import shown_kid
from vault.services.granting import Grants
from vault.services.parts import Parts
from vault.services.proving import EXPIRES_SOON, AppKey, Proof, is_live, proof_id
from vault.services.using import last_used


def described(parts: Parts, prefix: str, grants: Grants) -> list[dict[str, Any]]:
    """Describe *grants* of one holder, ended ones too."""
    at, used = parts.clock(), last_used(parts)
    return [
        {
            "id": id_text("grt", one.role_grant),
            "holder": id_text(prefix, one.holder),
            "role": one.role,
            "purposes": json.loads(one.purposes),
            "reason": one.reason,
            "state": state(one.revoked_ms, one.expires_ms, at),
            "given": told(one.created_ms),
            "until": told(one.revoked_ms if one.revoked_ms is not None else one.expires_ms),
            "last_used": told(used[one.role_grant]) if one.role_grant in used else None,
        }
        for one in grants
    ]


def dated(prefix: str, row: Proof, at: datetime, used: Mapping[bytes, Millis]) -> dict[str, Any]:
    """Describe a secret or a key: whether it serves, until when, and when it was of use last."""
    proof = proof_id(row)
    return {
        "id": id_text(prefix, proof),
        "state": state(row.revoked_ms, row.expires_ms, at),
        "until": told(row.revoked_ms if row.revoked_ms is not None else row.expires_ms),
        "expires_soon": is_live(row, millis(at)) and row.expires_ms <= millis(at + EXPIRES_SOON),
        "last_used": told(used[proof]) if proof in used else None,
    }


def keyed(row: AppKey, at: datetime, used: Mapping[bytes, Millis]) -> dict[str, Any]:
    """Describe a key or a certificate of an application, by its thumbprint."""
    return {**dated("key", row, at, used), "kid": shown_kid(row), "kind": row.kind}


def state(revoked_ms: Millis | None, expires_ms: Millis, at: datetime) -> str:
    """Say how a grant or a secret stands."""
    if revoked_ms is not None:
        return "revoked"
    return "live" if millis(at) < expires_ms else "expired"


def told(at_ms: Millis) -> str:
    """Write a stored moment."""
    return rfc3339(moment(at_ms))
