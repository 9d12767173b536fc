"""What the notary does for a house of a test: it signs the ledger as it stands."""

from tests.house import House
from vault.crypto.signing import Signer
from vault.domain.entry import ActorRef
from vault.domain.instants import millis
from vault.domain.note import Checkpoint, KeyKind, Note, VerifierKey
from vault.services import charting
from vault.services.attest import verify
from vault.storage import checkpoints
from vault.storage.checkpoints import CheckpointRow
from vault.storage.subject_map import MapRow

ORIGIN = "vault.example/audit/2026"
_SIGNER = Signer(ORIGIN, KeyKind.ED25519, bytes(range(32)))
KEY: VerifierKey = _SIGNER.key


def sign(house: House) -> Checkpoint:
    """Sign the ledger as it stands now."""
    report = verify(house.parts.stores)
    checkpoint = Checkpoint(ORIGIN, report.size, report.root)
    at = house.clock()
    signature = _SIGNER.sign(checkpoint, at_seconds=int(at.timestamp()))
    note = Note(checkpoint.text(), (signature,)).pack()
    row = CheckpointRow(checkpoint.size, checkpoint.root, millis(at), note)
    house.parts.stores.audit.transact(lambda conn: checkpoints.put(conn, row))
    return checkpoint


def seal(house: House) -> MapRow:
    """Seal the map of the ledger as it stands now, and sign beyond it."""
    row = charting.seal(house.parts, ActorRef("operator:1000", "operator"))
    sign(house)
    return row
