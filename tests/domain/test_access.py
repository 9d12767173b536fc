"""Access: decide() grants exactly what row, gates and facts allow, and nothing else makes a Granted."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.fields import a_field
from vault.domain.access import Actor, Denied, Granted, HeldRole, Request, SubjectFacts, decide
from vault.domain.catalogue import Catalogue, FieldType
from vault.domain.consent import ConsentForm, ConsentRow, ConsentState
from vault.domain.facts import FactKind, FactRow
from vault.domain.instants import millis
from vault.domain.policy import ContextClass, MatrixRow, Purpose, Requirement
from vault.domain.terms import (
    Action,
    ActorId,
    ConsentId,
    FactId,
    FieldName,
    FieldNumber,
    Gate,
    Millis,
    PurposeId,
    RoleId,
    SpaceId,
    SubjectId,
    SubjectKind,
    TenantId,
    Tier,
    Treatment,
)

AT = datetime(2026, 11, 21, 8, tzinfo=UTC)
ASKER, SOURCE = ActorId(b"a" * 16), ActorId(b"s" * 16)
TENANT, SUBJECT = TenantId(b"t" * 16), SubjectId(b"u" * 16)
NAME, PHONE, PAPER = FieldName("name"), FieldName("mobile"), FieldName("id_number")
CATALOGUE = Catalogue.of(
    [
        replace(a_field(FieldType.NAME), name=NAME, number=FieldNumber(1), tier=Tier.L3),
        replace(a_field(FieldType.MOBILE), name=PHONE, number=FieldNumber(2), tier=Tier.L3),
        replace(a_field(FieldType.ID_NUMBER), name=PAPER, number=FieldNumber(3), tier=Tier.L4),
    ],
    {},
)
ACTOR = Actor(ASKER, "app", "desk", SpaceId(b"p" * 16), ())
ALL_TIERS = frozenset(Tier)


def purpose(*requires: tuple[Requirement, ...], despite_restriction: bool = False) -> Purpose:
    """A purpose with these requirements under both regimes."""
    regimes = {"CN": requires, "EU": requires}
    return Purpose(
        PurposeId("P04"), "t", (), {}, regimes, despite_restriction=despite_restriction, mask="screen"
    )


def row(
    of: Purpose, action: Action = Action.READ, *, own: bool = False, **treatments: Treatment
) -> MatrixRow:
    """A matrix row that permits these treatments."""
    given_treatments = {FieldName(name): one for name, one in treatments.items()}
    refusals = {PAPER: "never-plain"}
    return MatrixRow(action, of.id, True, given_treatments, refusals, "screen", own)  # noqa: FBT003 - the row's own order


def request(of: Purpose, action: Action = Action.READ, served: frozenset[Tier] = ALL_TIERS) -> Request:
    """A request for all three fields."""
    return Request(action, of, (NAME, PHONE, PAPER), ContextClass(), CATALOGUE, served)


def subject(*facts: FactRow, consents: tuple[ConsentRow, ...] = (), gates: Gate = Gate.NONE) -> SubjectFacts:
    """A subject with these facts."""
    return SubjectFacts(SUBJECT, SubjectKind.PERSON, gates, 3, b"k" * 16, consents, facts)


def fact(
    kind: FactKind = FactKind.ORDER,
    *,
    source: ActorId = SOURCE,
    until: timedelta | None = None,
    **more: object,
) -> FactRow:
    """A fact that began an hour ago."""
    row = {"code": "", "ref": b"r" * 16, "assignee": None, "purpose": None, **more}
    ends = None if until is None else millis(AT + until)
    return FactRow(
        TENANT,
        SUBJECT,
        FactId(b"f" * 16),
        kind,
        source=source,
        since_ms=millis(AT - timedelta(hours=1)),
        until_ms=ends,
        **row,  # type: ignore[arg-type]
    )


def agreed(
    state: ConsentState = ConsentState.GIVEN, *, until: timedelta | None = None, fields: str = ""
) -> ConsentRow:
    """A consent item for the purpose."""
    ends = None if until is None else millis(AT + until)
    return ConsentRow(
        TENANT,
        SUBJECT,
        ConsentId(b"c" * 16),
        PurposeId("P04"),
        "",
        fields,
        ConsentForm.EXPLICIT,
        state,
        Millis(0),
        ends,
        bytes(32),
    )


NOTHING = purpose()
OPEN_ORDER = purpose((Requirement.ORDER,))


def test_a_grant_lists_what_the_row_allows_and_withholds_the_rest_with_its_reason() -> None:
    verdict = decide(ACTOR, request(NOTHING), row(NOTHING, mobile=Treatment.MASK), subject(), at=AT)

    assert isinstance(verdict, Granted)
    assert verdict.items == ((PHONE, Treatment.MASK),)
    assert verdict.withheld == {NAME: "not_granted", PAPER: "never-plain"}
    assert (verdict.subject, verdict.revision, verdict.month) == (SUBJECT, 3, 202611)


def test_a_tier_that_this_process_does_not_serve_is_withheld() -> None:
    allowed = row(NOTHING, name=Treatment.PLAIN, id_number=Treatment.MASK)

    verdict = decide(ACTOR, request(NOTHING, served=frozenset({Tier.L3})), allowed, subject(), at=AT)

    assert isinstance(verdict, Granted)
    assert verdict.items == ((NAME, Treatment.PLAIN),)
    assert verdict.withheld[PAPER] == "tier_not_served"


def test_only_decide_makes_a_granted() -> None:
    with pytest.raises(TypeError):
        Granted(SUBJECT, b"k" * 16, AT, 1, Action.READ, (), {}, object())


@pytest.mark.parametrize("wrong", ["action", "purpose", "permitted"])
def test_a_row_that_speaks_of_something_else_permits_nothing(wrong: str) -> None:
    other = purpose((Requirement.ORDER,))
    rows = {
        "action": row(NOTHING, Action.REVEAL, name=Treatment.PLAIN),
        "purpose": MatrixRow(Action.READ, PurposeId("P99"), True, {}, {}, "screen", False),  # noqa: FBT003
        "permitted": MatrixRow(Action.READ, other.id, False, {}, {}, "screen", False, refused="guard"),  # noqa: FBT003
    }

    verdict = decide(ACTOR, request(NOTHING), rows[wrong], subject(), at=AT)

    assert isinstance(verdict, Denied)
    assert verdict.reason in {"role", "guard"}


def test_a_requirement_is_met_by_a_live_fact_from_somebody_else_and_by_nothing_else() -> None:
    allowed = row(OPEN_ORDER, name=Treatment.PLAIN)

    def reason(*facts: FactRow) -> str | None:
        verdict = decide(ACTOR, request(OPEN_ORDER), allowed, subject(*facts), at=AT)
        return verdict.reason if isinstance(verdict, Denied) else None

    assert reason(fact()) is None
    assert reason() == "basis"
    assert reason(fact(FactKind.CASE)) == "basis"
    assert reason(fact(source=ASKER)) == "basis", "the asker is never its own source"
    assert reason(fact(until=timedelta(0))) == "basis", "a fact has ended at its end"
    assert reason(fact(until=timedelta(milliseconds=1))) is None


@pytest.mark.parametrize(
    ("requirement", "meeting"),
    [
        (Requirement.CONTRACT, [fact(FactKind.CONTRACT)]),
        (Requirement.CASE, [fact(FactKind.CASE)]),
        (Requirement.DUTY, [fact(FactKind.DUTY)]),
        (Requirement.REQUEST, [fact(FactKind.REQUEST)]),
        (Requirement.ASSIGNMENT, [fact(FactKind.ASSIGNMENT, assignee=ASKER, purpose="P04")]),
        (
            Requirement.CASE_ASSIGNED,
            [fact(FactKind.CASE), fact(FactKind.ASSIGNMENT, assignee=ASKER, purpose="P04")],
        ),
    ],
)
def test_each_requirement_has_the_facts_that_meet_it(
    requirement: Requirement, meeting: list[FactRow]
) -> None:
    needs = purpose((requirement,))
    allowed = row(needs, name=Treatment.PLAIN)

    assert isinstance(decide(ACTOR, request(needs), allowed, subject(*meeting), at=AT), Granted)
    for missing in range(len(meeting)):
        fewer = [one for number, one in enumerate(meeting) if number != missing]
        assert isinstance(decide(ACTOR, request(needs), allowed, subject(*fewer), at=AT), Denied)


def test_an_assignment_of_another_case_purpose_or_asker_does_not_count() -> None:
    needs = purpose((Requirement.CASE_ASSIGNED,))
    mine: dict[str, Any] = {"assignee": ASKER, "purpose": "P04"}

    for wrong in ({**mine, "ref": b"x" * 16}, {**mine, "purpose": "P05"}, {**mine, "assignee": SOURCE}):
        facts = (fact(FactKind.CASE), fact(FactKind.ASSIGNMENT, **wrong))
        verdict = decide(ACTOR, request(needs), row(needs, name=Treatment.PLAIN), subject(*facts), at=AT)
        assert isinstance(verdict, Denied)


def test_consent_covers_from_its_giving_to_its_end_unless_an_objection_stands() -> None:
    needs = purpose((Requirement.CONSENT,))

    def holds(*consents: ConsentRow, facts: tuple[FactRow, ...] = ()) -> bool:
        allowed = row(needs, name=Treatment.PLAIN)
        verdict = decide(ACTOR, request(needs), allowed, subject(*facts, consents=consents), at=AT)
        return isinstance(verdict, Granted)

    assert holds(agreed())
    assert holds(agreed(ConsentState.RENEWED))
    assert not holds()
    assert not any(
        holds(agreed(state))
        for state in ConsentState
        if state not in {ConsentState.GIVEN, ConsentState.RENEWED}
    )
    assert not holds(agreed(until=timedelta(0)))
    assert not holds(agreed(), facts=(fact(FactKind.OBJECTION, purpose="P04"),))
    assert holds(agreed(), facts=(fact(FactKind.OBJECTION, purpose="P08"),))


def test_a_consent_that_names_fields_lets_out_those_and_no_other() -> None:
    needs = purpose((Requirement.CONSENT,))
    allowed = row(needs, name=Treatment.PLAIN, mobile=Treatment.MASK)

    def shown(*consents: ConsentRow) -> set[FieldName]:
        verdict = decide(ACTOR, request(needs), allowed, subject(consents=consents), at=AT)
        assert isinstance(verdict, Granted)
        assert {verdict.withheld.get(name, "consent") for name in (NAME, PHONE)} <= {"consent"}
        return {name for name, _ in verdict.items}

    assert shown(agreed(fields="mobile")) == {PHONE}
    assert shown(agreed(fields="email")) == set()
    assert shown(agreed(fields="mobile"), agreed(fields="name")) == {NAME, PHONE}
    assert shown(agreed(fields="mobile"), agreed()) == {NAME, PHONE}
    ended = agreed(fields="name", until=timedelta(0))
    assert shown(agreed(fields="mobile"), ended) == {PHONE}


def test_what_the_asker_itself_says_of_the_regime_frees_it_of_nothing() -> None:
    lenient = Purpose(
        PurposeId("P04"),
        "t",
        (),
        {},
        {"CN": ((Requirement.CONSENT,),), "EU": ((Requirement.NO_OBJECTION,),)},
        despite_restriction=False,
        mask="screen",
    )
    allowed = row(lenient, name=Treatment.PLAIN)
    said_by = {one: fact(FactKind.JURISDICTION, code="EU", source=one) for one in (SOURCE, ASKER)}

    assert isinstance(decide(ACTOR, request(lenient), allowed, subject(said_by[SOURCE]), at=AT), Granted)
    assert isinstance(decide(ACTOR, request(lenient), allowed, subject(said_by[ASKER]), at=AT), Denied)


def test_no_objection_and_a_shown_notice_are_what_they_say_and_a_recipient_is_nobody_yet() -> None:
    silent, noticed, recipient = (
        purpose((one,)) for one in (Requirement.NO_OBJECTION, Requirement.NOTICE, Requirement.RECIPIENT)
    )

    def holds(of: Purpose, *facts: FactRow, consents: tuple[ConsentRow, ...] = ()) -> bool:
        allowed = row(of, name=Treatment.PLAIN)
        verdict = decide(ACTOR, request(of), allowed, subject(*facts, consents=consents), at=AT)
        return isinstance(verdict, Granted)

    assert holds(silent)
    assert not holds(silent, fact(FactKind.OBJECTION))
    assert holds(noticed, consents=(agreed(),))
    assert not holds(noticed)
    assert not holds(recipient, fact())


def test_an_objection_holds_also_against_the_app_that_took_it_down() -> None:
    silent, asked = purpose((Requirement.NO_OBJECTION,)), purpose((Requirement.CONSENT,))
    own = fact(FactKind.OBJECTION, source=ASKER)

    for needs in (silent, asked):
        allowed = row(needs, name=Treatment.PLAIN)
        verdict = decide(ACTOR, request(needs), allowed, subject(own, consents=(agreed(),)), at=AT)
        assert isinstance(verdict, Denied)


def test_consent_to_sharing_with_others_permits_no_use_of_our_own() -> None:
    needs = purpose((Requirement.CONSENT,))
    shared = replace(agreed(), recipients="rcp-partner")
    withdrawn = agreed(ConsentState.WITHDRAWN)

    allowed = row(needs, name=Treatment.PLAIN)
    verdict = decide(ACTOR, request(needs), allowed, subject(consents=(withdrawn, shared)), at=AT)

    assert isinstance(verdict, Denied), "the withdrawn item is not stood in for by the other"


def test_an_unknown_regime_must_meet_every_regime() -> None:
    strict = Purpose(
        PurposeId("P04"),
        "t",
        (),
        {},
        {"CN": ((Requirement.CONSENT,),), "EU": ((Requirement.NO_OBJECTION,),)},
        despite_restriction=False,
        mask="screen",
    )
    allowed = row(strict, name=Treatment.PLAIN)

    def holds(code: str | None) -> bool:
        facts = () if code is None else (fact(FactKind.JURISDICTION, code=code),)
        return isinstance(decide(ACTOR, request(strict), allowed, subject(*facts), at=AT), Granted)

    assert holds("EU")
    assert not holds(None), "China by default"
    assert not holds("CN")
    assert not holds("HK"), "unknown: the stricter"


def test_own_customers_need_an_assignment_beyond_the_purpose() -> None:
    allowed = row(NOTHING, own=True, name=Treatment.PLAIN)
    assigned = fact(FactKind.ASSIGNMENT, assignee=ASKER, purpose="P04")

    assert isinstance(decide(ACTOR, request(NOTHING), allowed, subject(), at=AT), Denied)
    assert isinstance(decide(ACTOR, request(NOTHING), allowed, subject(assigned), at=AT), Granted)


@pytest.mark.parametrize("action", [Action.WRITE, Action.PROPOSE])
def test_who_is_there_for_own_customers_changes_no_others(action: Action) -> None:
    asked = replace(request(OPEN_ORDER), action=action)
    allowed = replace(row(OPEN_ORDER, own=True, name=Treatment.PLAIN), action=action)
    assigned = fact(FactKind.ASSIGNMENT, assignee=ASKER, purpose="P04")

    assert isinstance(decide(ACTOR, asked, allowed, subject(fact()), at=AT), Denied)
    assert isinstance(decide(ACTOR, asked, allowed, subject(assigned), at=AT), Granted)
    anyone = replace(allowed, own=False)
    assert isinstance(decide(ACTOR, asked, anyone, subject(), at=AT), Granted), "a change discloses nothing"


def test_a_mixed_role_set_sees_more_of_what_is_assigned_to_it() -> None:
    mixed = MatrixRow(
        Action.READ,
        NOTHING.id,
        True,  # noqa: FBT003 - the row's own order
        {NAME: Treatment.MASK},
        {},
        "screen",
        False,  # noqa: FBT003 - the row's own order
        assigned={NAME: Treatment.PLAIN},
    )
    assigned = fact(FactKind.ASSIGNMENT, assignee=ASKER, purpose="P04")

    plain = decide(ACTOR, request(NOTHING), mixed, subject(assigned), at=AT)
    masked = decide(ACTOR, request(NOTHING), mixed, subject(), at=AT)

    assert isinstance(plain, Granted)
    assert isinstance(masked, Granted)
    assert (plain.items, masked.items) == (((NAME, Treatment.PLAIN),), ((NAME, Treatment.MASK),))


@pytest.mark.parametrize("gate", [Gate.ERASING, Gate.PROSPECT])
def test_who_is_being_erased_or_only_known_by_an_identifier_looks_absent(gate: Gate) -> None:
    verdict = decide(ACTOR, request(NOTHING), row(NOTHING, name=Treatment.PLAIN), subject(gates=gate), at=AT)

    assert isinstance(verdict, Denied)
    assert verdict.reason == "not_found"


def test_a_restriction_refuses_reads_hides_from_lookups_and_lets_protection_through() -> None:
    restricted = subject(gates=Gate.RESTRICTED)
    protective = purpose(despite_restriction=True)

    def reason(of: Purpose, action: Action) -> str | None:
        verdict = decide(ACTOR, request(of, action), row(of, action, name=Treatment.PLAIN), restricted, at=AT)
        return verdict.reason if isinstance(verdict, Denied) else None

    assert reason(NOTHING, Action.READ) == "restriction"
    assert reason(NOTHING, Action.WRITE) == "restriction"
    assert reason(NOTHING, Action.LOOKUP) == "not_found"
    assert reason(protective, Action.READ) is None
    for action in (Action.RECORD_CONSENT, Action.RESTRICT, Action.STATE, Action.PROCESS):
        assert reason(NOTHING, action) is None


@pytest.mark.parametrize("action", [Action.LOOKUP, Action.MATCH])
def test_what_only_compares_is_granted_as_a_match(action: Action) -> None:
    verdict = decide(
        ACTOR, request(NOTHING, action), row(NOTHING, action, name=Treatment.PLAIN), subject(), at=AT
    )

    assert isinstance(verdict, Granted)
    assert verdict.treatments == {NAME: Treatment.MATCH}


def test_roles_count_for_their_purposes_until_they_end() -> None:
    held = HeldRole(RoleId("desk"), frozenset({PurposeId("P04")}), millis(AT))
    actor = Actor(ASKER, "app", "desk", SpaceId(b"p" * 16), (held,))

    assert actor.roles(PurposeId("P04"), AT - timedelta(milliseconds=1)) == {"desk"}
    assert actor.roles(PurposeId("P04"), AT) == frozenset()
    assert actor.roles(PurposeId("P05"), AT - timedelta(days=1)) == frozenset()


FACTS = st.builds(
    fact,
    st.sampled_from(FactKind),
    source=st.sampled_from([ASKER, SOURCE]),
    until=st.none() | st.timedeltas(timedelta(hours=-1), timedelta(hours=1)),
    assignee=st.sampled_from([None, ASKER, SOURCE]),
    purpose=st.sampled_from([None, "P04", "P05"]),
)
REQUIRES = st.lists(st.lists(st.sampled_from(Requirement), min_size=1, max_size=2).map(tuple), max_size=2)


@given(
    facts=st.lists(FACTS, max_size=4),
    requires=REQUIRES,
    consents=st.lists(st.sampled_from(list(ConsentState)).map(agreed), max_size=2),
    own=st.booleans(),
)
def test_less_consent_fewer_facts_and_less_row_never_show_more(
    *, facts: list[FactRow], requires: list[tuple[Requirement, ...]], consents: list[ConsentRow], own: bool
) -> None:
    of = purpose(*requires)
    told = [one for one in facts if one.kind not in {FactKind.OBJECTION, FactKind.JURISDICTION}]
    full = row(of, own=own, name=Treatment.PLAIN, mobile=Treatment.MASK)
    less = row(of, own=own, name=Treatment.PLAIN)

    def shown(allowed: MatrixRow, facts: list[FactRow], consents: list[ConsentRow]) -> set[object]:
        verdict = decide(ACTOR, request(of), allowed, subject(*facts, consents=tuple(consents)), at=AT)
        return set(verdict.items) if isinstance(verdict, Granted) else set()

    most = shown(full, told, consents)
    assert shown(less, told, consents) <= most
    assert shown(full, told[1:], consents) <= most
    assert shown(full, told, consents[1:]) <= most
    assert shown(full, facts, consents) <= most, "an objection or a stricter regime never adds"
