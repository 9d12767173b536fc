"""Policy schemas: what is sent and answered about policy versions, roles, and why they allow what."""

from marshmallow import fields

from vault.web.reading import Code, Flag, Strict, Values


class PolicyFiles(Strict):
    """A whole set of policy files by their names; ``base`` is what it was planned against."""

    files = Values(required=True)
    base = fields.String(metadata={"pattern": "^[0-9a-f]{64}$"})


class Candidate(Strict):
    """A whole set of policy files by their names."""

    files = Values(required=True)


class Simulated(Candidate):
    """A candidate, and how many days back it is to be judged on what was asked."""

    days = fields.Integer(load_default=30, strict=True)


class RollBack(Strict):
    """The version whose files are to be in force again, and the one that is in force now."""

    number = fields.Integer(required=True, strict=True)
    base = fields.String(required=True, metadata={"pattern": "^[0-9a-f]{64}$"})


class Question(Strict):
    """A question to the policy in force: what may these roles do with a field, and why."""

    roles = fields.List(Code(), required=True)
    purpose = Code(required=True)
    action = Code(required=True)
    field = fields.String(load_default="")
    reason = Flag(load_default=False)
    ticket = Flag(load_default=False)
    approvals = fields.Integer(load_default=0, strict=True)
    strength = fields.Integer(load_default=0, strict=True)
    actor = Code(load_default="person")


class RoleWanted(Strict):
    """A role as roles.toml writes it; what is not named stays as it is."""

    title = fields.String(metadata={"maxLength": 200})
    clearance = fields.Integer(strict=True)
    purposes = fields.List(Code())
    read = Values()
    reveal = fields.List(Code())
    match = fields.List(Code())
    lookup = fields.List(Code())
    writes = fields.List(Code())
    verbs = fields.List(Code())
    approves = fields.List(Code())
    own = Flag()
    alone = Flag()
    emergency = Flag()


class OneVersion(Strict):
    """A version of the policy."""

    number = fields.Integer(required=True, strict=True)
    digest = fields.String(required=True)
    applied = fields.String(required=True)
    author = Code(required=True)


class Versions(Strict):
    """Every version that was ever in force, oldest first; the last one is."""

    items = fields.List(fields.Nested(OneVersion), required=True)


class VersionFiles(Strict):
    """The files of one version, as they were applied."""

    digest = fields.String(required=True)
    files = Values(required=True)


class Compared(Strict):
    """Who may newly do what, who may no longer, and what purposes newly require, in words."""

    says = fields.List(fields.String(), required=True)


class Planned(Strict):
    """What applying would do: which files differ, what is wrong with them, and what they would change."""

    base = fields.String(required=True, allow_none=True)
    digest = fields.String(required=True)
    changed = fields.List(fields.String(), required=True)
    mistakes = fields.List(fields.String(), required=True)
    says = fields.List(fields.String(), required=True)


class AppliedPolicy(Strict):
    """The version in force now; where ``waits`` names a request, another follows once it is approved."""

    number = fields.Integer(required=True, strict=True)
    digest = fields.String(required=True)
    waits = Code(required=True, allow_none=True)


class SimulatedAnswer(Strict):
    """How many entries were judged anew, and how many customers each turned answer would have concerned."""

    entries = fields.Integer(required=True, strict=True)
    judged = fields.Integer(required=True, strict=True)
    says = fields.List(fields.String(), required=True)


class Explained(Strict):
    """The answer to a question, and the rules that gave it with file and line."""

    says = fields.List(fields.String(), required=True)


class OneRole(Strict):
    """A role of the policy in force."""

    id = Code(required=True)
    title = fields.String(required=True)
    clearance = fields.Integer(required=True, strict=True)
    purposes = fields.List(Code(), required=True)
    verbs = fields.List(Code(), required=True)
    own = Flag(required=True)
    alone = Flag(required=True)
    emergency = Flag(required=True)
    approves = fields.List(Code(), required=True)
    read = Values(required=True)


class Roles(Strict):
    """The roles of the policy in force."""

    items = fields.List(fields.Nested(OneRole), required=True)
