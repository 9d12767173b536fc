"""Evidence: what reviewers are given proves the ledger without the vault, and is given to nobody else."""

import pytest
from sqlalchemy import text

from tests.custody.ledgers import meddle
from tests.house import House
from tests.staff import admins, hire
from vault.crypto.signing import verified
from vault.domain.merkle import leaf_hash
from vault.domain.note import Note
from vault.domain.tlog_proof import TlogProof
from vault.errors import Corrupt, NotFound, Refused
from vault.services import evidence, signing_keys
from vault.services.signing_keys import Signing
from vault.storage import audit


def bodies(house: House) -> list[bytes]:
    with house.parts.stores.audit.read() as conn:
        return [row.body for row in audit.entries(conn, 0, limit=1_000)]


def test_every_entry_is_proven_by_a_note_that_the_keys_of_the_house_have_signed(house: House) -> None:
    house.admit()
    size = house.attended().tree.size
    told = bodies(house)
    with house.keeper() as keeper:
        keys = tuple(one.key for one in signing_keys.listing(Signing(house.parts.stores.audit, keeper.keys)))

    for index in range(size):
        proof = TlogProof.unpack(evidence.proof(house.parts, house.operator, index))
        assert proof.index == index
        assert verified(proof.note, keys) == keys
        assert [at for at in range(size) if proof.proves(leaf_hash(told[at]))] == [index]


def test_what_no_checkpoint_covers_is_proven_by_none(house: House) -> None:
    for index in (0, 1_000):
        with pytest.raises(NotFound):
            evidence.proof(house.parts, house.operator, index)
    with pytest.raises(NotFound):
        evidence.checkpoint(house.parts, house.operator)
    size = house.attended().tree.size

    for index in (-1, size, 2**70):
        with pytest.raises(NotFound):
            evidence.proof(house.parts, house.operator, index)
    assert evidence.proof(house.parts, house.operator, size - 1)


def test_an_entry_that_was_rewritten_has_no_proof(unchecked_house: House) -> None:
    house = unchecked_house
    house.attended()
    evidence.proof(house.parts, house.operator, 1)
    meddle(house.parts.stores.audit, "UPDATE entry SET leaf = :other WHERE idx = 1", other=bytes(32))

    for index in (0, 1):
        with pytest.raises(Corrupt) as rejected:
            evidence.proof(house.parts, house.operator, index)
        assert rejected.value.reason == "tree"


def test_each_look_is_an_entry_that_says_at_what(house: House) -> None:
    house.attended()

    evidence.checkpoint(house.parts, house.operator)
    evidence.proof(house.parts, house.operator, 2)

    told = [(one["kind"], one["object"]) for one in house.entries()][-2:]
    assert told == [
        ("ledger.viewed", {"type": "checkpoint"}),
        ("ledger.viewed", {"type": "proof", "code": "2"}),
    ]


def test_whoever_does_not_review_is_given_nothing_and_that_is_an_entry(house: House) -> None:
    house.attended()
    desk = house.call("servicedesk").actor

    with pytest.raises(Refused):
        evidence.checkpoint(house.parts, desk)
    with pytest.raises(Refused):
        evidence.proof(house.parts, desk, 0)

    assert [one["kind"] for one in house.entries()][-2:] == ["command.refused"] * 2


def test_an_auditor_is_given_both_as_plain_texts_over_the_api(sqlite_house: House) -> None:
    house = sqlite_house
    auditor = hire(*admins(house), "sun.li", "auditor", "P16")
    house.attended()
    with house.parts.stores.audit.read() as conn:
        note = conn.execute(text("SELECT note FROM checkpoint")).scalar_one()

    given = auditor.ask("GET", "/v1/ledger/checkpoint")
    proof = auditor.ask("GET", "/v1/ledger/entries/3/proof")
    unknown = [
        auditor.ask("GET", f"/v1/ledger/entries/{index}/proof").status_code
        for index in ("999999", "-1", "03", "x", "٣", "1" * 40)
    ]

    assert (given.status_code, given.content_type) == (200, "text/plain; charset=utf-8")
    assert Note.unpack(given.get_data()).pack() == note
    assert proof.content_type == "text/plain; charset=utf-8"
    assert TlogProof.unpack(proof.get_data()).proves(leaf_hash(bodies(house)[3]))
    assert set(unknown) == {404}
