"""Verifying: whether an export is what was signed, by whom it should be, and reaches every anchor."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from vault.domain.bundles import ABOUT, CHECKPOINT
from vault.domain.note import Checkpoint, Note, VerifierKey
from vault_verifier import anchors, policies
from vault_verifier.anchors import Anchor
from vault_verifier.checking import Checking
from vault_verifier.export import Export, Missing
from vault_verifier.keys import Signed, Trust, are_signed
from vault_verifier.maps import Maps
from vault_verifier.policies import Policy
from vault_verifier.report import Report
from vault_verifier.watching import ClockSteps, SigningKeys, Watch


def verify(
    directory: Path,
    keys: tuple[VerifierKey, ...],
    *,
    anchor_files: Iterable[str] = (),
    policy: Policy | None = None,
) -> Report:
    """Verify the export in *directory* with no more than it and *keys*."""
    report = Report("verify")
    export = Export(directory)
    newest = opened(export, report)
    if newest is None:
        return report
    head = newest.head
    minimum = export.minimum(head.size)
    older, larger = _others(export, report, head)
    keys, witnesses = _parted(keys, head.origin, policy)
    given, along = [*anchors.given(report, anchor_files)], _exported_anchors(export, report)
    if minimum:
        # Of a smaller tree nothing can be computed any more: what says something of it is counted.
        heads = [*(one.head for one in older), *(one.head for one in (*given, *along))]
        older = [one for one in older if one.head.size >= minimum]
        given = [one for one in given if one.head.size >= minimum]
        along = [one for one in along if one.head.size >= minimum]
        report.facts["not_compared"] = sum(one.size < minimum for one in heads)
    seen = [*given, *(one for one in along if anchors.is_seen(one, witnesses))]
    known = [*given, *along]
    signed = [
        *older,
        newest,
        *(Signed(one.what, one.note, one.head) for one in known if one.note is not None),
    ]
    notes = [one for one in signed if one.head.origin == head.origin]
    if not are_signed(report, notes, keys):
        return report
    signing = SigningKeys(minimum)
    watches: list[Watch] = [signing, ClockSteps(report), Maps(report, export, minimum)]
    wanted = [*(one.head.size for one in older), *(one.head.size for one in known)]
    roots = Checking(export, report, watches, minimum=minimum).run(head.size, wanted)
    trust = Trust(report, keys, signing.windows)
    if head.size in roots:
        believed = trust.settle(notes)
        for one in trust.signed_beyond(larger):
            report.fault("shorter_than_checkpoint", head.size, one.head.size - 1, what=one.what)
    else:
        # Where entries did not come along, so may those that opened a key.
        believed = [newest] if are_signed(report, [newest], keys) else []
    _hold(report, head, roots, [*(Anchor(one.what, one.head) for one in (*older, newest)), *known])
    if policy is not None:
        policies.hold(report, policy, newest.note)
    report.facts["signed_by"] = [one.text() for one in _signers_of(newest, believed, trust)]
    report.facts["checkpoints"] = len(older) + 1
    report.facts["anchors"] = anchors.summary(
        (one for one in seen if one.head.origin == head.origin), claimed=len(known) - len(seen)
    )
    return report


def _parted(
    keys: tuple[VerifierKey, ...], origin: str, policy: Policy | None
) -> tuple[tuple[VerifierKey, ...], tuple[VerifierKey, ...]]:
    """Part the keys that may sign in the name of the ledger from those of witnesses, who have another."""
    witnesses = tuple(one for one in keys if one.name != origin and one.kind in policies.WITNESSING)
    more = policy.witnesses if policy is not None else ()
    return tuple(one for one in keys if one not in witnesses), (*witnesses, *more)


def opened(export: Export, report: Report) -> Signed | None:
    """Read what an export says of itself, and its checkpoint; None, and a fault, where it is none."""
    try:
        about = export.about()
    except Missing as missing:
        report.fault("file_missing", what=missing.name)
        return None
    except ValueError:
        report.fault("export_unusable", what=ABOUT)
        return None
    try:
        note = export.note()
        head = note.checkpoint
        minimum = export.minimum(head.size)
    except Missing as missing:
        report.fault("file_missing", what=missing.name)
        return None
    except ValueError as fault:
        report.fault(str(fault), what=ABOUT if str(fault) == "export_unusable" else CHECKPOINT)
        return None
    if about.get("origin") != head.origin:
        report.fault("export_unusable", what=ABOUT)
    report.facts.update(
        origin=head.origin,
        size=head.size,
        root=head.root.hex(),
        minimum_index=minimum,
        # Nobody signs this: it is what the house says of itself.
        notary=_notary(about.get("notary")),
    )
    return Signed(CHECKPOINT, note, head)


def _notary(told: object) -> str:
    match told:
        case {"dependent": []}:
            return "independent"
        case {"dependent": [*words]}:
            return f"not independent: {', '.join(map(str, words))}"
        case _:
            return "unknown"


def _others(export: Export, report: Report, head: Checkpoint) -> tuple[list[Signed], list[Signed]]:
    """Read the checkpoints that came along; those that are larger than the export are of what was cut off."""
    found: list[Signed] = []
    larger: list[Signed] = []
    try:
        for what, packed in export.older():
            try:
                note = Note.unpack(packed)
                one = Signed(what, note, note.checkpoint)
            except ValueError as fault:
                report.fault(str(fault), what=what)
                continue
            if one.head.origin != head.origin:
                report.fault("origin", what=what)
            else:
                (found if one.head.size <= head.size else larger).append(one)
    except Missing as missing:
        report.fault("file_missing", what=missing.name)
    return found, larger


def _exported_anchors(export: Export, report: Report) -> list[Anchor]:
    """Read the notes that came along from anchors; other evidence of theirs is for other tools."""
    found: list[Anchor] = []
    for what, packed in export.anchors():
        if what.endswith(".note"):
            try:
                found.append(anchors.read_anchor(what, packed))
            except ValueError:
                report.fault("anchor_unusable", what=what)
    return found


def _hold(report: Report, head: Checkpoint, roots: Mapping[int, bytes], known: Sequence[Anchor]) -> None:
    """Hold the tree against every known checkpoint of it, and say between which two it was changed."""
    agreed = 0
    for one in sorted(known, key=lambda one: one.head.size):
        size = one.head.size
        if one.head.origin != head.origin:
            report.fault("anchor_unusable", what=one.what)
        elif size > head.size:
            report.fault("shorter_than_anchor", head.size, size - 1, what=one.what)
        elif size and size not in roots:
            report.fault("root_unknown", agreed, size - 1, what=one.what)
        elif size and roots[size] != one.head.root:
            report.fault("root", agreed, size - 1, what=one.what)
        else:
            agreed = size


def _signers_of(newest: Signed, believed: Sequence[Signed], trust: Trust) -> list[VerifierKey]:
    if newest not in believed:
        return []
    return [key for key in trust.keys if any(one.is_by(key) for one in newest.note.signatures)]
