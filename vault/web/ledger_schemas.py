"""Ledger schemas: what reviewers ask of the ledger and are answered; customers stand in it as tokens."""

from marshmallow import fields

from vault.web.reading import Code, Flag, Strict

FORMATS = ("json", "csv")


class Search(Strict):
    """What is asked for; ``facets`` and ``histogram`` count all that fits, whatever the page shows."""

    query = fields.String(required=True)
    limit = fields.Integer(strict=True, load_default=100)
    cursor = Code()
    facets = Flag(load_default=False)
    histogram = Flag(load_default=False)
    format = Code(one_of=FORMATS, load_default=FORMATS[0])


class SavedQuery(Strict):
    """A query under a name, for oneself or for all who review."""

    name = fields.String(required=True)
    query = fields.String(required=True)
    shared = Flag(load_default=False)


class Named(Strict):
    """Somebody by the id of then and the name of now."""

    id = fields.String(required=True)
    type = Code()
    name = fields.String(required=True, allow_none=True)


class About(Strict):
    """What of the house an entry is about."""

    type = Code(required=True)
    id = fields.String(required=True, allow_none=True)
    code = fields.String(required=True, allow_none=True)


class Line(Strict):
    """One entry in short."""

    index = fields.Integer(required=True, strict=True)
    leaf = fields.String(required=True)
    at = fields.String(required=True)
    kind = Code(required=True)
    outcome = Code(required=True)
    actor = fields.Nested(Named, required=True)
    on_behalf = fields.Nested(Named, required=True, allow_none=True)
    role = fields.String(required=True, allow_none=True)
    action = fields.String(required=True, allow_none=True)
    purpose = fields.String(required=True, allow_none=True)
    tier = fields.Integer(required=True, strict=True, allow_none=True)
    n = fields.Integer(required=True, strict=True)
    reason = fields.String(required=True, allow_none=True)
    request = fields.String(required=True, allow_none=True)
    object = fields.Nested(About, required=True, allow_none=True)


class FacetValue(Strict):
    """One value, and how many of the entries have it."""

    value = fields.String(required=True)
    name = fields.String(required=True, allow_none=True)
    entries = fields.Integer(required=True, strict=True)


class OneFacet(Strict):
    """The values that were met most; the others are counted together."""

    top = fields.List(fields.Nested(FacetValue), required=True)
    other_values = fields.Integer(required=True, strict=True)
    other_entries = fields.Integer(required=True, strict=True)


class Bar(Strict):
    """How many entries there are from a moment on, for as long as a bar is wide."""

    from_ = fields.String(required=True, data_key="from")
    entries = fields.Integer(required=True, strict=True)


class Histogram(Strict):
    """When the entries were written; a bar without any is left out."""

    width_seconds = fields.Integer(required=True, strict=True)
    bars = fields.List(fields.Nested(Bar), required=True)


class Searched(Strict):
    """All that fits is counted; ``items`` are a page of it, newest first."""

    entries = fields.Integer(required=True, strict=True)
    items = fields.List(fields.Nested(Line), required=True)
    next = fields.String(required=True, allow_none=True)
    indexed = fields.Integer(required=True, strict=True)
    size = fields.Integer(required=True, strict=True)
    checkpoint = fields.Integer(required=True, strict=True, allow_none=True)
    facets = fields.Dict(keys=fields.String(), values=fields.Nested(OneFacet))
    histogram = fields.Nested(Histogram)


class OneEntry(Strict):
    """One entry as it stands in the ledger (docs/formats.md); ``called`` is who is called how now."""

    index = fields.Integer(required=True, strict=True)
    leaf = fields.String(required=True)
    entry = fields.Dict(required=True)
    called = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    size = fields.Integer(required=True, strict=True)
    checkpoint = fields.Integer(required=True, strict=True, allow_none=True)


class OpenedDetail(Strict):
    """What was sealed in an entry: where it came from, what was typed."""

    detail = fields.Dict(keys=fields.String(), values=fields.String(), required=True)


class OneView(Strict):
    """A saved query."""

    id = Code(required=True)
    name = fields.String(required=True)
    query = fields.String(required=True)
    shared = Flag(required=True)
    owner = fields.String(required=True)
    own = Flag(required=True)
    changed = fields.String(required=True)


class SavedViews(Strict):
    """One's own views and the shared ones, oldest first."""

    items = fields.List(fields.Nested(OneView), required=True)
