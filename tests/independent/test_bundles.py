"""Each entry of a customer's bundle is proved by the code of Go's checksum database."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.auditing import Audited
from tests.house import House
from tests.independent.programs import build_go, run
from tests.verifier.test_maps_and_bundles import a_bundle
from vault.domain.access_bundle import Proven
from vault.domain.note import Note
from vault.domain.tlog_proof import TlogProof


@pytest.fixture(scope="session")
def go(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program around Go's own verifier."""
    return build_go(tmp_path_factory.mktemp("go"))


def test_go_accepts_each_entry_of_a_bundle_and_refuses_one_that_was_changed(
    house: House, tmp_path: Path, go: Path
) -> None:
    bundle, audited = a_bundle(house, tmp_path)

    for one in (*bundle.entries, bundle.sealed):
        assert judged(go, audited, bundle.note, one) == 0
    first = bundle.entries[0]
    assert judged(go, audited, bundle.note, replace(first, body=first.body + b" ")) == 1


def judged(go: Path, audited: Audited, note: bytes, one: Proven) -> int:
    file = audited.at / "entry.tlog-proof"
    file.write_bytes(TlogProof(one.index, one.path, Note.unpack(note), one.body).pack())
    return run(go, "proof", file, audited.vkey).returncode
