"""SIEM: a receiver that nobody here wrote has every event, by TLS, and with its structured data apart."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import create_connection, create_server

import pytest

from tests.collectors import certificate
from tests.house import House
from vault.errors import Unavailable
from vault.services.siem.forwarding import forward
from vault.setting_exporters import Exporter, SyslogSink

RSYSLOG = shutil.which("rsyslogd") or shutil.which("rsyslogd", path="/usr/sbin:/sbin")
pytestmark = pytest.mark.skipif(
    RSYSLOG is None, reason="rsyslogd is not here; scripts/system-packages.txt names its packages"
)

CONFIGURATION = """
global(workDirectory="{folder}" maxMessageSize="16k" defaultNetstreamDriver="gtls"
       defaultNetstreamDriverCAFile="{pem}" defaultNetstreamDriverCertFile="{pem}"
       defaultNetstreamDriverKeyFile="{pem}")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="anon")
input(type="imtcp" port="{port}" address="127.0.0.1")
template(name="apart" type="string" string="%syslogfacility%\\t%msgid%\\t%structured-data%\\t%msg%\\n")
action(type="omfile" file="{folder}/received" template="apart")
"""


@contextmanager
def rsyslog(folder: Path, pem: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the receiver until the end of the block; its file stays."""
    conf = folder / "rsyslog.conf"
    conf.write_text(CONFIGURATION.format(folder=folder, pem=pem, port=port), encoding="utf-8")
    assert RSYSLOG is not None
    command = [RSYSLOG, "-n", "-f", str(conf), "-i", str(folder / "pid")]
    (folder / "pid").unlink(missing_ok=True)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            eventually(lambda: is_listening(port))
            yield process
        finally:
            process.terminate()


def is_listening(port: int) -> bool:
    try:
        create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def eventually(is_so: object, *, within_seconds: float = 30) -> None:
    """Wait until it is so."""
    assert callable(is_so)
    ends = time.monotonic() + within_seconds
    while not is_so():
        assert time.monotonic() < ends
        time.sleep(0.05)


def received(folder: Path) -> list[list[str]]:
    file = folder / "received"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [line.split("\t") for line in lines]


@pytest.mark.slow
def test_rsyslog_has_every_entry_though_it_was_away_for_a_while(sqlite_house: House, tmp_path: Path) -> None:
    house = sqlite_house
    pem = certificate(tmp_path)
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    exporter = Exporter("log", "ocsf", SyslogSink("tls", "127.0.0.1", port, pem))
    house.admit()
    with rsyslog(tmp_path, pem, port):
        while forward(house.parts, exporter):
            pass
        first = len(house.entries())
        eventually(lambda: len(received(tmp_path)) >= first)

    house.app("servicedesk")
    with pytest.raises(Unavailable):
        forward(house.parts, exporter)
    with rsyslog(tmp_path, pem, port):
        while forward(house.parts, exporter):
            pass
        size = len(house.entries())
        eventually(lambda: len(received(tmp_path)) >= size)

    rows = received(tmp_path)
    events = [json.loads(text.lstrip("\ufeff")) for _, _, _, text in rows]
    assert [event["metadata"]["sequence"] for event in events] == list(range(size))
    for (facility, about, data, _), event in zip(rows, events, strict=True):
        ledger = event["unmapped"]["customer_vault"]["ledger"]
        assert (facility, about) == ("13", event["metadata"]["event_code"])
        assert data == f'[vault@32473 idx="{ledger["index"]}" leaf="{ledger["leaf"]}"]'
