"""Writes the tables of docs/house.md from the first docstring line of every module; run scripts/house."""

import ast
import re
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "house.md"

USE_CASES, STEPS = "Services: use cases", "Services: the steps that they share"
# From the entrance down; a floor imports only lower ones. A module of no floor has no place in the house.
FLOORS = {
    "Top": ("app", "bootstrap", "keyholding", "outpost", "storekeeping"),
    "Web": ("web",),
    "Command line": ("cli",),
    USE_CASES: ("services",),
    STEPS: ("services",),
    "Custody": ("custody",),
    "Storage": ("storage",),
    "Crypto": ("crypto",),
    "Rulebook": ("rulebook",),
    "Domain": ("domain",),
    "Ground": (
        "anchor_settings",
        "notary_settings",
        "settings",
        "setting_alerts",
        "setting_anchors",
        "setting_backups",
        "setting_exporters",
        "setting_providers",
        "setting_mirror",
        "setting_sso",
        "setting_forms",
        "setting_given",
        "setting_tables",
        "errors",
    ),
}
_TABLES = re.compile(r"(?<=<!-- rooms -->\n).*(?=<!-- end of rooms -->)", re.DOTALL)


def main() -> None:
    """Rewrite the page in place."""
    PAGE.write_text(_TABLES.sub(lambda _: tables(rooms(ROOT / "vault")), PAGE.read_text()))


def rooms(package: Path) -> dict[str, str]:
    """Read every module's job: its dotted name within *package* and the first line of its docstring."""
    return {
        ".".join(module.relative_to(package).with_suffix("").parts): _first_line(module)
        for module in sorted(package.rglob("*.py"))
        if module.name != "__init__.py"
    }


def tables(jobs: Mapping[str, str]) -> str:
    """Render one table a floor, and two of the services."""
    left = dict(jobs)
    own = use_cases()
    lines: list[str] = []
    for floor, tops in FLOORS.items():
        lines += ["", f"### {floor}", "", "| room | its job |", "|---|---|"]
        for name in sorted(left):
            top, _, room = name.partition(".")
            if top in tops and (floor != USE_CASES or room.partition(".")[0] in own):
                lines.append(row(name, left.pop(name)))
    if left:
        sys.exit(f"on no floor: {', '.join(left)}")
    return "\n".join([*lines, "", ""])


def use_cases() -> frozenset[str]:
    """Read which services are use cases: the upper layer of the contract that keeps them apart."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = project["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["id"] == "use-cases")
    return frozenset(re.findall(r"\w+", layers[0]))


def row(name: str, job: str) -> str:
    """Render one row; a bar within a sentence would open another column."""
    return f"| `{name}` | {job.replace('|', chr(92) + '|')} |"


def _first_line(module: Path) -> str:
    docstring = ast.get_docstring(ast.parse(module.read_text())) or ""
    return docstring.partition("\n")[0]


if __name__ == "__main__":
    main()
