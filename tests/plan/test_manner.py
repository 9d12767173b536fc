"""What STYLE asks of every module and a tool can see."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((ROOT / "vault").rglob("*.py"))
LONGEST = 300
WORDLESS = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc"}


def test_a_room_is_named_after_what_it_does() -> None:
    paths = [module.relative_to(ROOT) for module in MODULES]

    assert [path for path in paths if WORDLESS.intersection([*path.parts[:-1], path.stem])] == []


def test_a_room_is_small() -> None:
    lengths = {str(module.relative_to(ROOT)): module.read_text().count("\n") for module in MODULES}

    assert {path for path, length in lengths.items() if length > LONGEST} == set()


def test_a_package_does_nothing_when_it_is_imported() -> None:
    packages = [module for module in MODULES if module.name == "__init__.py"]

    assert packages
    assert [module for module in packages if module.read_text()] == []


def test_only_the_decision_makes_a_grant() -> None:
    makers = {str(module.relative_to(ROOT)) for module in MODULES if _makes_a_grant(module.read_text())}

    assert makers == {"vault/domain/access.py"}


@pytest.mark.parametrize(
    "smuggled",
    [
        "access.Granted(items=everything)",
        "Granted(*rows)",
        "dataclasses.replace(grant, items=everything)",
        "Granted.__new__(Granted)",
        "from vault.domain.access import _BY_DECISION",
    ],
)
def test_a_grant_made_elsewhere_would_be_seen(smuggled: str) -> None:
    assert _makes_a_grant(smuggled)


@pytest.mark.parametrize(
    "innocent", ["match x:\n    case Granted(): pass", "isinstance(x, Granted)", "Granted | None"]
)
def test_speaking_of_a_grant_is_not_making_one(innocent: str) -> None:
    assert not _makes_a_grant(innocent)


def test_every_failure_stands_in_the_tree_that_is_drawn() -> None:
    tree = ast.parse((ROOT / "vault" / "errors.py").read_text())
    drawn = ast.get_docstring(tree) or ""
    failures = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}

    assert {name for name in failures if name not in drawn} == set()


def _makes_a_grant(source: str) -> bool:
    """Tell whether *source* calls the class, its parts, or copies a grant with other items."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name("Granted") | ast.Attribute(attr="Granted")):
                return True
            case ast.Attribute(ast.Name("Granted") | ast.Attribute(attr="Granted")):
                return True
            case ast.Call(func=ast.Name("replace") | ast.Attribute(attr="replace"), keywords=changes):
                if {"items", "_proof"} & {change.arg for change in changes}:
                    return True
            case ast.ImportFrom(names=names) if "_BY_DECISION" in {name.name for name in names}:
                return True
    return False
