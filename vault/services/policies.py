"""Policies: a set of policy files is compared with what is in force, and enters as the next version."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from vault.domain.access import Actor
from vault.domain.instants import millis
from vault.domain.policy import ContextClass, policy_digest
from vault.domain.terms import ZERO_ID, Action, AppId, ApprovalId, FieldName, PurposeId, RoleId, is_code
from vault.errors import Invalid, Misconfigured, NotFound, Stale
from vault.rulebook import explaining
from vault.rulebook.asking import Case
from vault.rulebook.checking import check
from vault.rulebook.comparing import ALIKE, Comparison
from vault.rulebook.explaining import Asked, Explanation
from vault.rulebook.mistakes import Mistake
from vault.rulebook.reading import read_folder
from vault.services.authenticate import policy_in_force, stand
from vault.services.commanding import carry_out
from vault.services.governing import admit, amend, only_operator
from vault.services.parts import Parts
from vault.services.replacing import Replace, applied, checked
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
    wanted, mistakes = parts.rulebook.checked(files, before=policy)
    changed = sorted(name for name in files.keys() | held.keys() if files.get(name) != held.get(name))
    compared = parts.rulebook.compare(policy, wanted) if wanted is not None and changed else ALIKE
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
    return parts.rulebook.compare(before, after)


@dataclass(frozen=True, slots=True)
class Applied:
    """The version that is in force now; where ``waits`` names a request, until that is approved."""

    number: int
    digest: bytes
    waits: ApprovalId | None = None


def roll_back(parts: Parts, actor: Actor, number: int, *, base_digest: bytes, author: str) -> Applied:
    """Put the files of the version *number* in force again, as the next version.

    They are checked against what is in force, as any others: what was sealed since must still be found.
    Raises what :func:`version_files` and :func:`apply_policy` raise.
    """
    admit(parts, actor)
    files = version_files(parts, number)
    return apply_policy(parts, actor, files=files, base_digest=base_digest, author=author)


def apply_policy(
    parts: Parts, actor: Actor, *, files: Mapping[str, str], base_digest: bytes | None, author: str
) -> Applied:
    """Put *files* in force as the next version; every worker's next request is judged by it.

    *base_digest* names the version that the files were planned against; None is for the first of a house,
    and may be repeated. Where a second person must approve, the version waits for that.
    Raises Stale ``policy_base`` where another is in force, Conflict ``policy_unchanged`` where it is these
    files, Misconfigured with every mistake in them, Refused ``separation``, and Invalid ``author``.
    """
    if not is_code(author):
        raise Invalid("author")
    if base_digest is None:
        return _apply_first(parts, only_operator(actor), files, author)
    command = Replace(base_digest, author, files)
    waits = carry_out(parts, actor, command, attached=command.attached())
    standing = stand(parts, AppId(ZERO_ID))
    return Applied(standing.policy_number, standing.policy_digest, waits)


def _apply_first(parts: Parts, actor: Actor, files: Mapping[str, str], author: str) -> Applied:
    if _is_new(parts):
        checked(files, before=None)
        at = parts.clock()
        row = PolicyRow(parts.tenant, 1, policy_digest(files), millis(at), author)
        if amend(parts, actor, applied(row, files), was=None, at=at):
            return Applied(row.number, row.digest)
    standing = stand(parts, AppId(ZERO_ID))
    if (standing.version, standing.policy_digest) != (1, policy_digest(files)):
        raise Stale("policy_base")
    # Someone was cut short, or is just as far: the first version stands, and may only have to be told.
    parts.ledger.settle([])
    return Applied(standing.policy_number, standing.policy_digest)


def _is_new(parts: Parts) -> bool:
    """Tell whether the house never had an authority; one whose manifest was taken away has a floor."""
    with parts.stores.keys.read() as conn:
        standing = floors.read(conn)
    with parts.stores.data.read() as conn:
        manifest = accounts.authority_row(conn, parts.tenant)
    return manifest is None and standing is not None and standing.authority_floor == 0


def explain(
    parts: Parts, *, roles: Sequence[str], purpose: str, action: str, field: str, context: ContextClass
) -> Explanation:
    """Say what the policy in force answers to one question, by which rule, and where that stands.

    Raises Invalid ``role``, ``purpose``, ``action`` or ``field`` for what the policy does not know.
    """
    try:
        case = Case(Action(action), PurposeId(purpose), context)
    except ValueError:
        raise Invalid("action") from None
    asked = Asked(tuple(map(RoleId, roles)), case, FieldName(field))
    return explaining.explain(version_files(parts), asked)
