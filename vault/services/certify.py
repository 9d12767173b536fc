"""Certify: a campaign asks of every grant whether it is still needed; whoever says nothing says no."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from vault.custody.standing import Standing
from vault.domain.access import Actor
from vault.domain.canonical import canonical
from vault.domain.entry import ObjectRef
from vault.domain.instants import millis, moment, rfc3339
from vault.domain.kinds import Kind
from vault.domain.terms import ActorId, CampaignId, GrantId, Millis, PersonId, PurposeId, id_text
from vault.errors import Conflict, Invalid, NotFound, Refused
from vault.services.authenticate import LIVE
from vault.services.commanding import (
    ADMINISTRATORS,
    administrators,
    check_enough_left,
    governing_roles,
    silenced,
)
from vault.services.governing import Change, Ground, Told, govern, ground_for, may_oneself, view
from vault.services.granting import grant_ref, holder_name, live_grants, owner_of
from vault.services.parts import Parts
from vault.services.using import last_used
from vault.storage.accounts import GrantRow
from vault.storage.people import CertificationRow

KEEP: Final = "keep"
REVOKE: Final = "revoke"
REDUCE: Final = "reduce"
SOONEST: Final = timedelta(days=1)
LATEST: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Item:
    """A grant in a campaign: who holds it, who is asked, what was said; ``verdict`` is what holds by now."""

    row: CertificationRow
    grant: GrantRow
    holder: str
    owner: str
    verdict: str
    last_used: str | None


def open_campaign(parts: Parts, actor: Actor, *, due: datetime, certifier: PersonId) -> CampaignId:
    """Ask for every live grant whether it is still needed, until *due*; then what nobody has kept is over.

    Of an app's grants its owner is asked, of all others *certifier*; nobody is asked for an own one. Silence
    spares two administrators, of whom it is asked for as long as their grants last.
    Raises Invalid ``due`` or ``certifier``, Conflict ``nothing_to_certify``, and Refused.
    """
    campaign = CampaignId(parts.new_id())

    def command(ground: Ground) -> Change:
        if not ground.at + SOONEST <= due <= ground.at + LATEST:
            raise Invalid("due", field="due")
        if not _is_live(ground.standing, ActorId(certifier)):
            raise Invalid("certifier", field="certifier")
        spared = _spared(ground)
        rows = [
            CertificationRow(
                parts.tenant,
                campaign,
                grant.role_grant,
                _asked(ground, grant, certifier),
                millis(ground.at),
                max(millis(due), grant.expires_ms)
                if holder in spared and grant.role in governing_roles(ground)
                else millis(due),
                None,
                None,
                None,
            )
            for holder in ground.standing.grants
            for grant in live_grants(ground.standing, holder, ground.at)
        ]
        if not rows:
            raise Conflict("nothing_to_certify")
        return Change(
            tuple(rows), (Told(Kind.CAMPAIGN_OPENED, ObjectRef("campaign", campaign, str(len(rows)))),)
        )

    govern(parts, actor, command)
    return campaign


def certify(
    parts: Parts,
    actor: Actor,
    campaign: CampaignId,
    grant: GrantId,
    *,
    verdict: str,
    purposes: Sequence[str] = (),
    until: datetime | None = None,
) -> None:
    """Say of one grant that it is kept, revoked, or reduced to fewer *purposes* or an earlier end.

    Raises NotFound, Refused ``role`` for whoever was not asked, Conflict ``state`` where it was said or is
    too late, Invalid ``verdict``, ``purpose`` or ``expiry``.
    """

    def command(ground: Ground) -> Change:
        row = _row(ground.standing, campaign, grant)
        held = _grant(ground.standing, grant)
        if row is None or held is None:
            raise NotFound
        if row.owner != ground.actor.id:
            raise Refused("role")
        if held.holder == ground.actor.id:
            raise Refused("oneself")
        if row.verdict is not None or millis(ground.at) >= row.due_ms:
            raise Conflict("state")
        if held.revoked_ms is not None:
            raise Conflict("revoked")
        now = millis(ground.at)
        said = replace(row, verdict=verdict, decided_by=ground.actor.id, decided_ms=now)
        match verdict:
            case "keep":
                return Change((said,), (Told(Kind.GRANT_CERTIFIED, grant_ref(held), KEEP),))
            case "revoke":
                ended = replace(held, revoked_ms=now)
                check_enough_left(ground, [ended])
                gone = Told(Kind.GRANT_REVOKED, grant_ref(held), "certification", ended=held.role_grant)
                return Change((said, ended), (gone,))
            case "reduce":
                less = _reduced(held, purposes, until, ground.at)
                check_enough_left(ground, [less])
                return Change((said, less), (Told(Kind.GRANT_REDUCED, grant_ref(held), REDUCE),))
            case _:
                raise Invalid("verdict", field="verdict")

    govern(parts, actor, command, may=may_oneself)


def items(parts: Parts, actor: Actor, campaign: CampaignId | None = None) -> list[Item]:
    """List the grants of a campaign, or of all: those of which the reader is asked; who governs sees all."""
    ground = ground_for(parts, actor)
    governs = PersonId(actor.id) in administrators(ground)
    if governs:
        # What others hold is shown to who governs as every list is: strongly logged in, behind an entry.
        ground = view(parts, actor, "campaigns")
    used = last_used(parts)
    found: list[Item] = []
    for rows in ground.standing.certifications.values():
        for row in rows:
            held = _grant(ground.standing, row.role_grant)
            if held is None or campaign not in {None, row.campaign}:
                continue
            if not governs and row.owner != actor.id:
                continue
            at_ms = used.get(held.role_grant)
            found.append(
                Item(
                    row,
                    held,
                    holder_name(ground.standing, held.holder),
                    holder_name(ground.standing, row.owner),
                    _holds(row, ground.at),
                    rfc3339(moment(at_ms)) if at_ms is not None else None,
                )
            )
    return sorted(found, key=lambda one: (one.row.campaign, one.row.role_grant))


def evidence(listed: Sequence[Item]) -> str:
    """Write a campaign as CSV: what was asked of whom, and what became of it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow("campaign grant holder role purposes asked verdict decided due last_used".split())
    for one in listed:
        decided = rfc3339(moment(one.row.decided_ms)) if one.row.decided_ms is not None else ""
        writer.writerow(
            [
                id_text("cmp", one.row.campaign),
                id_text("grt", one.row.role_grant),
                one.holder,
                one.grant.role,
                " ".join(json.loads(one.grant.purposes)),
                one.owner,
                one.verdict,
                decided,
                rfc3339(moment(one.row.due_ms)),
                one.last_used or "never",
            ]
        )
    return out.getvalue()


