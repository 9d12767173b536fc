"""Bootstrap: choose the real parts of a house from settings, connect them, and hand them on."""

import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from vault import keyholding
from vault.app import create_app
from vault.cli.main import AnchorDoors, Doors, NotaryDoors, SafeDoors, cli
from vault.crypto.passwords import Passwords
from vault.custody.authority import Authority
from vault.custody.barrier import Barrier
from vault.custody.certificates import Certificates
from vault.custody.cursors import Cursors
from vault.custody.detail import Detail
from vault.custody.entry_seal import EntrySeal
from vault.custody.fingerprints import Fingerprints
from vault.custody.keyring import KeyPurpose, Keyring
from vault.custody.ledger import Ledger
from vault.custody.logins import Logins
from vault.custody.memory import forbid_dumps
from vault.custody.notarial import SLOT, Notarial
from vault.custody.outbox_seal import OutboxSeal
from vault.custody.providers.key_provider import KeyProvider
from vault.custody.providers.local import LocalSlots
from vault.custody.providers.slots import Slots
from vault.custody.recovery import Recovery
from vault.custody.tokens import Tokens
from vault.custody.visits import Visits
from vault.domain.terms import Tier
from vault.outpost import anchor_settings, notary_settings, open_for_anchors, open_seat, open_signing
from vault.rulebook.rules import Rulebook
from vault.services import authenticate, counting, founding, restore, safekeeping, signing_keys, watch
from vault.services.governing import operator
from vault.services.parts import House, Parts
from vault.services.policies import apply_policy
from vault.services.restore import Progress, Wanted
from vault.services.running import Lock
from vault.services.signing_keys import Keeper
from vault.setting_anchors import Anchor
from vault.settings import Settings, read
from vault.storage import floors, keys
from vault.storage.unit_of_work import Store, Stores
from vault.storekeeping import Mirror, detail_key, keep_key, open_stores
from vault.web.logs import hush, logger

# How long a worker's end waits for its watch to notice.
_PATIENCE_SECONDS = 2.0

Clock = Callable[[], datetime]
Random = Callable[[int], bytes]


def now() -> datetime:
    """Read the one clock of a running house."""
    return datetime.now(UTC)  # noqa: TID251 - this is the one clock


def settings() -> Settings:
    """Read the settings of this process from its environment."""
    return read(os.environ, directory=Path.cwd())


def found_house(
    settings: Settings, policies: Mapping[str, str], *, clock: Clock = now, random: Random = os.urandom
) -> list[str]:
    """Create a house where there is none, or complete one whose creation was cut short (``vaultctl init``).

    Slot files that do not exist are written, readable by this user alone. Returns the recovery shares where
    there were none; they are kept nowhere.
    """
    settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    keyholding.create(settings)
    with closing(open_stores(settings, create=True)) as stores:
        slots = keyholding.open_slots(settings, settings.slots)
        house = founding.lay(stores, slots, clock=clock, random=random)
        recovery = keyholding.recovery_of(settings)
        with _closing(connect(stores, slots, house, clock=clock, random=random, recovery=recovery)) as parts:
            with stores.keys.read() as conn:
                standing = floors.read(conn)
            founding.tell(parts, operator(os.getuid()))
            if standing is not None and standing.authority_floor == 0:
                apply_policy(parts, operator(os.getuid()), files=policies, base_digest=None, author="init")
            if SLOT in slots.served:
                # What signs the ledger is opened before there is much to sign; an older house is completed.
                signing = LocalSlots.read({SLOT: settings.slots[SLOT]})
                signing_keys.open_first(Keeper(parts, Notarial(signing, house.house)), operator(os.getuid()))
            if parts.recovery is not None and parts.recovery.known() is None:
                return safekeeping.make_set(parts, operator(os.getuid()))
    return []


@contextmanager
def open_house(
    settings: Settings,
    *,
    clock: Clock = now,
    random: Random = os.urandom,
    rulebook: Rulebook | None = None,
    passwords: Passwords | None = None,
) -> Iterator[Parts]:
    """Open the house that *settings* name, for as long as the context lasts.

    A *rulebook* that has read the policies before spares reading them again; *passwords* may cost less
    where nobody's is at stake.
    """
    counting.check(settings.anchors)
    with closing(open_stores(settings)) as stores, closing(Mirror(settings)) as mirror:
        # The notary's slot is nobody else's: who serves signs nothing.
        slots = keyholding.open_slots(
            settings, {name: path for name, path in settings.slots.items() if name != SLOT}
        )
        house = founding.recognise(stores)
        tiers = None if settings.tiers is None else frozenset(map(Tier, settings.tiers))
        opened = connect(
            stores,
            slots,
            house,
            clock=clock,
            random=random,
            tiers=tiers,
            rulebook=rulebook,
            passwords=passwords,
            anchors=settings.anchors,
            recovery=keyholding.recovery_of(settings),
            mirror=mirror.store if settings.register_mirror else None,
        )
        with _closing(opened) as parts:
            yield parts


@contextmanager
def open_safe(settings: Settings, *, clock: Clock = now, random: Random = os.urandom) -> Iterator[Parts]:
    """Open the house with every slot that the settings name, for whoever keeps them safe."""
    with closing(open_stores(settings)) as stores:
        slots, recovery = keyholding.open_slots(settings, settings.slots), keyholding.recovery_of(settings)
        house = founding.recognise(stores)
        opened = connect(stores, slots, house, clock=clock, random=random, recovery=recovery)
        with _closing(opened) as parts:
            yield parts


