"""Lookup: find a customer by an exact or partial value, or say whether a value matches; no more."""

from collections.abc import Callable, Sequence
from functools import partial

from vault.domain.canonical import Json
from vault.domain.catalogue import Field
from vault.domain.normalise import query, tail
from vault.domain.terms import Action, FieldName, SubjectId
from vault.errors import Corrupt, InvalidValue, TierUnavailable, Unavailable, VaultError
from vault.services import witness
from vault.services.braking import miss, was_none
from vault.services.comparing import ends, holds
from vault.services.issuing import issue
from vault.services.locating import locate, locate_known, unchanged
from vault.services.parts import Call, Parts
from vault.services.permitting import Permit, permit, permit_each
from vault.services.releasing import Opened, release
from vault.storage import subjects, tokens

# A suffix of four digits meets about one customer in four thousand; beyond this the question is too wide.
MOST_CANDIDATES = 500


def lookup(parts: Parts, call: Call, field: str, value: Json, *, suffix: bool = False) -> list[str]:
    """Find customers by an indexed field; returns the app's own ids, in their own order.

    Absent, restricted and not the asker's look alike: an empty list. Candidates are opened, under one entry
    written first, and compared: a row of the index is ours or not, but only the value tells whether it is
    today's. Raises InvalidValue ``not_indexed`` or for a value that the field could not hold, ``limit`` where
    too many share a suffix, TierUnavailable, Refused, and Corrupt where an old row was put back.
    """
    asked = permit_each(parts, call, Action.LOOKUP, [field]).request.catalogue.field(field)
    wanted = _ending(asked, value) if suffix else _whole(asked, value)
    if not asked.tiers <= parts.keyring.served:
        raise TierUnavailable(field=asked.name)
    # Held before anybody is looked for: without one left, a hit and a miss are refused alike.
    miss(parts, call, Action.LOOKUP, 1)
    try:
        candidates = _hits(parts, asked, wanted, suffix=suffix)
    except Corrupt as fault:
        parts.ledger.append(witness.rejected(parts, call, Action.LOOKUP, fault))
        raise
    except InvalidValue as fault:
        # That so many share an ending is an answer, too.
        parts.ledger.refuse(witness.refused(parts, call, Action.LOOKUP, fault))
        raise
    if not candidates:
        parts.ledger.append(witness.missed(parts, call, asked, wanted))
        return []
    found = release(
        parts,
        call,
        Action.LOOKUP,
        [field],
        targets=candidates,
        find=locate_known,
        permitting=partial(_permit, asked.name),
    )
    for one in found:
        if isinstance(one, Corrupt | Unavailable):
            # Neither is an answer: to leave such a customer out would say that nobody has the value.
            raise one
    opened = [one for one in found if isinstance(one, Opened)]
    hits = [one for one in opened if (ends if suffix else holds)(one, asked, wanted)]
    if not suffix and len(hits) < len(opened):
        _refuse_old_rows(parts, call, asked, wanted, [one for one in opened if one not in hits])
    if hits:
        was_none(parts, call)
    return sorted(issue(parts, call, [one.located.identity for one in hits]))


def match(parts: Parts, call: Call, customer: str, field: str, value: Json) -> bool:
    """Say whether the customer's field holds *value*, after normalising both; the value is not shown.

    Raises NotFound, Refused, TierUnavailable, InvalidValue where the field could not hold such a value.
    """
    asked = permit_each(parts, call, Action.MATCH, [field]).request.catalogue.field(field)
    wanted = query(asked, value)
    miss(parts, call, Action.MATCH, 1)
    (opened,) = release(parts, call, Action.MATCH, [field], targets=[customer], find=locate)
    if isinstance(opened, VaultError):
        raise opened
    if asked.name in opened.grant.withheld:
        raise TierUnavailable(field=asked.name)
    found = holds(opened, asked, wanted)
    if found:
        was_none(parts, call)
    return found


def _permit(searched: FieldName, parts: Parts, call: Call, action: Action, fields: Sequence[str]) -> Permit:
    """Permit looking up by *searched*, also where the policy changes while the entry is being written."""
    permit_each(parts, call, action, [searched])
    return permit(parts, call, action, fields)


def _whole(field: Field, value: Json) -> bytes:
    if not field.exact:
        raise InvalidValue("not_indexed", field=field.name)
    return query(field, value)


def _ending(field: Field, value: Json) -> bytes:
    if not field.suffix_bits:
        raise InvalidValue("not_indexed", field=field.name)
    ending = tail(field, value) if isinstance(value, str) else None
    if ending is None:
        raise InvalidValue("type", field=field.name)
    return ending


def _hits(parts: Parts, field: Field, wanted: bytes, *, suffix: bool) -> list[SubjectId]:
    """Search every epoch that is in use; a row that this house did not write is Corrupt."""
    index_id = field.suffix_index if suffix else field.exact_index
    token_of: Callable[[Field, bytes, int], bytes] = parts.tokens.suffix if suffix else parts.tokens.exact
    rows = []
    with parts.stores.data.read() as conn:
        for epoch in tokens.index_epochs(conn, parts.tenant, locked=False)[field.tier].all:
            token = token_of(field, wanted, epoch)
            rows += tokens.find_tokens(
                conn, parts.tenant, index_id, [epoch], token, limit=MOST_CANDIDATES + 1
            )
    for row in rows:
        parts.tokens.verify_row(
            row.index_id, row.epoch, token=row.token, subject=row.subject, item=row.item, mac=row.mac
        )
    subjects = list(dict.fromkeys(row.subject for row in rows))
    if len(rows) > MOST_CANDIDATES:
        # Never silently cut short (promise 12): the asker narrows the question.
        raise InvalidValue("limit", field=field.name)
    return subjects


def _refuse_old_rows(parts: Parts, call: Call, field: Field, wanted: bytes, missed: Sequence[Opened]) -> None:
    """Raise Corrupt where the index still leads to somebody who, unchanged, does not have the value.

    Who was changed between the index and the opening has a row no more, and is simply not found.
    """
    led = set(_hits(parts, field, wanted, suffix=False))
    with parts.stores.data.read() as conn:
        rows = subjects.rows(conn, parts.tenant, [one.located.row.subject for one in missed])
    for one in missed:
        if one.located.row.subject in led and unchanged(one.located, rows):
            fault = Corrupt("index_row_old")
            parts.ledger.append(witness.rejected(parts, call, Action.LOOKUP, fault, grant=one.grant))
            raise fault
