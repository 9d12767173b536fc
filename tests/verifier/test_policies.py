"""A policy says whose signatures a checkpoint needs (C2SP tlog-policy), and nothing else is one."""

from pathlib import Path

import pytest
from vault_verifier.policies import read_policy

from scripts.bench.verifying import ORIGIN, disclosed, opening, write
from tests.auditing import Said, said
from vault.crypto.signing import Signer
from vault.domain.note import KeyKind, Note

LOG = Signer(ORIGIN, KeyKind.ED25519, bytes(32))
WITNESSES = [
    Signer(f"witness{number}.example", KeyKind.COSIGNATURE, bytes([number]) * 32) for number in range(3)
]
NAMED = [f"witness W{number} {one.key.text()}" for number, one in enumerate(WITNESSES)]


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """An export that the witnesses 0 and 1 have cosigned."""
    write(tmp_path, [opening(LOG), disclosed(1)], LOG)
    note = Note.unpack((tmp_path / "checkpoint").read_bytes())
    cosigned = note.signed_also(one.sign(note.checkpoint, at_seconds=1_700_000_000) for one in WITNESSES[:2])
    (tmp_path / "checkpoint").write_bytes(cosigned.pack())
    return tmp_path


def verify(export: Path, *lines: str) -> Said:
    policy = export.parent / f"{export.name}.policy"
    policy.write_text("\n".join([*lines, ""]))
    return said("verify", str(export), "--vkey", LOG.key.text(), "--policy", str(policy))


@pytest.mark.parametrize(
    ("lines", "is_met"),
    [
        (["quorum none"], True),
        (["quorum W0"], True),
        (["quorum W2"], False),
        (["group G any W1 W2", "quorum G"], True),
        (["group G all W1 W2", "quorum G"], False),
        (["group G 2 W0 W1 W2", "quorum G"], True),
        (["group G 3 W0 W1 W2", "quorum G"], False),
        (["group G 2 W0 W1 W2", "group H all G W2", "quorum H"], False),
        (["group G 2 W0 W1 W2", "  # a comment", "", "group H\tany G W2", "quorum H"], True),
    ],
)
def test_a_quorum_is_met_or_missed(export: Path, lines: list[str], is_met: bool) -> None:  # noqa: FBT001
    found = verify(export, f"log {LOG.key.text()}", *NAMED, *lines)

    assert (found.code, found.faults) == ((0, set()) if is_met else (2, {"quorum_missed"}))
    assert found.report["witnesses"] == ["witness0.example", "witness1.example"]


def test_a_checkpoint_of_another_log_is_none_of_the_policys(export: Path) -> None:
    other = Signer(ORIGIN, KeyKind.ED25519, b"x" * 32)

    found = verify(export, f"log {other.key.text()}", "quorum none")

    assert (found.code, found.faults) == (2, {"unsigned"})


def test_a_cosignature_that_is_none_is_named(export: Path) -> None:
    packed = (export / "checkpoint").read_bytes()
    note = Note.unpack(packed)
    forged = WITNESSES[2].sign(note.checkpoint, at_seconds=1)
    other = WITNESSES[0].sign(note.checkpoint, at_seconds=2)
    swapped = type(forged)(forged.name, forged.key_id, other.signature)
    (export / "checkpoint").write_bytes(note.signed_also([swapped]).pack())

    found = verify(export, *NAMED, "quorum W0")

    assert (found.code, found.faults) == (1, {"signature"})


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["quorum W0"],
        [NAMED[0]],
        [NAMED[0], "quorum W0", "quorum W0"],
        [NAMED[0], NAMED[0], "quorum W0"],
        [NAMED[0], NAMED[0].replace("W0", "W9"), "quorum none"],
        [NAMED[0].replace("W0", "none"), "quorum none"],
        [f"witness L {LOG.key.text()}", "quorum none"],
        [f"log {LOG.key.text()}", f"log {LOG.key.text()}", "quorum none"],
        [NAMED[0], "group G 2 W0", "quorum G"],
        [NAMED[0], "group G 0 W0", "quorum G"],
        [NAMED[0], "group G 01 W0", "quorum G"],
        [NAMED[0], "group G any", "quorum none"],
        [NAMED[0], "group G any G", "quorum none"],
        ["group G any W0", NAMED[0], "quorum G"],
        ["trust me", "quorum none"],
        ["log nothing", "quorum none"],
    ],
    ids=range(17),
)
def test_what_is_no_policy_is_refused(lines: list[str]) -> None:
    with pytest.raises(ValueError, match=r"policy|vkey|invalid literal"):
        read_policy("\n".join(lines))
