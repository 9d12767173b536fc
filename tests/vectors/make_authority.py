"""Writes authority.json with the standard library and RFC 8785 alone, sharing no code with the vault.

Run it as ``python tests/vectors/make_authority.py``.
"""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import rfc8785

ROOT = bytes(range(32))
HOUSE = bytes.fromhex("0190c0de00007000800000000000a001")
TENANT = bytes.fromhex("0190c0de00007000800000000000b002")
APP = bytes.fromhex("0190c0de00007000800000000000f007")
SECRET = bytes(range(100, 132))
THEN = 1_790_000_000_000
LATER = 1_800_000_000_000
CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"


def mac(*parts: bytes) -> bytes:
    return hmac.new(ROOT, b"".join(parts), hashlib.sha256).digest()


def row_mac(table: int, row: dict[str, Any]) -> bytes:
    return mac(b"PV1W", HOUSE, table.to_bytes(2, "big"), rfc8785.dumps(row))


def b32(raw: bytes) -> str:
    bits = "00" + "".join(f"{byte:08b}" for byte in raw)
    return "".join(CROCKFORD[int(bits[at : at + 5], 2)] for at in range(0, 130, 5))


verifier = mac(b"PV1T", TENANT, APP, SECRET)
letters = base64.urlsafe_b64encode(SECRET).decode().rstrip("=")
token = f"vault_{b32(APP)}_{letters}"

rows: list[tuple[str, int, dict[str, Any]]] = [
    (
        "app",
        1,
        {
            "tenant": [TENANT.hex()],
            "app": [APP.hex()],
            "name": "service-desk",
            "space": [(b"s" * 16).hex()],
            "sources": '["case","order"]',
            "state": "live",
            "created_ms": THEN,
        },
    ),
    (
        "app_secret",
        2,
        {
            "tenant": [TENANT.hex()],
            "app": [APP.hex()],
            "secret": [(b"1" * 16).hex()],
            "verifier": [verifier.hex()],
            "created_ms": THEN,
            "expires_ms": LATER,
            "revoked_ms": None,
        },
    ),
    (
        "role_grant",
        3,
        {
            "tenant": [TENANT.hex()],
            "role_grant": [(b"g" * 16).hex()],
            "holder": [APP.hex()],
            "role": "service_desk",
            "purposes": '["P04","P05"]',
            "created_ms": THEN,
            "expires_ms": LATER,
            "revoked_ms": THEN + 5,
            "reason": "onboarding",
        },
    ),
    (
        "policy_version",
        4,
        {
            "tenant": [TENANT.hex()],
            "number": 7,
            "digest": [hashlib.sha256(b"[]").hexdigest()],
            "created_ms": THEN,
            "author": "operator:1000",
        },
    ),
]
macs = {name: row_mac(number, row) for name, number, row in rows}
body = rfc8785.dumps(
    {
        "policy": {"number": 7, "digest": hashlib.sha256(b"[]").hexdigest()},
        "tables": {name: hashlib.sha256(macs[name]).hexdigest() for name, _, _ in rows},
    }
).decode()
manifest = {"tenant": [TENANT.hex()], "version": 1, "body": body}

# The last letter of a secret holds two bits that must be clear: 43 letters are 258 bits.
loose = token[:-1] + chr(ord(token[-1]) + 1)
invalid = {
    "nothing": "",
    "no scheme": token,
    "another scheme": f"Basic {token}",
    "two spaces": f"Bearer  {token}",
    "a space behind": f"Bearer {token} ",
    "a line behind": f"Bearer {token}\n",
    "another prefix": f"Bearer volt_{token[6:]}",
    "capital app letters": f"Bearer vault_{b32(APP).upper()}_{letters}",
    "a letter that Crockford leaves out": f"Bearer vault_u{b32(APP)[1:]}_{letters}",
    "an app beyond 128 bits": f"Bearer vault_z{b32(APP)[1:]}_{letters}",
    "a secret too short": f"Bearer {token[:-1]}",
    "a secret too long": f"Bearer {token}A",
    "padding": f"Bearer {token}=",
    "the other base64 alphabet": f"Bearer {token[:-2]}+/",
    "a second spelling of the secret": f"Bearer {loose}",
    "digits of another script": f"Bearer vault_{b32(APP).replace('0', '٠')}_{letters}",
}

vectors = {
    "root": ROOT.hex(),
    "house": HOUSE.hex(),
    "tenant": TENANT.hex(),
    "token": {"app": APP.hex(), "secret": SECRET.hex(), "text": token, "verifier": verifier.hex()},
    "rows": [
        {"table": name, "number": number, "row": row, "mac": macs[name].hex()} for name, number, row in rows
    ],
    "manifest": {"row": manifest, "mac": row_mac(0, manifest).hex()},
    "headers_that_are_no_credential": invalid,
}
Path(__file__).with_name("authority.json").write_text(
    json.dumps(vectors, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8"
)
