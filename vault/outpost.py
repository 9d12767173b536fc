"""Outpost: what hands checkpoints to others opens of a house, which is its audit store and nothing else."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from vault.anchor_settings import AnchorSettings, read
from vault.services import counting
from vault.services.anchor import Handover
from vault.services.running import Pauses
from vault.settings import Mode
from vault.storage.engines import open_store


def anchor_settings() -> AnchorSettings:
    """Read what is needed of the settings of this process."""
    return read(os.environ, directory=Path.cwd())


@contextmanager
def open_for_anchors(settings: AnchorSettings, *, clock: Callable[[], datetime]) -> Iterator[Handover]:
    """Open the audit store for as long as the context lasts."""
    counting.check(settings.anchors)
    production = settings.mode is Mode.PRODUCTION
    with closing(open_store("audit", settings.audit_url, production=production)) as store:
        yield Handover(store, settings.anchors, Pauses(), clock)
