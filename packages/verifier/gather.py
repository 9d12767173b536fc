"""Gather: the verifier's modules and those of the vault that they need, under names that clash with nobody's.

The vault's modules are taken from the clone as the wheel is built, and no copy of them is kept anywhere. In
the wheel they are ``vault_verifier.vault…``: alone it needs no vault, and beside one neither sees the other.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from typing_extensions import override

_HERE = Path(__file__).resolve().parent
_CLONE = _HERE.parents[1]
_OWN = "vault_verifier"
_IMPORT = re.compile(r"^(\s*(?:from|import) )vault(?=[.\s])", re.MULTILINE)


class Gather(BuildHookInterface[Any]):
    """Lays every module out and tells the builder where it goes."""

    @override
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Fill the wheel."""
        stage = Path(mkdtemp(prefix="vault-verifier-"))
        for name, source in modules().items():
            target = stage / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(source)
            build_data["force_include"][str(target)] = name


def modules() -> dict[str, str]:
    """Read each module, its imports rewritten, by its path within the wheel."""
    found = {
        f"{_OWN}/{one.relative_to(_HERE / _OWN)}": one.read_text() for one in (_HERE / _OWN).rglob("*.py")
    }
    waiting = [source for _, source in found.items()]
    while waiting:
        for name in _needed(waiting.pop()):
            path = f"{_OWN}/{name.replace('.', '/')}.py"
            if path not in found:
                found[path] = (_CLONE / f"{name.replace('.', '/')}.py").read_text()
                waiting.append(found[path])
    packages = {f"{parent}/__init__.py" for path in found for parent in Path(path).parents if parent.name}
    return {
        **dict.fromkeys(sorted(packages), ""),
        **{path: _IMPORT.sub(rf"\g<1>{_OWN}.vault", source) for path, source in found.items()},
    }


def _needed(source: str) -> Iterator[str]:
    """Name the vault's modules that *source* imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("vault."):
            as_modules = [f"{node.module}.{one.name}" for one in node.names]
            nested = [name for name in as_modules if (_CLONE / f"{name.replace('.', '/')}.py").is_file()]
            yield from nested or [node.module]
