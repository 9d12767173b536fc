"""Drill: what is asked of a house that was made of backup sets in a scratch place, and what is told of it."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from vault.custody.keyring import KeyPurpose
from vault.custody.set_keys import SetKeys
from vault.domain.access import Actor
from vault.domain.canonical import Json, canonical
from vault.domain.entry import Entry, ObjectRef
from vault.domain.erasure import register_ref
from vault.domain.instants import millis, moment, rfc3339
from vault.domain.kinds import Kind
from vault.domain.terms import ZERO_ID, Action, AppId, EntryId, RequestId, RoleId, SubjectId, id_text
from vault.services import witness
from vault.services.authenticate import policy_in_force, stand
from vault.services.ending_again import ever_erased
from vault.services.governing import GOVERNED_FOR, only_operator
from vault.services.locating import locate_known
from vault.services.parts import Call, Parts
from vault.services.releasing import Opened, release
from vault.services.system import house_itself, permit_comparing
from vault.storage import houses, register, restoring, schema, subjects
from vault.storage.engines import open_store
from vault.storage.register import Record

_CANARIES: Final = 50
_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found in the scratch house: how many customers, which canaries open, who came back."""

    data_set: bytes
    customers: int
    canaries: int
    opened: int
    revived: int

    @property
    def faults(self) -> tuple[str, ...]:
        """Name what is wrong, by codes."""
        found = (("canary", self.opened < self.canaries), ("erased", self.revived > 0))
        return tuple(code for code, holds in found if holds)


@dataclass(frozen=True, slots=True)
class Report:
    """What is handed to whoever asked: canonical JSON, and the house's signature over it."""

    said: bytes
    note: bytes
    faults: tuple[str, ...]


def copy_register(parts: Parts, url: str) -> None:
    """Copy the register beside scratch stores, record by record: the real one is the living house's."""
    with parts.stores.register.read() as conn:
        own = houses.read(conn, "register")
    with closing(open_store("register", url, create=True)) as store:
        schema.migrate(store)
        if own is not None:
            store.transact(lambda conn: houses.create(conn, "register", own))
        after = 0
        while True:
            with parts.stores.register.read() as conn:
                page = register.page(conn, after=after, limit=_PAGE)
            if not page:
                return
            rows = [Record(one.entry, one.kind, one.ref, one.tier, one.gen, one.at_ms) for one in page]
            store.transact(lambda conn, rows=rows: register.append(conn, rows))  # type: ignore[misc]
            after = page[-1].seq


def look(scratch: Parts) -> Looked:
    """Open canaries of the restored house under entries of its own, and see that nobody erased is there."""
    standing = stand(scratch, AppId(ZERO_ID))
    policy = policy_in_force(scratch, standing)
    actor = house_itself(RoleId("system:drill"))
    call = Call(actor, standing, policy, GOVERNED_FOR, RequestId(scratch.new_id()), source="")
    fields = [one.name for one in policy.catalogue.by_name.values() if one.tier in scratch.keyring.served]
    erased, revived, customers = ever_erased(scratch), 0, 0
    canaries: list[SubjectId] = []
    after = None
    while True:
        with scratch.stores.data.read() as conn:
            page = [one.subject for one in subjects.page(conn, scratch.tenant, after=after, limit=_PAGE)]
        if not page:
            break
        customers += len(page)
        revived += sum(register_ref(scratch.house.house, one) in erased for one in page)
        # Some of each page, so that the newest are among them.
        canaries = [*canaries, *page[:: max(len(page) // _CANARIES, 1)]][-_CANARIES:]
        after = page[-1]
    targets = sorted(canaries)
    opened: Sequence[object] = (
        release(
            scratch,
            call,
            Action.PROCESS,
            fields,
            targets=targets,
            find=locate_known,
            permitting=permit_comparing,
        )
        if targets
        else []
    )
    with scratch.stores.keys.read() as conn:
        row = restoring.read(conn)
    return Looked(
        row.data_set if row is not None else ZERO_ID,
        customers,
        len(targets),
        sum(isinstance(one, Opened) for one in opened),
        revived,
    )


def tell(
    parts: Parts, actor: Actor, looked: Looked, *, taken_ms: int, took: timedelta, ledger_faults: int
) -> Report:
    """Leave the entry of a drill in the living ledger, and give the signed report. For an operator."""
    only_operator(actor)
    at: datetime = parts.clock()
    faults = (*looked.faults, *(("ledger",) if ledger_faults else ()))
    lost = at - moment(taken_ms)
    written: dict[str, Json] = {
        "format": "customer-vault-drill",
        "version": 1,
        "at": rfc3339(at),
        "set": id_text("bak", looked.data_set),
        "customers": looked.customers,
        "canaries": looked.canaries,
        "canaries_opened": looked.opened,
        "erased_revived": looked.revived,
        "ledger_faults": ledger_faults,
        "rpo_seconds": int(lost.total_seconds()),
        "rto_ms": int(took / timedelta(milliseconds=1)),
        "faults": list(faults),
    }
    said = canonical(written) + b"\n"
    told = Entry(
        id=EntryId(parts.new_id()),
        at_ms=millis(at),
        kind=Kind.BACKUP_DRILLED,
        actor=witness.actor_ref(actor),
        outcome="recorded",
        action=Action.GOVERN,
        reason_code="failed" if faults else "passed",
        object=ObjectRef("backup", looked.data_set, sha256(said).hexdigest()),
        times=looked.customers,
    )
    parts.ledger.append(parts.entry_seal.prove(told))
    keys = SetKeys(parts.keyring.root(KeyPurpose.AUTHORITY), parts.house.house)
    return Report(said, keys.sign(said), faults)
