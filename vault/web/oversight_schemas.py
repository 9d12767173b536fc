"""Oversight schemas: emergencies and campaigns, what is sent about them and what is answered."""

from marshmallow import fields

from vault.services.certify import KEEP, REDUCE, REVOKE
from vault.services.emergencies import VERDICTS
from vault.web.reading import Code, Moment, Strict


class NewEmergency(Strict):
    """A role that is for emergencies, for all or some of its purposes, and a word that says why."""

    role = Code(required=True)
    purposes = fields.List(Code(), load_default=list)
    reason = Code(required=True)


class Review(Strict):
    """Whether it was an emergency."""

    verdict = Code(required=True, one_of=VERDICTS)


class NewCampaign(Strict):
    """When everything must be said, and who is asked of grants for which nobody else answers."""

    due = Moment(required=True)
    certifier = Code(required=True)


class Verdict(Strict):
    """What becomes of a grant; reduced to fewer purposes, to an earlier end, or to both."""

    verdict = Code(required=True, one_of=(KEEP, REVOKE, REDUCE))
    purposes = fields.List(Code(), load_default=list)
    until = Moment()


class OneEmergency(Strict):
    """A role that was taken in an emergency, and what came of its review."""

    grant = Code(required=True)
    person = fields.String(required=True)
    role = Code(required=True)
    purposes = fields.List(Code(), required=True)
    reason = Code(required=True)
    taken = fields.String(required=True)
    until = fields.String(required=True)
    most_customers = fields.Integer(required=True, strict=True)
    verdict = Code(required=True, allow_none=True)
    reviewed = fields.String(required=True, allow_none=True)


class Emergencies(Strict):
    """Emergencies, the newest first."""

    items = fields.List(fields.Nested(OneEmergency), required=True)


class Opened(Strict):
    """A campaign that was opened."""

    id = Code(required=True)


class OneItem(Strict):
    """A grant in a campaign: of whom it is asked, and what holds by now."""

    campaign = Code(required=True)
    grant = Code(required=True)
    holder = fields.String(required=True)
    role = Code(required=True)
    purposes = fields.List(Code(), required=True)
    last_used = fields.String(required=True, allow_none=True)
    asked = fields.String(required=True)
    due = fields.String(required=True)
    verdict = fields.String(required=True)
    decided = fields.String(required=True, allow_none=True)


class Items(Strict):
    """Grants that are to be certified, or were."""

    items = fields.List(fields.Nested(OneItem), required=True)
