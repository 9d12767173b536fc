"""Answering: a write is carried out, and answered with the id and ETag of its app, and with warnings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vault.domain.terms import FieldName
from vault.errors import Conflict, VaultError
from vault.services.drafting import Draft
from vault.services.naming import shown_id
from vault.services.parts import Call, Parts
from vault.services.rehearsing import tell_duplicates
from vault.services.storing import Written
from vault.services.writing import write


@dataclass(frozen=True, slots=True)
class Admitted:
    """What a write answers: the app's own id and ETag, and warnings that name fields, never values."""

    id: str
    etag: str
    warnings: tuple[Mapping[str, str], ...] = ()
    replayed: bool = False


def write_told(parts: Parts, call: Call, drafts: Sequence[Draft]) -> list[Written]:
    """Carry out *drafts* together; where a unique value was taken, whom it met is told before the refusal."""
    try:
        return write(parts, call, drafts)
    except Conflict as fault:
        if is_duplicate(fault):
            tell_duplicates(parts, call, drafts)
        raise


def answer(call: Call, draft: Draft, written: Written) -> Admitted:
    """Answer a draft that took hold."""
    identity, space = draft.identity, call.actor.space
    return Admitted(
        shown_id(call.actor, identity, draft.subject),
        identity.etag(space, written.row.revision).hex(),
        warnings_of(written.possible_duplicates),
    )


def warnings_of(possible_duplicates: Sequence[FieldName]) -> tuple[Mapping[str, str], ...]:
    """Warn of each field whose value another customer has too."""
    return tuple({"code": "possible_duplicate", "field": name} for name in possible_duplicates)


def is_duplicate(outcome: Written | VaultError) -> bool:
    """Tell whether it lost to a customer who has its unique value."""
    return isinstance(outcome, Conflict) and outcome.code == "duplicate"
