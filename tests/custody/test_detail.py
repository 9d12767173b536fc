"""Details: sealed by the month, under a key that is made when it is first needed."""

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.custody.workbench import HOUSE, NOW, TENANT, a_keyring
from vault.crypto.aead import Cipher, Nonces, Suite
from vault.crypto.kdf import expand
from vault.custody.detail import DESTROYED, Detail
from vault.custody.keyring import Keyring
from vault.custody.providers.local import LocalSlots
from vault.domain.cells import pad, unpad
from vault.domain.instants import millis
from vault.domain.sealed import SealedKeyRow
from vault.errors import Conflict, Corrupt, Unavailable

AT = millis(NOW)
texts = st.text(st.characters(exclude_categories=["Cs"]))
DECEMBER = AT + 30 * 86_400_000


class Shelf:
    """A keys store of one table: the first key of a month stands."""

    def __init__(self) -> None:
        self.rows: dict[int, SealedKeyRow] = {}
        self.asked = 0

    def keep(self, seal: Callable[[], SealedKeyRow]) -> SealedKeyRow:
        self.asked += 1
        row = seal()
        return self.rows.setdefault(row.epoch, row)


def fresh() -> Detail:
    """Details of a house that has no key yet."""
    shelf = Shelf()
    return Detail(a_keyring(), keep=shelf.keep, find=shelf.rows.get)


def opened(shelf: Shelf, sealed: bytes, month: int) -> dict[str, str]:
    """Open a detail by its format alone."""
    key = a_keyring().unseal(shelf.rows[month])
    okm = expand(key, b"PV1Y" + HOUSE + TENANT + month.to_bytes(4), length=64)
    plain = Cipher(Suite.AES_256_GCM, okm[:32]).open(sealed, b"PV1Y" + sealed[:6] + HOUSE + TENANT, at=6)
    found: dict[str, str] = json.loads(unpad(plain))
    return found


@given(st.dictionaries(st.sampled_from(["source", "ticket", "typed"]), texts))
def test_an_investigator_with_the_months_key_reads_the_detail(detail: dict[str, str]) -> None:
    shelf = Shelf()

    sealed, month = Detail(a_keyring(), keep=shelf.keep, find=shelf.rows.get).seal(AT, detail)

    assert month == 202611
    assert opened(shelf, sealed, month) == detail


@given(st.dictionaries(st.sampled_from(["source", "ticket", "typed"]), texts))
def test_what_was_sealed_is_opened_by_another_process(detail: dict[str, str]) -> None:
    shelf = Shelf()
    one, other = (Detail(a_keyring(), keep=shelf.keep, find=shelf.rows.get) for _ in range(2))

    assert other.open(*one.seal(AT, detail)) == detail


def resealed(shelf: Shelf, plain: bytes) -> bytes:
    """Seal bytes that no process of ours would, under the key of November."""
    okm = expand(
        a_keyring().unseal(shelf.rows[202611]), b"PV1Y" + HOUSE + TENANT + (202611).to_bytes(4), length=64
    )
    header = b"\x01\x01" + (202611).to_bytes(4)
    cipher, nonces = Cipher(Suite.AES_256_GCM, okm[:32]), Nonces(1)
    return header + cipher.seal(plain, b"PV1Y" + header + HOUSE + TENANT, nonces=nonces)


ODD: Mapping[str, bytes] = {
    "no padding": b"{}",
    "too much padding": b"{}\x80" + bytes(61),
    "no JSON": pad(b"{"),
    "no object": pad(b"[]"),
    "a number": pad(b'{"source":1}'),
    "a text within a text's place": pad(b'{"source":{"a":"b"}}'),
    "a space": pad(b'{"source": "x"}'),
    "names out of order": pad(b'{"ticket":"x","source":"y"}'),
    "a name twice": pad(b'{"source":"x","source":"y"}'),
    "no UTF-8": pad(b'{"source":"\xff"}'),
    "too deep": pad(b"[" * 100_000),
}


@pytest.mark.parametrize("odd", ODD)
def test_a_detail_of_another_spelling_is_corrupt(odd: str) -> None:
    shelf = Shelf()
    detail = Detail(a_keyring(), keep=shelf.keep, find=shelf.rows.get)
    detail.seal(AT, {})

    with pytest.raises(Corrupt):
        detail.open(resealed(shelf, ODD[odd]), 202611)


