"""Subjects: every entry of an export that names one of some audit tokens, each with its proof."""

from collections.abc import Sequence
from pathlib import Path

from vault.domain.canonical import Json
from vault.domain.entry_reading import read_entry
from vault.domain.grants import token_bytes, token_text
from vault.domain.note import Note, VerifierKey
from vault.domain.terms import ID_BYTES
from vault.domain.tiles import TILE_WIDTH
from vault_verifier.checking import Checking
from vault_verifier.export import Export, Missing
from vault_verifier.proving import judge_note, judge_windows, proof_of
from vault_verifier.report import Report
from vault_verifier.verifying import opened
from vault_verifier.watching import SigningKeys


def subject(
    directory: Path, tokens: Sequence[str], keys: tuple[VerifierKey, ...], *, proofs: Path | None = None
) -> Report:
    """List the entries that name *tokens*. Every entry is hashed, so that none of them can be left out."""
    report = Report("subject")
    try:
        sought = {token_bytes(token) for token in tokens}
    except ValueError:
        sought = set()
    if not sought or any(len(token) != ID_BYTES for token in sought):
        report.fault("token_unusable")
        return report
    export = Export(directory)
    newest = opened(export, report)
    if newest is None:
        return report
    signers = judge_note(report, newest.note, keys)
    if not signers:
        return report
    minimum = export.minimum(newest.head.size)
    signing = SigningKeys(minimum)
    checking = Checking(export, report, [signing], reads=False, minimum=minimum)
    roots = checking.run(newest.head.size)
    if newest.head.size in roots and roots[newest.head.size] != newest.head.root:
        report.fault("root", 0, newest.head.size - 1)
    if not report.faults:
        judge_windows(report, newest.head, signers, signing.windows)
    listed: list[Json] = []
    for index, body in _naming(export, newest.head.size, sought):
        listed.append(_told(index, body) | _proved(report, export, newest.note, index=index, proofs=proofs))
    report.facts["entries"] = listed
    report.facts["count"] = len(listed)
    return report


def _naming(export: Export, size: int, sought: set[bytes]) -> list[tuple[int, bytes]]:
    texts = [token_text(token).encode() for token in sought]
    found: list[tuple[int, bytes]] = []
    for index in range(export.minimum(size) // TILE_WIDTH, -(-size // TILE_WIDTH)):
        try:
            bodies = export.bundle(index, min(TILE_WIDTH, size - index * TILE_WIDTH))
        except (Missing, ValueError):
            # It has been named already.
            continue
        for at, body in enumerate(bodies, index * TILE_WIDTH):
            if any(text in body for text in texts):
                found.append((at, body))
    return [(at, body) for at, body in found if sought & _tokens(body)]


def _tokens(body: bytes) -> set[bytes]:
    try:
        return {token for one in read_entry(body).sets for token in one.subjects}
    except ValueError:
        return set()


def _told(index: int, body: bytes) -> dict[str, Json]:
    entry = read_entry(body)
    return {
        "index": index,
        "t": entry.at_ms,
        "kind": entry.kind.value,
        "outcome": entry.outcome,
        "purpose": entry.purpose,
        "actor": entry.actor.id,
        "role": entry.actor.role,
        "fields": [*sorted({name for one in entry.sets for name in one.fields})],
    }


def _proved(
    report: Report, export: Export, note: Note, *, index: int, proofs: Path | None
) -> dict[str, Json]:
    try:
        proof = proof_of(export, note, index).pack()
    except (Missing, ValueError):
        report.fault("proof", index)
        return {}
    if proofs is None:
        return {"proof": proof.decode()}
    proofs.mkdir(parents=True, exist_ok=True)
    path = proofs / f"{index}.tlog-proof"
    path.write_bytes(proof)
    return {"proof": str(path)}
