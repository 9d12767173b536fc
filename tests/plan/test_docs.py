"""The pages tell what there is: links lead somewhere, commands exist, every word told is explained."""

import ast
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from vault.cli import worker
from vault.cli.main import EXIT_CODES, EXIT_FAILED, cli
from vault.domain.cells import wrong_header
from vault.domain.kinds import Kind
from vault.domain.terms import PREFIXES
from vault.services.counting import WRONG
from vault.settings import NAMES
from vault.storage.unit_of_work import STORE_NAMES

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("0*.md"))
SOURCES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "vault").rglob("*.py")}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def told(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def prose(text: str) -> str:
    """A page without its fenced examples."""
    return FENCE.sub("", text)


def section(page: str, heading: str) -> str:
    """What stands under *heading* up to the next one."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", page, re.MULTILINE | re.DOTALL)
    assert found, heading
    return found[1]


def rows(page: str, heading: str) -> dict[str, str]:
    """The tables under *heading*: each code of a first column, with the rest of its row."""
    return {
        code: rest
        for first, rest in re.findall(r"^\| ([^|]*) \|(.*)$", section(page, heading), re.MULTILINE)
        for code in re.findall(r"`([^`]+)`", first)
    }


def by_name(path: Path) -> str:
    return str(path.relative_to(ROOT))


# ---- pages and their links ----


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", prose(page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """Where a page leads within the repository: a file, and a heading in it or none."""
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page.read_text(encoding="utf-8"))):
        if "://" not in target:
            path, _, anchor = target.partition("#")
            yield (page.parent / path).resolve() if path else page, anchor


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = [
        f"{target}#{anchor}"
        for target, anchor in links(page)
        if not target.exists() or (anchor and anchor not in anchors(target))
    ]

    assert broken == []


def test_every_page_is_reached_from_the_readme() -> None:
    reached, ahead = set(), [ROOT / "README.md"]

    while ahead:
        page = ahead.pop()
        if page.suffix == ".md" and page not in reached:
            reached.add(page)
            ahead += [target for target, _ in links(page)]

    assert set(PAGES) - reached == set()


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_a_sentence_has_a_line_of_its_own(page: Path) -> None:
    lines = prose(page.read_text(encoding="utf-8")).splitlines()

    crowded = [line for line in lines if not line.startswith("|") and re.search(r"[a-z)`][.!?] [A-Z]", line)]

    assert crowded == []


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_a_file_that_is_named_is_there(page: Path) -> None:
    named = re.findall(r"`((?:[a-z_]+/)+\w+\.(?:py|toml|txt|md|cedar))`", page.read_text(encoding="utf-8"))

    # The rooms of the package are named without its name.
    assert [one for one in named if not (ROOT / one).exists() and not (ROOT / "vault" / one).exists()] == []


def test_a_decision_says_why_what_and_at_what_cost() -> None:
    index = (ROOT / "docs" / "decisions" / "README.md").read_text(encoding="utf-8")

    for number, page in enumerate(DECISIONS, start=1):
        text = page.read_text(encoding="utf-8")
        title = re.match(r"# (\d{3}) · (.+)\n", text)
        assert title, page.name
        assert int(title[1]) == number
        assert f"| [{title[1]}]({page.name}) | {title[2]} |" in index
        assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]


# ---- examples and commands ----


def examples(kind: str) -> list[tuple[str, str]]:
    return [
        (by_name(page), text)
        for page in PAGES
        for told_as, text in FENCE.findall(page.read_text(encoding="utf-8"))
        if told_as == kind
    ]


@pytest.mark.parametrize(("page", "text"), examples("sh"))
def test_a_shell_example_can_be_read_by_the_shell(page: str, text: str) -> None:
    done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)  # noqa: S607

    assert (done.returncode, done.stderr) == (0, ""), page


def commands() -> list[tuple[str, str]]:
    """Every call of vaultctl that a page names, in an example or in a sentence."""
    found: set[tuple[str, str]] = set()
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        fenced = "\n".join(body for _, body in FENCE.findall(text)).replace("\\\n", " ")
        spoken = re.findall(r"`(vaultctl [^`]*)`", prose(text))
        for line in (*fenced.splitlines(), *spoken):
            if call := re.match(r"\s*(?:\S*/)?(vaultctl .*)", line):
                found.add((by_name(page), call[1]))
    return sorted(found)


@pytest.mark.parametrize(("page", "call"), commands())
def test_a_command_that_is_named_exists_with_its_options(page: str, call: str) -> None:
    words = shlex.split(call.replace("…", ""), comments=True)[1:]
    command: click.Command = cli

    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        assert words[0] in command.commands, f"{page}: {call}"
        command = command.commands[words.pop(0)]

    known = {option for parameter in command.params for option in parameter.opts} | {"--help", "-h"}
    assert {word.partition("=")[0] for word in words if word.startswith("-")} <= known, f"{page}: {call}"


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_a_script_that_is_named_can_be_run(page: Path) -> None:
    named = set(re.findall(r"(?<![\w/])scripts/([a-z]+)(?![\w./])", page.read_text(encoding="utf-8")))

    missing = [name for name in named if not (ROOT / "scripts" / name).stat().st_mode & 0o100]

    assert missing == []


@pytest.mark.parametrize(
    ("script", "option"), [("up", "--port"), ("up", "--state"), ("test", "--fast"), ("test", "--soak")]
)
def test_the_options_of_the_two_commands_are_there(script: str, option: str) -> None:
    assert option in (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"{option})" in (ROOT / "scripts" / script).read_text(encoding="utf-8")


# ---- settings, locks, exit codes, log lines ----


def test_a_setting_that_is_named_exists() -> None:
    named = {word for page in PAGES for word in re.findall(r"VAULT_[A-Z0-9_]*[A-Z0-9]", page.read_text())}

    # A page may speak of a whole family: VAULT_ROOT_<SLOT>_FILE.
    assert {one for one in named if not any(name.startswith(one) for name in NAMES)} == set()


def spelled(value: ast.expr | None) -> Iterator[str]:
    """The words that an expression may be; one that begins with a store's name is spelled for each store."""
    match value:
        case ast.Constant(value=str(word)):
            yield word
        case ast.JoinedStr(values=[ast.FormattedValue(), ast.Constant(value=str(rest))]):
            yield from (f"{store}{rest}" for store in STORE_NAMES)
        case ast.IfExp(body=body, orelse=other):
            yield from spelled(body)
            yield from spelled(other)
        case _:
            pass


def lock_reasons() -> set[str]:
    """Every reason for which the watch locks a house: what it returns, and what it sets."""
    found: set[str] = set()
    services = ROOT / "vault" / "services"
    for node in (*ast.walk(SOURCES[services / "watch.py"]), *ast.walk(SOURCES[services / "running.py"])):
        match node:
            case ast.FunctionDef(name="_reason" | "_behind" | "lacking", body=body):
                returns = (one for part in body for one in ast.walk(part) if isinstance(one, ast.Return))
                found |= {word for one in returns for word in spelled(one.value)}
            case ast.Assign(targets=[ast.Attribute(attr="reason")], value=value):
                found |= set(spelled(value))
            case _:
                pass
    return found


def test_every_reason_of_a_locked_house_is_explained_and_no_other() -> None:
    anchors = {f"anchor_{faring}" for faring in (*WRONG, "overdue", "unverified")}

    assert rows(told("operating.md"), "The house is locked").keys() == lock_reasons() | anchors


def test_every_exit_code_is_explained_and_no_other() -> None:
    codes = re.findall(r"^\| (\d+) \|", section(told("operating.md"), "Exit codes"), re.MULTILINE)

    assert set(map(int, codes)) == {0, EXIT_FAILED, worker.EX_CONFIG, *EXIT_CODES.values()}


def test_every_line_of_the_log_is_explained() -> None:
    written = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)

    events = set(re.findall(r'\blog\.\w+\(\s*"(\w+)"', written)) | set(
        re.findall(r'"event": "(\w+)"', written)
    )

    explained = section(told("operating.md"), "Watch it")
    assert {event for event in events if f'"event": "{event}"' not in explained} == set()