def _asked(ground: Ground, grant: GrantRow, certifier: PersonId) -> ActorId:
    """Find who is asked: never whoever holds the grant, nor whoever answers for its holder."""
    owner = owner_of(ground.standing, grant.holder)
    others = [ActorId(one) for one in sorted(administrators(ground))]
    for one in (owner, ActorId(certifier), ground.actor.id, *others):
        if one is not None and one != grant.holder and _is_live(ground.standing, one):
            return one
    raise Invalid("certifier", field="certifier")


def _spared(ground: Ground) -> frozenset[ActorId]:
    """Choose the two administrators whom silence does not end: nobody could approve anything without two.

    Whom an open campaign may end by silence comes last, then whose grants end first.
    """
    staying = administrators(silenced(ground))

    def lasting(person: PersonId) -> tuple[bool, Millis, PersonId]:
        held = live_grants(ground.standing, ActorId(person), ground.at)
        return person in staying, max(one.expires_ms for one in held), person

    chosen = sorted(administrators(ground), key=lasting, reverse=True)
    return frozenset(map(ActorId, chosen[:ADMINISTRATORS]))


def _reduced(held: GrantRow, purposes: Sequence[str], until: datetime | None, at: datetime) -> GrantRow:
    had = frozenset(json.loads(held.purposes))
    named = frozenset(map(PurposeId, purposes)) or had
    if not named <= had:
        raise Invalid("purpose")
    ends = held.expires_ms if until is None else millis(until)
    if not millis(at) < ends <= held.expires_ms or (named == had and ends == held.expires_ms):
        raise Invalid("expiry")
    return replace(held, purposes=canonical([*sorted(named)]).decode(), expires_ms=ends)


def _holds(row: CertificationRow, at: datetime) -> str:
    if row.verdict is not None:
        return row.verdict
    return "open" if millis(at) < row.due_ms else "revoked by silence"


def _is_live(standing: Standing, person: ActorId) -> bool:
    row = standing.people.get(PersonId(person))
    return row is not None and row.state == LIVE


def _row(standing: Standing, campaign: CampaignId, grant: GrantId) -> CertificationRow | None:
    rows = standing.certifications.get(grant, ())
    return next((one for one in rows if one.campaign == campaign), None)


def _grant(standing: Standing, grant: GrantId) -> GrantRow | None:
    held = (row for rows in standing.grants.values() for row in rows)
    return next((one for one in held if one.role_grant == grant), None)
