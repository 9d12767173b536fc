"""On the command line an operator holds a certificate against the live stores."""

import json
from contextlib import nullcontext
from pathlib import Path

from click.testing import CliRunner, Result

from tests.house import House
from tests.services.test_erase import forget
from vault.cli.erasing import erase as command
from vault.cli.main import cli
from vault.errors import InvalidValue
from vault.services import erase


def run(house: House, *words: str) -> Result:
    """Run a command of vaultctl as a process of its own does: with parts of its own."""
    return CliRunner().invoke(command, words, obj=lambda: nullcontext(house.another().parts))


def test_a_certificate_is_held_against_the_stores(sqlite_house: House, tmp_path: Path) -> None:
    house = sqlite_house
    customer = house.admit()
    subject = house.subject_of(customer)
    done = forget(house, customer)
    file = tmp_path / "certificate.json"
    file.write_text(json.dumps(erase.certificate(house.parts, house.call("officer"), done.id)))

    good = run(house, "verify", str(file))
    house.by_hand(
        "data",
        "INSERT INTO watched (tenant, subject, at_ms) VALUES (:tenant, :subject, 0)",
        tenant=house.parts.tenant,
        subject=subject,
    )
    bad = run(house, "verify", str(file))

    assert good.exit_code == 0
    assert json.loads(good.stdout) == {"ok": True, "in_ledger": True, "proved": False, "found": {}}
    assert bad.exit_code == 1
    assert json.loads(bad.stdout)["found"] == {"data.watched.subject": 1}


def test_what_is_no_certificate_is_refused(sqlite_house: House, tmp_path: Path) -> None:
    for text in ("", "[]", "{}", '{"certificate": "x.y.z"}', "\x00"):
        file = tmp_path / "certificate.json"
        file.write_text(text)

        assert isinstance(run(sqlite_house, "verify", str(file)).exception, InvalidValue)


def test_an_id_that_is_none_is_absent_before_anybody_is_asked() -> None:
    for words in (("plan", "cus_x"), ("certificate", "sub_x")):
        done = CliRunner().invoke(cli, ["erase", *words])

        assert done.exit_code != 0
        assert "vaultctl" in done.stderr
