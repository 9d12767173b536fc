"""Schemas: what every body and every answer of the API looks like; the description is made of them."""

from marshmallow import fields

from vault.domain.callers import Topic, Verdict
from vault.domain.consent import ConsentForm
from vault.services.recording import SAID
from vault.services.standing_facts import STATED
from vault.web.reading import Code, Flag, Key, Moment, Several, Strict, Values

DAY = {"format": "date"}


# ---- what is sent ----


class ConsentDecision(Strict):
    """What a customer decided about one purpose and one set of recipients."""

    purpose = Code(required=True)
    state = Code(required=True, one_of=SAID)
    notice = Code(required=True)
    form = Code(one_of=ConsentForm)
    recipients = fields.List(Code())
    fields_ = fields.List(Code(), data_key="fields", attribute="fields")
    by = Code()
    channel = Code()
    method = Code()
    valid_until = fields.String()


class NewSubject(Strict):
    """A customer to admit: who it is, what is known, and what it has consented to."""

    kind = Code(required=True, one_of=("person", "organisation"))
    values = Values(required=True, data_key="fields", attribute="fields")
    consents = fields.List(fields.Nested(ConsentDecision))
    source = Code()


class NewSubjectRecord(NewSubject):
    """One record of a batch, with a key of its own."""

    idempotency_key = Key()


class NewSubjects(Strict):
    """Up to a thousand customers to admit, each by itself."""

    records = Several(fields.Nested(NewSubjectRecord))


class Records(Strict):
    """The outside of a batch, whose records are read one by one."""

    records = Several(fields.Raw(allow_none=True))


class Changes(Strict):
    """A merge patch (RFC 7396) of the customer's fields: null removes, what is not named stays."""

    values = Values(required=True, data_key="fields", attribute="fields")
    source = Code()


class NewContact(Strict):
    """A person to admit as a contact of an organisation."""

    role = Code(required=True)
    values = Values(required=True, data_key="fields", attribute="fields")
    source = Code()


class NewFact(Strict):
    """What a registered source says of a customer: an order, case, contract, duty or objection."""

    kind = Code(required=True, one_of=STATED)
    ref = Code(required=True)
    until = Moment(allow_none=True)
    purpose = Code()


class NewAssignment(Strict):
    """Who works on which case or customer, for which purpose."""

    subject = Code(required=True)
    purpose = Code(required=True)
    to = Code(required=True)
    ref = Code(required=True)
    until = Moment(allow_none=True)


class NewRestriction(Strict):
    """Why the use of the customer's data stops."""

    reason_code = Code(required=True)


class ProfilesAsked(Strict):
    """Up to a thousand customers by the app's own ids, and the fields to show of each."""

    ids = Several(fields.String())
    names = Several(fields.String(), data_key="fields", attribute="fields")


class FieldAsked(Strict):
    """One field."""

    field = fields.String(required=True)


class ValueAsked(Strict):
    """One field and a value that it may hold."""

    field = fields.String(required=True)
    value = fields.Raw(required=True)


class Caller(Strict):
    """Who rings up, by what was given on the telephone, and what it is about."""

    topic = Code(required=True, one_of=Topic)
    mobile = fields.String(required=True, metadata={"maxLength": 64})
    name = fields.String(metadata={"maxLength": 200})


class LookupAsked(ValueAsked):
    """A value to find customers by; ``suffix`` where only its last characters are known."""

    suffix = Flag()


# ---- what is answered ----


class Caution(Strict):
    """Something to look at; it names a field, never a value."""

    code = Code(required=True)
    field = Code()


class Admitted(Strict):
    """The app's own id of the customer."""

    id = Code(required=True)
    warnings = fields.List(fields.Nested(Caution), required=True)


class CallerAnswered(Strict):
    """What may be done, and what to say in Chinese (``zh``) and English (``en``)."""

    answer = Code(required=True, one_of=Verdict)
    says = Values(required=True)


class Identified(Strict):
    """The app's own id of what was recorded."""

    id = Code(required=True)


class Problem(Strict):
    """Why not (RFC 9457): ``code`` is stable; the others where one is meant."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True, strict=True)
    code = Code(required=True)
    field = fields.String()
    position = fields.Integer(strict=True)
    limit = fields.Integer(strict=True)
    mistakes = fields.List(fields.String())
    request = Code()


class AdmittedItem(Strict):
    """What became of one record: the id and ETag of the customer, or a problem; a dry run makes no id.

    ``replayed`` where the same record, under the same key, was admitted before.
    """

    id = Code(required=True, allow_none=True)
    etag = Code()
    warnings = fields.List(fields.Nested(Caution))
    replayed = Flag()
    error = fields.Nested(Problem)


class AdmittedItems(Strict):
    """What became of each record, in the order sent."""

    items = fields.List(fields.Nested(AdmittedItem), required=True)


class Profile(Strict):
    """What the purpose allows to see; a field asked for is in ``fields`` or ``withheld``."""

    id = Code(required=True)
    values = Values(required=True, data_key="fields", attribute="fields")
    treatments = fields.Dict(keys=fields.String(), values=Code(), required=True)
    withheld = fields.Dict(keys=fields.String(), values=Code(), required=True)
    policy = fields.Integer(required=True, strict=True)
    request = Code(required=True)


class ProfileItem(Strict):
    """One customer of a batch, or why not; ``id`` is null where what was sent is no id at all."""

    id = Code(required=True, allow_none=True)
    etag = Code()
    values = Values(data_key="fields", attribute="fields")
    treatments = fields.Dict(keys=fields.String(), values=Code())
    withheld = fields.Dict(keys=fields.String(), values=Code())
    error = fields.Nested(Problem)


class ProfileItems(Strict):
    """Each customer asked for, in the order asked."""

    items = fields.List(fields.Nested(ProfileItem), required=True)
    request = Code(required=True)


class Found(Strict):
    """The app's own ids of the customers that were found, in their own order."""

    ids = fields.List(Code(), required=True)


class Matched(Strict):
    """Whether the value is the customer's."""

    match = Flag(required=True)


class Revision(Strict):
    """One change of the customer: when, by which kind of call, and of which fields."""

    etag = Code(required=True)
    on = fields.String(required=True, metadata=DAY)
    action = Code(required=True)
    names = fields.List(Code(), required=True, data_key="fields", attribute="fields")


class Revisions(Strict):
    """Changes, the newest first; ``next`` is the cursor of the page after."""

    items = fields.List(fields.Nested(Revision), required=True)
    next = fields.String(required=True, allow_none=True)


class ConsentStanding(Strict):
    """Where one consent item stands."""

    id = Code(required=True)
    purpose = Code(required=True)
    state = Code(required=True)
    form = Code(required=True)
    recipients = fields.List(Code(), required=True)
    on = fields.String(required=True, metadata=DAY)
    until = fields.String(required=True, allow_none=True, metadata=DAY)


class ConsentStandings(Strict):
    """Where each consent item of the customer stands, in the order of the app's own ids."""

    items = fields.List(fields.Nested(ConsentStanding), required=True)


class Alive(Strict):
    """The process answers."""

    status = Code(required=True)


class Ready(Strict):
    """Whether the house may answer; why it is locked, how stores, key providers and anchors are."""

    ready = Flag(required=True)
    locked = Code(required=True, allow_none=True)
    stores = fields.Dict(keys=fields.String(), values=Code(), required=True)
    anchors = fields.Dict(keys=fields.String(), values=Code(), required=True)
    providers = fields.Dict(keys=fields.String(), values=Code(), required=True)
