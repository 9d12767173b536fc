"""The crew that works in a soak run, and how long a test waits for its work."""

from tests.soak.clients import Corrector, Ender, Reader, Registrar
from tests.soak.people import Told
from tests.soak.serving import eventually

CREW = (Reader, Reader, Reader, Registrar, Registrar, Corrector, Ender)
# One of each means that reading, finding, admitting and changing work.
WELL = ("read 200", "batch 200", "lookup 200", "admit 201", "change 200")


def wait_for_answers(told: Told, more: int) -> None:
    """Wait until so many more calls were answered, with whatever."""
    wanted = told.answered + more
    eventually(lambda: told.answered >= wanted, f"{more} more answers")


def wait_until_well(told: Told) -> None:
    """Wait until each kind of call works again; nobody but the house itself does anything about it."""
    before = {verb: told.answers[verb] for verb in WELL}
    eventually(lambda: all(told.answers[verb] > before[verb] for verb in WELL), f"the recovery of {WELL}")
