"""Keys: the public keys that an auditor trusts, and which checkpoints they and their successors signed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vault.crypto.signing import verified
from vault.domain.note import Checkpoint, Note, VerifierKey
from vault.domain.signing_keys import Windows, counts, public_keys
from vault_verifier.report import Report


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint that was read, where it stands, and the note around it."""

    what: str
    note: Note
    head: Checkpoint


def read_keys(given: Iterable[str]) -> tuple[VerifierKey, ...]:
    """Read keys as they were given: each a vkey, or a file with one on each line. Raises ValueError."""
    lines: list[str] = []
    for one in given:
        is_file = "+" not in one and Path(one).is_file()
        lines += Path(one).read_text().splitlines() if is_file else [one]
    keys = tuple(VerifierKey.parse(line.strip()) for line in lines if line.strip())
    if not keys:
        raise ValueError("vkey")
    return keys


def are_signed(report: Report, notes: Sequence[Signed], keys: tuple[VerifierKey, ...]) -> bool:
    """Tell whether any of *notes* is signed by one of *keys*; where none is, each is a fault.

    What nobody signed may claim to be of any size: it is not worth going through.
    """
    found: list[tuple[str, Signed]] = []
    for one in notes:
        try:
            if verified(one.note, keys):
                return True
            found.append(("unsigned", one))
        except ValueError:
            found.append(("signature", one))
    for reason, one in found:
        report.fault(reason, what=one.what)
    return False


@dataclass(slots=True)
class Trust:
    """Whom to believe: the keys given, and those that the ledger names under what these have signed."""

    report: Report
    keys: tuple[VerifierKey, ...]
    windows: Windows = field(default_factory=dict)
    # Keys that nobody gave, and that a note is believed by alone.
    followed: list[VerifierKey] = field(default_factory=list)

    def settle(self, notes: Sequence[Signed]) -> list[Signed]:
        """Choose which of *notes* are signed by whom one may believe; the others are faults.

        A signature counts only between the entries that opened and ended its key. What is signed so vouches
        for what the ledger says of other keys before it: an auditor with one key follows to the next.
        """
        given = self.keys
        believed: list[Signed] = []
        waiting = list(notes)
        while waiting:
            left: list[Signed] = []
            for one in waiting:
                signers = self._signers(one)
                if signers is None:
                    continue
                counting = [key for key in signers if counts(self.windows, key, one.head.size)]
                if not signers:
                    left.append(one)
                elif counting:
                    believed.append(one)
                    if not any(key in given for key in counting):
                        self.followed += (key for key in counting if key not in self.followed)
                    self._learn(one.head)
                else:
                    self.report.fault("signing_key", one.head.size, what=one.what)
            if len(left) == len(waiting):
                break
            waiting = left
        for one in waiting:
            self.report.fault("unsigned", what=one.what)
        for key in self.followed:
            self.report.warn("keys_followed", what=key.text())
        return sorted(believed, key=lambda one: one.head.size)

    def signed_beyond(self, notes: Sequence[Signed]) -> list[Signed]:
        """Choose which of *notes*, that are larger than what was gone through, are signed; others are faults.

        They say nothing of the entries that are here, and lead to no other key.
        """
        found = []
        for one in notes:
            signers = self._signers(one) or ()
            if any(counts(self.windows, key, one.head.size) for key in signers):
                found.append(one)
            elif signers:
                self.report.fault("signing_key", one.head.size, what=one.what)
            else:
                self.report.fault("unsigned", what=one.what)
        return found

    def _signers(self, one: Signed) -> tuple[VerifierKey, ...] | None:
        """Name who signed; None, and a fault, where a signature is none or the key is another ledger's."""
        try:
            signers = verified(one.note, self.keys)
        except ValueError:
            self.report.fault("signature", what=one.what)
            return None
        if any(key.name != one.head.origin for key in signers):
            self.report.fault("origin", what=one.what)
            return None
        return signers

    def _learn(self, head: Checkpoint) -> None:
        told = {key: one for key, one in self.windows.items() if one.told < head.size}
        self.keys += tuple(key for key in public_keys(told, head.origin) if key not in self.keys)
