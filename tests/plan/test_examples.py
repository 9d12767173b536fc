"""The examples of the pages do what they say: a house is created, its roles are enough, a mapping is read."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import make_url, text

from tests.house import FOUNDED, Clock, a_house, found
from tests.notary import Notary as StandIn
from tests.notary import a_directory, use
from tests.postgres import Server
from vault.anchor_settings import AnchorSettings
from vault.bootstrap import now
from vault.cli.jobs import jobs_of
from vault.domain.instants import millis
from vault.errors import StoreUnavailable
from vault.notary_settings import NotarySettings, settings_of
from vault.outpost import open_for_anchors, open_seat, open_signing
from vault.services import anchor, deriving, exports, restrict
from vault.services.bulk.mapping_file import read_mapping
from vault.services.notarise import Notary
from vault.services.signing_keys import listing
from vault.setting_exporters import Exporter, FileSink
from vault.settings import SLOTS, Mode
from vault.storage.unit_of_work import STORE_NAMES, StoreName

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
SHELL, SQL = (
    re.findall(rf"^```{kind}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL) for kind in ("sh", "sql")
)


def run(script: str, state: Path, slots: Path) -> subprocess.CompletedProcess[str]:
    """Run lines of the guide in a shell of their own, on directories of this test."""
    command = f"{sys.executable} -c 'from vault.bootstrap import vaultctl; vaultctl()'"
    prelude = f'set -euo pipefail\nvaultctl() {{ {command} "$@"; }}\n'
    script = script.replace("/var/lib/vault", str(state)).replace("/etc/vault/slots", str(slots))
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        ["bash", "-c", prelude + script],  # noqa: S607
        cwd=state.parent,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.slow
def test_a_house_is_created_as_the_guide_says(tmp_path: Path) -> None:
    state, slots = tmp_path / "state", tmp_path / "slots"
    creating = next(block for block in SHELL if "vaultctl init\n" in block)
    settings = creating[: creating.index("vaultctl init\n")]
    looking = next(block for block in SHELL if block == "vaultctl doctor\n")

    done = run(creating.replace("vaultctl serve\n", ""), state, slots)
    well = run(settings + looking, state, slots)

    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"vault_[0-9a-z]{26}_[\w-]{43}", done.stdout.splitlines()[-1])
    assert {path.name for path in slots.iterdir()} == {slot.lower() for slot in SLOTS}
    assert (well.returncode, "keys recovery rehearse" in well.stdout.splitlines()[0]) == (1, True), (
        well.stderr
    )


def test_the_mapping_of_the_import_page_is_one() -> None:
    page = (ROOT / "docs" / "import.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    row = {
        "姓名": "王小明",
        "手机": "13900139000",
        "生日": "1990年5月2日",
        "角色": "付款、收货",
        "市": "杭州市",
        "营销": "否",
    }

    record: Any = read_mapping(example).record(row)

    assert record["fields"] == {
        "name": "王小明",
        "mobile": "13900139000",
        "birthday": "1990-05-02",
        "party_role": ["payer", "consignee"],
        "address": "杭州市",
        "language": "zh-CN",
    }
    assert [item["state"] for item in record["consents"]] == ["refused"]


def test_every_key_of_a_mapping_is_explained() -> None:
    page = (ROOT / "docs" / "import.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| ([^|]*) \|", page, re.MULTILINE))))
    reader = (ROOT / "vault" / "services" / "bulk" / "mapping_file.py").read_text(encoding="utf-8")

    taken = set(re.findall(r'\.(?:take|text|texts|words|codes|tables|given)\(\s*"(\w+)"', reader))

    assert taken
    assert taken - explained == set()


@pytest.fixture
def site(postgresql: Server) -> Iterator[tuple[str, str]]:
    """A database without our schemas, and what tells this test's roles from others' on the same server."""
    mark = uuid4().hex[:8]
    try:
        with postgresql.database() as url:
            with psycopg.connect(url, autocommit=True) as owner:
                for name in STORE_NAMES:
                    owner.execute(f"DROP SCHEMA {name} CASCADE")
            yield url, mark
    finally:
        with psycopg.connect(postgresql.url, autocommit=True) as owner:
            for name in STORE_NAMES:
                owner.execute(f"DROP ROLE IF EXISTS vault_{name}_{mark}, vault_{name}_owner_{mark}")
            owner.execute(f"DROP ROLE IF EXISTS vault_notary_{mark}, vault_anchors_{mark}")


@pytest.mark.slow
def test_the_roles_of_the_guide_are_enough_to_serve_and_not_to_rewrite(
    site: tuple[str, str], tmp_path: Path
) -> None:
    url, mark = site
    owning, serving, *_ = (re.sub(r"\b(vault_\w+)", rf"\1_{mark}", block) for block in SQL)

    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(owning)
        found(urls_of(url, f"_owner_{mark}"), tmp_path)
        owner.execute(serving)

    with a_house(urls_of(url, f"_{mark}"), tmp_path, Clock()) as house:
        customer = house.admit()
        house.state(customer, "contract")
        shown = house.disclose("servicedesk", house.known_to("servicedesk", customer), "name")
        restrict.restrict(
            house.parts, house.call("officer"), house.known_to("officer", customer), "accuracy_contested"
        )
        house.clock.advance(timedelta(days=1))
        with open_seat(settings_of(house.settings), clock=house.clock) as seat:
            Notary(seat).attend()
        use(house, a_directory(tmp_path / "wall"))
        (tmp_path / "events").mkdir()
        exporter = Exporter("siem", "ocsf", FileSink(tmp_path / "events", 1))
        for job in jobs_of(replace(house.settings, exporters=(exporter,))):
            job.work(house.parts, house.settings)
        exported = exports.export(house.parts, "operator", tmp_path / "export", uid=os.getuid())
        deriving.make_anew(house.parts)
        deriving.catch_up(house.parts)
        house.check()
        for store, statement in (
            (house.parts.stores.audit, "UPDATE entry SET body = ''"),
            (house.parts.stores.audit, "DELETE FROM entry"),
            (house.parts.stores.register, "DELETE FROM record"),
            (house.parts.stores.data, "DROP TABLE subject"),
        ):
            with pytest.raises(StoreUnavailable), store.write() as conn:
                conn.execute(text(statement))

    assert shown.fields == {"name": "欧阳**"}
    assert exported.fits
    assert exported.entered
    assert [path.suffix for path in (tmp_path / "wall").iterdir()] == [".note"]


@pytest.mark.slow
def test_the_notarys_role_of_the_guide_is_enough_to_sign_and_no_grant_of_it_is_one_too_many(
    site: tuple[str, str], tmp_path: Path
) -> None:
    url, mark = site
    owning, _, signing, _ = (re.sub(r"\b(vault_\w+)", rf"\1_{mark}", block) for block in SQL)
    role = f"vault_notary_{mark}"
    audit_url = urls_of(url, f"_{mark}")["audit"].replace(f"vault_audit_{mark}", role)
    settings = NotarySettings(
        Mode.DEMO, audit_url, tmp_path / "slots" / "signing", tmp_path / "notary", tmp_path / "elsewhere"
    )
    granted = [
        (verb, table)
        for verbs, tables in re.findall(r"GRANT ([A-Z, ]+) ON (audit\.[a-z_., ]+) TO", signing)
        for verb in verbs.split(", ")
        for table in tables.split(", ")
    ]

    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(owning)
        found(urls_of(url, f"_owner_{mark}"), tmp_path)
        owner.execute(signing)
        for verb, table in granted:
            owner.execute(f"REVOKE {verb} ON {table} FROM {role}")
            with pytest.raises(StoreUnavailable), open_seat(settings, clock=now) as seat:
                Notary(seat).attend()
            owner.execute(f"GRANT {verb} ON {table} TO {role}")
            shutil.rmtree(settings.directory)
    with open_seat(settings, clock=now) as seat:
        head = Notary(seat).attend()
        for statement in ("UPDATE head SET size = 0", "DELETE FROM checkpoint", "DELETE FROM entry"):
            with pytest.raises(StoreUnavailable), seat.store.write() as conn:
                conn.execute(text(statement))
    with open_signing(settings) as keys:
        listed = listing(keys)

    assert len(granted) == 10
    assert head.note is not None
    assert [one.window.covers(head.note.checkpoint.size) for one in listed] == [True, True]


@pytest.mark.slow
def test_the_anchors_role_of_the_guide_is_enough_to_hand_over_and_no_grant_of_it_is_one_too_many(
    site: tuple[str, str], tmp_path: Path
) -> None:
    url, mark = site
    owning, _, _, anchoring = (re.sub(r"\b(vault_\w+)", rf"\1_{mark}", block) for block in SQL)
    role, owners = f"vault_anchors_{mark}", urls_of(url, f"_owner_{mark}")
    audit_url = owners["audit"].replace(f"vault_audit_owner_{mark}", role)
    own = AnchorSettings(Mode.DEMO, audit_url, (a_directory(tmp_path / "wall"),))
    granted = [
        (verb, table)
        for verbs, tables in re.findall(r"GRANT ([A-Z, ]+) ON (audit\.[a-z_., ]+) TO", anchoring)
        for verb in verbs.split(", ")
        for table in tables.split(", ")
    ]

    def is_handed_over() -> bool:
        try:
            with open_for_anchors(own, clock=Clock()) as opened:
                return anchor.hand_over(opened) == ()
        except StoreUnavailable:
            return False

    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(owning)
        found(owners, tmp_path)
        owner.execute(anchoring)
        with a_house(owners, tmp_path, Clock()) as house:
            notary = StandIn(house)
            notary.grow()
            assert is_handed_over()
            for later, (verb, table) in enumerate(granted, 1):
                # Something newer, after something was wrong, takes all that there is to do.
                owner.execute(
                    f"INSERT INTO audit.finding VALUES ('wall', {millis(FOUNDED) + later}, 'lost', 1, '')"
                )
                notary.grow()
                owner.execute(f"REVOKE {verb} ON {table} FROM {role}")
                assert not is_handed_over(), (verb, table)
                owner.execute(f"GRANT {verb} ON {table} TO {role}")
            assert is_handed_over()
        for statement in ("UPDATE audit.anchored SET size = 0", "DELETE FROM audit.finding"):
            with (
                pytest.raises(StoreUnavailable),
                open_for_anchors(own, clock=Clock()) as opened,
                opened.store.write() as conn,
            ):
                conn.execute(text(statement))

    assert len(granted) == 8


def urls_of(url: str, suffix: str) -> dict[StoreName, str]:
    base = make_url(url)
    return {
        name: base.set(username=f"vault_{name}{suffix}")
        .update_query_dict({"options": f"-csearch_path={name}"})
        .render_as_string(hide_password=False)
        for name in STORE_NAMES
    }
