"""A process that was not given L4's slots and runs whatever code it likes; run by its path, never imported.

It reads what to do from standard input, writes what came of it to a file, and then all of its own memory to
standard output, where its parent looks for what must not be there.
"""

import ctypes
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from vault.bootstrap import open_house
from vault.crypto.kdf import expand
from vault.crypto.keywrap import unwrap
from vault.custody import deks
from vault.custody.keyring import KeyPurpose, slot_name
from vault.custody.providers.local import LocalSlots
from vault.domain.terms import PurposeId, RequestId, SubjectId, Tier
from vault.errors import VaultError
from vault.rulebook.rules import Rulebook
from vault.services import disclose, intake, lookup, rectify
from vault.services.authenticate import authenticate, policy_in_force
from vault.services.locating import locate
from vault.services.parts import Call, Parts
from vault.services.showing import Answer
from vault.settings import Mode, Settings
from vault.storage import keys, tokens

_PR_SET_DUMPABLE = 4
_PAGES = 1 << 20
NUMBER = "11010519491231002X"


def main() -> None:
    told = json.load(sys.stdin)
    rulebook = Rulebook()
    if told["become"] is not None:
        # Whatever is loaded at its first use is loaded now: the user that this becomes may not reach it.
        warm = {name: path for name, path in told["slots"].items() if "T4" not in name}
        with open_house(settings(told, warm), rulebook=rulebook) as parts:
            attempt(parts, told)
        os.setgroups([])
        os.setgid(told["become"])
        os.setuid(told["become"])
    with open_house(settings(told, told["slots"]), rulebook=rulebook) as parts:
        outcomes = attempt(parts, told)
        outcomes["reads the slot files"] = said(
            lambda: [Path(told["slots"][name]).read_bytes() for name in L4]
        )
        # Changing the user has closed the process to others of that user, itself included.
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
        Path(told["report"]).write_text(json.dumps(outcomes))
        write_memory()


L4 = (slot_name(KeyPurpose.KEK, Tier.L4), slot_name(KeyPurpose.INDEX, Tier.L4))


def settings(told: Mapping[str, Any], slots: Mapping[str, str]) -> Settings:
    paths = {name: Path(path) for name, path in slots.items()}
    state = Path(told["state"])
    host = state / "slots" / "host"
    return Settings(Mode.DEMO, state, told["urls"], paths, "127.0.0.1", 8200, 1, 2, None, host_secret=host)


def attempt(parts: Parts, told: Mapping[str, Any]) -> dict[str, object]:
    """Try what a worker is asked for, and then what a program can do that holds the worker's parts."""
    call = {name: a_call(parts, **app) for name, app in told["apps"].items()}
    ids = told["ids"]
    (answer,) = disclose.profiles(
        parts, call["settlement"], [ids["settlement"]], ["name", "id_number", "bank_account"]
    )
    assert isinstance(answer, Answer), answer
    desk = (parts, call["servicedesk"], ids["servicedesk"])
    return {
        "serves": sorted(map(int, parts.keyring.served)),
        "shows": dict(answer.fields),
        "withholds": dict(answer.withheld),
        "reveals": said(lambda: disclose.reveal(parts, call["realname"], ids["realname"], "id_number")),
        "matches": said(lambda: lookup.match(*desk, "id_number", NUMBER)),
        "looks up": said(lambda: lookup.lookup(parts, call["realname"], "id_number", NUMBER)),
        "changes": said(lambda: amend(parts, call["intake"], ids["intake"], NUMBER)),
        "removes": said(lambda: amend(parts, call["intake"], ids["intake"], None)),
        "admits": said(lambda: admit(parts, call["intake"], {"name": "王小明", "id_number": NUMBER})),
        "computes a token": said(lambda: token(parts, call["realname"])),
        "unseals with a name": said(lambda: unseal_after_widening(parts)),
        "unseals with another secret": unsealed_with_others(parts),
        "unwraps with another key": unwrapped_with_others(parts, SubjectId(bytes.fromhex(told["subject"]))),
        "finds a token by another root": tokens_by_other_roots(parts, call["realname"]),
    }


def said(deed: Callable[[], object]) -> str:
    """Carry out *deed*, and name what stopped it."""
    try:
        deed()
    except (VaultError, KeyError, OSError) as fault:
        return getattr(fault, "code", type(fault).__name__)
    return "it went through"


