"""Report: what was looked at, what is wrong with which entries, and what that means, as one JSON object."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from vault.domain.canonical import Json

# So many faults and warnings are listed; beyond them they are counted.
LISTED: Final = 1_000
VERSION: Final = 1


class Verdict(IntEnum):
    """What a run ends with: its exit code."""

    OK = 0
    TAMPERED = 1
    # Something is missing or cannot be used, so that nothing can be said of the whole.
    INCOMPLETE = 2


# What is wrong where nobody need have done wrong: a file that did not come along, a key that was not given.
UNUSABLE: Final = frozenset(
    {
        "anchor_unusable",
        "bundle_unusable",
        "delayed",
        "export_unusable",
        "file_missing",
        "index",
        "key_unusable",
        "newer_than_this_tool",
        "not_kept",
        "note_unusable",
        "policy_unusable",
        "proof_unusable",
        "quorum_missed",
        "root_unknown",
        "entry_not_given",
        "token_unusable",
        "unsigned",
    }
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault or a warning: its code, the first and last entry that it concerns, and a file or name."""

    reason: str
    first: int | None = None
    last: int | None = None
    what: str | None = None

    def as_json(self) -> Json:
        """Write it down; what it does not concern has no key."""
        told: dict[str, Json] = {
            "reason": self.reason,
            "first": self.first,
            "last": self.first if self.last is None else self.last,
            "what": self.what,
        }
        return {name: value for name, value in told.items() if value is not None}


@dataclass(slots=True)
class Report:
    """What a run has found so far."""

    command: str
    facts: dict[str, Json] = field(default_factory=dict)
    faults: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)
    unlisted: int = 0
    verdict: Verdict = Verdict.OK

    def fault(
        self, reason: str, first: int | None = None, last: int | None = None, *, what: str | None = None
    ) -> None:
        """Name what is wrong. What was tampered with weighs more than what is missing."""
        found = Verdict.INCOMPLETE if reason in UNUSABLE else Verdict.TAMPERED
        self.verdict = found if self.verdict is not Verdict.TAMPERED else self.verdict
        self._list(self.faults, Finding(reason, first, last, what))

    def warn(
        self, reason: str, first: int | None = None, last: int | None = None, *, what: str | None = None
    ) -> None:
        """Name what somebody should know, and what is no tampering."""
        self._list(self.warnings, Finding(reason, first, last, what))

    def as_json(self) -> Mapping[str, Json]:
        """Write the whole report."""
        return {
            "v": VERSION,
            "command": self.command,
            "verdict": self.verdict.name.lower(),
            **self.facts,
            "faults": [one.as_json() for one in self.faults],
            "warnings": [one.as_json() for one in self.warnings],
            "unlisted": self.unlisted,
        }

    def _list(self, listed: list[Finding], one: Finding) -> None:
        if len(listed) < LISTED:
            listed.append(one)
        else:
            self.unlisted += 1
