"""Policies: a set of policy files is compared with what is in force, and enters as the next version."""

from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from vault.domain.access import Actor
from vault.domain.entry import ObjectRef
from vault.domain.grants import token_text
from vault.domain.instants import millis
from vault.domain.kinds import Kind
from vault.domain.policy import Policy, files_text, policy_digest
from vault.domain.terms import ZERO_ID, AppId, is_code
from vault.errors import Conflict, Invalid, Misconfigured, NotFound, Stale
from vault.rulebook import comparing
from vault.rulebook.checking import check
from vault.rulebook.comparing import ALIKE, Comparison
from vault.rulebook.mistakes import Mistake
from vault.rulebook.reading import read_folder
from vault.services.authenticate import policy_in_force, stand
from vault.services.governing import Change, Ground, Told, amend, govern, may_govern
from vault.services.parts import Parts
from vault.storage import accounts, floors
from vault.storage.policies import PolicyRow


@dataclass(frozen=True, slots=True)
class Plan:
    """What applying would do: from which digest to which, which files differ, what is wrong with them.

    Where nothing is wrong, ``compared`` says who may newly do what and who may no longer, and what a purpose
    newly requires of a customer.
    """

    base: bytes | None
    digest: bytes
    changed: tuple[str, ...]
    mistakes: tuple[Mistake, ...]
    compared: Comparison = ALIKE


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
    wanted, mistakes = check(files, before=policy)
    changed = sorted(name for name in files.keys() | held.keys() if files.get(name) != held.get(name))
    compared = comparing.compare(policy, wanted) if wanted is not None and changed else ALIKE
    return Plan(standing.policy_digest, policy_digest(files), tuple(changed), tuple(mistakes), compared)


def versions(parts: Parts) -> tuple[PolicyRow, ...]:
    """List every version that was ever in force, oldest first; the last one is."""
    return tuple(sorted(stand(parts, AppId(ZERO_ID)).policies, key=attrgetter("number")))


def version_files(parts: Parts, number: int | None = None) -> Mapping[str, str]:
    """Read the files of the version *number*, or of the one in force, as they were applied.

    Raises NotFound ``policy_version`` where there is none, and Corrupt where they are not as they were.
    """
    standing = stand(parts, AppId(ZERO_ID))
    wanted = [row for row in standing.policies if number in {None, row.number}]
    if not wanted:
        raise NotFound
    with parts.stores.data.read() as conn:
        return parts.authority.policy_files(conn, standing, standing.policy if number is None else wanted[0])


def compare(parts: Parts, one: int, other: int) -> Comparison:
    """Say what the version *other* allows and requires that *one* does not, and the other way round.

    Raises what :func:`version_files` raises, and Misconfigured where one no longer passes its check.
    """
    before, after = (parts.rulebook.policy(number, version_files(parts, number)) for number in (one, other))
    return comparing.compare(before, after)


def roll_back(parts: Parts, actor: Actor, number: int, *, base_digest: bytes, author: str) -> PolicyRow:
    """Put the files of the version *number* in force again, as the next version.

    They are checked against what is in force, as any others: what was sealed since must still be found.
    Raises what :func:`version_files` and :func:`apply_policy` raise.
    """
    may_govern(actor)
    files = version_files(parts, number)
    return apply_policy(parts, actor, files=files, base_digest=base_digest, author=author)


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
