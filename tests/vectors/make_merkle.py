"""Writes merkle.json by the recursive definitions of RFC 6962 2.1, sharing no code with the vault.

Run it as ``python tests/vectors/make_merkle.py``.
"""

import hashlib
import json
from pathlib import Path


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def mth(d: list[bytes]) -> bytes:
    n = len(d)
    if n == 0:
        return sha(b"")
    if n == 1:
        return sha(b"\x00" + d[0])
    k = 1
    while k * 2 < n:
        k *= 2
    return sha(b"\x01" + mth(d[:k]) + mth(d[k:]))


def path(m: int, d: list[bytes]) -> list[bytes]:
    n = len(d)
    if n == 1:
        return []
    k = 1
    while k * 2 < n:
        k *= 2
    if m < k:
        return [*path(m, d[:k]), mth(d[k:])]
    return [*path(m - k, d[k:]), mth(d[:k])]


def subproof(m: int, d: list[bytes], b: int) -> list[bytes]:
    n = len(d)
    if m == n:
        return [] if b else [mth(d)]
    k = 1
    while k * 2 < n:
        k *= 2
    if m <= k:
        return [*subproof(m, d[:k], b), mth(d[k:])]
    return [*subproof(m - k, d[k:], 0), mth(d[:k])]


# The eight leaves that every implementation of Certificate Transparency is tried with, then numbered ones.
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
D = [bytes.fromhex(leaf) for leaf in LEAVES] + [b"leaf %d" % n for n in range(8, 33)]

inclusion = [
    {"index": m, "size": n, "proof": [h.hex() for h in path(m, D[:n])]}
    for n in (1, 2, 3, 5, 7, 8, 13, 32, 33)
    for m in sorted({0, n // 2, n - 1})
]
consistency = [
    {"was": m, "size": n, "proof": [h.hex() for h in (subproof(m, D[:n], 1) if 0 < m < n else [])]}
    for n in (0, 1, 3, 7, 8, 33)
    for m in sorted({0, n // 3, n // 2, n - 1, n} & set(range(n + 1)))
]


def flipped(h: bytes) -> bytes:
    return bytes([h[0] ^ 1]) + h[1:]


# Each proof below must be refused; "fault" says what is wrong with it.
P = path(5, D[:13])
C = subproof(5, D[:13], 1)
bad_inclusion = [
    {"fault": "a sibling was changed", "index": 5, "size": 13, "proof": [flipped(P[0]), *P[1:]]},
    {"fault": "a sibling is missing", "index": 5, "size": 13, "proof": P[:-1]},
    {"fault": "a sibling too many", "index": 5, "size": 13, "proof": [*P, P[0]]},
    {"fault": "siblings in the wrong order", "index": 5, "size": 13, "proof": P[::-1]},
    {"fault": "another index", "index": 4, "size": 13, "proof": P},
    {"fault": "another size", "index": 5, "size": 12, "proof": P},
    {"fault": "an index outside the tree", "index": 13, "size": 13, "proof": P},
    {"fault": "a negative index", "index": -1, "size": 13, "proof": P},
    {"fault": "a sibling of 31 bytes", "index": 5, "size": 13, "proof": [P[0][:31], *P[1:]]},
]
bad_consistency = [
    {
        "fault": "a hash was changed",
        "was": 5,
        "size": 13,
        "was_root": mth(D[:5]),
        "proof": [*C[:-1], flipped(C[-1])],
    },
    {"fault": "a hash is missing", "was": 5, "size": 13, "was_root": mth(D[:5]), "proof": C[:-1]},
    {"fault": "a hash too many", "was": 5, "size": 13, "was_root": mth(D[:5]), "proof": [*C, C[0]]},
    {"fault": "no proof at all", "was": 5, "size": 13, "was_root": mth(D[:5]), "proof": []},
    {"fault": "another old root", "was": 5, "size": 13, "was_root": mth(D[:6]), "proof": C},
    {"fault": "an old tree larger than the new", "was": 14, "size": 13, "was_root": mth(D[:14]), "proof": C},
    {"fault": "same size, another root", "was": 13, "size": 13, "was_root": mth(D[:12]), "proof": []},
    {"fault": "same size, with a proof", "was": 13, "size": 13, "was_root": mth(D[:13]), "proof": C},
    {
        "fault": "an empty tree with a root of its own",
        "was": 0,
        "size": 13,
        "was_root": mth(D[:1]),
        "proof": [],
    },
    {"fault": "an empty tree with a proof", "was": 0, "size": 13, "was_root": mth([]), "proof": C},
    {
        "fault": "a hash of 33 bytes",
        "was": 5,
        "size": 13,
        "was_root": mth(D[:5]),
        "proof": [*C[:-1], C[-1] + b"0"],
    },
]
Path(__file__).with_name("merkle.json").write_text(
    json.dumps(
        {
            "leaves": [leaf.hex() for leaf in D],
            "leaf_hashes": [sha(b"\x00" + leaf).hex() for leaf in D],
            "roots": [mth(D[:n]).hex() for n in range(len(D) + 1)],
            "inclusion": inclusion,
            "consistency": consistency,
            "bad_inclusion": bad_inclusion,
            "bad_consistency": bad_consistency,
        },
        indent=1,
        default=bytes.hex,
    )
    + "\n"
)
