"""A worker that is killed behind, or just before, its n-th commit; run by its path, never imported.

It reads one command a line: what to write, as whom, and when to die. Each is carried out by a fork, which
opens the house anew and ends by SIGKILL; what is answered is whether it lived.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from typing_extensions import override

from vault.bootstrap import connect, open_house
from vault.custody.providers.local import LocalSlots
from vault.domain.terms import PurposeId, RequestId, id_text
from vault.errors import VaultError
from vault.rulebook.rules import Rulebook
from vault.services import consent, disclose, erase, founding, intake, rectify, restrict, standing_facts
from vault.services.authenticate import authenticate, policy_in_force
from vault.services.locating import Located, locate
from vault.services.parts import Call, Parts
from vault.settings import Mode, Settings
from vault.storage.unit_of_work import STORE_NAMES, Connection, Store, Stores
from vault.storekeeping import Mirror, open_stores

T = TypeVar("T")


class Commits:
    """Counts what one worker commits, in all four stores, and kills it at the chosen one."""

    def __init__(self, at: int, *, before: bool) -> None:
        self._left, self._before, self._lock = at, before, Lock()

    def begin(self) -> None:
        with self._lock:
            self._left -= 1
            if self._left == 0 and self._before:
                os.kill(os.getpid(), signal.SIGKILL)

    def end(self) -> None:
        with self._lock:
            if self._left == 0 and not self._before:
                os.kill(os.getpid(), signal.SIGKILL)


class Deadly(Store):
    """A store whose commits are counted."""

    def __init__(self, store: Store, commits: Commits) -> None:
        self.__dict__.update(store.__dict__)
        self._store, self._commits = store, commits

    @override
    @contextmanager
    def write(self) -> Iterator[Connection]:
        with self._store.write() as conn:
            yield conn
            self._commits.begin()
        self._commits.end()

    @override
    def transact(self, work: Callable[[Connection], T]) -> T:
        def counted(conn: Connection) -> T:
            done = work(conn)
            self._commits.begin()
            return done

        done = self._store.transact(counted)
        self._commits.end()
        return done


def main() -> None:
    told = json.loads(sys.stdin.readline())
    paths = {name: Path(path) for name, path in told["slots"].items()}
    state = Path(told["state"])
    host = state / "slots" / "host"
    plain = Settings(Mode.DEMO, state, told["urls"], paths, "127.0.0.1", 8200, 1, 2, None, host_secret=host)
    settings = replace(plain, register_mirror=told["mirror"])
    rulebook, at = Rulebook(), datetime.fromisoformat(told["at"])
    with open_house(settings, clock=lambda: at, rulebook=rulebook) as parts:
        # Reading the policy takes longer than all the rest; every fork inherits it.
        a_call(parts, told["apps"]["intake"])
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                carry_out(settings, rulebook, told, json.loads(line), at=at)
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        assert not os.WIFSIGNALED(status) or os.WTERMSIG(status) == signal.SIGKILL
        print("killed" if os.WIFSIGNALED(status) else "lived", flush=True)  # noqa: T201


def carry_out(
    settings: Settings, rulebook: Rulebook, told: Mapping[str, Any], order: Mapping[str, Any], *, at: datetime
) -> None:
    commits = Commits(order["at"], before=order["before"])
    stores = open_stores(settings)
    deadly = Stores(*(Deadly(stores.named(name), commits) for name in STORE_NAMES))
    slots = LocalSlots.read(settings.slots, host=settings.host_secret)
    parts = connect(
        deadly,
        slots,
        founding.recognise(stores),
        clock=lambda: at,
        random=os.urandom,
        rulebook=rulebook,
        mirror=lambda: Deadly(Mirror(settings).store(), commits),
    )
    call = a_call(parts, told["apps"][order.get("app", "intake")], key=order.get("key"))
    VERBS[order["verb"]](parts, call, order)
    parts.ledger.close()


def a_call(parts: Parts, app: Mapping[str, str], key: str | None = None) -> Call:
    token, purpose = app["token"], app["purpose"]
    actor, standing = authenticate(parts, f"Bearer {token}", source="127.0.0.1", at=parts.clock())
    policy = policy_in_force(parts, standing)
    request = RequestId(parts.new_id())
    return Call(actor, standing, policy, PurposeId(purpose), request, "127.0.0.1", idempotency_key=key)


def admit(parts: Parts, call: Call, order: Mapping[str, Any]) -> None:
    intake.admit(parts, call, {"kind": "person", "fields": order["fields"]})


def amend(parts: Parts, call: Call, order: Mapping[str, Any]) -> None:
    located = find(parts, call, order["id"])
    etag = located.identity.etag(call.actor.space, located.row.revision).hex()
    rectify.rectify(parts, call, order["id"], etag, fields=order["fields"], source=None)


def withdraw(parts: Parts, call: Call, order: Mapping[str, Any]) -> None:
    located = find(parts, call, order["id"])
    item = located.identity.pairwise(call.actor.space, located.consents[0].consent)
    consent.withdraw(parts, call, order["id"], id_text("con", item))


def limit(parts: Parts, call: Call, order: Mapping[str, Any]) -> None:
    restrict.restrict(parts, call, order["id"], "disputed")


def lift(parts: Parts, call: Call, order: Mapping[str, Any]) -> None:
    restrict.lift(parts, call, order["id"])


def state(parts: Parts, call: Call, order: Mapping[str, Any]) -> None:
    standing_facts.record_fact(parts, call, order["id"], kind="contract", ref=order["ref"], until=None)


def show(parts: Parts, call: Call, order: Mapping[str, Any]) -> None:
    disclose.profiles(parts, call, [order["id"]], ["name"])


def forget(parts: Parts, call: Call, order: Mapping[str, Any]) -> None:
    erase.erase(parts, call, order["id"], digest=order["plan"], reason="request", lapsed=order["lapsed"])


def find(parts: Parts, call: Call, customer: str) -> Located:
    (located,) = locate(parts, call, [customer])
    if isinstance(located, VaultError):
        raise located
    return located


VERBS = {
    "admit": admit,
    "amend": amend,
    "withdraw": withdraw,
    "restrict": limit,
    "lift": lift,
    "state": state,
    "show": show,
    "erase": forget,
}

if __name__ == "__main__":
    main()
