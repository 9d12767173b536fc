"""Proving: one entry's proof out of an export, and whether such a proof holds."""

from pathlib import Path
from typing import Final

from vault.crypto.signing import verified
from vault.domain.bundles import LONGEST
from vault.domain.canonical import Json
from vault.domain.merkle import leaf_hash
from vault.domain.note import Checkpoint, Note, VerifierKey
from vault.domain.signing_keys import Windows, counts
from vault.domain.tiles import TILE_WIDTH, inclusion_proof
from vault.domain.tlog_proof import MAX_PROOF_BYTES, TlogProof
from vault_verifier.checking import Checking
from vault_verifier.export import Export, Missing
from vault_verifier.report import Report
from vault_verifier.verifying import opened
from vault_verifier.watching import SigningKeys

NOT_JUDGED: Final = (
    "not judged: whether the key had been opened, closed or revoked there, only a whole export tells"
)


def proof_of(export: Export, note: Note, index: int) -> TlogProof:
    """Make the proof of one entry, with its bytes; raises Missing and ValueError where it is not to be had.

    It is made from what the files hold, and proves nothing until it is held against the checkpoint.
    """
    size = note.checkpoint.size
    tile = index // TILE_WIDTH
    body = export.bundle(tile, min(TILE_WIDTH, size - tile * TILE_WIDTH))[index % TILE_WIDTH]
    path = inclusion_proof(index, size, export.reader(size))
    return TlogProof(index, tuple(path), note, body)


def prove(directory: Path, index: int, keys: tuple[VerifierKey, ...], *, out: Path | None = None) -> Report:
    """Write the proof that entry *index* stands in the export, if it does."""
    report = Report("prove")
    export = Export(directory)
    newest = opened(export, report)
    if newest is None:
        return report
    report.facts["index"] = index
    if not 0 <= index < newest.head.size:
        report.fault("index", index)
        return report
    if index < export.minimum(newest.head.size):
        report.fault("not_kept", index)
        return report
    try:
        proof = proof_of(export, newest.note, index)
    except Missing as missing:
        report.fault("file_missing", index, what=missing.name)
        return report
    except ValueError as fault:
        report.fault(str(fault), index)
        return report
    signers = _judge(report, proof, keys)
    if not report.faults:
        # Which keys counted is said by any entry, so that all of them are gone through.
        found = Report("prove")
        signing = SigningKeys()
        roots = Checking(export, found, [signing], reads=False).run(newest.head.size)
        if not found.faults and roots.get(newest.head.size) == newest.head.root:
            judge_windows(report, newest.head, signers, signing.windows)
    # What does not hold is handed to nobody.
    if not report.faults:
        if out is not None:
            out.write_bytes(proof.pack())
            report.facts["written"] = str(out)
        else:
            report.facts["proof"] = proof.pack().decode()
    return report


def check_proof(file: Path, keys: tuple[VerifierKey, ...], *, entry: Path | None = None) -> Report:
    """Check a proof with no more than *keys*: the entry that it carries, or the one in *entry*."""
    report = Report("check-proof")
    try:
        with file.open("rb") as opened_file:
            proof = TlogProof.unpack(opened_file.read(MAX_PROOF_BYTES + 1))
        body = _read_entry(entry) if entry is not None else proof.extra
    except OSError:
        report.fault("proof_unusable", what=file.name)
        return report
    except ValueError as fault:
        report.fault(str(fault), what=file.name)
        return report
    head = proof.note.checkpoint
    report.facts.update(origin=head.origin, size=head.size, root=head.root.hex(), index=proof.index)
    _judge(report, proof, keys, body)
    return report


def _read_entry(file: Path) -> bytes:
    # What is longer than any entry is none, and is not read to its end.
    with file.open("rb") as opened_file:
        return opened_file.read(LONGEST + 1)


def _judge(
    report: Report, proof: TlogProof, keys: tuple[VerifierKey, ...], body: bytes | None = None
) -> tuple[VerifierKey, ...]:
    told = body if body is not None else proof.extra
    if told is None:
        report.fault("entry_not_given", proof.index)
    elif not proof.proves(leaf_hash(told)):
        report.fault("proof", proof.index)
    else:
        report.facts["entry"] = _text(told)
        report.facts["leaf"] = leaf_hash(told).hex()
    return judge_note(report, proof.note, keys)


def judge_note(report: Report, note: Note, keys: tuple[VerifierKey, ...]) -> tuple[VerifierKey, ...]:
    """Ask who signed: at least one of *keys*, in the name of the ledger; returns which of them did.

    Whether they counted there, a note alone does not tell.
    """
    report.facts["key_windows"] = NOT_JUDGED
    try:
        signers = verified(note, keys)
    except ValueError:
        report.fault("signature", what="checkpoint")
        return ()
    if not signers:
        report.fault("unsigned", what="checkpoint")
    elif any(key.name != note.checkpoint.origin for key in signers):
        report.fault("origin", what="checkpoint")
    report.facts["signed_by"] = [key.text() for key in signers]
    return signers


def judge_windows(
    report: Report, head: Checkpoint, signers: tuple[VerifierKey, ...], windows: Windows
) -> None:
    """Ask whether any of those who signed counted there, by what every entry before *head* says of keys."""
    report.facts["key_windows"] = "judged"
    if not any(counts(windows, key, head.size) for key in signers):
        report.fault("signing_key", head.size, what="checkpoint")


def _text(body: bytes) -> Json:
    return body.decode(errors="backslashreplace")
