"""A second reading of CRYPTO §7, written straight from the page, on fixed keys and a fixed subject.

It imports nothing of the vault: HMAC and HKDF-Expand are laid out by hand on ``hashlib``, and only the AEADs
come from a library. ``make_pv1`` writes what it yields to ``pv1.json``.
"""

import hashlib
import struct
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESGCMSIV


def fixed(name: str, size: int = 32) -> bytes:
    """Bytes that look random and are the same every time."""
    return hashlib.shake_256(f"pv1 vectors: {name}".encode()).digest(size)


def hmac(name: str, block: int, key: bytes, message: bytes) -> bytes:
    """HMAC (RFC 2104), by its definition."""
    padded = key + bytes(block - len(key))
    inner = hashlib.new(name, bytes(byte ^ 0x36 for byte in padded) + message).digest()
    return hashlib.new(name, bytes(byte ^ 0x5C for byte in padded) + inner).digest()


def mac(key: bytes, message: bytes) -> bytes:
    """MAC of the page: HMAC-SHA256."""
    return hmac("sha256", 64, key, message)


def expand(key: bytes, info: bytes, length: int) -> bytes:
    """Expand of the page: HKDF-Expand with SHA-512 (RFC 5869 2.3)."""
    out = block = b""
    for number in range(1, 256):
        if len(out) >= length:
            break
        block = hmac("sha512", 128, key, block + info + bytes([number]))
        out += block
    return out[:length]


def aead(suite: int, key: bytes, nonce: bytes, plain: bytes, aad: bytes) -> bytes:
    """Ciphertext and tag under suite 1 or 2."""
    return (AESGCM(key) if suite == 1 else AESGCMSIV(key)).encrypt(nonce, plain, aad)


def pad(plain: bytes) -> bytes:
    """80 00… to a multiple of 32."""
    marked = plain + b"\x80"
    return marked + bytes(-len(marked) % 32)


HOUSE, TENANT = fixed("house", 16), fixed("tenant", 16)
SUBJECT, OTHER = fixed("subject", 16), fixed("another subject", 16)
SPACE, APP, CLERK = fixed("space", 16), fixed("app", 16), fixed("clerk", 16)
EPOCH = 3
PURPOSES = {"kek": 1, "index": 2, "authority": 3, "suppression": 4, "detail": 5, "signing": 6}
KEYS = {
    "KEK_T0": fixed("KEK 0"),
    "KEK_T2": fixed("KEK 2"),
    "KEK_T3": fixed("KEK 3"),
    "KEK_T4": fixed("KEK 4"),
    "INDEX_T3": fixed("index root 3"),
    "AUTHORITY": fixed("authority root"),
}
DETAIL_KEY, DETAIL_MONTH, DETAIL_MS = fixed("detail key"), 202611, 1_795_253_400_000


def slot_rows() -> list[dict[str, Any]]:
    """KEKs and roots, sealed by the local provider under their slots."""
    rows = []
    for slot, key in {**KEYS, "DETAIL": DETAIL_KEY}.items():
        name, _, tier_text = slot.partition("_T")
        purpose, tier = PURPOSES[name.lower()], int(tier_text or 0)
        epoch = EPOCH if purpose in (1, 2) else DETAIL_MONTH if purpose == 5 else 1
        secret, salt, nonce = fixed(f"slot {slot}"), fixed(f"salt {slot}"), fixed(f"nonce {slot}", 12)
        context = b"PV1R" + HOUSE + bytes([purpose]) + TENANT + bytes([tier]) + struct.pack(">I", epoch)
        okm = expand(secret, b"PV1L" + salt + context, 64)
        prefix = b"\x01" + salt + okm[32:]
        sealed = prefix + nonce + aead(1, okm[:32], nonce, key, prefix + context)
        rows.append(
            {
                "slot": slot,
                "purpose": purpose,
                "tier": tier,
                "epoch": epoch,
                "secret": secret,
                "draws": [salt, nonce],
                "context": context,
                "key": key,
                "sealed": sealed,
            }
        )
    return rows


