"""Policies: which logs and how many of which witnesses must sign a checkpoint (C2SP tlog-policy)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from vault.crypto.signing import verified
from vault.domain.note import KeyKind, Note, VerifierKey
from vault_verifier.report import Report

_NONE = "none"
WITNESSING = frozenset({KeyKind.COSIGNATURE, KeyKind.MLDSA44})


@dataclass(frozen=True, slots=True)
class Group:
    """So many of these members must have cosigned."""

    least: int
    members: tuple[str, ...]


Named: TypeAlias = Mapping[str, VerifierKey | Group]


@dataclass(frozen=True, slots=True)
class Policy:
    """The logs that are accepted, the witnesses and groups by name, and the name of the quorum."""

    logs: tuple[VerifierKey, ...]
    named: Named
    quorum: str

    @property
    def witnesses(self) -> tuple[VerifierKey, ...]:
        """The key of every witness."""
        return tuple(one for one in self.named.values() if isinstance(one, VerifierKey))

    def is_met(self, cosigners: Sequence[VerifierKey]) -> bool:
        """Tell whether those who have cosigned are a quorum."""
        return self.quorum == _NONE or self._has(self.quorum, cosigners)

    def _has(self, name: str, cosigners: Sequence[VerifierKey]) -> bool:
        one = self.named[name]
        if isinstance(one, VerifierKey):
            return one in cosigners
        return sum(self._has(member, cosigners) for member in one.members) >= one.least


def read_policy(text: str) -> Policy:
    """Read a policy file; raises ValueError ``policy`` for anything that is not of its form."""
    logs: list[VerifierKey] = []
    named: dict[str, VerifierKey | Group] = {}
    quorum: str | None = None
    for line in text.split("\n"):
        match line.split():
            case []:
                continue
            case [first, *_] if first.startswith("#"):
                continue
            case ["log", vkey] | ["log", vkey, _]:
                logs.append(VerifierKey.parse(vkey))
            case ["witness", name, vkey] | ["witness", name, vkey, _] if _is_free(name, named):
                key = VerifierKey.parse(vkey)
                if key.kind not in WITNESSING or any(key.public == _public(one) for one in named.values()):
                    raise ValueError("policy")
                named[name] = key
            case ["group", name, least, *members] if _is_free(name, named) and members:
                named[name] = Group(_least(least, len(members)), tuple(members))
                if any(member not in named or member == name for member in members):
                    raise ValueError("policy")
            case ["quorum", name] if quorum is None and (name == _NONE or name in named):
                quorum = name
            case _:
                raise ValueError("policy")
    if quorum is None or len({one.public for one in logs}) != len(logs):
        raise ValueError("policy")
    return Policy(tuple(logs), named, quorum)


def hold(report: Report, policy: Policy, note: Note) -> None:
    """Hold a checkpoint against *policy*: a log of it must have signed, and a quorum of its witnesses."""
    try:
        signers = verified(note, (*policy.logs, *policy.witnesses))
    except ValueError:
        report.fault("signature", what="policy")
        return
    cosigners = [key for key in signers if key in policy.witnesses]
    report.facts["witnesses"] = [key.name for key in cosigners]
    if policy.logs and not any(key in policy.logs for key in signers):
        report.fault("unsigned", what="policy")
    if not policy.is_met(cosigners):
        report.fault("quorum_missed", what=policy.quorum)


def _is_free(name: str, named: Named) -> bool:
    return name != _NONE and name not in named


def _public(one: VerifierKey | Group) -> bytes | None:
    return one.public if isinstance(one, VerifierKey) else None


def _least(text: str, count: int) -> int:
    least = {"any": 1, "all": count}.get(text) or int(text)
    if not 1 <= least <= count or text not in {"any", "all", str(least)}:
        raise ValueError("policy")
    return least
