"""Exporters: which SIEM is told, and every way of getting that wrong, all of it at once."""

from pathlib import Path

import pytest

from vault.errors import Misconfigured
from vault.setting_exporters import COMMON, KEYS, Exporter, FileSink, HttpSink, SyslogSink
from vault.settings import read


def exporters_of(text: str, folder: Path) -> tuple[Exporter, ...]:
    (folder / "exporters.toml").write_text(text, encoding="utf-8")
    environ = {"VAULT_MODE": "demo", "VAULT_EXPORTERS": "exporters.toml"}
    return read(environ, directory=folder).exporters


def faults_of(text: str, folder: Path) -> list[str]:
    with pytest.raises(Misconfigured) as caught:
        exporters_of(text, folder)
    return list(caught.value.faults)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a token and a certificate."""
    (tmp_path / "token").touch(mode=0o600)
    (tmp_path / "token").write_text("s3cret\n")
    (tmp_path / "own.pem").touch(mode=0o600)
    (tmp_path / "ca.pem").write_text("")
    return tmp_path


def test_a_house_may_have_exporters_of_every_kind(folder: Path) -> None:
    found = exporters_of(
        """
[archive]
format = "ocsf"
address = "file:///var/log/vault-events"
max_mib = 50
[soc]
format = "ecs"
address = "tls://siem.example.com"
ca_file = "ca.pem"
client_file = "own.pem"
[splunk]
format = "ocsf"
address = "https://splunk.example.com:8088/services/collector/event"
body = "splunk"
token_file = "token"
kinds = ["session.*", "grant.given"]
[here]
format = "ecs"
address = "udp://127.0.0.1"
[there]
format = "ecs"
address = "tcp://[2001:db8::1]:1601"
plain = true
""",
        folder,
    )

    url = "https://splunk.example.com:8088/services/collector/event"
    assert found == (
        Exporter("archive", "ocsf", FileSink(Path("/var/log/vault-events"), 50)),
        Exporter(
            "soc",
            "ecs",
            SyslogSink("tls", "siem.example.com", 6514, folder / "ca.pem", folder / "own.pem"),
        ),
        Exporter(
            "splunk", "ocsf", HttpSink(url, "splunk", "s3cret"), frozenset({"session.*", "grant.given"})
        ),
        Exporter("here", "ecs", SyslogSink("udp", "127.0.0.1", 514)),
        Exporter("there", "ecs", SyslogSink("tcp", "2001:db8::1", 1601)),
    )
    assert "s3cret" not in repr(found)


def test_they_may_stand_in_the_settings_file_itself(folder: Path) -> None:
    (folder / "vault.toml").write_text(
        'mode = "demo"\n[exporters.soc]\nformat = "ocsf"\naddress = "tls://siem.example.com:6515"\n'
    )

    settings = read({"VAULT_SETTINGS": "vault.toml"}, directory=folder)

    assert settings.exporters == (Exporter("soc", "ocsf", SyslogSink("tls", "siem.example.com", 6515)),)


def test_an_exporter_of_some_kinds_covers_those_alone() -> None:
    exporter = Exporter("x", "ocsf", FileSink(Path("/x"), 1), frozenset({"session.*", "grant.given"}))

    assert [kind for kind in ("session.ended", "grant.given", "grant.revoked") if exporter.covers(kind)] == [
        "session.ended",
        "grant.given",
    ]


def test_all_faults_are_told_at_once_and_each_names_its_exporter_and_key(folder: Path) -> None:
    (folder / "open").write_text("t")
    (folder / "open").chmod(0o644)
    (folder / "two").touch(mode=0o600)
    (folder / "two").write_text("one\ntwo")

    faults = faults_of(
        """
Big = 1
[a]
format = "cef"
address = "file:relative"
[b]
format = "ocsf"
address = "ftp://siem.example.com"
[c]
format = "ocsf"
address = "tcp://siem.example.com:601"
[d]
format = "ocsf"
address = "http://siem.example.com/"
[e]
format = "ocsf"
address = "https://me:hunter2@siem.example.com/"
[f]
format = "ocsf"
address = "https://siem.example.com/"
token_file = "open"
[g]
format = "ocsf"
address = "https://siem.example.com/"
token_file = "two"
body = "xml"
kinds = ["everything"]
[h]
format = "ocsf"
address = "tls://siem.example.com:99999"
[i]
format = "ocsf"
address = "tls://siem.example.com/path"
ca_file = "nowhere"
token_file = "token"
[j]
format = "ocsf"
address = "file:///x"
max_mib = 0
[k]
format = "ocsf"
[l]
format = "ocsf"
address = "https://siem.example.com/"
client_file = "own.pem"
""",
        folder,
    )

    told = [fault.removeprefix("VAULT_EXPORTERS: ").split()[0] for fault in faults]
    assert told == [
        *("Big", "Big.format", "Big.address"),
        *("a.format", "a.address", "b.address", "c.address", "d.address", "e.address"),
        *("f.token_file", "g.kinds", "g.body", "h.address", "i.token_file", "i.address", "i.ca_file"),
        *("j.max_mib", "k.address", "l.client_file"),
    ]
    assert all(fault.endswith(".") for fault in faults)
    assert "hunter2" not in "".join(faults)


@pytest.mark.parametrize("text", [None, "[a"])
def test_a_file_that_cannot_be_read_is_a_fault(text: str | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "exporters.toml").write_text(text)

    with pytest.raises(Misconfigured) as caught:
        read({"VAULT_MODE": "demo", "VAULT_EXPORTERS": "exporters.toml"}, directory=tmp_path)

    (fault,) = caught.value.faults
    assert fault.startswith("VAULT_EXPORTERS: ")


def test_the_example_of_the_guide_is_one(folder: Path) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "operating.md").read_text(encoding="utf-8")
    example = guide.partition("## Tell a SIEM")[2].partition("```toml\n")[2].partition("```")[0]
    here = example.replace("/etc/vault/siem-ca.pem", "ca.pem").replace("/etc/vault/splunk.token", "token")

    found = exporters_of(here.replace("/etc/vault/elastic.key", "token"), folder)

    assert [one.name for one in found] == ["archive", "soc", "splunk", "elastic"]


def test_every_key_of_an_exporter_is_explained() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "operating.md").read_text(encoding="utf-8")
    section = guide.partition("## Tell a SIEM")[2].partition("\n## ")[0]

    assert [
        key for key in {*COMMON, *frozenset().union(*KEYS.values())} if f"| `{key}` |" not in section
    ] == []
