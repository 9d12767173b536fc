"""Lookup: find a customer by an exact or partial value, or say whether a value matches; no more."""

import hmac
from collections.abc import Callable, Sequence
from functools import partial

from vault.domain.canonical import Json
from vault.domain.catalogue import Field
from vault.domain.normalise import normal, query, tail
from vault.domain.terms import Action, FieldName, SubjectId
from vault.errors import Corrupt, InvalidValue, TierUnavailable, VaultError
from vault.services import witness
from vault.services.issuing import issue
from vault.services.locating import Located, locate, locate_subjects
from vault.services.parts import Call, Parts
from vault.services.permitting import Permit, permit, permit_each
from vault.services.releasing import Opened, release
from vault.storage import tokens

# A suffix of four digits meets about one customer in four thousand; beyond this the question is too wide.
MOST_CANDIDATES = 500


def lookup(parts: Parts, call: Call, field: str, value: Json, *, suffix: bool = False) -> list[str]:
    """Find customers by an indexed field; returns the app's own ids, in their own order.

    Absent, restricted and not the asker's look alike: an empty list. An exact hit opens nothing; the
    candidates of a suffix are opened, under one entry written first, and compared. Raises InvalidValue
    ``not_indexed`` or for a value that the field could not hold, ``limit`` where too many share a suffix,
    TierUnavailable, Refused.
    """
    asked = permit_each(parts, call, Action.LOOKUP, [field]).request.catalogue.field(field)
    wanted = _ending(asked, value) if suffix else _whole(asked, value)
    if asked.tier not in parts.keyring.served:
        raise TierUnavailable(field=asked.name)
    try:
        candidates = _hits(parts, asked, wanted, suffix=suffix)
    except Corrupt as fault:
        parts.ledger.append(witness.rejected(parts, call, Action.LOOKUP, fault))
        raise
    if not candidates:
        parts.ledger.append(witness.missed(parts, call, asked, wanted))
        return []
    # What is opened stands in the entry as a field to be compared; an exact hit lists none.
    found = release(
        parts,
        call,
        Action.LOOKUP,
        [field] if suffix else [],
        targets=candidates,
        find=_located,
        searched=asked.name,
        permitting=partial(_permit, asked.name),
    )
    for one in found:
        if isinstance(one, Corrupt):
            raise one
    hits = [one for one in found if isinstance(one, Opened) and (not suffix or _ends(one, asked, wanted))]
    return sorted(issue(parts, call, [one.located.identity for one in hits]))


def match(parts: Parts, call: Call, customer: str, field: str, value: Json) -> bool:
    """Say whether the customer's field holds *value*, after normalising both; the value is not shown.

    Raises NotFound, Refused, TierUnavailable, InvalidValue where the field could not hold such a value.
    """
    asked = permit_each(parts, call, Action.MATCH, [field]).request.catalogue.field(field)
    wanted = query(asked, value)
    (opened,) = release(parts, call, Action.MATCH, [field], targets=[customer], find=locate)
    if isinstance(opened, VaultError):
        raise opened
    if asked.name in opened.grant.withheld:
        raise TierUnavailable(field=asked.name)
    held = [plain for _, plain in opened.profile.values(asked) if plain is not None]
    # Every value is compared, each in constant time: how long it took tells nothing about which.
    return any(hmac.compare_digest(normal(asked, plain), wanted) for plain in held)


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


def _located(parts: Parts, _call: Call, subjects: Sequence[SubjectId]) -> list[Located | VaultError]:
    found = locate_subjects(parts, subjects)
    return [found[subject] for subject in subjects]


def _ends(opened: Opened, field: Field, wanted: bytes) -> bool:
    endings = [tail(field, plain) for _, plain in opened.profile.values(field) if plain is not None]
    return any(ending is not None and hmac.compare_digest(ending, wanted) for ending in endings)
