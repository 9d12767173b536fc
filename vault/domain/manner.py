"""Manner: what many entries have in common: who did what kind of thing, for what, and how it ended."""

from dataclasses import dataclass

from vault.domain.entry import Entry


@dataclass(frozen=True, slots=True)
class Manner:
    """What an entry shares with others; codes alone, and an empty text or -1 where it has none.

    A house has a few thousand of them, however many its entries are: what is asked for by codes is looked
    for among the manners, and counted by them.
    """

    kind: str
    actor: str
    actor_type: str
    behalf: str
    role: str
    action: str
    purpose: str
    tier: int
    # The outcome's first word, and what stands behind its colon.
    outcome: str
    code: str
    reason_code: str
    object_type: str

    @property
    def whole_outcome(self) -> str:
        """The outcome as the entry has it."""
        return f"{self.outcome}:{self.code}" if self.code else self.outcome


def manner_of(entry: Entry) -> Manner:
    """Tell what *entry* shares with others."""
    outcome, _, code = entry.outcome.partition(":")
    return Manner(
        kind=entry.kind.value,
        actor=entry.actor.id,
        actor_type=entry.actor.type,
        behalf=entry.actor.on_behalf or "",
        role=entry.actor.role or "",
        action=entry.action.value if entry.action else "",
        purpose=entry.purpose or "",
        tier=-1 if entry.tier is None else int(entry.tier),
        outcome=outcome,
        code=code,
        reason_code=entry.reason_code or "",
        object_type=entry.object.type if entry.object else "",
    )