def wrap(kek: bytes, nonce: bytes, secret: bytes, label: bytes, address: bytes, *, suite: int = 1) -> bytes:
    """A secret under a KEK, its epoch in front."""
    header = bytes([1, suite]) + struct.pack(">I", EPOCH)
    return header + nonce + aead(suite, kek, nonce, secret, label + header + address)


IDENT = fixed("ident")
K_SEAL = expand(IDENT, b"PV1Z" + TENANT + SUBJECT, 32)


def ident() -> dict[str, Any]:
    """The ident row and all that comes out of it."""
    nonce = fixed("ident nonce", 12)
    field, item, revision = 5, 7, 9
    place = hashlib.sha256(b"PV1T" + struct.pack(">IQ", field, item)).digest()[:16]
    return {
        "draws": [IDENT, nonce],
        "kek_epoch": EPOCH,
        "wrapped": wrap(KEYS["KEK_T0"], nonce, IDENT, b"PV1N", TENANT + SUBJECT),
        "wrapped_suite_2": wrap(KEYS["KEK_T0"], nonce, IDENT, b"PV1N", TENANT + SUBJECT, suite=2),
        "audit_tokens": {
            str(month): expand(IDENT, b"PV1A" + struct.pack(">I", month) + TENANT + SUBJECT, 16)
            for month in (202611, 202612)
        },
        "pairwise": {
            "space": SPACE,
            "subject": expand(IDENT, b"PV1P" + SPACE + TENANT + SUBJECT, 16),
            "other_id": OTHER,
            "other": expand(IDENT, b"PV1P" + SPACE + TENANT + OTHER, 16),
        },
        "shadow": {
            "field": field,
            "item": item,
            "shadow": expand(IDENT, b"PV1P" + SPACE + TENANT + place, 16),
        },
        "etag": {
            "revision": revision,
            "etag": mac(K_SEAL, b"PV1E" + SPACE + TENANT + SUBJECT + struct.pack(">Q", revision))[:16],
        },
        "ref": {
            "kind": "order",
            "ref": "SO-2026-0017",
            "mac": mac(K_SEAL, b"ref" + b"order" + b"\0" + b"SO-2026-0017")[:16],
        },
    }


# Fields of the whole subject: number, tier, type of the catalogue, and values as (item, state, plain).
FIELDS: list[tuple[int, int, str, list[tuple[int, int, bytes]]]] = [
    (1, 2, "name", [(0, 0, b"\x01" + "林晓雯".encode()), (0, 1, b"\x01" + "林小雯".encode())]),
    (2, 2, "text", [(0, 0, b"\x01")]),
    (3, 2, "integer", [(0, 0, b"\x02" + struct.pack(">q", -17))]),
    (4, 2, "enum", [(0, 0, b"\x07\x00\x02")]),
    (5, 3, "mobile", [(0, 0, b"\x01+8613800000017"), (2, 0, b"\x01+8613800000018")]),
    (6, 3, "date", [(0, 0, b"\x041990-02-28")]),
    (7, 3, "decimal", [(0, 0, b"\x03-12.5")]),
    (8, 3, "address", [(0, 0, b"\x01" + b"x" * 30)]),
    (9, 4, "id_number", [(0, 0, b"\x0111010519491231002X")]),
    (10, 4, "money", [(0, 0, b"\x0aCNY12000.5")]),
    (11, 4, "boolean", [(0, 0, b"\x06\x01")]),
    (12, 4, "relation", [(0, 0, b'\x08{"role":"payer","subject":"00"}')]),
]
GENS = {2: (1, 1), 3: (2, 4), 4: (1, 1)}  # tier: (suite, generation)
REVISION, CHANGED_MS, CONFIRMED_MS, SOURCE = 3, 1_795_253_400_000, 1_795_000_000_000, 2


def dek_row(tier: int, *, subject: bytes = SUBJECT, commit: bytes | None = None) -> dict[str, Any]:
    """One wrapped DEK with its derived keys; *commit* puts a wrong commitment under a right wrap."""
    suite, gen = GENS[tier]
    dek, nonce = fixed(f"DEK {tier}"), fixed(f"DEK nonce {tier}", 12)
    place = bytes([suite, tier]) + struct.pack(">I", gen) + TENANT + subject
    okm = expand(dek, b"PV1D" + place, 96)
    commitment = okm[64:] if commit is None else commit
    return {
        "tier": tier,
        "gen": gen,
        "kek_epoch": EPOCH,
        "field_suite": suite,
        "draws": [dek, nonce],
        "wrapped": wrap(KEYS[f"KEK_T{tier}"], nonce, dek, b"PV1K", place + commitment),
        "commitment": commitment,
        "k_enc": okm[:32],
        "k_mac": okm[32:64],
    }


