"""Event kinds: what each kind of entry is called in OCSF and in ECS, by a table that leaves none out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final

from vault.domain.kinds import Kind


class Class(IntEnum):
    """The classes of OCSF that entries become events of; its first digit is the category."""

    FINDING = 2004
    AUTHENTICATION = 3002
    USER_ACCESS = 3005
    API = 6003
    DATASTORE = 6005


class Severity(IntEnum):
    """How grave an event is in OCSF; ECS takes the same number."""

    INFORMATIONAL = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5


@dataclass(frozen=True, slots=True)
class EventKind:
    """A kind of event: class and activity in OCSF, category and type in ECS, and its least severity."""

    ocsf: Class
    activity: int
    category: str
    type: str
    severity: Severity = Severity.INFORMATIONAL

    def grave(self, severity: Severity) -> "EventKind":
        """Give the same kind of event, graver."""
        return replace(self, severity=severity)


# What OCSF calls 99 has a name of ours: the kind of the entry.
OTHER: Final = 99
_CREATED = EventKind(Class.API, 1, "api", "creation")
_READ = EventKind(Class.API, 2, "database", "access")
_CHANGED = EventKind(Class.API, 3, "api", "change")
_DELETED = EventKind(Class.API, 4, "api", "deletion")
_HAPPENED = EventKind(Class.API, OTHER, "api", "info")
_QUERIED = EventKind(Class.DATASTORE, 4, "database", "access")
_OPENED = EventKind(Class.DATASTORE, 10, "database", "access")
_ADMITTED = EventKind(Class.API, 1, "database", "change")
_RECTIFIED = EventKind(Class.API, 3, "database", "change")
_ERASED = EventKind(Class.API, 4, "database", "change", Severity.LOW)
_IDENTITY_MADE = EventKind(Class.API, 1, "iam", "creation")
_IDENTITY_CHANGED = EventKind(Class.API, 3, "iam", "change")
_IDENTITY_ENDED = EventKind(Class.API, 4, "iam", "deletion")
_RIGHT_GIVEN = EventKind(Class.USER_ACCESS, 1, "iam", "admin", Severity.LOW)
_RIGHT_TAKEN = EventKind(Class.USER_ACCESS, 2, "iam", "admin")
_RIGHT_REVIEWED = EventKind(Class.USER_ACCESS, OTHER, "iam", "info")
_LOGGED_IN = EventKind(Class.AUTHENTICATION, 1, "authentication", "start")
_TICKET = EventKind(Class.AUTHENTICATION, 3, "authentication", "info")
_LOGGED_OUT = EventKind(Class.AUTHENTICATION, 2, "session", "end")
_RAISED = EventKind(Class.AUTHENTICATION, OTHER, "authentication", "info")
_FOUND = EventKind(Class.FINDING, 1, "intrusion_detection", "info", Severity.HIGH)
_FINDING_WORKED_ON = EventKind(Class.FINDING, 2, "intrusion_detection", "info")
_FOUND_NO_MORE = EventKind(Class.FINDING, 3, "intrusion_detection", "info")
_CONFIGURED = EventKind(Class.API, 3, "configuration", "change", Severity.MEDIUM)

# An entry that this release cannot read: of a later one, or somebody's hand was in it.
UNREADABLE: Final = EventKind(Class.API, OTHER, "database", "error", Severity.HIGH)

KINDS: Final[Mapping[Kind, EventKind]] = {
    Kind.SUBJECT_ADMITTED: _ADMITTED,
    Kind.SUBJECT_CHANGED: _RECTIFIED,
    Kind.SUBJECT_LOOKED_UP: _QUERIED,
    Kind.CONTACT_ADDED: _ADMITTED,
    Kind.PROFILE_DISCLOSED: _READ,
    Kind.PROFILE_REFUSED: _READ,
    Kind.VALUE_REVEALED: _OPENED.grave(Severity.LOW),
    Kind.VALUE_MATCHED: _QUERIED,
    Kind.VALUE_REJECTED: _FOUND,
    Kind.HISTORY_VIEWED: _READ,
    Kind.RELEASE_CANCELLED: _HAPPENED,
    Kind.RELEASE_FAILED: _HAPPENED,
    Kind.CONSENT_RECORDED: _ADMITTED,
    Kind.CONSENT_WITHDRAWN: _RECTIFIED,
    Kind.CONSENT_LISTED: _READ,
    Kind.FACT_RECORDED: _ADMITTED,
    Kind.FACT_CLOSED: _RECTIFIED,
    Kind.ASSIGNMENT_MADE: _ADMITTED,
    Kind.RESTRICTION_SET: _RECTIFIED,
    Kind.RESTRICTION_LIFTED: _RECTIFIED,
    Kind.ERASURE_PLANNED: _READ,
    Kind.ERASURE_BEGUN: _RECTIFIED,
    Kind.SUBJECT_ERASED: _ERASED,
    Kind.ERASURE_COMPLETED: _ERASED,
    Kind.ERASURE_VIEWED: _READ,
    Kind.APPROVAL_EMPTIED: _HAPPENED,
    Kind.IDS_ISSUED: _ADMITTED,
    Kind.INDEX_RECOUNTED: _HAPPENED,
    Kind.APP_CREATED: _IDENTITY_MADE,
    Kind.APP_SECRET_ISSUED: _IDENTITY_MADE,
    Kind.APP_SECRET_REVOKED: _IDENTITY_ENDED,
    Kind.APP_REVOKED: _IDENTITY_ENDED,
    Kind.GRANT_GIVEN: _RIGHT_GIVEN,
    Kind.GRANT_REVOKED: _RIGHT_TAKEN,
    Kind.GRANT_REDUCED: _RIGHT_TAKEN,
    Kind.GRANT_CERTIFIED: _RIGHT_REVIEWED,
    Kind.CAMPAIGN_OPENED: _HAPPENED,
    Kind.APP_TERMS_CHANGED: _IDENTITY_CHANGED,
    Kind.APP_KEY_ADDED: _IDENTITY_MADE,
    Kind.APP_KEY_REVOKED: _IDENTITY_ENDED,
    Kind.APP_TOKEN_ISSUED: _TICKET,
    Kind.PERSON_INVITED: _IDENTITY_MADE,
    Kind.PERSON_JOINED: _IDENTITY_CHANGED,
    Kind.PERSON_RECOVERED: _IDENTITY_CHANGED.grave(Severity.MEDIUM),
    Kind.PERSON_ENDED: _IDENTITY_ENDED,
    Kind.LINK_MADE: _IDENTITY_MADE,
    Kind.LOGIN_KEY_ADDED: _IDENTITY_CHANGED,
    Kind.LOGIN_KEY_ENDED: _IDENTITY_CHANGED,
    Kind.SESSION_BEGUN: _LOGGED_IN,
    Kind.SESSION_RAISED: _RAISED,
    Kind.SESSION_ENDED: _LOGGED_OUT,
    Kind.GOVERNING_VIEWED: _READ,
    Kind.COMMAND_REFUSED: _HAPPENED,
    Kind.APPROVAL_REQUESTED: _CREATED,
    Kind.APPROVAL_GIVEN: _CHANGED,
    Kind.APPROVAL_USED: _CHANGED,
    Kind.APPROVAL_REFUSED: _CHANGED,
    Kind.APPROVAL_WITHDRAWN: _DELETED,
    Kind.GLASS_BROKEN: _RIGHT_GIVEN.grave(Severity.HIGH),
    Kind.GLASS_REVIEWED: _RIGHT_REVIEWED,
    Kind.CALLER_CHECKED: _QUERIED,
    Kind.POLICY_APPLIED: _CONFIGURED,
    Kind.HOUSE_CREATED: _CONFIGURED,
    Kind.HOUSE_LOCKED: _FOUND.grave(Severity.CRITICAL),
    Kind.HOUSE_UNLOCKED: _FOUND_NO_MORE,
    Kind.CLOCK_ACCEPTED: _CONFIGURED,
    Kind.RECOVERY_SET_MADE: _CONFIGURED,
    Kind.RECOVERY_REHEARSED: _OPENED.grave(Severity.MEDIUM),
    Kind.ROOTS_RENEWED: _CONFIGURED,
    Kind.LEDGER_ACCEPTED: _CONFIGURED.grave(Severity.HIGH),
    Kind.LEDGER_VERIFIED: _READ,
    Kind.LEDGER_VIEWED: _QUERIED,
    Kind.LEDGER_SEARCHED: _QUERIED,
    Kind.LEDGER_EXPORTED: _QUERIED,
    Kind.DETAIL_OPENED: _OPENED.grave(Severity.MEDIUM),
    Kind.VIEW_SAVED: _HAPPENED,
    Kind.VIEW_REMOVED: _HAPPENED,
    Kind.MAP_SEALED: _HAPPENED,
    Kind.ACCESSES_LISTED: _READ,
    Kind.ACCESS_DELAYED: _CHANGED,
    Kind.IDENTITY_DISCLOSED: _OPENED.grave(Severity.MEDIUM),
    Kind.SIGNING_KEY_OPENED: _CONFIGURED,
    Kind.SIGNING_KEY_CLOSED: _CONFIGURED,
    Kind.SIGNING_KEY_RESTATED: _CONFIGURED,
    Kind.SIGNING_KEY_REVOKED: _CONFIGURED.grave(Severity.HIGH),
    Kind.YEAR_CLOSED: _HAPPENED,
    Kind.LEDGER_PRUNED: _CONFIGURED,
    Kind.FOLLOWER_FORGOTTEN: _CONFIGURED,
    Kind.DETAIL_KEY_DESTROYED: _CONFIGURED,
    Kind.HOLD_SET: _CONFIGURED,
    Kind.HOLD_LIFTED: _CONFIGURED,
    Kind.ENDING_STOPPED: _CONFIGURED,
    Kind.ALERT_RAISED: _FOUND,
    Kind.CASE_OPENED: _FOUND,
    Kind.CASE_REOPENED: _FOUND,
    Kind.CASE_VIEWED: _READ,
    Kind.CASE_ASSIGNED: _FINDING_WORKED_ON,
    Kind.CASE_COMMENTED: _FINDING_WORKED_ON,
    Kind.CASE_DECIDED: _FOUND_NO_MORE,
    Kind.CASE_NOTIFIED: _FINDING_WORKED_ON,
    Kind.SAMPLE_DRAWN: _HAPPENED,
    Kind.SAMPLE_VIEWED: _READ,
    Kind.SAMPLE_ATTESTED: _HAPPENED,
    Kind.SUBJECT_WATCHED: _RECTIFIED,
    Kind.SUBJECT_UNWATCHED: _RECTIFIED,
    Kind.RELATIONS_STATED: _CONFIGURED,
    Kind.EVENTS_FORWARDED: _HAPPENED,
    Kind.EVENTS_REWOUND: _CONFIGURED,
    Kind.EVENTS_FORGOTTEN: _CONFIGURED,
    Kind.BACKUP_TAKEN: _HAPPENED,
    Kind.BACKUP_FAILED: _HAPPENED,
    Kind.BACKUP_PRUNED: _CONFIGURED,
    Kind.BACKUP_DRILLED: _HAPPENED,
    Kind.HOUSE_RESTORED: _CONFIGURED.grave(Severity.HIGH),
    Kind.HOUSE_OPENED: _CONFIGURED.grave(Severity.HIGH),
    Kind.ACCESS_UNAUTHENTICATED: _LOGGED_IN,
    Kind.ACCESS_REFUSED: _HAPPENED,
}
