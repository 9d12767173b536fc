"""A policy enters as a whole, against the version that it was planned on, and is felt by everyone at once."""

import pytest

from tests.services.office import FILES, OPERATOR, Office
from tests.services.office import OTHER_FILES as OTHER
from vault.domain.grants import token_text
from vault.domain.policy import files_text, policy_digest
from vault.errors import (
    Conflict,
    Corrupt,
    Invalid,
    LedgerUnavailable,
    Misconfigured,
    NotFound,
    Refused,
    Stale,
)
from vault.rulebook.comparing import ALIKE
from vault.services import policies
from vault.services.authenticate import policy_in_force
from vault.storage import floors

pytestmark = pytest.mark.slow

BROKEN = {**FILES, "roles.toml": FILES["roles.toml"] + "\n[[role]]\n", "retention.toml": "= nothing"}
NOW_IN_FORCE = policy_digest(FILES)


def test_the_delivered_policy_has_no_mistake_and_changes_nothing(office: Office) -> None:
    planned = policies.plan(office.parts, FILES)

    assert (planned.base, planned.digest) == (NOW_IN_FORCE, NOW_IN_FORCE)
    assert (planned.changed, planned.mistakes) == ((), ())


def test_a_plan_names_the_files_that_differ_and_every_mistake_and_changes_nothing(office: Office) -> None:
    before = office.copy_authority()

    planned = policies.plan(office.parts, BROKEN)

    assert planned.changed == ("retention.toml", "roles.toml")
    assert {mistake.file for mistake in planned.mistakes} >= {"retention.toml", "roles.toml"}
    assert office.copy_authority() == before


REVEALS = 'reveal = ["name", "mobile", "landline", "address"]'
NARROWER = {**FILES, "roles.toml": FILES["roles.toml"].replace(REVEALS, 'reveal = ["name", "mobile"]')}


def test_a_plan_says_who_may_no_longer_do_what_and_who_may_newly(office: Office) -> None:
    planned = policies.plan(office.parts, NARROWER).compared.words()
    apply(office, NARROWER)
    back = policies.plan(office.parts, FILES).compared.words()

    told = "service_desk for P04 address: no longer reveal=plain (reason, strong login)"
    assert told in planned
    assert told.replace("no longer", "newly") in back
    assert len(planned) == len(back) == 6


def test_every_version_can_be_read_compared_and_put_in_force_again(office: Office) -> None:
    apply(office, NARROWER)
    compared = policies.compare(office.parts, 1, 2)

    row = policies.roll_back(
        office.parts, OPERATOR, 1, base_digest=policy_digest(NARROWER), author="operator:1000"
    )

    assert (row.number, row.digest) == (3, NOW_IN_FORCE)
    assert [one.number for one in policies.versions(office.parts)] == [1, 2, 3]
    assert policies.version_files(office.parts, 2) == NARROWER
    assert policies.version_files(office.parts) == FILES
    assert len(compared.access) == 6
    assert policies.compare(office.parts, 1, 3) == ALIKE


def test_a_version_that_never_was_is_not_found(office: Office) -> None:
    with pytest.raises(NotFound):
        policies.version_files(office.parts, 2)
    with pytest.raises(NotFound):
        policies.roll_back(office.parts, OPERATOR, 0, base_digest=NOW_IN_FORCE, author="operator:1000")


def test_an_older_version_that_was_edited_is_neither_shown_nor_put_back(office: Office) -> None:
    apply(office, NARROWER)
    office.by_hand("data", "UPDATE policy_version SET files = '{}' WHERE number = 1")

    with pytest.raises(Corrupt):
        policies.version_files(office.parts, 1)
    with pytest.raises(Corrupt):
        policies.roll_back(
            office.parts, OPERATOR, 1, base_digest=policy_digest(NARROWER), author="operator:1000"
        )
    assert policies.version_files(office.parts) == NARROWER


def test_an_applied_policy_is_the_next_version_for_every_worker(office: Office) -> None:
    other = office.another()
    issued = office.hire()
    other.ask(issued.token)

    row = apply(office, OTHER)

    _, standing = other.ask(issued.token)
    policy = policy_in_force(other.parts, standing)
    assert (row, policy.number, policy.digest) == (2, 2, policy_digest(OTHER))
    told = office.entries()[-1]
    assert (told["kind"], told["object"]["code"]) == (
        "policy.applied",
        f"2:{token_text(policy_digest(OTHER))}",
    )
    assert told["policy"] == {"id": token_text(NOW_IN_FORCE), "version": 1}


def test_files_planned_on_another_version_are_refused(office: Office) -> None:
    apply(office, OTHER)

    with pytest.raises(Stale) as refused:
        apply(office, FILES)

    assert refused.value.code == "policy_base"
    assert office.version() == 2


