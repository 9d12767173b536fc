"""Main: ``vault-verify``; one JSON report, and 0 for ok, 1 for tampered, 2 for incomplete or unusable."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from vault.domain.note import VerifierKey
from vault_verifier import comparing, customers, proving, subjects, verifying
from vault_verifier.keys import read_keys
from vault_verifier.policies import read_policy
from vault_verifier.report import Report, Verdict


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    given = _parser().parse_args(words)
    report = _run(given)
    sys.stdout.write(json.dumps(report.as_json(), indent=2) + "\n")
    return report.verdict


def run() -> None:
    """Run as a program."""
    sys.exit(main())


def _run(given: argparse.Namespace) -> Report:
    try:
        keys: tuple[VerifierKey, ...] = read_keys(given.vkey) if given.vkey else ()
    except (OSError, ValueError):
        return _unusable(given.command, "key_unusable")
    if not keys and given.command != "diff":
        return _unusable(given.command, "key_unusable")
    match given.command:
        case "verify":
            try:
                policy = read_policy(Path(given.policy).read_text()) if given.policy else None
            except (OSError, ValueError):
                return _unusable(given.command, "policy_unusable")
            began = time.perf_counter()
            report = verifying.verify(given.export, keys, anchor_files=given.anchor, policy=policy)
            report.facts["milliseconds"] = round(1000 * (time.perf_counter() - began))
            return report
        case "prove":
            return proving.prove(given.export, given.index, keys, out=given.out)
        case "check-proof":
            return proving.check_proof(given.file, keys, entry=given.entry)
        case "subject" if given.export.is_file() and not given.token:
            return customers.check(given.export, keys)
        case "subject":
            return subjects.subject(given.export, given.token, keys, proofs=given.proofs)
        case _:
            return comparing.diff(given.old, given.new, keys)


def _unusable(command: str, reason: str) -> Report:
    report = Report(command, verdict=Verdict.INCOMPLETE)
    report.fault(reason)
    return report


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vault-verify",
        description="Verify an export of a customer vault's ledger with the public key alone.",
        epilog="Exits with 0: all is well; 1: something was tampered with; 2: it cannot be told.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    keyed = argparse.ArgumentParser(add_help=False)
    keyed.add_argument(
        "--vkey",
        action="append",
        metavar="K",
        help="a public key or a file of them; repeatable",
    )
    verify = commands.add_parser("verify", parents=[keyed], help="verify every entry, tile and signature")
    verify.add_argument("export", type=Path, metavar="EXPORT")
    verify.add_argument(
        "--anchor",
        action="append",
        default=[],
        metavar="FILE",
        help="a checkpoint from elsewhere: signed, its three lines, or a directory of them; repeatable",
    )
    verify.add_argument("--policy", metavar="P", help="who must have signed (C2SP tlog-policy)")
    prove = commands.add_parser("prove", parents=[keyed], help="write the proof of one entry")
    prove.add_argument("export", type=Path, metavar="EXPORT")
    prove.add_argument("index", type=int, metavar="IDX")
    prove.add_argument("--out", type=Path, metavar="FILE", help="where to; else it stands in the report")
    check = commands.add_parser("check-proof", parents=[keyed], help="check the proof of one entry")
    check.add_argument("file", type=Path, metavar="FILE")
    check.add_argument(
        "--entry", type=Path, metavar="FILE", help="the entry's bytes, where the proof has none"
    )
    subject = commands.add_parser(
        "subject",
        parents=[keyed],
        help="check the bundle that a customer was handed, or list the entries that name audit tokens",
    )
    subject.add_argument("export", type=Path, metavar="BUNDLE|EXPORT")
    subject.add_argument("token", nargs="*", metavar="TOKEN")
    subject.add_argument("--proofs", type=Path, metavar="DIR", help="write each proof into a file there")
    diff = commands.add_parser("diff", parents=[keyed], help="compare two exports or checkpoints")
    diff.add_argument("old", type=Path, metavar="OLD")
    diff.add_argument("new", type=Path, metavar="NEW")
    return parser


if __name__ == "__main__":
    run()
