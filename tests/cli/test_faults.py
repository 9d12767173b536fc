"""A command that fails says what is wrong, what to do about it, and by which code it can be known."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from vault.cli.faults import MEANINGS
from vault.cli.main import EXIT_CODES, EXIT_FAILED, cli
from vault.errors import Conflict, Invalid, Misconfigured, StoreUnavailable, Unavailable, VaultError

ROOT = Path(__file__).resolve().parents[2] / "vault"
# What a command that governs can be refused for; the others bring their own words, or none of their own.
GOVERNING = ("cli/app.py", "cli/policy.py", "services/govern.py", "services/policies.py")
FAMILIES: Mapping[str, type[VaultError]] = {one.__name__: one for one in VaultError.__subclasses__()}


def codes(file: str) -> Iterator[str]:
    """Every code that *file* raises: the one that is named, or that of the class."""
    for node in ast.walk(ast.parse((ROOT / file).read_text())):
        match node:
            case ast.Raise(exc=ast.Call(func=ast.Name(id=name), args=[ast.Constant(value=str(code))])):
                if name in FAMILIES:
                    yield code
            case ast.Raise(exc=ast.Name(id=name)) if name in FAMILIES:
                yield FAMILIES[name].code
            case _:
                pass


def fail(fault: VaultError) -> Result:
    """Run a command of vaultctl that fails so."""

    @click.command()
    def failing() -> None:
        raise fault

    group = type(cli)("vaultctl", commands={"failing": failing})
    return CliRunner().invoke(group, ["failing"])


@pytest.mark.parametrize("file", GOVERNING)
def test_whatever_a_governing_command_is_refused_for_has_a_sentence(file: str) -> None:
    raised = set(codes(file))

    assert raised
    assert raised - MEANINGS.keys() == set()


def test_every_part_that_may_be_silent_has_a_sentence() -> None:
    silent = {one.code for one in Unavailable.__subclasses__()}

    assert silent - MEANINGS.keys() == set()


def test_a_meaning_is_a_sentence() -> None:
    assert [told for told in MEANINGS.values() if not (told[0].isupper() and told.endswith("."))] == []


def test_a_failure_is_told_in_a_sentence_with_its_code_and_facts() -> None:
    taken, silent = fail(Conflict("name_taken")), fail(StoreUnavailable(store="data"))

    assert taken.stderr == "vaultctl: Somebody or another application has, or had, this name. (name_taken)\n"
    assert silent.stderr.startswith("vaultctl: The data store does not answer.")
    assert silent.stderr.endswith("(store_unavailable store=data)\n")
    assert (taken.exit_code, silent.exit_code) == (EXIT_FAILED, EXIT_CODES[Unavailable])


def test_each_fault_of_a_setting_has_a_line_of_its_own() -> None:
    done = fail(Misconfigured(["VAULT_BIND: no.", "VAULT_MODE: no."]))

    assert done.stderr.splitlines() == ["vaultctl: VAULT_BIND: no.", "vaultctl: VAULT_MODE: no."]


def test_a_code_without_a_sentence_is_told_as_it_is() -> None:
    assert fail(Invalid("unheard_of", field="name")).stderr == "vaultctl: unheard_of field=name\n"
