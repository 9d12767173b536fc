"""Setting given: what was given for each name, by environment and file, and what is wrong with it."""

import difflib
import stat
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

# How alike a strange variable must be to one of ours before it counts as a slip of the pen.
_LIKENESS = 0.85
# Whoever sets a variable of such a name believes that it turns something off which nothing turns off.
_NEVER = ("AUDIT", "LEDGER", "FSYNC", "SYNCHRONOUS")

Parsed = TypeVar("Parsed")


class Given:
    """What was given for each name, and what is wrong with it so far."""

    def __init__(self, directory: Path, names: Sequence[str], *, tables: Sequence[str] = ()) -> None:
        """Know the *names* of all settings, and the *tables* a file may have; paths start at *directory*."""
        self.directory = directory
        self.texts: dict[str, str] = {}
        # What stands in the file as a table, and is read by whoever knows its keys.
        self.tables: dict[str, dict[str, Any]] = {}
        self.faults: list[str] = []
        self._names = names
        self._tables = tables

    def gather(self, environ: Mapping[str, str]) -> None:
        """Lay the variables over the file, and refuse what looks like ours and is not."""
        for name in sorted(name for name in environ if name.startswith("VAULT_") and name not in self._names):
            meant = difflib.get_close_matches(name, self._names, 1, _LIKENESS)
            # VAULT_TEIRS must not widen what a process serves; another program's VAULT_* may stay.
            if name.startswith("VAULT_ROOT_"):
                self.faults.append(f"{name} is not a setting; secrets come from VAULT_ROOT_<SLOT>_FILE.")
            elif not meant and any(word in name for word in _NEVER):
                self.faults.append(f"{name} is not a setting; nothing turns the ledger or its flushing off.")
            elif meant:
                self.faults.append(f"{name} is not a setting; did you mean {meant[0]}?")
        own = {name: environ[name] for name in self._names if name in environ}
        path = own.pop("VAULT_SETTINGS", "")
        texts = (self._file(self.directory / path) if path else {}) | own
        self.faults += [
            f"{n} is empty; give it a value or remove it." for n, t in texts.items() if not t.strip()
        ]
        self.texts = {name: text.strip() for name, text in texts.items() if text.strip()}

    def _file(self, path: Path) -> dict[str, str]:
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):
            self.faults.append(f"VAULT_SETTINGS: {path} cannot be read; name a file that this user may read.")
            return {}
        except tomllib.TOMLDecodeError:
            # The parser would quote the line, and a line may hold a password.
            self.faults.append(f"VAULT_SETTINGS: {path} is not TOML.")
            return {}
        texts = {}
        for key, value in document.items():
            name = f"VAULT_{key.upper()}"
            is_known = name in self._names and name != "VAULT_SETTINGS" and key == key.lower()
            if not is_known or (isinstance(value, dict) and name not in self._tables):
                self.faults.append(f"{path}: {key} is not a setting; write VAULT_MODE as mode, and so on.")
            elif isinstance(value, dict):
                self.tables[name] = value
            else:
                texts[name] = ",".join(map(str, value)) if isinstance(value, list) else str(value)
        return texts

    def parsed(self, name: str, parse: Callable[[str], Parsed], *, default: Parsed, form: str) -> Parsed:
        """Parse what was given for *name*, or take the default; a fault names the *form* it should have."""
        text = self.texts.get(name)
        if text is None:
            return default
        try:
            return parse(text)
        except ValueError:
            self.faults.append(f"{name} must be {form}.")
            return default

    def count(self, name: str, *, default: int, most: int) -> int:
        """Parse a count from 1 to *most*."""
        found = self.parsed(name, int, default=default, form=f"a number from 1 to {most}")
        if not 1 <= found <= most:
            self.faults.append(f"{name} must be a number from 1 to {most}.")
        return found

    def private_text(self, name: str) -> str:
        """Read the file that *name* names, which its owner alone may read; empty where it cannot be."""
        return self.private_file(name, self.directory / self.texts[name])

    def private_file(self, name: str, path: Path) -> str:
        """Read the file at *path*, which its owner alone may read; a fault says by which *name* it is set."""
        try:
            if stat.S_IMODE(path.stat().st_mode) & 0o077:
                self.faults.append(f"{name} is open to others; run 'chmod 600 {path}'.")
            return path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            self.faults.append(f"{name}: {path} cannot be read; name a file that this user may read.")
            return ""
