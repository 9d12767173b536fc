"""Governing schemas: what admins and approvers send and get; no customer's value is among it."""

from marshmallow import fields

from vault.web.reading import Code, Flag, Moment, Strict, Values

# ---- what is sent ----


class NewPerson(Strict):
    """The name that somebody will log in by: small letters, digits, dots and hyphens."""

    login = fields.String(required=True, metadata={"maxLength": 48, "pattern": "^[a-z][a-z0-9.-]*$"})


class NewApp(Strict):
    """An application, the person who answers for it, and the roles that it is to have."""

    name = Code(required=True)
    owner = Code(required=True)
    sources = fields.List(Code(), load_default=list)


class NewTerms(Strict):
    """Who answers for an application, and from which networks it may call; none of them is every one."""

    owner = Code(required=True)
    networks = fields.List(fields.String(metadata={"maxLength": 64}), load_default=list)


class NewAppKey(Strict):
    """A public key as a JWK, or the SHA-256 of a certificate; one of them, and until when it serves."""

    jwk = Values()
    certificate = fields.String(metadata={"pattern": "^[0-9a-f]{64}$"})
    until = Moment()


class NewGrant(Strict):
    """A role for a person or an application, for all or some of its purposes, until it expires."""

    holder = Code(required=True)
    role = Code(required=True)
    purposes = fields.List(Code())
    until = Moment(required=True)
    reason = Code(required=True)


class NewRequest(Strict):
    """A reveal that needs a second person's word: which field of whom; purpose and reason are headers."""

    subject = Code(required=True)
    field = Code(required=True)


class MoreCustomers(Strict):
    """How many customers more within a day, and why; ``app`` where it is for an application."""

    customers = fields.Integer(required=True, strict=True)
    reason = Code(required=True)
    app = Code()


class Decision(Strict):
    """The digest of the command that was shown: nothing else is approved."""

    digest = fields.String(required=True, metadata={"pattern": "^[0-9a-f]{64}$"})


# ---- what is answered ----


class Waiting(Strict):
    """What became of a command: where ``waits`` names a request, it holds once that is approved."""

    id = Code()
    waits = Code(required=True, allow_none=True)


class Invited(Strict):
    """A person, and the link to hand on; it is shown once."""

    person = Code(required=True)
    link = fields.String(required=True)
    waits = Code(required=True, allow_none=True)


class OneGrant(Strict):
    """A grant: a role, for purposes, until it ends."""

    id = Code(required=True)
    holder = Code(required=True)
    role = Code(required=True)
    purposes = fields.List(Code(), required=True)
    reason = Code(required=True)
    state = Code(required=True)
    given = fields.String(required=True)
    until = fields.String(required=True)
    last_used = fields.String(required=True, allow_none=True)


class OnePerson(Strict):
    """A person with grants, and by what it can log in."""

    id = Code(required=True)
    login = Code(required=True)
    state = Code(required=True)
    made = fields.String(required=True)
    keys = fields.List(Code(), required=True)
    grants = fields.List(fields.Nested(OneGrant), required=True)


class People(Strict):
    """Every person, by login."""

    items = fields.List(fields.Nested(OnePerson), required=True)


class OneSecret(Strict):
    """A secret of an application, never what it is."""

    id = Code(required=True)
    state = Code(required=True)
    until = fields.String(required=True)
    expires_soon = Flag(required=True)
    last_used = fields.String(required=True, allow_none=True)


class OneAppKey(Strict):
    """A public key (``jwk``) or a ``certificate`` of an application, by its thumbprint."""

    id = Code(required=True)
    kid = fields.String(required=True)
    kind = Code(required=True)
    state = Code(required=True)
    until = fields.String(required=True)
    expires_soon = Flag(required=True)
    last_used = fields.String(required=True, allow_none=True)


class AppKeyAdded(Strict):
    """A key that was added, what it is known by, and until when it serves."""

    id = Code(required=True)
    kid = fields.String(required=True)
    until = fields.String(required=True)


class OneApp(Strict):
    """An application with its owner, secrets, keys and grants."""

    id = Code(required=True)
    name = Code(required=True)
    state = Code(required=True)
    owner = Code(required=True, allow_none=True)
    networks = fields.List(fields.String(), required=True)
    sources = fields.List(Code(), required=True)
    secrets = fields.List(fields.Nested(OneSecret), required=True)
    keys = fields.List(fields.Nested(OneAppKey), required=True)
    grants = fields.List(fields.Nested(OneGrant), required=True)


class Apps(Strict):
    """Every application, by name."""

    items = fields.List(fields.Nested(OneApp), required=True)


class Promised(Strict):
    """An application, and the promise of its secret, which its owner takes."""

    app = Code(required=True)
    link = Code(required=True)


class Grants(Strict):
    """Grants, the newest first."""

    items = fields.List(fields.Nested(OneGrant), required=True)


class OneRequest(Strict):
    """A request in words; an approval repeats its digest. ``not_mine``: why the reader may not approve."""

    id = Code(required=True)
    kind = Code(required=True)
    state = Code(required=True)
    asked_by = fields.String(required=True)
    asked = fields.String(required=True)
    until = fields.String(required=True)
    says = fields.List(fields.String(), required=True)
    digest = fields.String(required=True)
    not_mine = Code(required=True, allow_none=True)


class Requests(Strict):
    """Requests, the newest first."""

    items = fields.List(fields.Nested(OneRequest), required=True)


class Decided(Strict):
    """How a request stands now."""

    state = Code(required=True)


class OwnAppKey(OneAppKey):
    """A public key (``jwk``) or a ``certificate`` of an application of one's own, by its thumbprint."""

    since = fields.String(required=True)


class Promise(Strict):
    """A secret that waits to be taken, and until when it does."""

    id = Code(required=True)
    until = fields.String(required=True)


class OwnApp(Strict):
    """An application that one answers for; ``last_used`` is when anything that it has was of use last."""

    id = Code(required=True)
    name = Code(required=True)
    state = Code(required=True)
    networks = fields.List(fields.String(), required=True)
    sources = fields.List(Code(), required=True)
    keys = fields.List(fields.Nested(OwnAppKey), required=True)
    secrets = fields.List(fields.Nested(OneSecret), required=True)
    promises = fields.List(fields.Nested(Promise), required=True)
    last_used = fields.String(required=True, allow_none=True)


class OwnApps(Strict):
    """The applications that whoever is logged in answers for, by name."""

    items = fields.List(fields.Nested(OwnApp), required=True)
