"""Writes the invented town as NDJSON, a customer a line, as `vaultctl import` takes it; see --help."""

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from vault.cli.demo import SEED
from vault.cli.demo_state import settings_of
from vault.cli.town.moving_in import consent_item
from vault.cli.town.numbers import MOST_CUSTOMERS
from vault.cli.town.people import make
from vault.errors import Misconfigured
from vault.rulebook.checking import check
from vault.services.policies import candidate, default_folder

# The town's dates are counted back from here, so that the same seed writes the same file next year.
AS_OF = datetime(2026, 11, 21, tzinfo=UTC)


def main() -> None:
    """Write as many customers as asked for."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--count", type=int, default=1000, help="how many customers (1000)")
    words.add_argument("--seed", type=int, default=SEED, help=f"of the chance that makes them ({SEED})")
    asked = words.parse_args()
    if not 0 <= asked.count <= MOST_CUSTOMERS:
        words.error(f"there are numbers for {MOST_CUSTOMERS} customers")
    try:
        # Invented customers have no business in a house that is in earnest.
        settings_of(os.environ, Path(".vault"), 8200)
    except Misconfigured as refusal:
        sys.exit(str(refusal))
    policy, _ = check(candidate(default_folder()))
    assert policy is not None  # noqa: S101 - the delivered policy has no mistakes; tests/rulebook holds it so
    notices = list(policy.notices.values())
    for one in make(asked.seed, asked.count, at=AS_OF):
        record = {
            "kind": one.kind,
            "fields": one.fields,
            "source": one.source,
            "consents": [consent_item(notices, decision) for decision in one.decisions],
        }
        print(json.dumps(record, ensure_ascii=False))


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        # Whoever reads had enough; the interpreter must not tell it again while it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
