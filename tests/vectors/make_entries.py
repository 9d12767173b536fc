"""Writes entries.json by hand-laid keys and RFC 8785 alone, sharing no code with the vault.

Run it as ``python tests/vectors/make_entries.py``.
"""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import rfc8785


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().replace("=", "")


def body(entry: dict[str, Any]) -> str:
    return rfc8785.dumps(entry).decode()


TOKENS = [b64(bytes([n]) * 16) for n in (0xA1, 0xB2, 0xC3)]
GRANT = hashlib.sha256(
    rfc8785.dumps(sorted([t, *pair] for t in TOKENS[:2] for pair in (["mobile", "mask"], ["name", "plain"])))
).digest()

refused: dict[str, Any] = {
    "v": 1,
    "id": b64(bytes.fromhex("018bcfe568007000800000000000000f")),
    "t": 1700000000000,
    "kind": "profile.refused",
    "actor": {"id": b64(bytes(range(16))), "type": "app"},
    "outcome": "refused:role",
}
disclosed: dict[str, Any] = refused | {
    "kind": "profile.disclosed",
    "actor": {
        "id": b64(bytes(range(16))),
        "type": "app",
        "role": "service_desk",
        "session": b64(b"s" * 16),
        "on_behalf": "staff:17",
    },
    "action": "read",
    "purpose": "P04",
    "reason_code": "customer_request",
    "ticket": b64(b"t" * 16),
    "outcome": "mixed",
    "sets": [
        {
            "outcome": "granted",
            "fields": ["mobile", "name"],
            "treatments": ["mask", "plain"],
            "withheld": {"id_number": "not_granted"},
            "subjects": TOKENS[:2],
        },
        {"outcome": "refused:restriction", "subjects": TOKENS[2:]},
    ],
    "n": 3,
    "tier": 3,
    "policy": {"id": b64(b"p" * 32), "version": 7},
    "ctx": {"actor": "app", "approvals": 0, "reason": True, "strength": 0, "ticket": True},
    "role_set": ["service_desk"],
    "gates": ["restricted"],
    "authority": 12,
    "grant": b64(GRANT),
    "req": b64(b"r" * 16),
    "part": [1, 2],
    "det": b64(b"sealed detail"),
    "key_epoch": 202311,
}
changed = refused | {
    "kind": "subject.changed",
    "action": "write",
    "outcome": "recorded",
    "sets": [{"fields": ["mobile"], "subjects": TOKENS[:1]}],
    "n": 1,
    "tier": 3,
    "revs": [[3, 5, b64(b"m" * 32)]],
}
counted = refused | {
    "kind": "access.unauthenticated",
    "actor": {"id": "none", "type": "none"},
    "outcome": "refused:unauthenticated",
    "n": 250,
    "det": b64(b"sealed source"),
    "key_epoch": 202311,
}
governed = refused | {
    "kind": "app.created",
    "outcome": "recorded",
    "object": {"type": "app", "id": b64(b"a" * 16), "code": "waybill"},
}


def without(entry: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != key}


text = body(refused)
valid = {
    "a refusal": refused,
    "a disclosure of two parts": disclosed,
    "a write": changed,
    "an aggregate": counted,
    "a disclosure that missed one": disclosed | {"n": 4},
    "an app": governed,
}
invalid = {
    # Another spelling of the same fact.
    "a space": ("canonical", text.replace(":1700", ": 1700", 1)),
    "keys out of order": ("canonical", '{"v":1,' + text[1:].replace(',"v":1', "")),
    "a key twice": ("canonical", text[:-1] + ',"v":1}'),
    "an escape where none is needed": ("canonical", text.replace("profile.", "\\u0070rofile.")),
    "a padded token": ("form", text.replace(refused["id"], refused["id"] + "==")),
    "a line end": ("canonical", text + "\n"),
    "a null for an absent key": ("canonical", body(refused | {"purpose": None})),
    "an empty list": ("canonical", body(refused | {"gates": []})),
    "a count of nothing": ("canonical", body(refused | {"n": 0})),
    "an integer with an exponent": ("form", text.replace("1700000000000", "17e11")),
    # Another fact than it claims.
    "a count that leaves a subject out": ("form", body(disclosed | {"n": 2})),
    "a wrong grant digest": ("canonical", body(disclosed | {"grant": b64(bytes(32))})),
    "a missing grant digest": ("canonical", body(without(disclosed, "grant"))),
    "another version": ("canonical", body(refused | {"v": 2})),
    "an unknown key": ("canonical", body(refused | {"name": "ada"})),
    "an unknown key in the actor": ("canonical", body(refused | {"actor": refused["actor"] | {"x": 1}})),
    # No entry at all.
    "a missing id": ("form", body(without(refused, "id"))),
    "a missing outcome": ("form", body(without(refused, "outcome"))),
    "a short id": ("form", body(refused | {"id": b64(b"short")})),
    "an unknown kind": ("form", body(refused | {"kind": "profile.opened"})),
    "an unknown outcome": ("form", body(refused | {"outcome": "allowed"})),
    "an unknown treatment": (
        "form",
        body(refused | {"sets": [{"fields": ["mobile"], "treatments": ["clear"], "subjects": TOKENS[:1]}]}),
    ),
    "a treatment too few": (
        "form",
        body(refused | {"sets": [{"fields": ["name", "mobile"], "treatments": ["mask"]}]}),
    ),
    "an unknown tier": ("form", body(refused | {"tier": 6})),
    "a text for a number": ("form", body(refused | {"t": "1700000000000"})),
    "a true for a number": ("form", body(refused | {"authority": True})),
    "a number for a flag": ("form", body(disclosed | {"ctx": disclosed["ctx"] | {"reason": 1}})),
    "a list for a text": ("form", body(refused | {"purpose": ["P", "0", "4"]})),
    "a sentence for a code": ("form", body(refused | {"reason_code": "because Ada asked"})),
    "a list": ("form", "[]"),
    "nothing": ("form", ""),
    "no JSON": ("form", "profile.disclosed"),
    "NaN": ("form", text.replace("1700000000000", "NaN")),
    "a lone surrogate": ("form", text.replace("P", "\ud800").replace("role", "\ud800")),
}
Path(__file__).with_name("entries.json").write_text(
    json.dumps(
        {
            "valid": [{"name": name, "body": body(entry)} for name, entry in valid.items()],
            "invalid": [{"name": name, "fault": fault, "body": it} for name, (fault, it) in invalid.items()],
        },
        indent=1,
    )
    + "\n"
)