# ---- what the ledger and its alarms say ----


def reasons(of: str, *, keyword: str | None = None) -> set[str]:
    """The texts that *of* is called with, anywhere in the vault."""
    found: set[str] = set()
    for node in (node for tree in SOURCES.values() for node in ast.walk(tree)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            given = [one.value for one in node.keywords if one.arg == keyword] if keyword else node.args[:1]
            if name == of:
                found |= {word for value in given for word in spelled(value)}
    return found


def test_every_reason_of_an_alarm_is_explained_and_no_other() -> None:
    header = b"\1\1\0\0\0\1"
    headers = [b"\2\1\0\0\0\1", b"\1\2\0\0\0\1", b"\1\1\0\0\0\2"]

    known = reasons("Corrupt") | {wrong_header(one, header).reason for one in headers}

    assert rows(told("security.md"), "Reading an alarm").keys() == known


def test_every_reason_of_a_silent_ledger_is_explained() -> None:
    known = reasons("LedgerUnavailable", keyword="reason") | reasons("broken") | {"not_settled"}

    assert known - rows(told("operating.md"), "What a 503 means").keys() == set()


def test_every_503_is_explained() -> None:
    codes = {code for code, rest in rows(told("api.md"), "Codes").items() if rest.startswith(" 503 ")}

    assert codes - {"unavailable"} - rows(told("operating.md"), "What a 503 means").keys() == set()


def test_every_fault_that_a_verification_names_is_explained_and_no_other() -> None:
    named = rows(told("operating.md"), "Verify the ledger").keys()

    tree = SOURCES[ROOT / "vault" / "custody" / "rebuilding.py"]
    signed = SOURCES[ROOT / "vault" / "custody" / "checkpointed.py"]
    services = ROOT / "vault" / "services"
    rest = [SOURCES[services / f"{name}.py"] for name in ("attest", "retracing", "rederiving")]
    added = {
        word
        for source in (tree, signed, *rest)
        for node in ast.walk(source)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "add"
        for word in (spelled(node.args[0]) if node.args else ())
    }
    # What is wrong with an entry by itself: the row, its hash, its id, and what its reader refuses it for.
    assert named == added | {"row", "leaf", "id", "length", "form", "canonical"}


def test_every_finding_of_the_doctor_is_explained() -> None:
    tree = SOURCES[ROOT / "vault" / "services" / "recount.py"]

    found = {
        word
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding"
        for word in spelled(node.args[1])
    }

    assert found
    assert found - rows(told("operating.md"), "Ask the doctor").keys() == set()


def test_every_kind_of_entry_is_explained_and_no_other() -> None:
    assert rows(told("formats.md"), "Kinds").keys() == {kind.value for kind in Kind}


def test_a_kind_that_nothing_writes_is_said_to_be_so() -> None:
    written = {
        node.attr
        for path, tree in SOURCES.items()
        for node in ast.walk(tree)
        if path.name != "kinds.py"
        and isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "Kind"
    }

    for kind in Kind:
        not_yet = "not written yet" in rows(told("formats.md"), "Kinds")[kind.value]
        assert not_yet == (kind.name not in written), kind.value


# ---- formats ----


def test_every_label_is_explained_and_no_other() -> None:
    written = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)

    labels = set(re.findall(r"\bPV1[A-Zbm](?=[A-Za-z]?\b)", written))
    assert rows(told("formats.md"), "Labels").keys() == labels


def test_every_prefix_of_an_id_is_told() -> None:
    named = " ".join(re.findall(r"`([^`\n]+)`", section(told("formats.md"), "Ids"))).split()

    assert set(named) >= PREFIXES
