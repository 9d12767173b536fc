"""On behalf, by the delivered rules: whichever two role sets meet, they see at most what each does alone."""

import random
from dataclasses import replace

from tests.domain.test_access import AT, fact, subject
from tests.rulebook import delivered
from tests.rulebook.rows import ids
from vault.domain.access import Actor, Granted, Request, decide
from vault.domain.facts import FactKind
from vault.domain.policy import ContextClass, Policy
from vault.domain.terms import TREATMENTS_BY_DETAIL, Action, ActorId, PurposeId, SpaceId, Tier
from vault.rulebook.rules import Rulebook

DRAWS = 300
APP = Actor(ActorId(b"a" * 16), "app", "desk", SpaceId(b"p" * 16), ())
PERSON = Actor(ActorId(b"c" * 16), "person", "wang.fang", SpaceId(b"c" * 16), ())
PURPOSES = tuple(map(PurposeId, ("P04", "P05", "P06", "P09")))
_ACTIONS = (Action.READ, Action.READ, Action.READ, Action.REVEAL, Action.MATCH, Action.LOOKUP, Action.WRITE)


def test_three_hundred_random_pairs_see_at_most_what_each_sees_alone() -> None:
    chance = random.Random(20261127)
    policy, rulebook = _mingled(), Rulebook()
    names, roles = tuple(policy.catalogue.by_name), sorted(policy.roles)
    narrowed = 0

    for _ in range(DRAWS):
        chosen, action = chance.choice(PURPOSES), chance.choice(_ACTIONS)
        mine, theirs = (ids(chance.sample(roles, chance.choice([1, 2]))) for _ in range(2))
        context = ContextClass(reason=chance.random() < 0.7, ticket=chance.random() < 0.7)
        own = rulebook.row(policy, mine, chosen, context, action)
        other = rulebook.row(policy, theirs, chosen, context._replace(actor="person"), action)
        known = [fact(kind) for kind in FactKind if chance.random() < 0.9]
        known += [
            fact(FactKind.ASSIGNMENT, assignee=one.id, purpose=chosen)
            for one in (APP, PERSON)
            if chance.random() < 0.9
        ]
        about = subject(*known)
        alone = Request(action, policy.purposes[chosen], names, context, policy.catalogue, frozenset(Tier))

        both = decide(replace(APP, behalf=PERSON), replace(alone, behalf=other), own, about, at=AT)
        app = decide(APP, alone, own, about, at=AT)
        person = decide(PERSON, replace(alone), other, about, at=AT)

        assert isinstance(both, Granted) == (isinstance(app, Granted) and isinstance(person, Granted))
        if isinstance(both, Granted) and isinstance(app, Granted) and isinstance(person, Granted):
            for name, how in both.items:
                least = max(app.treatments[name], person.treatments[name], key=TREATMENTS_BY_DETAIL.index)
                assert how is least, (mine, theirs, chosen, name)
            narrowed += len(both.items) > 0 and both.items not in {app.items, person.items}

    # A comparison of pairs that see the same would prove little.
    assert narrowed > DRAWS / 10


def _mingled() -> Policy:
    """The delivered policy, had every role the same purposes: delivered roles seldom meet in one."""
    policy = delivered.policy()
    roles = {role.id: replace(role, purposes=frozenset(PURPOSES)) for role in policy.roles.values()}
    return replace(policy, roles=roles, digest=b"mingled".ljust(32))
