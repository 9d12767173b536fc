"""Make ``pv1.json``: every construct of CRYPTO §7 as ``pv1_page`` reads it, and what must not open.

Run ``python -m tests.vectors.make_pv1`` to write the file anew; a test compares.
"""

import hashlib
import json
import struct
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

from tests.vectors.pv1_invalid import invalid
from tests.vectors.pv1_page import (
    APP,
    CLERK,
    CONFIRMED_MS,
    DETAIL_KEY,
    DETAIL_MONTH,
    DETAIL_MS,
    EPOCH,
    FIELDS,
    HOUSE,
    KEYS,
    SOURCE,
    SUBJECT,
    TENANT,
    aead,
    cell_nonce,
    expand,
    fixed,
    ident,
    mac,
    pad,
    slot_rows,
    whole,
)

HERE = Path(__file__).parent


def index() -> dict[str, Any]:
    """Index tokens and their rows' MAC."""
    field, bits, norm, tail, item = 5, 12, b"+8613800000017", b"0017", 2
    exact_id, suffix_id = field * 4 + 1, field * 4 + 2

    def key(index_id: int) -> bytes:
        return expand(KEYS["INDEX_T3"], b"PV1I" + TENANT + b"\x03" + struct.pack(">I", index_id), 32)

    exact = mac(key(exact_id), norm)[:16]
    suffix = int.from_bytes(mac(key(suffix_id), tail)[:8], "big") >> (64 - bits)
    suffix_token = bytes(14) + struct.pack(">H", suffix)

    def row(index_id: int, token: bytes) -> bytes:
        message = b"PV1X" + TENANT + struct.pack(">II", index_id, EPOCH) + token
        return mac(KEYS["AUTHORITY"], message + SUBJECT + struct.pack(">Q", item))[:16]

    return {
        "field": field,
        "tier": 3,
        "epoch": EPOCH,
        "suffix_bits": bits,
        "norm": norm,
        "tail": tail,
        "item": item,
        "exact": exact,
        "suffix": suffix_token,
        "exact_row": row(exact_id, exact),
        "suffix_row": row(suffix_id, suffix_token),
    }


def authority() -> dict[str, Any]:
    """The MAC of a deciding row and the verifier of an app's secret."""
    row, secret, table = b'{"app":["00"],"name":"desk"}', fixed("app secret"), 1
    return {
        "table": table,
        "row": row,
        "mac": mac(KEYS["AUTHORITY"], b"PV1W" + HOUSE + struct.pack(">H", table) + row),
        "app": APP,
        "secret": secret,
        "verifier": mac(KEYS["AUTHORITY"], b"PV1T" + TENANT + APP + secret),
    }


def detail() -> dict[str, Any]:
    """The sealed detail of an entry and a fingerprint of its month."""
    nonce, month = fixed("detail nonce", 12), struct.pack(">I", DETAIL_MONTH)
    okm = expand(DETAIL_KEY, b"PV1Y" + HOUSE + TENANT + month, 64)
    header, plain = b"\x01\x01" + month, b'{"source":"192.0.2.17","ticket":"T-17"}'
    sealed = header + nonce + aead(1, okm[:32], nonce, pad(plain), b"PV1Y" + header + HOUSE + TENANT)
    return {
        "at_ms": DETAIL_MS,
        "key_epoch": DETAIL_MONTH,
        "detail": {"source": "192.0.2.17", "ticket": "T-17"},
        "draws": [nonce],
        "sealed": sealed,
        "kind": "ticket",
        "text": "T-17",
        "fingerprint": mac(okm[32:], b"PV1Q" + b"ticket" + b"\0" + b"T-17")[:16],
    }


def grants() -> dict[str, Any]:
    """A grant's digest."""
    triples = [(fixed("token 1", 16), "name", "plain"), (fixed("token 0", 16), "mobile", "last4")]
    written = sorted([urlsafe_b64encode(token).rstrip(b"=").decode(), *rest] for token, *rest in triples)
    text = json.dumps(written, separators=(",", ":"))
    return {"triples": triples, "digest": hashlib.sha256(text.encode()).digest()}


def blocks() -> dict[str, Any]:
    """The digest of blocks other than 0, of which one, of block 0, is no part."""
    listed = [(7, 2, 1, fixed("block a")), (7, 4, 3, fixed("block b")), (12, 2, 1, fixed("block c"))]
    digest = hashlib.sha256(b"".join(struct.pack(">IBQ32s", *one) for one in listed)).digest()
    return {"blocks": [list(one) for one in [*listed, (0, 2, 9, fixed("block 0"))]], "digest": digest}


def fields() -> list[dict[str, Any]]:
    """The catalogue that the whole subject stands on, and its values in the order of a first write."""
    return [
        {
            "number": number,
            "tier": tier,
            "type": kind,
            "values": [
                {"item": item, "state": state, "plain": plain, "nonce": cell_nonce(number, item, state)}
                for item, state, plain in values
            ],
        }
        for number, tier, kind, values in FIELDS
    ]


def document() -> dict[str, Any]:
    """All of it, bytes as hex."""
    made = {
        "house": HOUSE,
        "tenant": TENANT,
        "subject": SUBJECT,
        "clerk": CLERK,
        "source": SOURCE,
        "confirmed_ms": CONFIRMED_MS,
        "slots": slot_rows(),
        "ident": ident(),
        "fields": fields(),
        "whole": whole(),
        "invalid": invalid(),
        "index": index(),
        "authority": authority(),
        "detail": detail(),
        "grants": grants(),
        "blocks": blocks(),
    }
    return dict(_hex(made))


def _hex(value: Any) -> Any:
    match value:
        case bytes():
            return value.hex()
        case dict():
            return {name: _hex(one) for name, one in value.items()}
        case list() | tuple():
            return [_hex(one) for one in value]
        case _:
            return value


if __name__ == "__main__":
    text = json.dumps(document(), indent=1, ensure_ascii=False)
    (HERE / "pv1.json").write_text(text + "\n", encoding="utf-8")
