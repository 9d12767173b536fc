"""On behalf: an app that names a person is granted at most what each of the two would be granted alone."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.test_access import (
    ACTOR,
    ASKER,
    AT,
    NAME,
    NOTHING,
    PAPER,
    PHONE,
    SOURCE,
    agreed,
    fact,
    purpose,
    request,
    row,
    subject,
)
from vault.domain.access import Actor, Denied, Granted, SubjectFacts, decide, weaker
from vault.domain.consent import ConsentRow
from vault.domain.facts import FactKind, FactRow
from vault.domain.policy import MatrixRow, Requirement
from vault.domain.terms import (
    TREATMENTS_BY_DETAIL,
    Action,
    ActorId,
    Gate,
    PurposeId,
    SpaceId,
    Treatment,
)

CLERK = ActorId(b"c" * 16)
PERSON = Actor(CLERK, "person", "wang.fang", SpaceId(CLERK), ())
BOTH = replace(ACTOR, behalf=PERSON)
DETAIL = TREATMENTS_BY_DETAIL.index
P04 = PurposeId("P04")


def test_a_field_is_shown_in_the_way_that_tells_less_and_not_at_all_where_either_may_not_see_it() -> None:
    wide = row(NOTHING, name=Treatment.PLAIN, mobile=Treatment.MASK, id_number=Treatment.LAST4)
    narrow = row(NOTHING, name=Treatment.MASK, mobile=Treatment.PLAIN)

    for one, other in ((wide, narrow), (narrow, wide)):
        verdict = decide(BOTH, replace(request(NOTHING), behalf=other), one, subject(), at=AT)

        assert isinstance(verdict, Granted)
        assert verdict.treatments == {NAME: Treatment.MASK, PHONE: Treatment.MASK}
        assert verdict.withheld == {PAPER: "never-plain"}


def test_a_person_whose_row_is_missing_may_nothing() -> None:
    verdict = decide(BOTH, request(NOTHING), row(NOTHING, name=Treatment.PLAIN), subject(), at=AT)

    assert isinstance(verdict, Denied)
    assert verdict.reason == "role"


@pytest.mark.parametrize("needs", [Requirement.ASSIGNMENT, Requirement.CASE_ASSIGNED])
def test_what_must_be_assigned_must_be_assigned_to_both(needs: Requirement) -> None:
    of = purpose((needs,))
    asked = replace(request(of), behalf=row(of, name=Treatment.PLAIN))
    case = fact(FactKind.CASE)
    to_app, to_person = (fact(FactKind.ASSIGNMENT, assignee=who, purpose="P04") for who in (ASKER, CLERK))

    def reason(*facts: FactRow) -> str | None:
        verdict = decide(BOTH, asked, row(of, name=Treatment.PLAIN), subject(case, *facts), at=AT)
        return verdict.reason if isinstance(verdict, Denied) else None

    assert reason(to_app, to_person) is None
    assert reason(to_app) == reason(to_person) == reason() == "basis"


def test_what_the_person_stated_is_no_basis_for_the_app_that_acts_for_it() -> None:
    of = purpose((Requirement.ORDER,))
    asked = replace(request(of), behalf=row(of, name=Treatment.PLAIN))

    for source in (ASKER, CLERK):
        verdict = decide(BOTH, asked, row(of, name=Treatment.PLAIN), subject(fact(source=source)), at=AT)
        assert isinstance(verdict, Denied)


# ---- at most what either may ----

FIELDS = (NAME, PHONE, PAPER)
treatments = st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(TREATMENTS_BY_DETAIL))
requirements = st.lists(
    st.lists(st.sampled_from(Requirement), min_size=1, max_size=2).map(tuple), max_size=2
).map(tuple)
standing = st.lists(
    st.builds(
        fact,
        st.sampled_from(FactKind),
        source=st.sampled_from([SOURCE, ASKER, CLERK]),
        assignee=st.sampled_from([None, ASKER, CLERK]),
        purpose=st.sampled_from([None, P04]),
    ),
    max_size=6,
)
consents = st.lists(st.builds(agreed, fields=st.sampled_from(["", "name", "mobile,name"])), max_size=2)
actions = st.sampled_from(
    [Action.READ, Action.REVEAL, Action.MATCH, Action.LOOKUP, Action.WRITE, Action.RECORD_CONSENT]
)


@st.composite
def rows(draw: st.DrawFn) -> tuple[MatrixRow, MatrixRow, Action, tuple[tuple[Requirement, ...], ...]]:
    """Two rows for one action and purpose, each with and without what holds for own customers alone."""
    needs, action = draw(requirements), draw(actions)
    of = purpose(*needs)

    def one() -> MatrixRow:
        own = draw(st.booleans())
        base = row(of, action, own=own)
        seen = draw(treatments)
        assigned = {} if own or draw(st.booleans()) else draw(treatments)
        return replace(base, treatments=seen, assigned=assigned, permitted=draw(st.integers(0, 9)) > 0)

    return one(), one(), action, needs


@given(rows(), standing, consents, st.sampled_from([Gate.NONE, Gate.NONE, Gate.RESTRICTED, Gate.ERASING]))
def test_on_behalf_never_grants_more_than_the_app_alone_or_the_person_alone(
    drawn: tuple[MatrixRow, MatrixRow, Action, tuple[tuple[Requirement, ...], ...]],
    known: list[FactRow],
    given_consents: list[ConsentRow],
    gates: Gate,
) -> None:
    own, theirs, action, needs = drawn
    of = purpose(*needs)
    about: SubjectFacts = subject(*known, consents=tuple(given_consents), gates=gates)

    both = decide(BOTH, replace(request(of, action), behalf=theirs), own, about, at=AT)
    app = decide(ACTOR, request(of, action), own, about, at=AT)
    person = decide(PERSON, request(of, action), theirs, about, at=AT)

    assert isinstance(both, Granted) == (isinstance(app, Granted) and isinstance(person, Granted))
    if isinstance(both, Granted) and isinstance(app, Granted) and isinstance(person, Granted):
        shared = app.treatments.keys() & person.treatments.keys()
        assert both.treatments.keys() == shared
        assert both.treatments.keys().isdisjoint(both.withheld)
        assert both.treatments.keys() | both.withheld.keys() == set(FIELDS)
        for name, how in both.items:
            assert DETAIL(how) >= DETAIL(app.treatments[name])
            assert DETAIL(how) >= DETAIL(person.treatments[name])


@given(st.sampled_from(Treatment), st.sampled_from(Treatment))
def test_the_weaker_of_two_treatments_is_one_of_them_in_whichever_order(
    one: Treatment, other: Treatment
) -> None:
    assert weaker(one, other) is weaker(other, one)
    assert weaker(one, other) in {one, other}
    assert weaker(Treatment.PLAIN, one) is one