def test_every_changed_or_missing_byte_is_corrupt() -> None:
    detail = fresh()
    sealed, month = detail.seal(AT, {"source": "192.0.2.1"})

    for at in range(len(sealed)):
        for other in (sealed[:at], sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]):
            with pytest.raises(Corrupt):
                detail.open(other, month)
    with pytest.raises(Corrupt):
        detail.open(sealed + b"\0", month)


@pytest.mark.parametrize("month", [202612, 202610, 0, -1, 1 << 32])
def test_a_detail_is_opened_under_its_own_month_alone(month: int) -> None:
    detail = fresh()
    sealed, _ = detail.seal(AT, {})
    detail.seal(DECEMBER, {})

    with pytest.raises(Corrupt):
        detail.open(sealed, month)


def test_opening_makes_no_key() -> None:
    shelf = Shelf()
    sealed, month = fresh().seal(AT, {})

    with pytest.raises(Corrupt):
        Detail(a_keyring(), keep=shelf.keep, find=shelf.rows.get).open(sealed, month)

    assert shelf.rows == {}


def test_a_month_whose_key_was_destroyed_opens_and_seals_nothing_ever_again() -> None:
    shelf = Shelf()
    running = Detail(a_keyring(), keep=shelf.keep, find=shelf.rows.get)
    sealed, month = running.seal(AT, {"source": "192.0.2.1"})
    shelf.rows[month] = replace(shelf.rows[month], state=DESTROYED, sealed=b"")

    running.forget([month])

    for detail in (running, Detail(a_keyring(), keep=shelf.keep, find=shelf.rows.get)):
        with pytest.raises(Conflict, match="detail_destroyed month=202611"):
            detail.open(sealed, month)
        with pytest.raises(Conflict, match="detail_destroyed month=202611"):
            detail.seal(AT, {})
    assert shelf.rows[month].sealed == b""


def test_a_month_has_one_key_that_is_made_once() -> None:
    shelf = Shelf()
    detail = Detail(a_keyring(), keep=shelf.keep, find=shelf.rows.get)

    months = {detail.seal(at, {})[1] for at in (AT, AT + 1, DECEMBER)}

    assert months == set(shelf.rows) == {202611, 202612}
    assert shelf.asked == 2


def test_two_processes_use_the_key_that_stands() -> None:
    shelf = Shelf()
    one, other = (Detail(a_keyring(), keep=shelf.keep, find=shelf.rows.get) for _ in range(2))

    assert one.fingerprint(AT, "ticket", "T-17") == other.fingerprint(AT, "ticket", "T-17")
    assert opened(shelf, *other.seal(AT, {"source": "192.0.2.1"})) == {"source": "192.0.2.1"}
    assert shelf.asked == 2


def test_many_threads_make_one_key() -> None:
    shelf = Shelf()
    detail = Detail(a_keyring(), keep=shelf.keep, find=shelf.rows.get)

    with ThreadPoolExecutor(8) as pool:
        prints = set(pool.map(lambda _: detail.fingerprint(AT, "ticket", "T-17"), range(50)))

    assert (len(prints), shelf.asked) == (1, 1)


def test_the_same_text_is_known_again_within_its_month_and_kind_only() -> None:
    detail = fresh()

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
        fresh().fingerprint(AT, kind, "text")


def test_the_length_of_a_detail_tells_little() -> None:
    detail = fresh()

    lengths = {len(detail.seal(AT, {"source": "1" * size})[0]) for size in range(15)}

    assert len(lengths) == 1


def test_a_key_of_another_month_is_not_taken_for_this_one() -> None:
    shelf = Shelf()
    Detail(a_keyring(), keep=shelf.keep, find=shelf.rows.get).seal(DECEMBER, {})

    with pytest.raises(Corrupt) as caught:
        Detail(a_keyring(), keep=lambda _: shelf.rows[202612], find=shelf.rows.get).seal(AT, {})

    assert caught.value.reason == "sealed_key"


def test_without_the_detail_slot_nothing_is_sealed() -> None:
    ring = Keyring(LocalSlots({}), (), house=HOUSE, tenant=TENANT)

    with pytest.raises(Unavailable) as caught:
        Detail(ring, keep=Shelf().keep, find=lambda _: None).seal(AT, {})

    assert str(caught.value) == "slot_unavailable slot=DETAIL"
