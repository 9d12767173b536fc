"""A house whose map is sealed, and signed beyond."""

from tests.house import House
from vault.domain.entry import ActorRef
from vault.services import charting
from vault.storage.subject_map import MapRow


def seal(house: House) -> MapRow:
    """Seal the map of the ledger as it stands now, and let the notary sign beyond it."""
    row = charting.seal(house.parts, ActorRef("operator:1000", "operator"))
    house.attended()
    return row
