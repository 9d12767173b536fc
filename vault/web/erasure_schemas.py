"""Erasure schemas: what is shown of an erasure before it, and what is certified behind it."""

from marshmallow import fields

from vault.web.reading import Code, Flag, Strict

_HASH = {"pattern": "^[0-9a-f]{64}$"}


class ErasureAsked(Strict):
    """Which retention classes of the law are over, by the word of whoever asks."""

    lapsed = fields.List(Code(), load_default=list)


class NewErasure(ErasureAsked):
    """The plan that was shown, by its digest, and why the customer is forgotten."""

    plan = fields.String(required=True, metadata=_HASH)
    reason_code = Code(required=True)


class WrappedKey(Strict):
    """One key of the customer: tier 0 is the ident."""

    tier = fields.Integer(required=True, strict=True)
    gen = fields.Integer(required=True, strict=True)
    epoch = fields.Integer(required=True, strict=True)


class KeptByLaw(Strict):
    """A retention class of the law with data in it, and whether its time is over."""

    retention = Code(required=True, data_key="class", attribute="class")
    keep = Code(required=True)
    until = fields.String(required=True, allow_none=True)
    lapsed = Flag(required=True)


class ErasurePlan(Strict):
    """What goes, what the law keeps, and what refuses it; ``plan`` names all of it."""

    plan = fields.String(required=True, metadata=_HASH)
    fields_held = fields.List(Code(), required=True, data_key="fields", attribute="fields")
    keys = fields.List(fields.Nested(WrappedKey), required=True)
    apps = fields.List(fields.String(), required=True)
    law = fields.List(fields.Nested(KeptByLaw), required=True)
    refused = fields.List(Code(), required=True)
    places = fields.Dict(keys=Code(), values=fields.Integer(strict=True), required=True)


class Erasure(Strict):
    """An erasure, and how far it came."""

    id = Code(required=True)
    state = Code(required=True, one_of=("erasing", "erased"))


class Completed(Strict):
    """The entry that every key epoch it lay under is destroyed."""

    entry = fields.String(required=True, allow_none=True)
    index = fields.Integer(required=True, strict=True, allow_none=True)
    proof = fields.String(required=True, allow_none=True)


class Certificate(Strict):
    """The signed certificate, and where the ledger tells of it; only the state while it lasts."""

    id = Code(required=True)
    state = Code(required=True, one_of=("erasing", "erased", "irrecoverable"))
    certificate = fields.String()
    says = fields.Dict(keys=fields.String())
    key = fields.Dict(keys=fields.String())
    entry = fields.String(allow_none=True)
    index = fields.Integer(strict=True, allow_none=True)
    proof = fields.String(allow_none=True)
    irrecoverable = fields.Nested(Completed)