def cell_nonce(number: int, item: int, state: int) -> bytes:
    """The nonce of one value."""
    return fixed(f"nonce {number} {item} {state}", 12)


def blob_of(tier: int, number: int, item: int, state: int, padded: bytes, *, rev: int = REVISION) -> bytes:
    """One sealed value."""
    suite, gen = GENS[tier]
    header, nonce = bytes([1, suite]) + struct.pack(">I", gen), cell_nonce(number, item, state)
    aad = b"PV1F" + header + struct.pack(">BBIIQQ", tier, state, 0, number, item, rev) + TENANT + SUBJECT
    return header + nonce + aead(suite, dek_row(tier)["k_enc"], nonce, padded, aad)


Cell = tuple[int, int, int, bytes]


def cells_of(tier: int) -> list[Cell]:
    """The tier's cells in order: (field, item, state, blob)."""
    return sorted(
        (number, item, state, blob_of(tier, number, item, state, pad(plain)))
        for number, its_tier, _, values in FIELDS
        for item, state, plain in values
        if its_tier == tier
    )


def sealed_row(
    tier: int, listed: list[Cell], *, stored: list[Cell] | None = None, tier_rev: int = 1
) -> dict[str, Any]:
    """The row whose manifest lists *listed* and whose cells are *stored*."""
    body = struct.pack(">I", len(listed)) + b"".join(
        struct.pack(">IQBQHQ16s16s", number, item, state, REVISION, SOURCE, CONFIRMED_MS, CLERK, blob[-16:])
        for number, item, state, blob in listed
    )
    _, gen = GENS[tier]
    prev_mac = bytes(32)
    message = b"PV1M" + TENANT + SUBJECT + struct.pack(">BIIQ", tier, 0, gen, tier_rev) + prev_mac + body
    cells = b"".join(
        struct.pack(">IQI", number, item, len(blob)) + blob
        for number, item, _, blob in (listed if stored is None else stored)
    )
    return {
        "tier": tier,
        "block": 0,
        "gen": gen,
        "tier_rev": tier_rev,
        "revision": REVISION,
        "changed_ms": CHANGED_MS,
        "prev_mac": prev_mac,
        "body": body,
        "mac": mac(dek_row(tier)["k_mac"], message),
        "cells": cells,
    }


def mark(row: dict[str, Any]) -> bytes:
    """What the seal says of one tier."""
    return struct.pack(">BIQ32s", row["tier"], row["gen"], row["tier_rev"], row["mac"])


def subject_row(tiers: bytes, *, revision: int = REVISION, gates: int = 5) -> dict[str, Any]:
    """The sealed subject row."""
    heads = [fixed("consent head"), fixed("facts head"), bytes(32)]
    message = b"PV1S" + TENANT + SUBJECT + struct.pack(">QBI", revision, 1, gates)
    message += b"".join(heads) + struct.pack(">H", len(tiers) // 45) + tiers
    return {
        "kind": 1,
        "gates": gates,
        "revision": revision,
        "consent_head": heads[0],
        "facts_head": heads[1],
        "blocks_digest": heads[2],
        "tiers": tiers,
        "seal": mac(K_SEAL, message),
        "changed_ms": CHANGED_MS,
    }


def whole() -> dict[str, Any]:
    """A subject with twelve fields in three tiers, one of them under suite 2."""
    rows = {str(tier): sealed_row(tier, cells_of(tier)) for tier in GENS}
    return {
        "subject": subject_row(b"".join(mark(row) for row in rows.values())),
        "ident": {
            "kek_epoch": EPOCH,
            "wrapped": ident()["wrapped"],
            "state": "active",
            "rev_floor": REVISION - 1,
            "rev_pending": REVISION,
        },
        "deks": {str(tier): dek_row(tier) | {"state": "active"} for tier in GENS},
        "rows": rows,
    }