def test_an_older_policy_comes_back_as_a_new_version(office: Office) -> None:
    apply(office, OTHER)

    number = apply(office, FILES, base=policy_digest(OTHER))

    assert number == 3
    assert policies.plan(office.parts, FILES).base == NOW_IN_FORCE


def test_what_is_in_force_already_is_no_new_version(office: Office) -> None:
    with pytest.raises(Conflict) as refused:
        apply(office, FILES)

    assert refused.value.code == "policy_unchanged"


def test_files_with_mistakes_are_refused_with_all_of_them(office: Office) -> None:
    with pytest.raises(Misconfigured) as refused:
        apply(office, BROKEN)

    assert len(refused.value.faults) >= 2
    assert all(fault.startswith(tuple(FILES)) for fault in refused.value.faults)
    assert office.version() == 1


def test_only_an_operator_with_a_code_for_a_name_applies(office: Office) -> None:
    app, _ = office.ask(office.hire().token)

    with pytest.raises(Refused):
        policies.apply_policy(
            office.parts, app, files=OTHER, base_digest=NOW_IN_FORCE, author="operator:1000"
        )
    with pytest.raises(Invalid):
        policies.apply_policy(
            office.parts, OPERATOR, files=OTHER, base_digest=NOW_IN_FORCE, author="Ada Example"
        )


def test_a_house_has_a_first_policy_once(office: Office) -> None:
    with pytest.raises(Stale) as refused:
        apply_first(office, OTHER)

    assert refused.value.code == "policy_base"
    assert office.version() == 1


@pytest.mark.parametrize("tables", [("authority",), ("authority", "policy_version")])
def test_a_house_whose_authority_was_taken_away_is_not_a_new_one(
    office: Office, tables: tuple[str, ...]
) -> None:
    for table in tables:
        office.by_hand("data", f"DELETE FROM {table}")

    with pytest.raises(Corrupt):
        apply_first(office, FILES)


def test_a_first_policy_with_mistakes_leaves_the_house_without_one(empty_office: Office) -> None:
    with pytest.raises(Misconfigured):
        apply_first(empty_office, BROKEN)

    assert policies.plan(empty_office.parts, BROKEN).base is None
    assert apply_first(empty_office, FILES) == 1


def test_a_first_policy_that_was_cut_short_is_completed_by_repeating_it(empty_office: Office) -> None:
    empty_office.by_hand("audit", "ALTER TABLE entry RENAME TO entry_away")
    with pytest.raises(LedgerUnavailable):
        apply_first(empty_office, FILES)
    empty_office.by_hand("audit", "ALTER TABLE entry_away RENAME TO entry")

    repeated = [apply_first(empty_office, FILES) for _ in range(2)]

    assert repeated == [1, 1]
    assert empty_office.kinds() == ["policy.applied"]
    assert empty_office.floors() == (1, 1)


@pytest.mark.parametrize(
    "deed",
    [
        "UPDATE authority SET body = (SELECT replace(body, :two, :one) FROM authority)",
        "UPDATE policy_version SET number = 3 - number + 10",
        "UPDATE policy_version SET digest = (SELECT digest FROM policy_version WHERE number = 1)",
    ],
)
def test_pointing_to_an_older_policy_is_refused_at_the_next_request(office: Office, deed: str) -> None:
    issued = office.hire()
    apply(office, OTHER)
    office.ask(issued.token)
    names = {"one": '"number":1', "two": '"number":2'}

    office.by_hand("data", deed, **{name: text for name, text in names.items() if f":{name}" in deed})

    with pytest.raises(Corrupt):
        office.ask(issued.token)


def test_edited_policy_files_are_not_judged_by(office: Office) -> None:
    issued = office.hire()
    apply(office, OTHER)
    office.by_hand("data", "UPDATE policy_version SET files = :files", files=files_text(BROKEN))

    fresh = office.another()
    _, standing = fresh.ask(issued.token)

    with fresh.parts.stores.data.read() as conn, pytest.raises(Corrupt) as refused:
        fresh.parts.authority.policy_files(conn, standing)
    assert refused.value.reason == "authority_policy"


def test_a_policy_whose_writer_died_on_the_way_comes_with_the_next_try(office: Office) -> None:
    office.parts.stores.keys.transact(lambda conn: floors.begin_authority(conn, office.version()))

    assert apply(office, OTHER) == 2
    assert office.version() == 3


def apply(office: Office, files: dict[str, str], *, base: bytes = NOW_IN_FORCE) -> int:
    """Apply *files* as the operator."""
    return policies.apply_policy(
        office.parts, OPERATOR, files=files, base_digest=base, author="operator:1000"
    ).number


def apply_first(office: Office, files: dict[str, str]) -> int:
    """Apply *files* as the first of a house."""
    return policies.apply_policy(office.parts, OPERATOR, files=files, base_digest=None, author="init").number
