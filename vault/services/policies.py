"""Policies: a set of policy files is compared with what is in force, and enters as the next version."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vault.domain.access import Actor
from vault.domain.entry import ObjectRef
from vault.domain.grants import token_text
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.policy import Policy, files_text, policy_digest
from vault.domain.terms import ZERO_ID, AppId, is_code
from vault.errors import Conflict, Invalid, Misconfigured, Stale
from vault.rulebook.checking import check
from vault.rulebook.mistakes import Mistake
from vault.rulebook.reading import read_folder
from vault.services.authenticate import policy_in_force, stand
from vault.services.governing import Change, Ground, Told, amend, govern, may_govern
from vault.services.parts import Parts
from vault.storage import accounts, floors
from vault.storage.policies import PolicyRow


@dataclass(frozen=True, slots=True)
class Plan:
    """What applying would do: from which digest to which, which files differ, what is wrong with them."""

    base: bytes | None
    digest: bytes
    changed: tuple[str, ...]
    mistakes: tuple[Mistake, ...]


def default_folder() -> Path:
    """Find the files that come with the vault: inside an installed package, or beside it in a clone."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "policies", package.parent / "policies"):
        if folder.is_dir():
            return folder
    raise Misconfigured(["The policy files are missing from this installation; install it again."])


def candidate(folder: Path) -> dict[str, str]:
    """Read the policy files of *folder*; raises Misconfigured where they cannot be read."""
    return read_folder(folder)


def plan(parts: Parts, files: Mapping[str, str]) -> Plan:
    """Compare *files* with what is in force; changes nothing."""
    if _is_new(parts):
        _, mistakes = check(files)
        return Plan(None, policy_digest(files), tuple(sorted(files)), tuple(mistakes))
    standing = stand(parts, AppId(ZERO_ID))
    policy = policy_in_force(parts, standing)
    with parts.stores.data.read() as conn:
        held = parts.authority.policy_files(conn, standing)
    _, mistakes = check(files, before=policy)
    changed = (name for name in files.keys() | held.keys() if files.get(name) != held.get(name))
    return Plan(standing.policy_digest, policy_digest(files), tuple(sorted(changed)), tuple(mistakes))


def apply_policy(
    parts: Parts, actor: Actor, *, files: Mapping[str, str], base_digest: bytes | None, author: str
) -> PolicyRow:
    """Put *files* in force as the next version; every worker's next request is judged by it.

    *base_digest* names the version that the files were planned against; None is for the first of a house,
    and may be repeated.
    Raises Stale ``policy_base`` where another is in force, Conflict ``policy_unchanged`` where it is these
    files, Misconfigured with every mistake in them, and Invalid ``author``.
    """
    may_govern(actor)
    if not is_code(author):
        raise Invalid("author")
    if base_digest is None:
        return _apply_first(parts, actor, files, author)
    applied: list[PolicyRow] = []

    def command(ground: Ground) -> Change:
        if ground.standing.policy_digest != base_digest:
            raise Stale("policy_base")
        if policy_digest(files) == base_digest:
            raise Conflict("policy_unchanged")
        _checked(files, before=ground.policy)
        number = max(row.number for row in ground.standing.policies) + 1
        row = PolicyRow(parts.tenant, number, policy_digest(files), millis(ground.at), author)
        applied[:] = [row]
        return _change(row, files)

    govern(parts, actor, command)
    return applied[0]


def _apply_first(parts: Parts, actor: Actor, files: Mapping[str, str], author: str) -> PolicyRow:
    if _is_new(parts):
        _checked(files, before=None)
        at = parts.clock()
        row = PolicyRow(parts.tenant, 1, policy_digest(files), millis(at), author)
        if amend(parts, actor, _change(row, files), was=None, at=at):
            return row
    standing = stand(parts, AppId(ZERO_ID))
    if (standing.version, standing.policy_digest) != (1, policy_digest(files)):
        raise Stale("policy_base")
    # Someone was cut short, or is just as far: the first version stands, and may only have to be told.
    parts.ledger.settle([])
    return standing.policy


def _is_new(parts: Parts) -> bool:
    """Tell whether the house never had an authority; one whose manifest was taken away has a floor."""
    with parts.stores.keys.read() as conn:
        standing = floors.read(conn)
    with parts.stores.data.read() as conn:
        manifest = accounts.authority_row(conn, parts.tenant)
    return manifest is None and standing is not None and standing.authority_floor == 0


def _checked(files: Mapping[str, str], *, before: Policy | None) -> None:
    _, mistakes = check(files, before=before)
    if mistakes:
        raise Misconfigured([str(mistake) for mistake in mistakes])


def _change(row: PolicyRow, files: Mapping[str, str]) -> Change:
    about = ObjectRef("policy", None, f"{row.number}:{token_text(row.digest)}")
    return Change((row,), (Told(Kind.POLICY_APPLIED, about),), files_text(files))
