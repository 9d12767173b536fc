"""Faults: what a failed command tells whoever ran it: a sentence with a way on, and the code behind it."""

from collections.abc import Iterator, Mapping

from vault.errors import Misconfigured, VaultError

_A_CODE = "of at most 64 ASCII letters, digits and . _ : / -"
_LOOK = "'vaultctl doctor' says how each store is."

MEANINGS: Mapping[str, str] = {
    "not_found": "There is nothing of this name or id; 'vaultctl app list' and 'app show' name what is.",
    "name": f"The name of an application is a code, {_A_CODE}.",
    "name_taken": "Somebody or another application has, or had, this name.",
    "role": "The policy in force has no such role; its roles.toml names them.",
    "purpose": "The role is not for all of these purposes; roles.toml says for which it is.",
    "source": "It can state an order, case, contract, duty, objection or assignment, and nothing else.",
    "reason": f"A reason is a code, {_A_CODE}.",
    "author": f"The author of a version is a code, {_A_CODE}.",
    "expiry": "What is given must end later than now.",
    "revoked": "It has been ended before.",
    "action": "The vault has no such action; docs/policies.md lists the verbs.",
    "oneself": "Nobody gives rights to oneself.",
    "separation": "One person would hold roles that nobody may hold together.",
    "owner": "The secrets of an application go to a person who has joined and answers for it.",
    "login_name": "A name to log in by is made of small letters, digits, dots and hyphens.",
    "administrators": "A house begins with two administrators; give two names.",
    "founded": "Two administrators have joined; they invite everybody else.",
    "last_administrators": "With one administrator less nobody could approve anything.",
    "not_logged_in": "Nobody is logged in here; 'vaultctl login NAME' comes first.",
    "no_answer": "The house did not answer; 'vaultctl serve' runs it.",
    "sso": "The provider has let nobody in; begin again.",
    "no_browser": "No browser came back in time; begin again, and open the address on this machine.",
    "state": "There is no such state of a request.",
    "syntax": "The file is not JSON.",
    "key_form": "That is neither a public JWK, nor a PEM file with one certificate, nor a SHA-256.",
    "private_key": "The file holds a private key, so that nothing was sent; give its public half alone.",
    "digest": "A digest is 64 hexadecimal digits, as 'vaultctl policy plan' prints them.",
    "policy_base": "Another version is in force than the files were planned against; plan them again.",
    "policy_unchanged": "These very files are in force already.",
    "exists": "The file is there already; name another.",
    "suffix": "The name of the file says its form: .ndjson, .jsonl or .csv.",
    "other_feed": "What waits in the .part file is of another feed; remove it, or name another file.",
    "feed_changed": "The feed is shown otherwise than when this began; remove the .part file and begin anew.",
    "not_empty": "The folder is not empty; name one that is new.",
    "file_changed": (
        "The file was written to while it was read. The rows that went in stay, and the report names them; of"
        " the finished file bring in the others alone: its rows are not known to be the same."
    ),
    "dates": "The first day lies behind the last.",
    "hold": "A hold is named by its id; 'vaultctl ledger hold list' names those that stand.",
    "retention": "The policy in force keeps these years; its retention.toml says for how long.",
    "clock_ahead": "The clock is far ahead of what is known; 'vaultctl accept-clock' says that it is right.",
    "year_open": "The year before is not closed yet: 'vaultctl jobs' closes it once it is over.",
    "legal_hold": "A legal hold keeps some of it; 'vaultctl ledger hold list' names it.",
    "not_the_owner": "This role of the database may not delete entries; VAULT_AUDIT_URL must be the owner's.",
    "not_signed": "No checkpoint covers these entries yet; the notary signs one.",
    "not_followed": (
        "A follower of the ledger has not had these entries yet; the command goes on once it has, or with"
        " --forget and its name where it was given up."
    ),
    "ledger_broken": "The ledger does not prove itself; 'vaultctl ledger verify' names what is wrong.",
    "plan_changed": "The plan is another by now; 'vaultctl erase plan' shows it.",
    "erasure_refused": "Something keeps this customer's data; 'vaultctl erase plan' names the grounds.",
    "mirror_missing": "The register has no second place; VAULT_REGISTER_MIRROR names one.",
    "certificate": "That is no certificate of this house, as 'vaultctl erase certificate' prints it.",
    "detail_destroyed": "The key of that month's details has ended; nobody opens them any more.",
    "stale_revision": "Others were first, again and again; nothing was changed, so repeat it.",
    "refused": "This may not be done.",
    "changed_meanwhile": "Others kept changing the same; nothing was changed here, so repeat it.",
    "sealed_value_rejected": "A store does not hold what was put into it; see value.rejected in the ledger.",
    "store_unavailable": f"The data store does not answer. {_LOOK}",
    "keys_unavailable": f"The keys store does not answer. {_LOOK}",
    "register_unavailable": f"The register does not answer. {_LOOK}",
    "ledger_unavailable": f"The entry could not be made durable; the change may have happened. {_LOOK}",
    "tier_unavailable": "This process was not given the key of a tier that it needs.",
    "slot_unavailable": "This process was not given a secret that it needs.",
    "key_provider_unavailable": (
        "The provider of a slot's secret does not answer: see that it runs, is unsealed and can be reached,"
        " and that the host secret's file is there; what is open stays served meanwhile."
    ),
    "share": "A share is mistyped: its words do not check; its position is told, compare it with the paper.",
    "shares_few": "These are too few different shares; more holders are needed.",
    "shares_mixed": "These shares are of several sets; bring those that were made together.",
    "shares_foreign": "These shares are of another set or house; the newest set alone opens what is sealed.",
    "shares_count": "A set has at least 2 shares that are needed and at most 16 in all.",
    "recovery_stale": (
        "The slots changed since they were sealed: run 'vaultctl keys recovery seal', and rehearse again."
    ),
    "no_recovery_set": "There is no share set here; 'vaultctl keys recovery new' makes one.",
    "no_recovery_file": "The directory of VAULT_RECOVERY_DIR lacks a file; take it from a backup of keys.",
    "no_local_slots": "No slot of this house is a file, so that there is nothing to recover.",
    "slots_missing": "A key's slot is not here; whoever renews needs every slot of the house.",
    "key_denied": (
        "The provider does not let this process use a slot's key: see its token, PIN or credentials, its"
        " policy, and whether the key is disabled."
    ),
    "key_destroyed": (
        "The key of a slot, or the version that sealed this, is gone at its provider: name the right key, or"
        " restore a keys set that is newer."
    ),
    "notary_refuses": (
        "The notary does not sign: the ledger is not the one it knows, or it has no key; the reasons are in"
        " docs/operating.md. A ledger that was put back on purpose is taken by 'vaultctl notary accept'."
    ),
    "notary_unavailable": "The notary's directory cannot be read or written to.",
    "proofs_unavailable": "The stored tree does not prove itself; 'vaultctl ledger verify' says where.",
    "no_checkpoint": "Nothing of the ledger is signed yet; 'vaultctl serve' or 'vaultctl notary' does that.",
    "no_newer_checkpoint": "Nothing was signed since the export that stands there.",
    "export_directory": "Something else lies there; name a new directory, or an export of this house.",
    "export_differs": "What is stored does not go on from the export there; keep that as evidence.",
    "export_pruned": "The export there ends before what was pruned; keep it, and name a new directory.",
    "prune_not_signed": "No checkpoint covers the entry that tells of the prune yet; the notary signs one.",
    "pruned": "That entry was pruned; 'ledger.pruned' in the ledger says when and why.",
    "export_ahead": "The export that stands there is longer than what is signed; keep it as evidence.",
    "backup_recipients": "VAULT_BACKUP_RECIPIENTS holds no public key of age; 'age-keygen' prints one.",
    "backup_identity": "The identity is none that the set is sealed to; its manifest names its recipients.",
    "backup_truncated": "A file of the set is missing; copy it again from where it was whole.",
    "backup_chunk": "A chunk is not what was written; copy it again, or take another set.",
    "backup_manifest": "The manifest is not the one that this house signed; take another set.",
    "backup_version": "The set is of another format; restore it by the release that wrote it.",
    "backup_house": "The set is of another house, or the slot files are.",
    "backup_foreign": "That is no backup set.",
    "backup_full": "The place for backup sets is full; make room, and run this again.",
    "backup_place": "The place for backup sets cannot be read or written to.",
    "backup_missing": "There is no such finished set; 'vaultctl backup list' names those there are.",
    "backup_mixed": "These sets do not belong together: keys and audit must be as new as the data.",
    "backup_register": "The house's register must be there, as new as the sets; bring its newest copy.",
    "backup_ledger": "The restored ledger does not prove itself; take other sets, into empty stores.",
    "not_empty_stores": "Something else stands in a store; name empty ones, and keep what is there.",
    "not_restored": "No restored house waits here to be opened.",
    "second_person": "Two administrators have been here; name one who is present by --with.",
    "backup_running": "Another process takes or prunes sets there just now.",
    "house_locked": f"The stores contradict each other. {_LOOK}",
}


# What a house cannot know: that whoever asked sits at a terminal.
_SECOND_FACTOR = "'vaultctl me generator' sets one up, and 'vaultctl login NAME' then asks for its code."
WAYS_ON: Mapping[str, str] = dict.fromkeys(
    (
        "governing_needs_second_factor",
        "approving_needs_second_factor",
        "reveal_needs_second_factor",
        "second_factor_first",
        "second_factor",
    ),
    _SECOND_FACTOR,
) | {
    "unauthenticated": "Whose log-in is over begins another by 'vaultctl login'.",
    "sso": "Whoever has not added single sign-on logs in by a password and runs 'vaultctl me sso' once.",
}


def told(fault: VaultError) -> Iterator[str]:
    """Write the lines for *fault*; its names and counts follow the code, and no value is among them."""
    if isinstance(fault, Misconfigured):
        yield from fault.faults
    elif fault.facts.get("says"):
        # A house has told its own code in a sentence.
        words = filter(None, (fault.facts["says"], WAYS_ON.get(fault.code)))
        yield f"{' '.join(map(str, words))} ({fault.code})"
    elif fault.code in MEANINGS:
        yield f"{MEANINGS[fault.code]} ({fault})"
    else:
        yield str(fault)
