"""Mapping file: reads the TOML file that says what the columns of a file are; all faults at once."""

import tomllib
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from vault.errors import Misconfigured
from vault.services.bulk.mapping import FORMS, Column, Consent, FileMapping
from vault.services.bulk.sheets import ENCODINGS

# The unique fields of the delivered catalogue (DESIGN §5); a house that has others says so.
UNIQUE: Final = ("customer_no", "id_number", "passport", "uscc")

_STATES = ("given", "refused")
_KINDS = ("person", "organisation")
_CONSENT_CODES = ("purpose", "notice", "form", "channel", "by", "method", "valid_until")
_ITEM_LISTS = ("recipients", "fields")


def read_mapping(text: str) -> FileMapping:
    """Read a mapping; raises Misconfigured with every fault, each a sentence that names the key."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise Misconfigured([f"The mapping is not TOML: {fault}."]) from None
    top = _Table(document, "", [])
    columns = _columns(top)
    kind = top.take("kind", (str, dict), "person")
    source = top.text("source", "import")
    by_column = _Table(kind if isinstance(kind, dict) else {}, "kind", top.faults)
    mapping = FileMapping(
        kind=kind if isinstance(kind, str) else None,
        kind_column=by_column.text("column") if isinstance(kind, dict) else None,
        kind_codes=by_column.codes("codes") or {},
        source=source,
        columns=columns,
        constants=top.take("constants", (dict,), {}),
        consents=tuple(_consent(one) for one in top.tables("consents")),
        ignore=top.texts("ignore"),
        unique=top.texts("unique", UNIQUE),
        delimiter=top.text("delimiter", ","),
        encoding=top.text("encoding", "utf-8", among=ENCODINGS),
        sheet=top.given("sheet", top.text).get("sheet"),
    )
    by_column.end()
    top.end()
    _check(mapping, top.faults)
    if top.faults:
        raise Misconfigured(top.faults)
    return mapping


class _Table:
    """One table of the file: what is taken from it is known, what is left at the end is a fault."""

    def __init__(self, table: Mapping[str, Any], path: str, faults: list[str]) -> None:
        self._left = dict(table)
        self._path = path
        self.faults = faults

    def name(self, key: str) -> str:
        """Name a key by its path."""
        return f"{self._path}.{key}".lstrip(".")

    def take(self, key: str, types: tuple[type, ...], default: Any) -> Any:
        """Take a value of one of *types*."""
        value = self._left.pop(key, default)
        if isinstance(value, types):
            return value
        self.faults.append(f"{self.name(key)} is not of the right type; docs/import.md shows what it takes.")
        return default

    def text(self, key: str, default: str | None = None, *, among: Collection[str] = ()) -> str:
        """Take a text, which must be there where there is no default."""
        if default is None and key not in self._left:
            self.faults.append(f"{self.name(key)} is needed.")
        value = str(self.take(key, (str,), default or ""))
        if among and value not in among:
            self.faults.append(f"{self.name(key)} must be one of {', '.join(among)}.")
        return value

    def texts(self, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Take a list of texts."""
        listed = self.take(key, (list, tuple), default)
        if not all(isinstance(one, str) for one in listed):
            self.faults.append(f"{self.name(key)} must be a list of texts.")
        return tuple(map(str, listed))

    def words(self, key: str, default: frozenset[str]) -> frozenset[str]:
        """Take the words that cells say, in whatever case."""
        return frozenset(word.casefold() for word in self.texts(key, tuple(default)))

    def codes(self, key: str) -> Mapping[str, str] | None:
        """Take a table from what cells say to codes."""
        table = self.take(key, (dict,), {}) if key in self._left else None
        if table is not None and not all(isinstance(code, str) for code in table.values()):
            self.faults.append(f"{self.name(key)} must give each cell a text.")
        return table

    def tables(self, key: str) -> list["_Table"]:
        """Take a list of tables."""
        listed = self.take(key, (list,), [])
        if not all(isinstance(one, dict) for one in listed):
            self.faults.append(f"{self.name(key)} must be a list of tables.")
            return []
        return [_Table(one, f"{self.name(key)}[{place}]", self.faults) for place, one in enumerate(listed, 1)]

    def left(self) -> list[str]:
        """List what is left to be taken."""
        return list(self._left)

    def table(self, key: str, *, short: str) -> "_Table":
        """Take a table, or a text that stands for one with the key *short* alone."""
        value = self.take(key, (str, dict), {})
        return _Table({short: value} if isinstance(value, str) else value, self.name(key), self.faults)

    def given(self, key: str, read: Callable[[str], Any]) -> dict[str, Any]:
        """Take a value only where it is given."""
        return {key: read(key)} if key in self._left else {}

    def end(self) -> None:
        """Tell every key that nobody took."""
        self.faults += [f"{self.name(key)} is not a key of a mapping." for key in sorted(self._left)]


def _columns(top: _Table) -> tuple[Column, ...]:
    single = _Table(top.take("columns", (dict,), {}), "columns", top.faults)
    separator = top.text("list_separator", ";")
    return (
        *(_column(single.table(name, short="field"), (name,), separator) for name in single.left()),
        *(
            _column(told, told.texts("columns"), separator, told.text("separator", ""))
            for told in top.tables("joined")
        ),
    )


def _column(told: _Table, names: tuple[str, ...], list_separator: str, separator: str = "") -> Column:
    known = Column("", ())
    column = Column(
        field=told.text("field"),
        columns=names,
        separator=separator,
        form=told.text("as", "text", among=FORMS),
        list_separator=list_separator if told.take("list", (bool,), default=False) else None,
        codes=told.codes("codes"),
        formats=told.texts("formats", known.formats),
        thousands=told.text("thousands", ""),
        currency=told.text("currency", known.currency),
        true=told.words("true", known.true),
        false=told.words("false", known.false),
    )
    told.end()
    return column


def _consent(told: _Table) -> Consent:
    item: dict[str, Any] = {"purpose": told.text("purpose"), "notice": told.text("notice")}
    for key in _CONSENT_CODES[2:]:
        item |= told.given(key, told.text)
    for key in _ITEM_LISTS:
        item |= told.given(key, lambda name: [*told.texts(name)])
    column = told.given("column", told.text).get("column")
    if column is None:
        item["state"] = told.text("state", among=_STATES)
    consent = Consent(item, column, frozenset(told.texts("given")), frozenset(told.texts("refused")))
    told.end()
    return consent


def _check(mapping: FileMapping, faults: list[str]) -> None:
    """Find what each key alone does not show."""
    kinds = [mapping.kind, *mapping.kind_codes.values()]
    faults += [
        f"{kind!r} is no kind of customer." for kind in kinds if kind is not None and kind not in _KINDS
    ]
    named = [*(column.field for column in mapping.columns), *mapping.constants]
    faults += [
        f"The field {name!r} is filled more than once; a joined column puts several together."
        for name in dict.fromkeys(named)
        if named.count(name) > 1
    ]
    if not mapping.columns:
        faults.append("columns is needed: it says which column is which field.")
    if len(mapping.delimiter) != 1:
        faults.append("delimiter must be one letter.")
    read = {name for column in mapping.columns for name in column.columns}
    faults += [f"The column {name!r} is both read and ignored." for name in mapping.ignore if name in read]
