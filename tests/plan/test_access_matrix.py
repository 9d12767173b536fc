"""The access matrix is a text under review: a change of policy is a visible change of it."""

from pathlib import Path

import pytest

from vault.services import vetting

ROOT = Path(__file__).parents[2]
REVIEWED = Path(__file__).with_name("access_matrix.txt")


@pytest.mark.slow
def test_the_reviewed_matrix_is_what_the_delivered_policies_allow() -> None:
    reviewed = REVIEWED.read_text(encoding="utf-8")

    # After a wanted change: vaultctl policy matrix > tests/plan/access_matrix.txt
    assert vetting.matrix(ROOT / "policies").splitlines() == reviewed.splitlines()
