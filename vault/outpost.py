"""Outpost: what the notary, and who hands checkpoints on, opens of a house: its audit store alone."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from vault import anchor_settings as for_anchors
from vault import notary_settings as for_notary
from vault.anchor_settings import AnchorSettings
from vault.custody.notarial import SLOT, Notarial
from vault.custody.providers.local import LocalSlots
from vault.errors import Misconfigured
from vault.notary_settings import NotarySettings
from vault.services import counting, seating
from vault.services.anchor import Handover
from vault.services.running import Pauses
from vault.services.seating import Seat
from vault.services.signing_keys import Signing
from vault.settings import Mode
from vault.storage.engines import open_store
from vault.storage.notary_files import NotaryFiles


def anchor_settings() -> AnchorSettings:
    """Read what is needed of the settings of this process, to hand checkpoints on."""
    return for_anchors.read(os.environ, directory=Path.cwd())


def notary_settings() -> NotarySettings:
    """Read what the notary needs of the settings of this process."""
    return for_notary.read(os.environ, directory=Path.cwd())


@contextmanager
def open_for_anchors(settings: AnchorSettings, *, clock: Callable[[], datetime]) -> Iterator[Handover]:
    """Open the audit store for as long as the context lasts."""
    counting.check(settings.anchors)
    production = settings.mode is Mode.PRODUCTION
    with closing(open_store("audit", settings.audit_url, production=production)) as store:
        yield Handover(store, settings.anchors, Pauses(), clock)


@contextmanager
def open_signing(settings: NotarySettings) -> Iterator[Signing]:
    """Open the audit store and the signing slot, and nothing else of the house."""
    production = settings.mode is Mode.PRODUCTION
    with closing(open_store("audit", settings.audit_url, production=production)) as store:
        slots = LocalSlots.read({SLOT: settings.signing})
        with closing(Notarial(slots, seating.recognise(store))) as keys:
            yield Signing(store, keys)


@contextmanager
def open_seat(settings: NotarySettings, *, clock: Callable[[], datetime]) -> Iterator[Seat]:
    """Open what the notary works with: the ledger, what signs it, and its own directory, which it holds."""
    files = NotaryFiles(settings.directory)
    with files.claimed(), open_signing(settings) as signing:

        def key_stands() -> bool:
            try:
                return signing.keys.are_of(LocalSlots.read({SLOT: settings.signing}))
            except Misconfigured:
                return False

        yield Seat(
            clock=clock,
            store=signing.store,
            keys=signing.keys,
            files=files,
            key_stands=key_stands,
            uid=os.getuid(),
            is_apart=not files.is_within(settings.state_dir),
        )
