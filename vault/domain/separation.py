"""Separation: which roles one person may never hold together, whoever grants them (DESIGN §6)."""

from collections.abc import Collection

from vault.domain.policy import Role
from vault.domain.terms import RoleId


def held_alone(roles: Collection[Role]) -> RoleId | None:
    """Name a role among *roles* that must be held alone and is not; None where all go together.

    Who governs, approves or audits holds that role and no other: nobody has admin rights and customer data,
    or stands on both sides of an approval.
    """
    distinct = {role.id: role for role in roles}
    return next((role.id for role in distinct.values() if role.alone and len(distinct) > 1), None)
