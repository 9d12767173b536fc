"""Codes: every failure that a caller of the API can meet, its status, and what it means."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """What a code means to a caller: the status it comes with, and one sentence."""

    status: int
    title: str


CODES: Mapping[str, Kind] = {
    "request": Kind(400, "The request broke off, or is not HTTP as it should be."),
    "syntax": Kind(400, "The body is not one JSON document."),
    "encoding": Kind(400, "The body is not UTF-8."),
    "duplicate_key": Kind(400, "An object of the body has the same key twice."),
    "depth": Kind(400, "The body is nested too deeply."),
    "unsafe_number": Kind(400, "A number of the body is not finite, or beyond ±(2^53-1)."),
    "body_unexpected": Kind(400, "This call takes no body."),
    "header": Kind(400, "A header is not of its plain ASCII form, or was given twice."),
    "query": Kind(400, "The query string is not of the form name=value&name=value."),
    "unauthenticated": Kind(401, "Neither the Authorization header nor a session names anybody who may ask."),
    "login": Kind(401, "No such name and password; which of the two is wrong is not said."),
    "second_factor": Kind(
        401, "A second factor is to be shown first, or the one that was shown is wrong, old or used."
    ),
    "sso": Kind(
        401,
        "The single sign-on was begun elsewhere, is used or old, or nobody logs in by it; which is not said.",
    ),
    "link": Kind(401, "The link is none of ours, was used, or has expired."),
    "refused": Kind(403, "This may not be done."),
    "purpose": Kind(403, "The purpose is unknown, or whoever asks does not hold it."),
    "role": Kind(403, "No role that whoever asks holds for this purpose allows this action."),
    "field": Kind(403, "The field is not granted for this purpose and action."),
    "source": Kind(403, "The application is no registered source of such facts, or would speak for itself."),
    "treatment": Kind(403, "The field cannot be shown in the way that the policy names."),
    "basis": Kind(403, "The fact that the purpose requires of this customer is missing."),
    "restriction": Kind(403, "The customer's data is restricted."),
    "csrf": Kind(403, "A change by a session needs the header Vault-Csrf with what the log-in answered."),
    "people_only": Kind(403, "This is for people who are logged in, not for applications."),
    "account_locked": Kind(
        403, "An emergency of this account was not reviewed in time; a reviewer must look at it first."
    ),
    "second_factor_first": Kind(
        403, "Log in with a second factor first; whoever only has the password may not do this."
    ),
    "oneself": Kind(403, "Nobody gives rights to oneself, nor approves or ends what is one's own."),
    "separation": Kind(403, "One person would hold roles that nobody may hold together."),
    "own_request": Kind(403, "Nobody approves a request of one's own."),
    "made_by_requester": Kind(
        403, "Whoever was made or recovered by the requester does not approve for a week."
    ),
    "approving_needs_second_factor": Kind(403, "Log in with a second factor, then approve."),
    "approval_other": Kind(403, "What was approved is something else, or somebody else's."),
    "own_case": Kind(403, "Nobody looks into a case about oneself, or about an application one answers for."),
    "own_entry": Kind(
        403,
        "Nobody delays an entry of one's own, or of an application one answers for: somebody else decides.",
    ),
    "second_factor_again": Kind(403, "Show the second factor once more, and say it within five minutes."),
    "emergency_bulk": Kind(403, "Whoever acts by an emergency meets customers one at a time."),
    "emergency_cap": Kind(403, "An emergency meets no more customers than this; ask for a grant."),
    "apps_only": Kind(403, "A feed is for applications; people meet customers one by one."),
    "not_found": Kind(404, "Absent, erased or not yours, alike."),
    "pruned": Kind(404, "The ledger had this entry; its years were taken out, and what is left says so."),
    "no_route": Kind(404, "No call has this address."),
    "method_not_allowed": Kind(405, "The call has this address, but not this method."),
    "conflict": Kind(409, "It meets something that already stands."),
    "duplicate": Kind(409, "Another customer has this value of a unique field."),
    "state": Kind(409, "It is already so, or can no longer become so."),
    "key_in_flight": Kind(409, "A call with this Idempotency-Key is being carried out."),
    "idempotency_key_reused": Kind(409, "This Idempotency-Key came with another call before."),
    "approval_state": Kind(409, "The request was decided, used or withdrawn before."),
    "approval_expired": Kind(409, "The request has waited too long; ask anew."),
    "name_taken": Kind(409, "Somebody or another application has, or had, this name."),
    "revoked": Kind(409, "It was revoked before."),
    "key_known": Kind(409, "The application has, or had, this key or certificate."),
    "sso_known": Kind(409, "Somebody logs in by this name at the provider already."),
    "ended": Kind(409, "The account has ended."),
    "joined": Kind(409, "Whoever was invited has joined already."),
    "founded": Kind(409, "The house has its administrators."),
    "last_administrators": Kind(409, "With one administrator less nobody could approve anything."),
    "detail_destroyed": Kind(409, "The key of that month's details has ended; nobody opens them any more."),
    "retention": Kind(409, "The policy in force keeps these years of the ledger."),
    "year_open": Kind(409, "The year before is not closed yet."),
    "plan_changed": Kind(409, "The plan of this erasure is another by now; look at it again."),
    "erasure_refused": Kind(409, "Something keeps this customer's data; the grounds say what."),
    "mirror_missing": Kind(409, "The register has no second place; nobody is erased before it has."),
    "certificate": Kind(422, "This is no certificate of this house."),
    "legal_hold": Kind(409, "A legal hold keeps some of it."),
    "not_signed": Kind(409, "No checkpoint covers these entries yet."),
    "not_followed": Kind(409, "Whoever follows the ledger has not had these entries yet."),
    "ledger_broken": Kind(409, "The ledger does not prove itself; nothing of it may end."),
    "no_checkpoint": Kind(409, "Nothing of the ledger is signed yet."),
    "no_newer_checkpoint": Kind(409, "Nothing was signed since the export that stands there."),
    "export_directory": Kind(409, "Something else lies where the export would go."),
    "export_differs": Kind(409, "What is stored does not go on from the export that stands there."),
    "export_ahead": Kind(409, "The export that stands there is longer than what is signed."),
    "clock_ahead": Kind(409, "The clock is more than 40 days ahead of the last moment that the house knows."),
    "export_pruned": Kind(409, "The export that stands there ends before what was pruned."),
    "prune_not_signed": Kind(409, "No checkpoint covers the entry that tells of the prune yet."),
    "not_the_owner": Kind(403, "This role of the database may not delete entries."),
    "role_held": Kind(409, "Somebody holds this role; end the grants first."),
    "policy_unchanged": Kind(409, "The candidate is the active policy."),
    "emergency_open": Kind(409, "An emergency of this account waits to be reviewed first."),
    "nothing_to_certify": Kind(409, "There is no grant to be certified."),
    "view_limit": Kind(409, "Nobody keeps more queries than this; remove one first."),
    "stale_revision": Kind(412, "The customer has changed since; read again and repeat."),
    "approval_changed": Kind(412, "Another command was shown than the one that is stored; look again."),
    "approval_base": Kind(412, "The policy has changed since the request was made; ask anew."),
    "policy_base": Kind(412, "The active policy is another than the one the candidate was made from."),
    "too_large": Kind(413, "The body is larger than this call takes."),
    "media_type": Kind(415, "The body must be application/json, in UTF-8 and not compressed."),
    "invalid": Kind(422, "What was sent does not fit."),
    "value": Kind(422, "A value does not fit its field."),
    "required": Kind(422, "Something that this call needs is missing."),
    "unknown_key": Kind(422, "An object has a key that this call does not know."),
    "unknown_field": Kind(422, "The catalogue has no such field."),
    "unknown_parameter": Kind(422, "The query string has a parameter that this call does not know."),
    "repeated": Kind(422, "Something is named twice."),
    "empty": Kind(422, "A value, a list or an object is empty."),
    "type": Kind(422, "A value has the wrong JSON type."),
    "keys": Kind(422, "The value of a field has keys that its type does not have, or lacks one."),
    "format": Kind(422, "A value is not of the form that its field has."),
    "characters": Kind(422, "A value holds characters that its field cannot hold."),
    "length": Kind(422, "A value has not as many characters as its field asks for."),
    "too_long": Kind(422, "A value is longer than its field takes."),
    "checksum": Kind(422, "The check digit of a number is wrong."),
    "range": Kind(422, "A number lies outside of what its field takes."),
    "date": Kind(422, "A date or a moment is not one, or lies where it may not."),
    "number": Kind(422, "A telephone number is not one."),
    "extension": Kind(422, "A telephone number has an extension, and its field takes none."),
    "country": Kind(422, "A telephone number is of a country that its field does not take."),
    "region": Kind(422, "A number names a region that does not exist."),
    "currency": Kind(422, "A currency is not a code of ISO 4217."),
    "kind": Kind(422, "A customer or a number of this kind does not have this field."),
    "unknown_code": Kind(422, "A code is not one of those that may stand here."),
    "evidence_required": Kind(422, "What staff enter for a customer needs evidence."),
    "unknown_notice": Kind(422, "The policy has no such notice, or it does not speak of this purpose."),
    "unknown_source": Kind(422, "The catalogue has no such source of values."),
    "idempotency_key": Kind(422, "An idempotency key is 1 to 128 visible ASCII characters."),
    "not_indexed": Kind(422, "The field has no index of this kind, so nothing can be found by it."),
    "not_writable": Kind(422, "Only the vault writes this field."),
    "limit": Kind(422, "More than one call may carry; nothing was cut off, and nothing was done."),
    "cursor": Kind(422, "The cursor is none that this list has given to this application."),
    "query_length": Kind(422, "A query of the ledger has too many letters, or too many terms."),
    "query_qualifier": Kind(422, "A query of the ledger has a qualifier that there is not."),
    "query_value": Kind(422, "A qualifier of a query does not take this value, or has none."),
    "query_negation": Kind(422, "This qualifier of a query cannot be negated."),
    "query_quote": Kind(422, "A quotation mark of a query is not closed."),
    "query_range": Kind(422, "A query asks for a time or a number that ends before it begins."),
    "query_subject": Kind(422, "A saved query names no customer."),
    "on_behalf": Kind(
        422, "An application asks on behalf of a person of this house who has joined, and of nobody else."
    ),
    "policy_mistakes": Kind(
        422, "The policy files are wrong; each mistake is told with file, line and remedy."
    ),
    "action": Kind(422, "There is no action of this name."),
    "author": Kind(422, "A policy version needs the code of its author."),
    "expiry": Kind(422, "A grant or a secret needs an end in the future."),
    "reason": Kind(422, "A reason is a plain code."),
    "name": Kind(422, "An application's name is a plain code."),
    "owner": Kind(422, "An application's secrets go to a person who has joined and answers for it."),
    "network": Kind(422, "A network is an address and a prefix, such as 10.1.0.0/16."),
    "key_form": Kind(
        422,
        "A key is a public JWK (P-256, Ed25519, RSA from 2048 bits on) or a certificate's SHA-256.",
    ),
    "login_name": Kind(422, "A name to log in by is made of small letters, digits, dots and hyphens."),
    "administrators": Kind(422, "A house begins with two administrators, by two names."),
    "password_length": Kind(422, "A password has 12 to 256 characters."),
    "password_weak": Kind(422, "The password is common, was leaked, or can be guessed from the name."),
    "generator_secret": Kind(422, "This is no secret that the vault has drawn."),
    "passkey": Kind(
        422, "The passkey was not made for this session and address just now, its user verified, or is known."
    ),
    "no_origin": Kind(422, "This house takes no passkeys: it was not told its address (VAULT_ORIGIN)."),
    "generator_code": Kind(422, "The generator shows another code now."),
    "key_needed": Kind(
        422, "A password is changed, never taken away; nor is single sign-on where there is no password."
    ),
    "no_sso": Kind(422, "This house takes no single sign-on: it was told no provider (VAULT_OIDC_ISSUER)."),
    "back": Kind(422, "A command line waits at http://127.0.0.1:<port>/ or http://[::1]:<port>/ alone."),
    "dates": Kind(422, "The first day lies behind the last."),
    "hold": Kind(422, "A hold is named by its id."),
    "verdict": Kind(422, "There is no such verdict."),
    "assignee": Kind(422, "A case goes to a person who may review it, and whom it is not about."),
    "due": Kind(422, "A campaign lasts from a day to ninety days."),
    "certifier": Kind(422, "Grants are certified by a person who has joined, and never by their holder."),
    "customers": Kind(422, "So many customers more cannot be asked for."),
    "months": Kind(
        422, "Months are written YYYY-MM, the first not after the last, and not 37 or more of them."
    ),
    "too_many_accesses": Kind(422, "More entries than one answer takes name this customer; ask for less."),
    "until": Kind(422, "A delay ends on a day from today to a year after the entry, written YYYY-MM-DD."),
    "language": Kind(422, "The page is written in zh or en."),
    "topic": Kind(422, "A caller asks about payment, goods or account."),
    "grant_type": Kind(400, "The token's endpoint knows the grant client_credentials alone."),
    "scope": Kind(400, "A token has no scope: what an application may do is what it was granted."),
    "purpose_required": Kind(428, "The header Vault-Purpose is needed wherever a customer is touched."),
    "reason_required": Kind(428, "The header Vault-Reason is needed for this call."),
    "if_match_required": Kind(428, 'The header If-Match: "<etag>" is needed for a change.'),
    "too_many": Kind(429, "Too many calls; go on after the time in Retry-After."),
    "brake": Kind(
        429, "More customers, or more misses, than the role is for; go on after Retry-After, or ask for more."
    ),
    "login_throttled": Kind(
        429, "Too many failures for this name or address; go on after the time in Retry-After."
    ),
    "internal": Kind(500, "Something failed that should not; nothing is shown of it here."),
    "sealed_value_rejected": Kind(500, "A store does not hold what was put into it; nothing was disclosed."),
    "unavailable": Kind(503, "A part that a promise needs does not answer; nothing was disclosed."),
    "mail_unavailable": Kind(503, "The server of e-mail does not take what is sent; it is sent again later."),
    "webhook_unavailable": Kind(503, "The webhook does not take what is posted; it is posted again later."),
    "syslog_unavailable": Kind(503, "The collector does not take what is logged; it is logged again later."),
    "sso_unavailable": Kind(
        503, "The provider of single sign-on does not answer as it should; try again later."
    ),
    "changed_meanwhile": Kind(503, "The customer kept changing while being read; repeat."),
    "slot_unavailable": Kind(503, "This process was not given a secret that the call needs."),
    "store_unavailable": Kind(503, "The data store does not answer; nothing was disclosed."),
    "keys_unavailable": Kind(503, "The keys store does not answer; nothing was disclosed."),
    "register_unavailable": Kind(503, "The register does not answer; nothing was disclosed."),
    "ledger_unavailable": Kind(
        503, "The entry could not be made durable. A change may have happened: repeat it with the same key."
    ),
    "tier_unavailable": Kind(503, "This process was not given the key of the field's tier."),
    "key_provider_unavailable": Kind(503, "The provider of a key that the call needs does not answer."),
    "key_denied": Kind(503, "The provider does not let this process use a key that the call needs."),
    "key_destroyed": Kind(503, "A key that the call needs is gone for ever."),
    "proofs_unavailable": Kind(
        503, "No signed checkpoint reaches the newest subject map yet; repeat in a minute."
    ),
    "accesses_incomplete": Kind(
        503,
        "What was found is not what the sealed map counts, or not what the ledger holds; nothing is shown.",
    ),
    "house_locked": Kind(503, "The stores contradict each other; the house is locked."),
}
