"""Feed schemas: what the calls of feeds answer, line by line."""

from marshmallow import fields

from vault.web.reading import Code, Flag, Strict, Values
from vault.web.schemas import Problem


class Offer(Strict):
    """A feed that the application may take, and how it would show each field."""

    id = Code(required=True)
    title = fields.String(required=True)
    purpose = Code(required=True)
    names = fields.List(Code(), required=True, data_key="fields", attribute="fields")
    treatments = fields.Dict(keys=fields.String(), values=Code(), required=True)
    withheld = fields.Dict(keys=fields.String(), values=Code(), required=True)


class Offers(Strict):
    """The feeds that the application may take."""

    items = fields.List(fields.Nested(Offer), required=True)


class FeedLine(Strict):
    """One line of a feed: the head, a customer, where to go on (``next``), the end, or what broke it off.

    The head has ``feed``, a customer has ``id``; ``treatments`` and ``withheld`` stand in the head, and in a
    customer's line only where they differ from it.
    """

    feed = Code()
    policy = fields.Integer(strict=True)
    request = Code()
    id = Code(allow_none=True)
    etag = Code()
    values = Values(data_key="fields", attribute="fields")
    treatments = fields.Dict(keys=fields.String(), values=Code())
    withheld = fields.Dict(keys=fields.String(), values=Code())
    next = fields.String(allow_none=True)
    end = Flag()
    customers = fields.Integer(strict=True)
    error = fields.Nested(Problem)
