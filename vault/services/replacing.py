"""Replacing: policy files take the place of those in force, once a second person agrees."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from vault.domain.canonical import Json
from vault.domain.entry import ObjectRef
from vault.domain.grants import token_text
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.policy import Policy, files_text, policy_digest
from vault.domain.separation import held_alone
from vault.domain.terms import ActorId, RoleId
from vault.errors import Conflict, Corrupt, PolicyMistakes, Refused, Stale
from vault.rulebook.checking import check
from vault.services.commanding import check_enough_left
from vault.services.governing import Change, Ground, Told
from vault.services.granting import live_grants, owned_by
from vault.services.parts import Parts
from vault.storage.policies import PolicyRow

# Nobody reads more lines than that before approving; the rest is in the plan.
_MOST_LINES = 200


@dataclass(frozen=True, slots=True)
class Replace:
    """Put *files*, planned against the version of digest *base*, in force as the next version."""

    kind: ClassVar[str] = "policy.apply"
    decided_by: ClassVar[str] = "govern"

    base: bytes
    author: str
    files: Mapping[str, str] = field(repr=False)

    @classmethod
    def read(cls, written: Mapping[str, Json], attached: str | None) -> "Replace":
        """Read what :meth:`written` gives, with the files that were attached to it; Corrupt for others."""
        match written:
            case {"base": str(base), "digest": str(digest), "author": str(author)}:
                files: dict[str, str] = dict(json.loads(attached or "[]"))
                if policy_digest(files).hex() != digest:
                    raise Corrupt("approval_files")
                return cls(bytes.fromhex(base), author, files)
            case _:
                raise ValueError("command")

    def written(self) -> Mapping[str, Json]:
        """Write it as JSON; the files are named by their digest."""
        return {"base": self.base.hex(), "digest": policy_digest(self.files).hex(), "author": self.author}

    def attached(self) -> str:
        """Write the files as they are stored."""
        return files_text(self.files)

    def says(self, parts: Parts, ground: Ground) -> tuple[str, ...]:
        """Say what it would let whom do, and what no longer."""
        new, old = policy_digest(self.files).hex()[:16], self.base.hex()[:16]
        head = f"Put the policy {new}… in force instead of {old}…"
        if ground.policy.digest != self.base:
            # What it changed, or would have, was said against a version that is no longer in force.
            return (head, "planned against a version that is no longer in force")
        wanted, mistakes = parts.rulebook.checked(self.files, before=ground.policy)
        if wanted is None:
            return (head, *map(str, mistakes))
        words = parts.rulebook.compare(ground.policy, wanted).words() or [
            "Nobody may do more or less than before."
        ]
        left = [f"and {len(words) - _MOST_LINES} more"] if len(words) > _MOST_LINES else []
        return (head, *words[:_MOST_LINES], *left)

    def beneficiary(self) -> ActorId | None:
        """Nobody more than anyone."""
        return None

    def effect(self, parts: Parts, ground: Ground) -> Change:
        """Judge the files on what stands.

        Raises Stale ``policy_base`` where another version is in force, Conflict ``policy_unchanged`` where it
        is these files, PolicyMistakes with all of them, and Refused ``separation`` where somebody would hold
        roles together that nobody may, and Conflict ``last_administrators`` where fewer than two would be
        left to govern.
        """
        if ground.standing.policy_digest != self.base:
            raise Stale("policy_base")
        if policy_digest(self.files) == self.base:
            raise Conflict("policy_unchanged")
        wanted, mistakes = parts.rulebook.checked(self.files, before=ground.policy)
        if wanted is None:
            raise PolicyMistakes([str(mistake) for mistake in mistakes])
        _check_holders(ground, wanted)
        check_enough_left(ground, (), policy=wanted)
        number = max(row.number for row in ground.standing.policies) + 1
        return applied(
            PolicyRow(parts.tenant, number, policy_digest(self.files), millis(ground.at), self.author),
            self.files,
        )


def checked(files: Mapping[str, str], *, before: Policy | None) -> Policy:
    """Build the policy of *files*; raises PolicyMistakes with all in them."""
    wanted, mistakes = check(files, before=before)
    if wanted is None:
        raise PolicyMistakes([str(mistake) for mistake in mistakes])
    return wanted


def applied(row: PolicyRow, files: Mapping[str, str]) -> Change:
    """Let *files* be the version of *row*."""
    about = ObjectRef("policy", None, f"{row.number}:{token_text(row.digest)}")
    return Change((row,), (Told(Kind.POLICY_APPLIED, about),), files_text(files))


def _check_holders(ground: Ground, wanted: Policy) -> None:
    for person in ground.standing.people:
        holders = [ActorId(person), *owned_by(ground.standing, ActorId(person))]
        held = {RoleId(one.role) for who in holders for one in live_grants(ground.standing, who, ground.at)}
        alone = held_alone([wanted.roles[role] for role in held if role in wanted.roles])
        if alone is not None:
            raise Refused("separation", role=alone)
