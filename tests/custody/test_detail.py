"""Details: sealed by the month, under a key that is made when it is first needed."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.custody.workbench import HOUSE, NOW, TENANT, a_keyring
from vault.crypto.aead import Cipher, Suite
from vault.crypto.kdf import expand
from vault.custody.detail import Detail
from vault.custody.keyring import Keyring
from vault.custody.providers.local import LocalSlots
from vault.domain.cells import unpad
from vault.domain.instants import millis
from vault.domain.sealed import SealedKeyRow
from vault.errors import Corrupt, Unavailable

AT = millis(NOW)
texts = st.text(st.characters(exclude_categories=["Cs"]))
DECEMBER = AT + 30 * 86_400_000


class Shelf:
    """A keys store of one table: the first key of a month stands."""

    def __init__(self) -> None:
        self.rows: dict[int, SealedKeyRow] = {}
        self.asked = 0

    def keep(self, row: SealedKeyRow) -> SealedKeyRow:
        self.asked += 1
        return self.rows.setdefault(row.epoch, row)


def opened(shelf: Shelf, sealed: bytes, month: int) -> dict[str, str]:
    """Open a detail as an investigator will."""
    key = a_keyring().unseal(shelf.rows[month])
    okm = expand(key, b"PV1Y" + HOUSE + TENANT + month.to_bytes(4), length=64)
    plain = Cipher(Suite.AES_256_GCM, okm[:32]).open(sealed, b"PV1Y" + sealed[:6] + HOUSE + TENANT, at=6)
    found: dict[str, str] = json.loads(unpad(plain))
    return found


@given(st.dictionaries(st.sampled_from(["source", "ticket", "typed"]), texts))
def test_an_investigator_with_the_months_key_reads_the_detail(detail: dict[str, str]) -> None:
    shelf = Shelf()

    sealed, month = Detail(a_keyring(), keep=shelf.keep).seal(AT, detail)

    assert month == 202611
    assert opened(shelf, sealed, month) == detail


def test_a_month_has_one_key_that_is_made_once() -> None:
    shelf = Shelf()
    detail = Detail(a_keyring(), keep=shelf.keep)

    months = {detail.seal(at, {})[1] for at in (AT, AT + 1, DECEMBER)}

    assert months == set(shelf.rows) == {202611, 202612}
    assert shelf.asked == 2


def test_two_processes_use_the_key_that_stands() -> None:
    shelf = Shelf()
    one, other = (Detail(a_keyring(), keep=shelf.keep) for _ in range(2))

    assert one.fingerprint(AT, "ticket", "T-17") == other.fingerprint(AT, "ticket", "T-17")
    assert opened(shelf, *other.seal(AT, {"source": "192.0.2.1"})) == {"source": "192.0.2.1"}
    assert shelf.asked == 2


def test_many_threads_make_one_key() -> None:
    shelf = Shelf()
    detail = Detail(a_keyring(), keep=shelf.keep)

    with ThreadPoolExecutor(8) as pool:
        prints = set(pool.map(lambda _: detail.fingerprint(AT, "ticket", "T-17"), range(50)))

    assert (len(prints), shelf.asked) == (1, 1)


def test_the_same_text_is_known_again_within_its_month_and_kind_only() -> None:
    detail = Detail(a_keyring(), keep=Shelf().keep)

    prints = {
        detail.fingerprint(at, kind, text)
        for at in (AT, DECEMBER)
        for kind in ("ticket", "typed")
        for text in ("T-17", "T-18", "")
    }

    assert len(prints) == 12
    assert {len(one) for one in prints} == {16}


@pytest.mark.parametrize("kind", ["", "a\0b", "a b"])
def test_a_kind_that_could_run_into_the_text_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match="kind"):
        Detail(a_keyring(), keep=Shelf().keep).fingerprint(AT, kind, "text")


def test_the_length_of_a_detail_tells_little() -> None:
    detail = Detail(a_keyring(), keep=Shelf().keep)

    lengths = {len(detail.seal(AT, {"source": "1" * size})[0]) for size in range(15)}

    assert len(lengths) == 1


def test_a_key_of_another_month_is_not_taken_for_this_one() -> None:
    shelf = Shelf()
    Detail(a_keyring(), keep=shelf.keep).seal(DECEMBER, {})

    with pytest.raises(Corrupt) as caught:
        Detail(a_keyring(), keep=lambda _: shelf.rows[202612]).seal(AT, {})

    assert caught.value.reason == "sealed_key"


def test_without_the_detail_slot_nothing_is_sealed() -> None:
    ring = Keyring(LocalSlots({}), (), house=HOUSE, tenant=TENANT)

    with pytest.raises(Unavailable) as caught:
        Detail(ring, keep=Shelf().keep).seal(AT, {})

    assert str(caught.value) == "slot_unavailable slot=DETAIL"
