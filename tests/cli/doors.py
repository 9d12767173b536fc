"""Doors: how commands get at the house of a test, as a process of its own does."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from tests.house import RULEBOOK, House
from tests.services.preserved import Vaulted
from vault.bootstrap import restore_house
from vault.services.parts import Parts
from vault.services.restore import Progress, Wanted
from vault.setting_backups import Backups
from vault.settings import Settings


@dataclass(frozen=True)
class Doors:
    """The doors of one house, which may have a place for its backup sets."""

    house: House
    kept: Vaulted | None = None
    keep: int = 30
    # With parts that a test has changed, where another process would have its own.
    parts: Parts | None = None

    def __call__(self) -> AbstractContextManager[Parts]:
        return self.open(self.settings())

    def settings(self) -> Settings:
        if self.kept is None:
            return self.house.settings
        plan = self.kept.plan
        return replace(
            self.house.settings, backups=Backups(plan.to, plan.recipients, timedelta(hours=24), self.keep)
        )

    def open(self, settings: Settings) -> AbstractContextManager[Parts]:
        if self.parts is not None:
            return nullcontext(self.parts)
        return nullcontext(replace(self.house, settings=settings).another().parts)

    def restored(
        self, settings: Settings, wanted: Wanted | None, *, progress: Progress
    ) -> AbstractContextManager[Parts]:
        return restore_house(settings, wanted, clock=self.house.clock, rulebook=RULEBOOK, progress=progress)

    @property
    def identity(self) -> Path:
        """A file with the identity that opens the sets."""
        assert self.kept is not None
        path = self.kept.root.parent / "restore.key"
        path.write_text(self.kept.secret)
        return path
