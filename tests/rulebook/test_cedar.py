"""Rules are read one by one, so that each has its line, its name and its own mistakes."""

from vault.rulebook.cedar import Rule, read_rules
from vault.rulebook.mistakes import Code, Mistake

TEXT = """// A heading; with a semicolon and a "quote

@id("first") // and a comment; here
permit (principal, action, resource)
when { "a;b" == "a;b" }; @id("second")
@advice("Ask; \\"nicely\\".")
forbid (principal, action,
  resource == Field::"phone")
unless { context.purpose == Purpose::"P04" };
// The end;
"""


def test_each_rule_has_its_line_its_effect_and_the_names_it_uses() -> None:
    rules, mistakes = _read(TEXT)

    assert [(one.id, one.effect, one.line) for one in rules] == [
        ("first", "permit", 3),
        ("second", "forbid", 5),
    ]
    assert rules[1].advice == 'Ask; "nicely".'
    assert rules[1].names == {("Field", "phone"), ("Purpose", "P04")}
    assert mistakes == []


def test_a_rule_that_fails_to_parse_hides_no_other() -> None:
    rules, mistakes = _read(
        TEXT.replace("unless", "unles") + '\n@id("third")\npermit (principal, action, resource);\n'
    )

    assert [one.id for one in rules] == ["first", "third"]
    assert [(one.line, one.code) for one in mistakes] == [(9, Code.CEDAR_SYNTAX)]


def test_a_rule_without_its_semicolon_is_told_where_it_begins() -> None:
    _, mistakes = _read(TEXT + '\n\n@id("third")\npermit (principal, action, resource)\n')

    assert [(one.line, one.code) for one in mistakes] == [(13, Code.CEDAR_SYNTAX)]


def test_a_file_of_comments_has_no_rules_and_no_mistakes() -> None:
    assert _read("// nothing; at all\n\n") == ([], [])


def _read(text: str) -> tuple[list[Rule], list[Mistake]]:
    mistakes: list[Mistake] = []
    return read_rules(text, mistakes), mistakes
