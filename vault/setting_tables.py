"""Setting tables: settings that are tables, in a file of their own or in the settings file."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vault.setting_given import Given


def tables_of(given: Given, setting: str) -> Mapping[str, Any]:
    """Read the tables of the file that *setting* names, or else those of the settings file."""
    if setting not in given.texts:
        return given.tables.get(setting, {})
    return _file(given, setting, given.directory / given.texts[setting])


def _file(given: Given, setting: str, path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        given.faults.append(f"{setting}: {path} cannot be read; name a file that this user may read.")
    except tomllib.TOMLDecodeError:
        given.faults.append(f"{setting}: {path} is not TOML.")
    return {}


class Table:
    """What is said of one thing; each wrong or missing key becomes a fault that names it."""

    def __init__(self, given: Given, setting: str, name: str, *, said: object) -> None:
        """Look at what is *said* of what *setting* calls *name*."""
        self.given = given
        self.setting = setting
        self.name = name
        self.said: Mapping[str, Any] = said if isinstance(said, dict) else {}
        self._faults_before = len(given.faults)

    @property
    def is_whole(self) -> bool:
        """Tell whether nothing was found wrong with it."""
        return len(self.given.faults) == self._faults_before

    def fault(self, key: str, what: str) -> None:
        """Name a fault."""
        self.given.faults.append(f"{self.setting}: {self.name}{'.' if key else ''}{key} {what}.")
