"""Reading: policy files as sections that know the line of each value and collect every mistake."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from vault.errors import Misconfigured
from vault.rulebook.mistakes import Code, Mistake
from vault.rulebook.positions import Where, lines_of, place_in_message

T = TypeVar("T")
Word = TypeVar("Word", bound=StrEnum)


def read_folder(folder: Path) -> dict[str, str]:
    """Read the policy files of *folder*; hidden files are not policy.

    Raises Misconfigured for a folder that is not there, cannot be read or holds anything but UTF-8 text.
    """
    faults: list[str] = []
    files: dict[str, str] = {}
    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as fault:
        raise Misconfigured([f"{folder}: {fault.strerror}; name the folder of the policy files."]) from None
    for path in paths:
        try:
            files[path.name] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            faults.append(f"{path}: it is not UTF-8; save it as UTF-8.")
        except OSError as fault:
            faults.append(f"{path}: {fault.strerror}; a policy folder holds readable files only.")
    if faults:
        raise Misconfigured(faults)
    return files


@dataclass(frozen=True, slots=True)
class Section:
    """One table of a TOML file; readers ask it for values, and what is wrong goes to ``mistakes``.

    A reader always gets a value of the type that it asked for, so that one mistake does not hide the
    next; whoever builds from sections looks at ``mistakes`` before using what was built.
    """

    file: str
    where: Where
    values: Mapping[str, Any]
    lines: Mapping[Where, int]
    mistakes: list[Mistake]

    def line(self, *keys: str | int) -> int:
        """Find the line of a key below this section, or of the nearest thing around it."""
        where = (*self.where, *keys)
        while where and where not in self.lines:
            where = where[:-1]
        return self.lines.get(where, 1)

    def wrong(self, code: Code, remedy: str, *keys: str | int) -> None:
        """Note a mistake at the line of *keys*."""
        self.mistakes.append(Mistake(self.file, self.line(*keys), code, remedy))

    def only(self, known: Set[str]) -> None:
        """Refuse keys that nobody reads: a typo must not be silence."""
        for key in self.values.keys() - known:
            self.wrong(Code.UNKNOWN_KEY, f"`{key}` is not a key here; the keys are {_listed(known)}.", key)

    def text(self, key: str, default: str | None = None) -> str:
        """Read a text that is not blank."""
        value = self._typed(key, str, default, "a text in quotes")
        if self.values.get(key) is value and not value.strip():
            self.wrong(Code.WRONG_TYPE, f"`{key}` is blank; write a text.", key)
        return value

    def flag(self, key: str) -> bool:
        """Read true or false; false where it is not given."""
        return self._typed(key, bool, default=False, wanted="true or false")

    def whole(self, key: str, low: int, high: int, *, default: int | None = None) -> int:
        """Read a whole number from *low* to *high*."""
        wanted = f"a whole number from {low} to {high}"
        value = self._typed(key, int, default, wanted)
        if self.values.get(key) is value and (isinstance(value, bool) or not low <= value <= high):
            self.wrong(Code.OUT_OF_RANGE, f"`{key}` must be {wanted}.", key)
        return value if low <= value <= high or value == default else low

    def texts(self, key: str, *, required: bool = False) -> tuple[str, ...]:
        """Read a list of texts, each named once."""
        listed = self._typed(key, list, None if required else [], "a list of texts")
        for position, value in enumerate(listed):
            if not isinstance(value, str):
                self.wrong(Code.WRONG_TYPE, f"`{key}` is a list of texts in quotes.", key, position)
            elif value in listed[:position]:
                self.wrong(
                    Code.NAMED_TWICE, f"`{value}` stands twice in `{key}`; name it once.", key, position
                )
        return tuple(dict.fromkeys(value for value in listed if isinstance(value, str)))

    def whole_numbers(self, key: str) -> tuple[int, ...]:
        """Read a list of whole numbers."""
        listed = self._typed(key, list, [], "a list of whole numbers")
        if any(not isinstance(value, int) or isinstance(value, bool) for value in listed):
            self.wrong(Code.WRONG_TYPE, f"`{key}` is a list of whole numbers.", key)
            return ()
        return tuple(listed)

    def numbers_by_name(self, key: str) -> dict[str, int]:
        """Read a table of numbers from 1 to 65535, each used once."""
        section = self.section(key)
        numbers: dict[str, int] = {}
        for name in section.values:
            number = section.whole(name, 1, 0xFFFF)
            if number in numbers.values():
                section.wrong(
                    Code.REUSED_NUMBER, f"The number {number} is taken; give `{name}` another.", name
                )
            numbers[name] = number
        return numbers

    def word(
        self, key: str, known: Iterable[str], default: str | None = None, code: Code = Code.UNKNOWN_WORD
    ) -> str:
        """Read one word of a closed list."""
        value = self.text(key, default)
        if self.values.get(key) is value:
            self.must_know(value, known, code, key)
        return value

    def member(self, key: str, kind: type[Word], default: Word) -> Word:
        """Read one word of an enumeration; *default* stands in where it is missing or unknown."""
        value = self.word(key, kind)
        return kind(value) if value in set(kind) else default

    def words(self, key: str, known: Iterable[str], code: Code = Code.UNKNOWN_WORD) -> tuple[str, ...]:
        """Read a list of words of a closed list; unknown ones are noted and left out."""
        listed = self._typed(key, list, [], "a list of texts")
        known = list(known)
        good = self.texts(key)
        return tuple(word for word in good if self.must_know(word, known, code, key, listed.index(word)))

    def must_know(self, word: str, known: Iterable[str], code: Code, *keys: str | int) -> bool:
        """Tell whether *word* is among the *known*; note it where not."""
        known = list(known)
        if word in known:
            return True
        self.wrong(code, f"`{word}` is not known here; write one of {_listed(known)}.", *keys)
        return False

    def section(self, key: str) -> "Section":
        """Read a table below this one; an absent one reads as empty."""
        return self._below((key,), self._typed(key, dict, {}, f"a table, [{key}]"))

    def sections(self, key: str) -> Iterator["Section"]:
        """Read a list of tables, ``[[key]]``."""
        for position, value in enumerate(self._typed(key, list, [], f"a list of tables, [[{key}]]")):
            if isinstance(value, dict):
                yield self._below((key, position), value)
            else:
                self.wrong(Code.WRONG_TYPE, f"`{key}` must be a list of tables, [[{key}]].", key, position)

    def _below(self, keys: Where, values: Mapping[str, Any]) -> "Section":
        return Section(self.file, (*self.where, *keys), values, self.lines, self.mistakes)

    def _typed(self, key: str, kind: type[T], default: T | None, wanted: str) -> T:
        value = self.values.get(key)
        if isinstance(value, kind):
            return value
        if key in self.values:
            self.wrong(Code.WRONG_TYPE, f"`{key}` must be {wanted}.", key)
        elif default is None:
            self.wrong(Code.MISSING_KEY, f"`{key}` is missing; add {wanted}.")
        return default if default is not None else kind()


def read_toml(file: str, text: str, mistakes: list[Mistake]) -> Section:
    """Read a TOML file; what cannot be parsed is noted and reads as an empty file."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        line, message = place_in_message(str(fault), text)
        mistakes.append(Mistake(file, line, Code.SYNTAX, f"This is not TOML ({message}); mend the line."))
        return Section(file, (), {}, {}, mistakes)
    return Section(file, (), values, lines_of(text), mistakes)


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(words)) or "nothing"
