"""The delivered policies say what was asked: the purposes, the roles and who sees what of a customer."""

import pytest

from tests.rulebook import delivered
from vault.domain.policy import Role
from vault.domain.terms import Action, FieldName, PurposeId, RoleId, SubjectKind, Tier, Treatment
from vault.rulebook.checking import check
from vault.rulebook.roles import VERBS

# What a purpose requires under CN, and under EU where that differs: ANDs of ORs.
REQUIRES = {
    "P01": "order",
    "P02": "order",
    "P03": "order",
    "P04": "contract|case",
    "P05": "case_assigned",
    "P06": "contract|order",
    "P07": "contract",
    "P08": "consent / no_objection",
    "P09": "assignment",
    "P10": "consent",
    "P11": "consent",
    "P12": "contract",
    "P13": "order & recipient",
    "P14": "consent",
    "P15": "",
    "P16": "case_assigned",
    "P17": "duty",
    "P18": "request",
    "P19": "order & notice",
}

# R is masked, and plain by reveal; V a channel; X a comparison only; - nothing at all.
COLUMNS = {
    "name": ("name",),
    "phone": ("mobile", "landline"),
    "address": ("address",),
    "e-mail": ("email",),
    "ID": ("id_number", "passport"),
    "bank": ("bank_account",),
    "birthday": ("birthday",),
    "grade": ("grade",),
    "notes": ("notes",),
}
TABLE = {
    #                       purposes          name phone address  e-mail ID     bank     birthday grade notes
    "service_desk": "       P03,P04,P05       R    R     R        M      X      -        -        P     M",
    "dispatcher": "         P01               M    V     P        -      -      -        -        -     -",
    "realname_clerk": "     P02               P    P     M        -      XR     -        -        -     -",
    "complaint_clerk": "    P05               P    R     R        R      X      last4    -        P     P",
    "settlement_clerk": "   P06               P    M     -        M      M      R        -        M     -",
    "key_account_manager": "P09               P    P     P        P      -      -        M        P     P",
    "marketing": "          P10,P11,P12       T    T     -        T      -      -        -        -     -",
    "analyst": "            P15               T    -     band     -      -      -        band     -     -",
    "partner_carrier": "    P13               M    V     P        -      -      -        -        -     -",
    "privacy_officer": "    P18               P    P     P        P      R      R        P        P     P",
    "auditor": "            P16               T    T     T        T      -      -        -        P     -",
    "administrator": "      P16               -    -     -        -      -      -        -        -     -",
    "supervisor": "         P16               -    -     -        -      -      -        -        -     -",
    "customer": "           P18               P    P     P        P      M      M        P        P     M",
    "intake": "             P01               -    -     -        -      -      -        -        -     -",
}
SHOWN = {
    "P": Treatment.PLAIN,
    "M": Treatment.MASK,
    "R": Treatment.MASK,
    "XR": Treatment.MASK,
    "V": Treatment.TOKEN,
    "T": Treatment.TOKEN,
    "last4": Treatment.LAST4,
    "band": Treatment.GENERALISE,
}
VERBS_OF = {
    "service_desk": "admit write record-consent lookup match",
    "dispatcher": "propose",
    "realname_clerk": "admit write record-consent lookup match",
    "complaint_clerk": "propose match",
    "settlement_clerk": "propose",
    "key_account_manager": "admit write record-consent lookup match",
    "marketing": "",
    "analyst": "",
    "partner_carrier": "",
    "privacy_officer": "write record-consent restrict erase export review",
    "auditor": "review",
    "administrator": "govern",
    "supervisor": "",
    "customer": "",
    "intake": "admit write record-consent",
}
CORE = (
    "customer_no name company_name salutation mobile landline email address district id_number passport uscc "
    "bank_account birthday plate grade notes"
).split()


def test_the_delivered_policies_hold_no_mistake() -> None:
    policy, mistakes = check(delivered.files())

    assert mistakes == []
    assert policy is not None


