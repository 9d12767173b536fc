"""People: who may log in, by what, and which links and approvals are open; all of it is authenticated."""

from dataclasses import dataclass

from vault.domain.terms import ActorId, AppId, ApprovalId, CampaignId, GrantId, Millis, PersonId, TenantId


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One person who may log in; sessions that began before ``since_ms`` are over.

    ``made_by`` is who invited, recovered or re-keyed the person last, at ``made_ms``; zeros are the operator.
    """

    tenant: TenantId
    person: PersonId
    login: str
    state: str
    made_by: ActorId
    made_ms: Millis
    since_ms: Millis
    created_ms: Millis
    mac: bytes = b""


@dataclass(frozen=True, slots=True)
class LoginKeyRow:
    """One thing by which a person logs in: a password, a code generator, a passkey, a recovery code.

    ``body`` is canonical JSON whose form the kind decides; what must stay secret in it is sealed.
    """

    tenant: TenantId
    person: PersonId
    login_key: bytes
    kind: str
    name: str
    body: str
    created_ms: Millis
    ended_ms: Millis | None
    mac: bytes = b""


@dataclass(frozen=True, slots=True)
class LinkRow:
    """A link that works once: an invitation, a recovery, or an app's secret for its owner."""

    tenant: TenantId
    link: bytes
    kind: str
    person: PersonId
    app: AppId | None
    verifier: bytes
    made_by: ActorId
    created_ms: Millis
    expires_ms: Millis
    used_ms: Millis | None
    mac: bytes = b""


@dataclass(frozen=True, slots=True)
class ApprovalRow:
    """A command that waits for another person; ``command`` is its canonical JSON, executed as it stands.

    ``votes`` is the canonical list of those who approved, by id, with the time.
    """

    tenant: TenantId
    approval: ApprovalId
    kind: str
    command: str
    requester: ActorId
    beneficiary: ActorId | None
    votes: str
    state: str
    created_ms: Millis
    expires_ms: Millis
    closed_ms: Millis | None
    mac: bytes = b""


@dataclass(frozen=True, slots=True)
class AppTermsRow:
    """Who answers for an app, and from which networks it may call; an empty list of them is every one."""

    tenant: TenantId
    app: AppId
    owner: ActorId | None
    networks: str
    mac: bytes = b""


@dataclass(frozen=True, slots=True)
class AppKeyRow:
    """What an app proves itself by without a secret: a public key (``jwk``), or a ``certificate``."""

    tenant: TenantId
    app: AppId
    app_key: bytes
    kind: str
    body: str
    created_ms: Millis
    expires_ms: Millis
    revoked_ms: Millis | None
    mac: bytes = b""


@dataclass(frozen=True, slots=True)
class EmergencyRow:
    """A grant that a person took in an emergency, and what came of its review."""

    tenant: TenantId
    role_grant: GrantId
    person: ActorId
    opened_ms: Millis
    most_subjects: int
    reviewer: ActorId | None
    verdict: str | None
    reviewed_ms: Millis | None
    mac: bytes = b""


@dataclass(frozen=True, slots=True)
class CertificationRow:
    """A grant as an item of a campaign; without a verdict it ends when the campaign is due."""

    tenant: TenantId
    campaign: CampaignId
    role_grant: GrantId
    owner: ActorId
    opened_ms: Millis
    due_ms: Millis
    verdict: str | None
    decided_by: ActorId | None
    decided_ms: Millis | None
    mac: bytes = b""
