"""``vaultctl`` as it is, on a house of a test: whose server need not be durable, which production refuses.

python -m tests.cli.own_vaultctl '{"urls": {…}, "state": "…", "exporters": "…"}' jobs --only siem
"""

import json
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

from tests.house import CHEAP, settings_for
from vault.bootstrap import doors, open_house
from vault.cli.main import cli
from vault.setting_exporters import NAME, exporters
from vault.setting_given import Given
from vault.settings import Settings


def settings_of(order: str) -> Settings:
    """The settings that a test orders."""
    said = json.loads(order)
    given = Given(Path.cwd(), [NAME])
    given.gather({NAME: said["exporters"]})
    assert given.faults == []
    return replace(settings_for(said["urls"], Path(said["state"])), exporters=exporters(given))


if __name__ == "__main__":
    settings = settings_of(sys.argv.pop(1))
    cli(obj=replace(doors(), settings=lambda: settings, open=partial(open_house, passwords=CHEAP)))
