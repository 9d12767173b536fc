"""Demo state: the directory of a demo house, made whole or not at all, and the document that opens it."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from vault.errors import Misconfigured
from vault.settings import STORES, Mode, Settings, read

DOCUMENT: Final = "demo.json"
# A house is made in here and moved out when it is complete, so that one cut short is known by where it lies.
_STAGING = ".loading"
_PARTS = (*(f"{store}.db" for store in STORES), "slots")
_THREADS = 8


@dataclass(frozen=True, slots=True)
class Member:
    """An application of the demo as the document tells it: its secret, and customers by its own ids."""

    token: str = field(repr=False)
    purpose: str
    subjects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """What ``demo.json`` holds: where the house answers, who may read and who may write, and which town."""

    address: str
    apps: Mapping[str, Member]
    writers: Mapping[str, Member]
    seed: int
    customers: int

    def as_json(self) -> dict[str, Any]:
        """Write it down."""
        return {
            "address": self.address,
            "apps": _members(self.apps),
            "writers": _members(self.writers),
            "seed": self.seed,
            "customers": self.customers,
        }


def settings_of(environ: Mapping[str, str], state: Path, port: int) -> Settings:
    """Read the settings of the demo house in *state*; raises Misconfigured in a production environment."""
    if environ.get("VAULT_MODE", "").strip() == Mode.PRODUCTION or (
        "VAULT_SETTINGS" in environ and read(environ, directory=Path.cwd()).mode is Mode.PRODUCTION
    ):
        raise Misconfigured(["VAULT_MODE is production: a demo is made beside no production house."])
    own = {"VAULT_MODE": "demo", "VAULT_STATE_DIR": str(state), "VAULT_BIND": f"127.0.0.1:{port}"}
    return read({**environ, **own}, directory=Path.cwd())


@contextmanager
def claimed(state: Path) -> Iterator[None]:
    """Hold *state*, created where it is missing, for one demo at a time; raises Misconfigured."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    held = os.open(state, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Misconfigured(
                [f"A demo runs in {state} already; end it, or name another --state."]
            ) from None
        yield
    finally:
        os.close(held)


def standing(state: Path) -> Document | None:
    """Read the demo that stands in *state*; None where there is none. What was cut short is swept away.

    Raises Misconfigured where the directory holds a house that is no demo.
    """
    staged = state / _STAGING
    if (staged / DOCUMENT).exists():
        _move_out(staged, state)
    elif staged.exists():
        shutil.rmtree(staged)
    if (state / DOCUMENT).exists():
        return load(state)
    if any((state / part).exists() for part in _PARTS):
        raise Misconfigured([f"{state} holds a house without a demo town; name another --state."])
    return None


@contextmanager
def staged(settings: Settings) -> Iterator[Settings]:
    """Lend the settings of a house in the making; it moves to its place when the context ends well.

    A crash leaves it where it was made, and the next start sweeps it away.
    """
    state = settings.state_dir
    making = state / _STAGING
    making.mkdir(mode=0o700)
    inside = read(
        {"VAULT_MODE": "demo", "VAULT_STATE_DIR": str(making), "VAULT_THREADS": str(_THREADS)},
        directory=Path.cwd(),
    )
    try:
        yield inside
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise
    _move_out(making, state)


def load(state: Path) -> Document:
    """Read the document of *state*; raises Misconfigured where there is none, or it is not whole."""
    path = state / DOCUMENT
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return Document(
            str(told["address"]),
            {name: _member(one) for name, one in told["apps"].items()},
            {name: _member(one) for name, one in told["writers"].items()},
            int(told["seed"]),
            int(told["customers"]),
        )
    except FileNotFoundError:
        raise Misconfigured(
            [f"No demo stands in {state}; 'vaultctl demo up --state {state}' makes one."]
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise Misconfigured([f"{path} cannot be read; name another --state to begin anew."]) from None


def save(state: Path, document: Document) -> None:
    """Put the document, which holds every token, in its place at once, for its owner alone."""
    fresh = state / f"{DOCUMENT}.new"
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123 - with a mode from the start
        json.dump(document.as_json(), file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(state / DOCUMENT)
    _sync(state)


def at(document: Document, address: str) -> Document:
    """Let the house answer at another address."""
    return replace(document, address=address)


def _move_out(making: Path, state: Path) -> None:
    """Move a complete house to its place; the document goes last, and tells that the rest has gone."""
    for part in sorted(making.iterdir(), key=lambda one: one.name == DOCUMENT):
        if part.name == DOCUMENT:
            _sync(state)
        part.replace(state / part.name)
    _sync(state)
    making.rmdir()


def _sync(directory: Path) -> None:
    held = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(held)
    finally:
        os.close(held)


def _members(members: Mapping[str, Member]) -> dict[str, Any]:
    return {
        name: {"token": one.token, "purpose": one.purpose, "subjects": list(one.subjects)}
        for name, one in members.items()
    }


def _member(told: Mapping[str, Any]) -> Member:
    return Member(str(told["token"]), str(told["purpose"]), tuple(map(str, told["subjects"])))
