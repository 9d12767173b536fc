"""Review schemas: cases, samples and relations, what is sent about them and what is answered."""

from marshmallow import fields

from vault.services.cases import STATES, VERDICTS
from vault.web.ledger_schemas import Named
from vault.web.reading import Code, Strict, Values


class NewAssignee(Strict):
    """Who shall look into a case."""

    to = Code(required=True)


class NewComment(Strict):
    """What somebody says about a case, in up to 2,000 characters."""

    text = fields.String(required=True)


class NewVerdict(Strict):
    """What it was."""

    verdict = Code(required=True, one_of=VERDICTS)


class Attestation(Strict):
    """How many entries of a sample were looked through."""

    reviewed = fields.Integer(required=True, strict=True)


class Attested(Strict):
    """How many, of how many."""

    reviewed = fields.Integer(required=True, strict=True)
    of = fields.Integer(required=True, strict=True)


class NewRelations(Strict):
    """Values of a member of the staff by the fields that customers have, each a list."""

    fields_ = Values(required=True, data_key="fields")


class Related(Strict):
    """How many tokens are kept of them."""

    tokens = fields.Integer(required=True, strict=True)


class OneCase(Strict):
    """A case: whom it is about, how hot it is by now, and how far it came."""

    id = Code(required=True)
    about = fields.String(required=True)
    type = Code(required=True)
    state = Code(required=True, one_of=STATES)
    severity = Code(required=True)
    score = fields.Float(required=True)
    alerts = fields.Integer(required=True, strict=True)
    assignee = Code(required=True, allow_none=True)
    verdict = Code(required=True, allow_none=True)
    opened = fields.String(required=True)
    changed = fields.String(required=True)


class OneStep(Strict):
    """One thing that happened in a case; an alert names the entries that raised it by their indexes."""

    index = fields.Integer(required=True, strict=True)
    at = fields.String(required=True)
    kind = Code(required=True)
    by = fields.String(required=True)
    rule = Code(required=True, allow_none=True)
    severity = Code(required=True, allow_none=True)
    score = fields.Integer(required=True, allow_none=True, strict=True)
    entries = fields.List(fields.Integer(strict=True), required=True)
    code = Code(required=True, allow_none=True)
    comment = fields.String(required=True, allow_none=True)


class WholeCase(OneCase):
    """A case with all that happened in it; of ``pruned`` of its entries the ledger holds nothing any more."""

    pruned = fields.Integer(required=True, strict=True)
    steps = fields.List(fields.Nested(OneStep), required=True)


class Cases(Strict):
    """Cases, the hottest first."""

    items = fields.List(fields.Nested(OneCase), required=True)


class OneSample(Strict):
    """A day's sample, the root it was drawn by, and whether somebody looked it through."""

    day = Code(required=True)
    root = Code(required=True)
    size = fields.Integer(required=True, strict=True)
    population = fields.Integer(required=True, strict=True)
    drawn = fields.String(required=True)
    attested = fields.String(required=True, allow_none=True)


class Samples(Strict):
    """Samples, the newest first."""

    items = fields.List(fields.Nested(OneSample), required=True)


class OneDrawn(Strict):
    """An entry of a sample, in codes."""

    index = fields.Integer(required=True, strict=True)
    at = fields.String(required=True)
    kind = Code(required=True)
    actor = fields.Nested(Named, required=True)
    purpose = Code(required=True, allow_none=True)
    tier = fields.Integer(required=True, allow_none=True, strict=True)
    outcome = Code(required=True)
    subjects = fields.Integer(required=True, strict=True)
    fields_ = fields.List(Code(), required=True, data_key="fields")


class DrawnSample(Strict):
    """The entries of a day's sample that the reader has not made."""

    items = fields.List(fields.Nested(OneDrawn), required=True)
