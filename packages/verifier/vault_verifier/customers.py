"""Customers: the bundle that one of them was handed is checked alone: every entry, and that it is all."""

from pathlib import Path
from typing import Final

from vault.domain import access_bundle
from vault.domain.accesses import Access
from vault.domain.canonical import Json
from vault.domain.note import Note, VerifierKey
from vault_verifier.proving import judge_note
from vault_verifier.report import Report

# Far more than all that one customer can be told of.
LONGEST: Final = 1 << 26


def check(path: Path, keys: tuple[VerifierKey, ...]) -> Report:
    """Check the bundle in *path* with no more than it and *keys*."""
    report = Report("subject")
    try:
        bundle = access_bundle.read(_read(path))
        checked = access_bundle.check(bundle)
        note = Note.unpack(bundle.note)
    except (OSError, ValueError):
        report.fault("bundle_unusable")
        return report
    judge_note(report, note, keys)
    for fault in checked.faults:
        reason, _, where = fault.partition(":")
        if where.isdigit():
            report.fault(reason, int(where))
        else:
            report.fault(reason, what=where or None)
    if checked.delayed:
        # By law some entries may be shown later: that these are all can be said when that is over.
        report.fault("delayed")
    report.facts.update(
        origin=note.checkpoint.origin,
        size=note.checkpoint.size,
        months=[one.month for one in bundle.months],
        # Nothing is said of entries before it: they were pruned.
        counted_from=bundle.head.start,
        counted_to=checked.size,
        counted=checked.counted,
        since=checked.since,
        entries=[_told(one) for one in checked.accesses],
    )
    return report


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        packed = file.read(LONGEST + 1)
    if len(packed) > LONGEST:
        raise ValueError("length")
    return packed


def _told(one: Access) -> Json:
    return {
        "index": one.index,
        "on": one.on,
        "kind": one.kind,
        "purpose": one.purpose,
        "roles": list[Json](one.roles),
        "fields": list[Json](one.fields),
        "outcome": one.outcome,
    }