@contextmanager
def open_keeper(settings: Settings) -> Iterator[Keeper]:
    """Open the house with the signing slot beside it, for whoever opens and ends keys."""
    paths = {SLOT: settings.slots[SLOT]} if SLOT in settings.slots else {}
    with open_house(settings) as parts, closing(Notarial(LocalSlots.read(paths), parts.house.house)) as keys:
        yield Keeper(parts, keys)


@contextmanager
def restore_house(
    settings: Settings,
    wanted: Wanted | None,
    *,
    clock: Clock = now,
    random: Random = os.urandom,
    rulebook: Rulebook | None = None,
    progress: Progress = lambda _kind, _table: None,
) -> Iterator[Parts]:
    """Fill the empty stores that *settings* name from backup sets, and open what they make, unserved.

    Where nothing is *wanted*, the stores stand, and are older than the register.
    """
    settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with closing(open_stores(settings, create=True)) as stores:
        paths = {name: path for name, path in settings.slots.items() if name != SLOT}
        slots = keyholding.open_slots(settings, paths)
        if wanted is None:
            house = restore.adopt(stores)
        else:
            house = restore.load(stores, slots, wanted, progress=progress)
        opened = connect(stores, slots, house, clock=clock, random=random, rulebook=rulebook)
        with _closing(opened) as parts:
            yield parts


def connect(
    stores: Stores,
    slots: Slots | KeyProvider,
    house: House,
    *,
    clock: Clock,
    random: Random,
    tiers: frozenset[Tier] | None = None,
    rulebook: Rulebook | None = None,
    passwords: Passwords | None = None,
    anchors: tuple[Anchor, ...] = (),
    recovery: Recovery | None = None,
    mirror: Callable[[], Store] | None = None,
) -> Parts:
    """Open the keyring of the tiers that are served, and put the custody around it."""
    with stores.keys.read() as conn:
        sealed = keys.sealed_keys(conn, house.tenant)
    keyring = Keyring(slots, sealed, house=house.house, tenant=house.tenant, tiers=tiers)
    detail = Detail(
        keyring,
        keep=lambda seal: stores.keys.transact(lambda conn: keep_key(conn, house, seal)),
        find=lambda month: detail_key(stores, house, month),
    )
    return Parts(
        clock=clock,
        random=random,
        house=house,
        stores=stores,
        keyring=keyring,
        barrier=Barrier(keyring),
        tokens=Tokens(keyring),
        detail=detail,
        fingerprints=Fingerprints(keyring),
        cursors=Cursors(keyring),
        authority=Authority(keyring),
        logins=Logins(keyring, passwords or Passwords()),
        visits=Visits(keyring, incarnation=house.incarnation),
        ledger=Ledger(
            stores,
            house.tenant,
            clock=clock,
            random=random,
            seal_detail=detail.seal,
            outbox_seal=OutboxSeal(keyring.root(KeyPurpose.AUTHORITY)),
        ),
        entry_seal=EntrySeal(keyring.root(KeyPurpose.AUTHORITY), house.house),
        rulebook=rulebook or Rulebook(),
        certificates=Certificates(keyring),
        lock=Lock(),
        anchors=anchors,
        recovery=recovery,
        mirror=mirror,
    )


@contextmanager
def _closing(parts: Parts) -> Iterator[Parts]:
    """Let the ledger write down what it still counts, which takes its keys, and then let go of them."""
    try:
        yield parts
    finally:
        parts.ledger.close()
        parts.keyring.close()


class Application:
    """One worker's WSGI application: the open house, its watch, and how both end."""

    def __init__(self, settings: Settings) -> None:
        """Open the house and look at it once before anyone is answered."""
        self._ends = ExitStack()
        parts = self._ends.enter_context(open_house(settings))
        parts.lock.heard.need()
        watch.look(parts)
        watch.ask_providers(parts)
        authenticate.get_ready(parts)
        stopped = threading.Event()
        watching = watch.keep_watch(parts, stopped)
        self._ends.callback(watching.join, _PATIENCE_SECONDS)
        self._ends.callback(stopped.set)
        self._app = create_app(parts, settings)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        return self._app(environ, start_response)

    def close(self) -> None:
        """End the watch, write down what the ledger still counts, and give everything back."""
        self._ends.close()


def application_for(settings: Settings) -> Application:
    """Build the application of one web worker (``vaultctl serve``)."""
    forbid_dumps()
    hush(logger(sys.stderr))
    keyholding.check_rehearsed(settings)
    return Application(settings)


def doors() -> Doors:
    """Lead the command line into the house."""
    return Doors(
        settings,
        open_house,
        found_house,
        now,
        NotaryDoors(notary_settings, open_keeper, open_signing, partial(open_seat, clock=now)),
        AnchorDoors(anchor_settings, partial(open_for_anchors, clock=now)),
        SafeDoors(open_safe, keyholding.restore),
        restore_house,
    )


def vaultctl() -> None:
    """Run the command line; it opens the house only for commands that need one."""
    forbid_dumps()
    cli(obj=doors())
