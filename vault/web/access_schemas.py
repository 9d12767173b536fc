"""Access schemas: who saw a customer's data, as it is answered, and what a privacy officer decides of it."""

from marshmallow import fields

from vault.web.reading import Code, Flag, Strict

_DAY = {"format": "date"}
_HASH = {"pattern": "^[A-Za-z0-9_-]{43}$"}


class NewDelay(Strict):
    """Up to which day an entry is kept from its customer, and why."""

    until = Code(required=True)
    reason_code = Code(required=True)


class StaffAsked(Strict):
    """Why a member of staff is named."""

    reason_code = Code(required=True)


class OneAccess(Strict):
    """One entry; ``index`` is told to people alone, since it is the same for every application."""

    index = fields.Integer(strict=True)
    on = fields.String(required=True, metadata=_DAY)
    kind = Code(required=True)
    action = Code(required=True, allow_none=True)
    purpose = Code(required=True, allow_none=True)
    roles = fields.List(Code(), required=True)
    treatments = fields.Dict(keys=Code(), values=Code(allow_none=True), required=True)
    outcome = Code(required=True, one_of=("shown", "recorded", "refused", "not_released"))
    code = Code(required=True, allow_none=True)


class OneProcessing(Strict):
    """What the house did by itself, summed up."""

    by = Code(required=True)
    purpose = Code(required=True, allow_none=True)
    times = fields.Integer(required=True, strict=True)
    first = fields.String(required=True, metadata=_DAY)
    last = fields.String(required=True, metadata=_DAY)


class Accesses(Strict):
    """Who saw the data of a customer in some months; people are told up to where that is proved whole."""

    first = fields.String(required=True)
    last = fields.String(required=True)
    covers = fields.Integer(required=True, strict=True)
    counted_to = fields.Integer(required=True, strict=True, allow_none=True)
    delayed = Flag(required=True, allow_none=True)
    pruned_to = fields.String(required=True, allow_none=True)
    accesses = fields.List(fields.Nested(OneAccess), required=True)
    nothing_shown = fields.List(fields.Nested(OneAccess), required=True)
    processed = fields.List(fields.Nested(OneProcessing), required=True)


class ProvenEntry(Strict):
    """An entry's bytes, and the way to the checkpoint's root."""

    index = fields.Integer(required=True, strict=True)
    body = fields.String(required=True)
    path = fields.List(fields.String(metadata=_HASH), required=True)


class MapPlace(Strict):
    """How the map lists a token."""

    token = fields.String(required=True)
    count = fields.Integer(required=True, strict=True)
    indexes = fields.String(required=True, metadata=_HASH)
    position = fields.Integer(required=True, strict=True)
    path = fields.List(fields.String(metadata=_HASH), required=True)


class MapGap(Strict):
    """The two tokens between which another would be listed."""

    before = fields.Nested(MapPlace, required=True, allow_none=True)
    after = fields.Nested(MapPlace, required=True, allow_none=True)


class MapMonth(Strict):
    """One month's token of the customer, and the proof of how many entries name it."""

    month = fields.String(required=True)
    token = fields.String(required=True)
    listed = fields.Nested(MapPlace, required=True, allow_none=True)
    absent = fields.Nested(MapGap, required=True, allow_none=True)


class SealedMap(Strict):
    """The map of the ledger's entries up to a size, and the entry that sealed it."""

    start = fields.Integer(required=True, strict=True)
    size = fields.Integer(required=True, strict=True)
    tokens = fields.Integer(required=True, strict=True)
    tree = fields.String(required=True, metadata=_HASH)
    sealed = fields.Nested(ProvenEntry, required=True)


class Bundle(Strict):
    """Everything that an outside verifier needs (docs/formats.md, access bundle)."""

    format = Code(required=True)
    checkpoint = fields.String(required=True)
    covers = fields.Integer(required=True, strict=True)
    delayed = Flag(required=True)
    map = fields.Nested(SealedMap, required=True)
    months = fields.List(fields.Nested(MapMonth), required=True)
    entries = fields.List(fields.Nested(ProvenEntry), required=True)
    beside = fields.List(fields.Nested(ProvenEntry), required=True)


class Staff(Strict):
    """Who stood behind an entry, and on whose behalf an application asked."""

    kind = Code(required=True)
    name = fields.String(required=True, allow_none=True)
    on_behalf = fields.String(required=True, allow_none=True)
