"""A matrix row holds exactly what Cedar answers, and less right never shows more."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rulebook import delivered
from tests.rulebook.rows import FULL, a_row, ids, served, view
from vault.domain.policy import ContextClass
from vault.domain.terms import TREATMENTS_BY_DETAIL, Action, FieldName, PurposeId, RoleId, Tier, Treatment
from vault.rulebook.asking import JUDGED, SHOWING, Case, Judge, swear_in
from vault.rulebook.cedar import read_rules
from vault.rulebook.compiling import compile_row

ROLES = [str(role) for role in delivered.policy().roles]
ACTIONS = sorted(JUDGED)

contexts = st.builds(
    ContextClass,
    reason=st.booleans(),
    ticket=st.booleans(),
    approvals=st.integers(0, 2),
    strength=st.integers(0, 2),
    actor=st.sampled_from(["app", "person", "system"]),
)
role_sets = st.frozensets(st.sampled_from(ROLES), min_size=1, max_size=3)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(role_sets, st.data(), contexts, st.sampled_from(ACTIONS))
def test_fewer_roles_never_show_more(
    more: frozenset[str], data: st.DataObject, context: ContextClass, action: Action
) -> None:
    fewer = data.draw(st.frozensets(st.sampled_from(sorted(more))))
    purpose = data.draw(st.sampled_from(served(more)))

    less, whole = (a_row(roles, purpose, context, action) for roles in (fewer, more))

    for assigned in (False, True):
        _expect_no_more(view(less, assigned=assigned), view(whole, assigned=assigned))


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(st.sampled_from(ROLES), st.data(), contexts, st.sampled_from(sorted(SHOWING | {Action.REVEAL})))
def test_less_clearance_never_shows_more(
    name: str, data: st.DataObject, context: ContextClass, action: Action
) -> None:
    policy = delivered.policy()
    role = policy.roles[RoleId(name)]
    lower = replace(
        role, clearance=data.draw(st.sampled_from([Tier(one) for one in range(1, role.clearance + 1)]))
    )
    case = Case(action, data.draw(st.sampled_from(sorted(role.purposes))), context)

    whole = compile_row(delivered.judge(), policy, roles={role.id}, case=case)
    less = compile_row(
        delivered.judge(), replace(policy, roles={**policy.roles, role.id: lower}), roles={role.id}, case=case
    )

    _expect_no_more(less.treatments, whole.treatments)
    tiers = policy.catalogue.by_name
    hidden = {Treatment.TOKEN, Treatment.MATCH}
    assert all(
        tiers[one].tier <= lower.clearance for one, shown in less.treatments.items() if shown not in hidden
    )


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(role_sets, st.data(), contexts, st.sampled_from(ACTIONS))
def test_fewer_facts_of_a_request_never_show_more(
    roles: frozenset[str], data: st.DataObject, context: ContextClass, action: Action
) -> None:
    fewer = context._replace(
        reason=context.reason and data.draw(st.booleans()),
        ticket=context.ticket and data.draw(st.booleans()),
        approvals=data.draw(st.integers(0, context.approvals)),
        strength=data.draw(st.integers(0, context.strength)),
    )
    purpose = data.draw(st.sampled_from(served(roles)))

    less, whole = (a_row(roles, purpose, one, action) for one in (fewer, context))

    _expect_no_more(view(less, assigned=True), view(whole, assigned=True))
    assert whole.permitted >= less.permitted


def test_what_a_role_sees_for_one_purpose_is_not_seen_for_the_purpose_of_another_role() -> None:
    together = frozenset({"key_account_manager", "marketing"})

    row = a_row(together, "P11", FULL, Action.READ)

    assert row.treatments == a_row({"marketing"}, "P11", FULL, Action.READ).treatments
    assert Treatment.PLAIN not in row.treatments.values()


def test_what_needs_an_assignment_stays_apart_from_what_does_not() -> None:
    policy = delivered.policy()
    desk = replace(policy.roles[RoleId("service_desk")], purposes=frozenset({PurposeId("P05")}))
    both = replace(policy, roles={**policy.roles, desk.id: desk})

    row = compile_row(
        delivered.judge(),
        both,
        roles=ids({"service_desk", "complaint_clerk"}),
        case=Case(Action.READ, PurposeId("P05"), FULL),
    )

    assert not row.own
    assert (row.treatments[FieldName("name")], row.assigned[FieldName("name")]) == (
        Treatment.MASK,
        Treatment.PLAIN,
    )
    assert FieldName("bank_account") not in row.treatments
    assert row.assigned[FieldName("bank_account")] is Treatment.LAST4


@pytest.mark.parametrize(
    ("roles", "purpose"), [({"service_desk"}, "P99"), ({"nobody"}, "P04"), (set(), "P04")]
)
def test_without_a_role_for_the_purpose_nothing_is_permitted(roles: set[str], purpose: str) -> None:
    for action in Action:
        row = a_row(roles, purpose, FULL, action)

        assert not row.permitted
        assert row.refused == "not_granted"
        assert not row.treatments
        assert not row.assigned


def test_a_field_that_is_not_granted_says_so_and_one_that_is_forbidden_names_the_guardrail() -> None:
    bare = a_row({"realname_clerk"}, "P02", ContextClass(), Action.REVEAL)
    full = a_row({"realname_clerk"}, "P02", FULL, Action.REVEAL)

    assert bare.refusals[FieldName("id_number")] == "sensitive_needs_reason"
    assert bare.refusals[FieldName("bank_account")] == "not_granted"
    assert bare.permitted
    assert full.treatments == {
        FieldName("id_number"): Treatment.PLAIN,
        FieldName("passport"): Treatment.PLAIN,
    }


def test_an_action_without_fields_names_the_guardrail_that_forbids_it() -> None:
    app = a_row({"administrator"}, "P16", FULL, Action.GOVERN)
    person = a_row({"administrator"}, "P16", FULL._replace(actor="person"), Action.GOVERN)

    assert (app.permitted, app.refused) == (False, "apps_never_govern")
    assert (person.permitted, person.refused) == (True, None)


def test_cedar_has_the_last_word_over_the_role_file() -> None:
    extra = '\n@id("analysts_see_grades")\npermit (principal in Role::"analyst", action == Action::"read", '
    extra += 'resource == Field::"grade")\nwhen { context.treatment == "plain" };\n'
    extra += '@id("no_streets")\n@advice("Ask for the district.")\n'
    extra += 'forbid (principal, action, resource == Field::"address");\n'
    # Statistics stay behind their own guardrail, whoever permits what.
    judge = _judge_with(extra)

    analyst = compile_row(judge, delivered.policy(), roles=ids({"analyst"}), case=_case("P15", Action.READ))
    manager = compile_row(
        judge, delivered.policy(), roles=ids({"key_account_manager"}), case=_case("P09", Action.READ)
    )

    assert analyst.refusals[FieldName("grade")] == "statistics_know_nobody"
    assert manager.refusals[FieldName("address")] == "no_streets"


def test_a_guardrail_that_fails_while_it_is_judged_refuses() -> None:
    # Cedar itself would skip it, and the forbid would be as if it were not there.
    extra = '\n@id("overflows")\n@advice("None.")\nforbid (principal, action, resource is Field)\n'
    extra += "when { resource.tier + 9223372036854775807 > 0 };\n"

    row = compile_row(
        _judge_with(extra), delivered.policy(), roles=ids({"dispatcher"}), case=_case("P01", Action.READ)
    )

    assert not row.treatments
    assert row.refusals[FieldName("name")] == "rule_failed"


def test_a_field_is_judged_by_the_highest_tier_it_ever_had() -> None:
    policy = delivered.policy()
    lowered = replace(policy.catalogue.field("birthday"), tier=Tier.L2, tier_history=(Tier.L4,))
    catalogue = replace(policy.catalogue, by_name={**policy.catalogue.by_name, lowered.name: lowered})
    changed = replace(policy, catalogue=catalogue)
    judge = swear_in(changed, read_rules(policy.cedar, []))

    row = compile_row(judge, changed, roles=ids({"key_account_manager"}), case=_case("P09", Action.READ))

    assert row.refusals[lowered.name] == "above_clearance"


def _case(purpose: str, action: Action) -> Case:
    return Case(action, PurposeId(purpose), FULL)


def _judge_with(extra: str) -> Judge:
    return swear_in(delivered.policy(), read_rules(delivered.policy().cedar + extra, []))


def _expect_no_more(less: Mapping[FieldName, Treatment], whole: Mapping[FieldName, Treatment]) -> None:
    rank = {treatment: place for place, treatment in enumerate(TREATMENTS_BY_DETAIL)}
    assert less.keys() <= whole.keys()
    assert all(rank[whole[name]] <= rank[less[name]] for name in less)
