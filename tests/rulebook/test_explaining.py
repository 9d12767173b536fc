"""A policy says why it answers as it does: by list, permit, guardrail or condition, each with its line."""

import pytest

from tests.rulebook import delivered
from vault.domain.policy import ContextClass
from vault.domain.terms import Action, FieldName, PurposeId, RoleId
from vault.errors import Invalid, Misconfigured
from vault.rulebook.asking import Case
from vault.rulebook.explaining import Asked, Explanation, explain

pytestmark = pytest.mark.slow

FILES = delivered.files()
NOTHING = ContextClass()
# A question, its answer, and for each thing it rests on: the file, a word of the line, and what is said.
ANSWERS = {
    "service_desk P04 read mobile": (
        "mask",
        [
            ("roles.toml", '"mobile"', "service_desk reads mobile as mask"),
            ("access.cedar", '@id("read_as_listed")', "the permit read_as_listed"),
            ("purposes.toml", "requires", "the customer needs contract or case"),
        ],
    ),
    "service_desk P04 reveal mobile": (
        "reveal_needs_reason",
        [("access.cedar", '@id("reveal_needs_reason")', "Say why in Vault-Reason.")],
    ),
    "service_desk P04 match id_number": (
        "permitted",
        [
            ("roles.toml", '"id_number"', "service_desk lists id_number under match"),
            ("access.cedar", '@id("find_as_listed")', "the permit find_as_listed"),
            ("purposes.toml", "requires", "the customer needs contract or case"),
        ],
    ),
    "service_desk P04 record-consent ": (
        "permitted",
        [
            ("roles.toml", "verbs", "service_desk may record-consent"),
            ("access.cedar", '@id("act_as_listed")', "the permit act_as_listed"),
            ("purposes.toml", "requires", "the customer needs contract or case"),
        ],
    ),
    "service_desk,dispatcher P01 read address": (
        "plain",
        [
            ("roles.toml", "purposes", "service_desk does not serve P01"),
            ("roles.toml", '"address"', "dispatcher reads address as plain"),
            ("access.cedar", '@id("read_as_listed")', "the permit read_as_listed"),
            ("purposes.toml", "requires", "the customer needs order"),
            ("purposes.toml", "requires", "and must be assigned to the asker"),
        ],
    ),
    "service_desk P11 read mobile": (
        "not_granted",
        [("roles.toml", "purposes", "service_desk does not serve P11")],
    ),
    "service_desk P04 read id_number": (
        "not_granted",
        [("roles.toml", "[role.read]", "service_desk lists no id_number to read")],
    ),
    "service_desk P04 restrict ": (
        "not_granted",
        [("roles.toml", "verbs", "service_desk does not restrict")],
    ),
}


@pytest.mark.parametrize("question", ANSWERS)
def test_every_answer_names_what_it_rests_on(question: str) -> None:
    answer, because = ANSWERS[question]

    explained = asked(question)

    assert explained.answer == answer
    assert [(one.file, one.says) for one in explained.because] == [(file, says) for file, _, says in because]
    for one, (file, word, _) in zip(explained.because, because, strict=True):
        assert word in FILES[file].splitlines()[one.line - 1]


def test_what_is_brought_changes_the_answer() -> None:
    brought = ContextClass(reason=True, strength=2, actor="person")

    assert asked("service_desk P04 reveal mobile", brought).answer == "plain"


@pytest.mark.parametrize(
    ("question", "code"),
    [
        ("nobody P04 read mobile", "role"),
        ("service_desk P99 read mobile", "purpose"),
        ("service_desk P04 read colour", "field"),
        ("service_desk P04 read ", "field"),
        ("service_desk P04 restrict mobile", "field"),
    ],
)
def test_what_the_policy_does_not_know_is_no_question(question: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        asked(question)

    assert refused.value.code == code


def test_a_policy_with_mistakes_explains_nothing() -> None:
    with pytest.raises(Misconfigured):
        asked("service_desk P04 read mobile", files=delivered.changed("roles.toml", '["P09"]', '["P90"]'))


def asked(question: str, context: ContextClass = NOTHING, files: dict[str, str] = FILES) -> Explanation:
    """Ask in four words: roles, purpose, action, field."""
    roles, purpose, action, field = question.split(" ")
    case = Case(Action(action), PurposeId(purpose), context)
    return explain(files, Asked(tuple(map(RoleId, roles.split(","))), case, FieldName(field)))
