"""The rulebook reads each version once and compiles each row once, for every thread alike."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.rulebook import delivered
from vault.domain.policy import ContextClass, policy_digest
from vault.domain.terms import Action, FieldName, PurposeId, RoleId, Treatment
from vault.errors import Misconfigured
from vault.rulebook.rules import Rulebook

DESK = frozenset({RoleId("service_desk")})
ENQUIRIES = PurposeId("P04")


def test_a_version_is_known_by_its_files_and_carries_its_number() -> None:
    rulebook = Rulebook()

    first, again = rulebook.policy(3, delivered.files()), rulebook.policy(3, delivered.files())
    later = rulebook.policy(7, delivered.files())

    assert first is again
    assert (first.number, later.number) == (3, 7)
    assert first.digest == later.digest == policy_digest(delivered.files())


def test_a_version_is_read_once_however_many_threads_ask_for_it() -> None:
    rulebook = Rulebook()

    with ThreadPoolExecutor(4) as threads:
        read = list(threads.map(lambda _: rulebook.policy(3, delivered.files()), range(4)))

    assert all(one is read[0] for one in read)


def test_a_version_is_known_only_after_its_files_were_read() -> None:
    rulebook, digest = Rulebook(), policy_digest(delivered.files())

    before = rulebook.known(3, digest)
    read = rulebook.policy(3, delivered.files())

    assert before is None
    assert rulebook.known(3, digest) is read


def test_files_with_a_mistake_are_no_policy_and_all_mistakes_are_told() -> None:
    files = delivered.changed("roles.toml", '["P09"]', '["P90"]')
    files["access.cedar"] += "permit"

    with pytest.raises(Misconfigured) as caught:
        Rulebook().policy(1, files)

    assert any(fault.startswith("roles.toml:") and "P90" in fault for fault in caught.value.faults)
    assert any(fault.startswith("access.cedar:") for fault in caught.value.faults)


def test_a_row_is_compiled_once_and_every_thread_gets_the_same() -> None:
    rulebook = Rulebook()
    policy = rulebook.policy(1, delivered.files())

    with ThreadPoolExecutor(8) as pool:
        asked = [
            pool.submit(rulebook.row, policy, DESK, ENQUIRIES, ContextClass(), Action.READ) for _ in range(64)
        ]
        rows = [one.result() for one in asked]

    assert all(row is rows[0] for row in rows)


def test_another_version_has_rows_of_its_own() -> None:
    rulebook = Rulebook()
    hidden = delivered.changed(
        "roles.toml", '"customer_no", "name", "mobile", "landline", "email", "address"', '"customer_no"'
    )
    hidden["tests.toml"] = ""
    before, after = rulebook.policy(1, delivered.files()), rulebook.policy(2, hidden)

    rows = [rulebook.row(one, DESK, ENQUIRIES, ContextClass(), Action.READ) for one in (before, after)]

    assert rows[0].treatments[FieldName("name")] is Treatment.MASK
    assert rows[1].refusals[FieldName("name")] == "not_granted"


def test_more_approvals_than_the_rules_tell_apart_are_one_class() -> None:
    rulebook = Rulebook()
    policy = rulebook.policy(1, delivered.files())
    two = ContextClass(approvals=2, strength=2)

    rows = [
        rulebook.row(policy, DESK, ENQUIRIES, context, Action.READ)
        for context in (two, two._replace(approvals=9, strength=5))
    ]

    assert rows[0] is rows[1]


def test_a_version_from_before_anybody_reviewed_goes_on_and_lets_nobody_review() -> None:
    before = _before_reviews()
    rulebook = Rulebook()

    policy = rulebook.policy(1, before)
    context = ContextClass(strength=2, actor="person")
    row = rulebook.row(policy, frozenset({RoleId("auditor")}), PurposeId("P16"), context, Action.REVIEW)

    assert (row.permitted, row.refused) == (False, "not_granted")


def _before_reviews() -> dict[str, str]:
    """The delivered files as they were before the verb review."""
    files = delivered.files()
    rules = re.sub(r',\s+Action::"review"\]', "]", files["access.cedar"])
    rules = rules.replace(' ||\n   (action == Action::"review" && principal.verbs.contains("review"))', "")
    kept = [rule for rule in rules.split("\n\n") if 'Action::"review"' not in rule]
    schema = files["access.cedarschema"].replace("govern, review", "govern")
    roles = files["roles.toml"].replace(', "review"]', "]").replace('verbs = ["review"]\n', "")
    assert all("review" not in text.split("//")[0] for text in (schema, *kept))
    return {
        **files,
        "access.cedar": "\n\n".join(kept),
        "access.cedarschema": schema,
        "roles.toml": roles,
    }