def a_call(parts: Parts, token: str, purpose: str) -> Call:
    actor, standing = authenticate(parts, f"Bearer {token}", source="127.0.0.1", at=parts.clock())
    policy = policy_in_force(parts, standing)
    request = RequestId(parts.new_id())
    return Call(
        actor, standing, policy, PurposeId(purpose), request, "127.0.0.1", reason="check", ticket="T-1"
    )


def amend(parts: Parts, call: Call, customer: str, number: str | None) -> object:
    (located,) = locate(parts, call, [customer])
    assert not isinstance(located, VaultError), located
    etag = located.identity.etag(call.actor.space, located.row.revision).hex()
    return rectify.rectify(parts, call, customer, etag, fields={"id_number": number}, source=None)


def admit(parts: Parts, call: Call, fields: dict[str, Any]) -> object:
    return intake.admit(parts, call, {"kind": "person", "fields": fields})


def token(parts: Parts, call: Call) -> object:
    return parts.tokens.exact(call.policy.catalogue.by_name["id_number"], NUMBER.encode(), 1)  # type: ignore[index]


def unseal_after_widening(parts: Parts) -> None:
    """Tell the keyring that it was given the slots, as code can that holds it."""
    ring = parts.keyring
    was = ring._given, ring.served
    ring._given |= {(KeyPurpose.KEK, Tier.L4), (KeyPurpose.INDEX, Tier.L4)}
    ring.served |= {Tier.L4}
    try:
        for row in sealed_rows(parts):
            ring.unseal(row)
    finally:
        ring._given, ring.served = was


def sealed_rows(parts: Parts) -> list[Any]:
    with parts.stores.keys.read() as conn:
        return [row for row in keys.sealed_keys(conn, parts.tenant) if row.tier == Tier.L4]


def unsealed_with_others(parts: Parts) -> list[str]:
    """Try every secret that is here on what L4's slots have sealed."""
    ring, opened = parts.keyring, []
    for row in sealed_rows(parts):
        context = ring._context(KeyPurpose(row.purpose), row.tier, row.epoch)
        (local,) = ring._slots._providers
        assert isinstance(local, LocalSlots)
        for name, secret in local._secrets.items():
            other = LocalSlots({"L4": secret}, host=local._host)
            said_so = said(lambda s=other: s.open("L4", row.sealed, context=context))  # type: ignore[misc] # noqa: B023
            opened += [name] if said_so != "sealed_value_rejected" else []
    return opened


def unwrapped_with_others(parts: Parts, subject: SubjectId) -> list[str]:
    """Try every KEK that is here on a DEK of L4."""
    with parts.stores.keys.read() as conn:
        rows = keys.deks(conn, parts.tenant, [subject], {Tier.L4})[subject]
    opened = []
    for row in rows:
        place = deks._place(row.field_suite, row.tier, row.gen, row.tenant, row.subject) + row.commitment
        for (tier, _, _), kek in parts.keyring._keks.items():
            said_so = said(
                lambda k=kek: unwrap(k, row.wrapped, epoch=row.kek_epoch, label=b"PV1K", address=place)  # type: ignore[misc] # noqa: B023
            )
            opened += [f"T{tier}"] if said_so != "sealed_value_rejected" else []
    assert rows
    return opened


def tokens_by_other_roots(parts: Parts, call: Call) -> int:
    """Count what a lookup by the tokens of every other root finds."""
    field, found = call.policy.catalogue.by_name["id_number"], 0  # type: ignore[index]
    for root in parts.keyring._roots.values():
        info = b"PV1I" + parts.tenant + bytes([Tier.L4]) + field.exact_index.to_bytes(4)
        guess = expand(expand(root, info, length=32), NUMBER.encode(), length=16)
        with parts.stores.data.read() as conn:
            found += len(tokens.find_tokens(conn, parts.tenant, field.exact_index, [1], guess, limit=2))
    return found


def write_memory() -> None:
    """Write every byte that this process could write to, what it has let go of included."""
    with open("/proc/self/maps") as table, open("/proc/self/mem", "rb", buffering=0) as memory:  # noqa: PTH123
        spans = [line.split()[0].split("-") for line in table if " rw" in line and "[v" not in line]
        for start, end in ((int(one, 16), int(two, 16)) for one, two in spans):
            for at in range(start, end, _PAGES):
                memory.seek(at)
                try:
                    sys.stdout.buffer.write(memory.read(min(_PAGES, end - at)))
                except OSError:
                    # Let go of since the table was read.
                    break
            # No value begins in one span and ends in another.
            sys.stdout.buffer.write(bytes(64))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