def test_each_purpose_requires_the_facts_its_basis_rests_on() -> None:
    required = {}
    for purpose in delivered.policy().purposes.values():
        told = [" & ".join("|".join(group) for group in purpose.requires[regime]) for regime in ("CN", "EU")]
        required[purpose.id] = told[0] if told[0] == told[1] else " / ".join(told)

    assert required == REQUIRES


def test_a_restriction_leaves_only_security_authorities_and_rights() -> None:
    purposes = delivered.policy().purposes.values()

    assert {one.id for one in purposes if one.despite_restriction} == {"P16", "P17", "P18"}


def test_the_stricter_mask_serves_where_a_waybill_is_printed() -> None:
    assert {one.id for one in delivered.policy().purposes.values() if one.mask == "waybill"} == {
        "P01",
        "P13",
        "P19",
    }


@pytest.mark.parametrize("name", TABLE)
def test_a_role_serves_its_purposes_and_no_other(name: str) -> None:
    purposes = TABLE[name].split()[0].split(",")

    assert _role(name).purposes == {PurposeId(one) for one in purposes}


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("column", COLUMNS)
def test_a_role_sees_of_each_field_what_the_table_says(name: str, column: str) -> None:
    role, cell = _role(name), TABLE[name].split()[1 + list(COLUMNS).index(column)]

    for field in map(FieldName, COLUMNS[column]):
        assert role.read.get(field) == SHOWN.get(cell)
        assert (field in role.reveal) == ("R" in cell)
        assert field in role.match or "X" not in cell
        assert cell != "V" or delivered.policy().catalogue.by_name[field].channel


@pytest.mark.parametrize("name", VERBS_OF)
def test_a_role_does_what_its_verbs_say(name: str) -> None:
    shown = {Action.READ, Action.REVEAL}

    assert _role(name).verbs - shown == {Action(verb) for verb in VERBS_OF[name].split()}


def test_there_are_thirteen_roles_intake_and_the_supervisor() -> None:
    assert set(delivered.policy().roles) == set(TABLE)


def test_own_work_is_asked_of_those_who_have_own_customers() -> None:
    own = {role.id for role in delivered.policy().roles.values() if role.own}

    assert own == {
        "dispatcher",
        "complaint_clerk",
        "key_account_manager",
        "partner_carrier",
        "privacy_officer",
        "customer",
    }


def test_the_core_fields_are_there_and_only_four_are_unique() -> None:
    fields = delivered.policy().catalogue.by_name

    assert set(CORE) <= set(fields)
    assert {field.name for field in fields.values() if field.unique} == {
        "id_number",
        "passport",
        "uscc",
        "customer_no",
    }


def test_papers_and_accounts_are_the_most_sensitive_tier() -> None:
    fields = delivered.policy().catalogue.by_name.values()

    assert {field.name for field in fields if field.tier is Tier.L4} == {
        "id_number",
        "passport",
        "bank_account",
    }


def test_each_group_of_the_customer_form_has_fields_and_each_kind_of_subject_has_some() -> None:
    fields = list(delivered.policy().catalogue.by_name.values())

    assert {field.group for field in fields} == {
        "basic",
        "business",
        "needs",
        "evaluation",
        "potential",
        "credit",
    }
    assert all(any(kind in field.kinds for field in fields) for kind in SubjectKind)
    assert {field.group: field.freshness_months for field in fields if field.group != "credit"} == {
        "basic": 3,
        "business": 1,
        "needs": 6,
        "evaluation": 6,
        "potential": 6,
    }


def test_each_purpose_that_needs_consent_has_a_notice_in_chinese_and_in_english() -> None:
    policy = delivered.policy()

    for name in ("P08", "P10", "P11", "P14", "P19"):
        langs = {one.lang for one in policy.notices.values() if PurposeId(name) in one.purposes}
        assert langs == {"zh-CN", "en"}
    assert all(digest == notice.sha256 for digest, notice in policy.notices.items())


def test_every_verb_but_the_systems_own_is_somebodys() -> None:
    verbs = {verb for role in delivered.policy().roles.values() for verb in role.verbs}

    assert verbs >= VERBS - {Action.PROCESS}


def _role(name: str) -> Role:
    return delivered.policy().roles[RoleId(name)]
