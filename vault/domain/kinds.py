"""The kinds of ledger entries: the closed set of what an entry may tell."""

from enum import StrEnum


class Kind(StrEnum):
    """Noun, dot, past participle; a release may add kinds and never changes one."""

    SUBJECT_ADMITTED = "subject.admitted"
    SUBJECT_CHANGED = "subject.changed"
    SUBJECT_LOOKED_UP = "subject.looked_up"
    CONTACT_ADDED = "contact.added"
    PROFILE_DISCLOSED = "profile.disclosed"
    PROFILE_REFUSED = "profile.refused"
    VALUE_REVEALED = "value.revealed"
    VALUE_MATCHED = "value.matched"
    VALUE_REJECTED = "value.rejected"
    HISTORY_VIEWED = "history.viewed"
    RELEASE_CANCELLED = "release.cancelled"
    RELEASE_FAILED = "release.failed"
    CONSENT_RECORDED = "consent.recorded"
    CONSENT_WITHDRAWN = "consent.withdrawn"
    CONSENT_LISTED = "consent.listed"
    FACT_RECORDED = "fact.recorded"
    FACT_CLOSED = "fact.closed"
    ASSIGNMENT_MADE = "assignment.made"
    RESTRICTION_SET = "restriction.set"
    RESTRICTION_LIFTED = "restriction.lifted"
    IDS_ISSUED = "ids.issued"
    INDEX_RECOUNTED = "index.recounted"
    APP_CREATED = "app.created"
    APP_SECRET_ISSUED = "app.secret_issued"  # noqa: S105 - a kind's name, not a secret
    APP_SECRET_REVOKED = "app.secret_revoked"  # noqa: S105 - a kind's name, not a secret
    APP_REVOKED = "app.revoked"
    GRANT_GIVEN = "grant.given"
    GRANT_REVOKED = "grant.revoked"
    POLICY_APPLIED = "policy.applied"
    HOUSE_CREATED = "house.created"
    HOUSE_LOCKED = "house.locked"
    HOUSE_UNLOCKED = "house.unlocked"
    CLOCK_ACCEPTED = "clock.accepted"
    LEDGER_VERIFIED = "ledger.verified"
    # ``n`` says how many of them in one minute, where they are aggregated.
    ACCESS_UNAUTHENTICATED = "access.unauthenticated"
    ACCESS_REFUSED = "access.refused"
