"""``vaultctl ledger verify`` holds every stored checkpoint against the tree and the ledger's own keys."""

import pytest

from tests.auditing import Audited
from tests.custody.ledgers import disclosure
from vault.domain.kinds import Kind
from vault.domain.note import Checkpoint, Note
from vault.services.attest import verify
from vault.storage import checkpoints


@pytest.fixture
def signed(audited: Audited) -> Audited:
    """A ledger of 600 entries, signed at 300, 500 and 600."""
    audited.grow(600)
    for size in (300, 500, 600):
        audited.sign(size)
    return audited


def faults_of(audited: Audited) -> set[str]:
    return {str(one) for one in verify(audited.house.parts.stores).faults}


def test_a_ledger_that_is_as_it_was_signed_is_whole(signed: Audited) -> None:
    assert faults_of(signed) == set()


@pytest.mark.parametrize(("idx", "place"), [(20, "0 to 299"), (400, "300 to 499"), (599, "500 to 599")])
def test_a_ledger_that_was_recomputed_is_not_what_was_signed(signed: Audited, idx: int, place: str) -> None:
    signed.meddle("UPDATE entry SET body = :body WHERE idx = :idx", idx=idx, body=disclosure().body())
    signed.rebuild()

    assert f"checkpoint: {place}" in faults_of(signed)


def test_a_ledger_that_was_cut_is_shorter_than_what_was_signed(signed: Audited) -> None:
    signed.meddle("DELETE FROM entry WHERE idx >= 550")
    signed.rebuild()

    assert faults_of(signed) == {"checkpoint_past_head: 550 to 599"}


def test_a_checkpoint_that_is_none_is_named(signed: Audited) -> None:
    signed.meddle("UPDATE checkpoint SET note = :note WHERE size = 500", note=b"signed by nobody")

    assert faults_of(signed) == {"checkpoint_form: 300 to 499"}


def test_a_checkpoint_whose_columns_are_anothers_is_named(signed: Audited) -> None:
    signed.meddle("UPDATE checkpoint SET root = :root WHERE size = 500", root=bytes(32))

    assert faults_of(signed) == {"checkpoint_form: 300 to 499"}


def test_a_signature_that_is_none_is_named(signed: Audited) -> None:
    other = Checkpoint(signed.origin, 1, bytes(32))
    stolen = tuple(one.sign(other, at_seconds=1) for one in signed.signers)
    with signed.house.parts.stores.audit.read() as conn:
        (row,) = checkpoints.since(conn, 600, limit=1)
    forged = Note(Note.unpack(row.note).text, stolen)

    signed.meddle("UPDATE checkpoint SET note = :note WHERE size = 600", note=forged.pack())

    assert faults_of(signed) == {"signature: 500 to 599"}


def test_a_key_that_the_ledger_does_not_know_signs_nothing(signed: Audited) -> None:
    signed.grow(610)
    signed.sign(signers=signed.pair(7))

    assert faults_of(signed) == {"signing_key: 600 to 609"}


def test_a_key_that_was_ended_signs_nothing_more(signed: Audited) -> None:
    signed.open_keys(signed.signers, Kind.SIGNING_KEY_REVOKED)
    signed.sign()

    assert faults_of(signed) == {"signing_key: 600 to 601"}
