"""Naming: by which id an asker knows a customer: an app by its own, a person by the vault's (DESIGN §11)."""

from collections.abc import Sequence

from vault.custody.identity import Identity
from vault.domain.access import Actor
from vault.domain.terms import SubjectId, id_bytes, id_text


def shown_id(actor: Actor, identity: Identity, subject: SubjectId) -> str:
    """Write the id by which *actor* knows *subject*."""
    if actor.kind == "person":
        return id_text("sub", subject)
    return id_text("cus", identity.pairwise(actor.space, subject))


def subjects_named(ids: Sequence[str]) -> list[SubjectId | None]:
    """Read the ids by which people know subjects; None for what is not one."""
    read = [id_bytes("sub", text) for text in ids]
    return [SubjectId(raw) if raw is not None else None for raw in read]
