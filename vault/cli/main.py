"""Main: the vaultctl command, its groups, its exit codes and how a failure is told."""

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

import click
from typing_extensions import override

from vault.anchor_settings import AnchorSettings
from vault.cli import (
    anchoring,
    app,
    backup,
    demo,
    erasing,
    exporting,
    governing,
    house,
    importing,
    jobs,
    keys,
    ledger,
    login,
    notary,
    overseeing,
    own_apps,
    policy,
    serve,
    siem,
    signals,
)
from vault.cli.faults import told
from vault.errors import (
    Invalid,
    Misconfigured,
    NotaryRefuses,
    NotFound,
    Refused,
    Unauthenticated,
    Unavailable,
    VaultError,
)
from vault.notary_settings import NotarySettings
from vault.services.anchor import Handover
from vault.services.parts import Parts
from vault.services.seating import Seat
from vault.services.signing_keys import Keeper, Signing
from vault.settings import Settings

# Documented in docs/operating.md; scripts may rely on them.
EXIT_CODES: Mapping[type[VaultError], int] = {
    Misconfigured: 2,
    Invalid: 2,
    NotFound: 3,
    Refused: 4,
    Unauthenticated: 4,
    # Before its family: the first that fits counts.
    NotaryRefuses: 6,
    Unavailable: 5,
}
EXIT_FAILED = 1


@dataclass(frozen=True, slots=True)
class NotaryDoors:
    """How a command gets at what signs the ledger, without the rest of the house."""

    settings: Callable[[], NotarySettings]
    keeper: Callable[[Settings], AbstractContextManager[Keeper]]
    signing: Callable[[NotarySettings], AbstractContextManager[Signing]]
    seat: Callable[[NotarySettings], AbstractContextManager[Seat]]


@dataclass(frozen=True, slots=True)
class AnchorDoors:
    """How a command gets at the ledger alone, to hand its checkpoints to others."""

    settings: Callable[[], AnchorSettings]
    open: Callable[[AnchorSettings], AbstractContextManager[Handover]]


@dataclass(frozen=True, slots=True)
class SafeDoors:
    """How a command gets at every slot at once, and at the shares that give them back."""

    open: Callable[[Settings], AbstractContextManager[Parts]]
    restore: Callable[[Settings, Sequence[str]], list[str]]


@dataclass(frozen=True, slots=True)
class Doors:
    """How a command gets at the house; ``bootstrap`` brings the real ones."""

    settings: Callable[[], Settings]
    open: Callable[[Settings], AbstractContextManager[Parts]]
    found: Callable[[Settings, Mapping[str, str]], list[str]]
    now: Callable[[], datetime]
    notary: NotaryDoors
    anchoring: AnchorDoors
    safe: SafeDoors
    restored: Callable[..., AbstractContextManager[Parts]]

    def __call__(self) -> AbstractContextManager[Parts]:
        """Open the house that this process's settings name."""
        return self.open(self.settings())


class _Telling(click.Group):
    """A group that tells a VaultError on stderr, in a sentence and by its code, and ends as it says."""

    @override
    def invoke(self, ctx: click.Context) -> object:
        """Run the command; a failure of ours is told, a defect keeps its trace."""
        try:
            return super().invoke(ctx)
        except VaultError as fault:
            for line in told(fault):
                click.echo(f"vaultctl: {line}", err=True)
            codes = (code for kind, code in EXIT_CODES.items() if isinstance(fault, kind))
            sys.exit(next(codes, EXIT_FAILED))


@click.group(cls=_Telling, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="customer-vault")
def cli() -> None:
    """Run and govern a customer vault.

    Settings come from VAULT_* variables (docs/operating.md). Nothing that this command prints, but for
    `vaultctl demo`, holds a customer's value.
    """


for command in (
    house.init,
    house.doctor,
    house.accept_clock,
    serve.command,
    jobs.command,
    backup.backup,
    notary.notary,
    keys.keys,
    app.app,
    ledger.ledger,
    siem.siem,
    anchoring.anchor,
    policy.policy,
    signals.signals,
    importing.command,
    exporting.command,
    login.login,
    login.logout,
    login.join,
    login.me,
    governing.person,
    governing.grant,
    governing.approval,
    governing.role,
    overseeing.proposal,
    overseeing.campaign,
    overseeing.emergency,
    erasing.erase,
    demo.demo,
):
    cli.add_command(command)
for own in (own_apps.apps, own_apps.key):
    login.me.add_command(own)
