"""Values know their lines, whatever way of writing TOML was taken."""

from pathlib import Path

import pytest

from vault.errors import Misconfigured
from vault.rulebook.mistakes import Code, Mistake
from vault.rulebook.positions import Where, lines_of
from vault.rulebook.reading import Section, read_folder, read_toml

TEXT = '''# A comment
top = 1

[table]
plain = "x"
dotted.key = 2
list = ["a",
  "b",  # a comment
  "c"]
inline = { one = 1, many = ["x", { deep = true }] }
"quoted \\u00e9" = 3
text = """
two lines
"""

[[item]]
name = "first"
[item.below]
key = 1

[[item]]
name = "second"
[item.below]
key = 2
[[item.more]]
n = 1
[[item.more]]
n = 2
'''

LINES: dict[Where, int] = {
    ("top",): 2,
    ("table",): 4,
    ("table", "plain"): 5,
    ("table", "dotted", "key"): 6,
    ("table", "list"): 7,
    ("table", "list", 0): 7,
    ("table", "list", 1): 8,
    ("table", "list", 2): 9,
    ("table", "inline", "one"): 10,
    ("table", "inline", "many", 1, "deep"): 10,
    ("table", "quoted é"): 11,
    ("table", "text"): 12,
    ("item", 0): 16,
    ("item", 0, "name"): 17,
    ("item", 0, "below"): 18,
    ("item", 0, "below", "key"): 19,
    ("item", 1): 21,
    ("item", 1, "below", "key"): 24,
    ("item", 1, "more", 0): 25,
    ("item", 1, "more", 1, "n"): 28,
}


@pytest.mark.parametrize("where", LINES)
def test_a_value_stands_where_it_was_written(where: Where) -> None:
    assert lines_of(TEXT)[where] == LINES[where]


def test_what_has_no_line_is_told_by_the_nearest_thing_around_it() -> None:
    file = _read("[table]\nkey = 1\n")

    assert file.section("table").line("absent", 3) == 1
    assert file.section("table").line("key") == 2
    assert file.line("absent") == 1


@pytest.mark.parametrize(
    ("text", "line"),
    [("a = 1\nb = \n", 2), ("a = 1\na = 2\n", 2), ("a = [1,\n", 2), ("\n\n[t]\n[t]\n", 4)],
)
def test_a_file_that_is_not_toml_is_told_at_its_line_and_reads_as_empty(text: str, line: int) -> None:
    mistakes: list[Mistake] = []

    file = read_toml("some.toml", text, mistakes)

    assert not file.values
    assert [(one.line, one.code) for one in mistakes] == [(line, Code.SYNTAX)]


def test_a_reader_always_gets_the_type_it_asked_for() -> None:
    file = _read(
        'text = 1\nflag = "x"\nwhole = true\ntexts = "a"\n'
        'section = 3\nsections = { a = 1 }\nnumbers = ["a"]\n'
    )

    got = (
        file.text("text"),
        file.flag("flag"),
        file.whole("whole", 3, 9),
        file.texts("texts"),
        file.section("section").values,
        list(file.sections("sections")),
        file.whole_numbers("numbers"),
    )

    assert got == ("", False, 3, (), {}, [], ())
    assert [one.line for one in file.mistakes] == [1, 2, 3, 4, 5, 6, 7]


def test_a_folder_is_read_without_its_hidden_files(tmp_path: Path) -> None:
    (tmp_path / "roles.toml").write_text("a = 1\n", encoding="utf-8")
    (tmp_path / ".roles.toml.swp").write_bytes(b"\xff")

    assert read_folder(tmp_path) == {"roles.toml": "a = 1\n"}


def test_a_folder_that_cannot_be_read_names_every_fault(tmp_path: Path) -> None:
    (tmp_path / "roles.toml").write_bytes(b"\xff\xfe")
    (tmp_path / "purposes.toml").mkdir()

    with pytest.raises(Misconfigured) as caught:
        read_folder(tmp_path)
    with pytest.raises(Misconfigured, match="No such file"):
        read_folder(tmp_path / "absent")

    assert len(caught.value.faults) == 2


def _read(text: str) -> Section:
    return read_toml("some.toml", text, [])
