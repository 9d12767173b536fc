"""Set tables: which tables are in which backup set, and why the others are in none."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Table

from vault.domain.backup_set import SetKind
from vault.storage import account_tables as accounts
from vault.storage import erasure_tables as erasures
from vault.storage import keys_tables as keys
from vault.storage import ledger_tables as ledger
from vault.storage import session_tables as sessions
from vault.storage import signal_tables as signals
from vault.storage import subject_tables as subjects

IN_SET: Final[Mapping[SetKind, tuple[Table, ...]]] = {
    SetKind.DATA: (
        subjects.subject,
        subjects.sealed,
        subjects.sealed_past,
        subjects.consent,
        subjects.authorisation,
        subjects.fact,
        subjects.index_epoch,
        # What was in force and not yet told; the first turn after a restore tells it, once.
        subjects.outbox,
        subjects.idempotency,
        accounts.app,
        accounts.app_secret,
        accounts.role_grant,
        accounts.policy_version,
        accounts.person,
        accounts.login_key,
        accounts.one_time_link,
        accounts.approval,
        accounts.app_terms,
        accounts.app_key,
        accounts.emergency,
        accounts.certification,
        accounts.authority,
        sessions.emergency_use,
        sessions.login_use,
        sessions.saved_view,
        signals.watched,
        erasures.erasure,
        erasures.ended,
    ),
    SetKind.KEYS: (keys.ident, keys.dek, keys.pairwise, keys.sealed_key),
    SetKind.AUDIT: (
        ledger.entry,
        ledger.node,
        ledger.head,
        ledger.pruned,
        ledger.checkpoint,
        ledger.anchored,
        ledger.finding,
        ledger.follower,
        signals.signal_memory,
        signals.alert,
        signals.casefile,
        signals.casefile_entry,
        signals.sample,
        signals.sample_entry,
    ),
}

IN_NO_SET: Final[Mapping[SetKind, tuple[Table, ...]]] = {
    SetKind.DATA: (
        # The manifest says which house.
        subjects.data_house,
        # Keyed hashes of values: computed anew from the values themselves, and of staff stated anew.
        subjects.index_token,
        signals.relation,
        # No session outlives a restore, and what is counted for minutes begins anew.
        sessions.login_session,
        sessions.login_failure,
        sessions.brake,
        sessions.last_use,
    ),
    # The manifest has its floors.
    SetKind.KEYS: (keys.keys_house, keys.restoring),
    SetKind.AUDIT: (
        ledger.audit_house,
        # Derived from the entries, and made anew.
        ledger.line,
        ledger.subject_entry,
        ledger.manner,
        ledger.hour_tally,
        ledger.day_tally,
        ledger.subject_map,
        ledger.map_block,
        # What others say of themselves as they live.
        ledger.notary,
        ledger.exporter,
    ),
}
