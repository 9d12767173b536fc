"""Two policies are compared by what they allow, place by place, and not by how they are written."""

import pytest

from tests.rulebook import delivered
from vault.domain.policy import Policy
from vault.domain.terms import Action, FieldName, PurposeId, RoleId
from vault.rulebook.checking import check
from vault.rulebook.comparing import ALIKE, Condition, Difference, compare
from vault.rulebook.matrix import NO_FIELD, Place, cells

DESK, MOBILE = RoleId("service_desk"), FieldName("mobile")
ENQUIRIES = PurposeId("P04")


def policy(*change: str) -> Policy:
    """Read the delivered policy, with one change."""
    found, mistakes = check(delivered.changed(*change) if change else delivered.files())
    assert found is not None, mistakes
    return found


@pytest.mark.slow
def test_a_policy_that_is_only_written_differently_allows_the_same() -> None:
    assert compare(policy(), policy("retention.toml", "[[", "# looked through\n[[")) == ALIKE


@pytest.mark.slow
def test_what_is_newly_allowed_and_no_longer_is_told_and_nothing_else() -> None:
    reveals = 'reveal = ["name", "mobile", "landline", "address"]'
    narrower = policy("roles.toml", reveals, 'reveal = ["name", "mobile"]')

    told = compare(policy(), narrower)
    back = compare(narrower, policy())

    assert {(one.place.role, one.place.action, one.place.field) for one in told.access} == {
        (DESK, Action.REVEAL, name) for name in ("landline", "address")
    }
    assert {one.place.purpose for one in told.access} == {"P03", "P04", "P05"}
    assert all(one.before == "reveal=plain (reason, strong login)" and not one.after for one in told.access)
    assert [(one.place, one.after, one.before) for one in back.access] == [
        (one.place, one.before, one.after) for one in told.access
    ]
    assert told.needs == ()


@pytest.mark.slow
def test_what_a_purpose_newly_requires_is_told() -> None:
    stricter = policy(
        "purposes.toml",
        'requires = { CN = ["contract | case"], EU = ["contract | case"] }',
        'requires = { CN = ["contract"], EU = ["contract"] }',
    )

    told = compare(policy(), stricter)

    assert [(one.purpose, one.before, one.after) for one in told.needs] == [
        ("P04", "contract or case", "contract")
    ]
    assert told.access == ()


@pytest.mark.slow
def test_every_place_says_what_is_allowed_there() -> None:
    found = cells(policy())

    assert found[Place(DESK, ENQUIRIES, MOBILE, Action.READ)] == "read=mask, screen mask"
    assert found[Place(DESK, ENQUIRIES, NO_FIELD, Action.RECORD_CONSENT)] == "record-consent"
    assert Place(RoleId("intake"), PurposeId("P01"), MOBILE, Action.READ) not in found
    assert all(found.values())


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("", "read=mask", "service_desk for P04 mobile: newly read=mask"),
        ("read=plain", "", "service_desk for P04 mobile: no longer read=plain"),
        ("read=mask", "read=plain", "service_desk for P04 mobile: read=mask becomes read=plain"),
    ],
)
def test_a_difference_is_said_in_one_line(before: str, after: str, words: str) -> None:
    place = Place(DESK, ENQUIRIES, MOBILE, Action.READ)

    assert Difference(place, before, after).words() == words


def test_a_difference_without_a_field_names_none() -> None:
    place = Place(DESK, ENQUIRIES, NO_FIELD, Action.RESTRICT)

    assert Difference(place, "", "restrict").words() == "service_desk for P04: newly restrict"


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("", "contract", "P04: a new purpose, which needs contract"),
        ("contract", "", "P04: no purpose any longer; it needed contract"),
        ("contract", "case", "P04: needs case, and no longer contract"),
    ],
)
def test_a_condition_is_said_in_one_line(before: str, after: str, words: str) -> None:
    assert Condition(ENQUIRIES, before, after).words() == words
