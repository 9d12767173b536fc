"""vaultctl import: a file goes in over HTTP, every row is reported, and no value is said anywhere."""

import csv
import json
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from click.testing import CliRunner, Result
from typing_extensions import override
from werkzeug.serving import make_server

from tests.house import ADA, House
from vault.app import create_app
from vault.cli.importing import command
from vault.cli.main import _Telling, cli
from vault.cli.posting import Address, Posting
from vault.errors import Invalid, Misconfigured, Unavailable
from vault.services.bulk.chunks import Record

pytestmark = pytest.mark.slow

MAPPING = """
ignore = ["序号"]
[columns]
"姓名" = "name"
"手机" = "mobile"
"证件" = "id_number"
"生日" = { field = "birthday", as = "date", formats = ["%Y/%m/%d"] }
[[consents]]
purpose = "P11"
notice = "NOTICE"
column = "营销"
given = ["是"]
refused = ["否"]
"""
HEADER = "序号,姓名,手机,证件,生日,营销"


@dataclass
class Desk:
    """Somebody at a shell beside a serving house."""

    house: House
    address: str
    folder: Path
    # What happens while the house answers.
    meanwhile: Callable[[], object] = lambda: None

    def write(self, name: str, content: str | bytes, *, mode: int = 0o600) -> Path:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(mode)
        return path

    def bring(self, file: Path, *words: str, code: int = 0) -> Result:
        notice = str(self.house.consent("P11")["notice"])
        mapping = self.write("mapping.toml", MAPPING.replace("NOTICE", notice))
        token = self.write("token", self.house.app("intake").token + "\n")
        given = ["--mapping", mapping, "--as", token, "--address", self.address, *words]
        done = CliRunner().invoke(command, [str(file), *map(str, given)])
        assert done.exit_code == code, (done.output, done.exception)
        return done

    def subjects(self) -> int:
        ((number,),) = self.house.rows_of("data", "SELECT count(*) FROM subject")
        assert isinstance(number, int)
        return number


@pytest.fixture
def desk(sqlite_house: House, tmp_path: Path) -> Iterator[Desk]:
    app = create_app(sqlite_house.parts, sqlite_house.settings)
    own: list[Desk] = []

    def answer(environ: Any, start: Any) -> Any:
        own[0].meanwhile()
        return app(environ, start)

    server = make_server("127.0.0.1", 0, answer, threaded=True)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    own.append(Desk(sqlite_house, f"http://127.0.0.1:{server.server_port}", tmp_path))
    yield own[0]
    server.shutdown()
    serving.join()
    server.server_close()
    sqlite_house.check()


def sheet(*lines: str) -> str:
    return "\n".join([HEADER, *lines])


GOOD = "1,王小明,13900139000,110105194912310038,1949/12/31,是"


def test_a_file_that_is_written_to_meanwhile_is_told_of_and_what_went_in_stays(desk: Desk) -> None:
    file = desk.write("old.csv", sheet(GOOD))

    def grow() -> None:
        with file.open("a") as more:
            more.write("\n2,李四,13900139001,,,否")

    desk.meanwhile = grow
    done = desk.bring(file, code=1)

    assert isinstance(done.exception, Invalid)
    assert done.exception.code == "file_changed"
    assert "1 admitted" in done.stdout
    assert desk.subjects() == 1


def test_each_row_goes_in_by_itself_and_is_reported(desk: Desk) -> None:
    taken = desk.house.admit()
    file = desk.write(
        "old.csv",
        sheet(
            GOOD,
            "2,李四,139001,,,否",
            f"3,赵五,13900139001,{ADA['id_number']},,",
            "4,孙六,13900139000,,1990/13/01,",
            "5,周七",
            "6,吴八,13800138000,,,",
        ),
    )
    report = desk.folder / "report.csv"

    done = desk.bring(file, "--report", str(report), code=1)

    with report.open(newline="") as opened:
        told = [tuple(row.values()) for row in csv.DictReader(opened)]
    assert [(row, line, outcome, field, code) for row, line, outcome, _, field, code in told] == [
        ("1", "2", "admitted", "", ""),
        ("2", "3", "refused", "mobile", "number"),
        ("3", "4", "refused", "id_number", "duplicate"),
        ("4", "5", "refused", "birthday", "date"),
        ("5", "6", "refused", "", "cells"),
        ("6", "7", "admitted", "mobile", "possible_duplicate"),
    ]
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    assert "2 admitted" in done.stdout
    assert "4 refused" in done.stdout
    assert desk.subjects() == 3
    own = told[0][3]
    desk.house.state(own, "contract")
    shown = desk.house.disclose("marketing", desk.house.known_to("marketing", own), "name")
    assert str(shown.fields["name"]).startswith("tok_")
    assert taken not in report.read_text()


def test_neither_output_nor_report_holds_a_value(desk: Desk) -> None:
    values = ["王小明", "13900139000", "110105194912310038", "李四的名字", "1391"]
    file = desk.write("old.csv", sheet(GOOD, "2,李四的名字,1391,x,x,x", "王小明,13900139000"))
    report = desk.folder / "report.ndjson"

    done = desk.bring(file, "--report", str(report), code=1)

    written = done.output + report.read_text()
    assert [value for value in values if value in written] == []
    assert len(report.read_text().splitlines()) == 3
    assert json.loads(report.read_text().splitlines()[0])["outcome"] == "admitted"


def test_the_same_file_again_brings_nothing_in_again(desk: Desk) -> None:
    file = desk.write("old.csv", sheet(GOOD, "2,李四,,,,"))
    desk.bring(file)

    again = desk.bring(file, "--json")

    rows = json.loads(again.stdout)["rows"]
    assert rows == {"admitted": 0, "replayed": 2, "checked": 0, "refused": 0}
    assert desk.subjects() == 2


def test_a_dry_run_says_the_same_and_leaves_nothing_but_its_entries(desk: Desk) -> None:
    file = desk.write("old.csv", sheet(GOOD, "2,李四,139001,,,", GOOD.replace("1,王", "3,王")))

    tried = json.loads(desk.bring(file, "--dry-run", "--json", code=1).stdout)
    assert desk.subjects() == 0
    done = json.loads(desk.bring(file, "--json", code=1).stdout)

    assert tried["rows"] == {"admitted": 0, "replayed": 0, "checked": 1, "refused": 2}
    assert done["rows"] == {"admitted": 1, "replayed": 0, "checked": 0, "refused": 2}
    assert sorted(map(str, tried["findings"])) == sorted(map(str, done["findings"]))
    assert "subject.looked_up" in {entry["kind"] for entry in desk.house.entries()}


def test_a_gb18030_file_is_told_and_then_read(desk: Desk) -> None:
    file = desk.write("old.csv", sheet(GOOD).encode("gb18030"))

    refused = desk.bring(file, code=1)
    desk.bring(file, "--encoding", "auto")

    assert isinstance(refused.exception, Misconfigured)
    assert "--encoding gb18030" in str(refused.exception)
    assert desk.subjects() == 1


def test_a_workbook_goes_in_as_its_sheets_are_named_and_each_by_itself(desk: Desk) -> None:
    book = openpyxl.Workbook()
    first = book.active
    assert first is not None
    other = book.create_sheet("第二页")
    for sheet in (first, other):
        sheet.append(HEADER.split(","))
    first.append([1, "王小明", 13900139000, "110105194912310038", date(1949, 12, 31), "是"])
    first.append([2, "李四", "=1/0", None, None, "否"])
    first.append([3, "赵五", None, 110105194912310038, None, None])
    first.append([4, "孙六", 139001, None, None, None])
    other.append([1, "周七", None, None, "1990/5/2", None])
    file = desk.folder / "old.xlsx"
    book.save(file)
    report = desk.folder / "report.csv"

    done = desk.bring(file, "--report", str(report), "--json", code=1)
    desk.bring(file, "--sheet", "第二页")
    again = desk.bring(file, "--json", code=1)

    assert [line.split(",")[:3] for line in report.read_text().splitlines()[1:]] == [
        ["1", "2", "admitted"],
        ["2", "3", "refused"],
        ["3", "4", "refused"],
        ["4", "5", "refused"],
    ]
    told = json.loads(done.stdout)["findings"]
    assert {(one["code"], one["field"]) for one in told} == {
        ("formula", None),
        ("unsafe_number", None),
        ("number", "mobile"),
    }
    assert json.loads(again.stdout)["rows"]["replayed"] == 1
    assert desk.subjects() == 2


def test_a_sheet_is_asked_of_a_workbook_alone(desk: Desk) -> None:
    refused = desk.bring(desk.write("old.csv", sheet(GOOD)), "--sheet", "第二页", code=1)

    assert "--sheet is for a workbook" in str(refused.exception)
    assert desk.subjects() == 0


def test_ndjson_without_a_mapping_is_records_as_the_api_has_them(desk: Desk) -> None:
    records: list[Any] = [
        {"kind": "person", "fields": {"name": "王小明"}, "consents": [desk.house.consent("P11")]},
        {"kind": "robot", "fields": {"name": "x"}},
        {"kind": "person", "fields": {"name": "x"}, "colour": "red"},
    ]
    file = desk.write("town.ndjson", "\n".join(json.dumps(record) for record in records))
    token = desk.write("token", desk.house.app("intake").token)

    done = CliRunner().invoke(command, [str(file), "--as", str(token), "--address", desk.address, "--json"])

    told = json.loads(done.stdout)
    assert told["rows"] == {"admitted": 1, "replayed": 0, "checked": 0, "refused": 2}
    assert {(one["code"], one["field"]) for one in told["findings"]} == {
        ("unknown_code", "kind"),
        ("unknown_key", None),
    }


@pytest.mark.parametrize(
    ("app", "words", "kind", "code"),
    [
        ("statistics", (), "Refused", "role"),
        ("intake", ("--purpose", "P11"), "Refused", "purpose"),
        (None, (), "Unauthenticated", "unauthenticated"),
    ],
)
def test_who_may_not_import_is_told_so_and_nothing_goes_in(
    desk: Desk, app: str | None, words: tuple[str, ...], kind: str, code: str
) -> None:
    file = desk.write("town.ndjson", json.dumps({"kind": "person", "fields": {"name": "王小明"}}))
    token = desk.write("token", desk.house.app(app).token if app else "vault_nonsense")
    if app == "statistics":
        words = ("--purpose", "P15")

    done = CliRunner().invoke(command, [str(file), "--as", str(token), "--address", desk.address, *words])

    assert type(done.exception).__name__ == kind
    assert str(done.exception) == code
    assert desk.subjects() == 0


def test_a_token_file_that_others_may_read_is_refused(desk: Desk) -> None:
    file = desk.write("town.ndjson", "")
    token = desk.write("token", "vault_secret", mode=0o644)

    done = CliRunner().invoke(command, [str(file), "--token-file", str(token)])

    assert "chmod 600" in str(done.exception)
    assert "vault_secret" not in str(done.exception)


@pytest.mark.parametrize(
    "text",
    [
        "https://vault.example.com",
        "https://vault.example.com/in/",
        "http://localhost:8200",
        "http://[::1]:82",
    ],
)
def test_an_address_is_on_this_machine_or_behind_tls(text: str) -> None:
    assert Address.read(text).is_secure == text.startswith("https")


@pytest.mark.parametrize(
    "text",
    [
        "http://vault.example.com",
        "http://10.0.0.1:8200",
        "ftp://127.0.0.1",
        "127.0.0.1:8200",
        "https://user:password@vault.example.com",
        "https://vault.example.com:port",
    ],
)
def test_personal_data_crosses_no_network_in_clear(text: str) -> None:
    with pytest.raises(Misconfigured):
        Address.read(text)


@dataclass
class Moody:
    """A server that answers as it was told, one answer a request."""

    address: str
    bodies: list[Any]


@pytest.fixture
def moody(request: pytest.FixtureRequest) -> Iterator[Moody]:
    answers: list[tuple[int, bytes]] = list(request.param)
    bodies: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            status, answer = answers.pop(0)
            if status == 0:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        @override
        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Moody(f"http://127.0.0.1:{server.server_port}", bodies)
    server.shutdown()
    server.server_close()


OK = (200, b'{"items": [{"id": "cus_1", "etag": "1", "warnings": []}]}')
IN_FLIGHT = (200, b'{"items": [{"id": null, "error": {"code": "key_in_flight"}}]}')
LATE = (200, b'{"items": [{"id": null, "error": {"code": "ledger_unavailable", "status": 503}}]}')
DOWN = (503, b'{"code": "ledger_unavailable"}')
BODY = Record({}, b'{"idempotency_key":"k"}')


@pytest.mark.parametrize(
    "moody", [[OK], [DOWN, OK], [(0, b""), OK], [(503, b"<html>"), IN_FLIGHT, OK], [LATE, OK]], indirect=True
)
def test_a_batch_is_sent_again_with_the_same_keys_until_the_house_answers(moody: Moody) -> None:
    posting = Posting(Address.read(moody.address), "t", "P01", dry_run=False, waits_seconds=(0, 0, 0))

    (outcome,) = posting([BODY])

    assert (outcome.state, outcome.id) == ("admitted", "cus_1")
    assert moody.bodies == [{"records": [{"idempotency_key": "k"}]}] * len(moody.bodies)


@pytest.mark.parametrize("moody", [[DOWN] * 3, [DOWN, LATE, LATE]], indirect=True)
def test_a_house_that_stays_down_ends_it_with_the_houses_own_code(moody: Moody) -> None:
    posting = Posting(Address.read(moody.address), "t", "P01", dry_run=False, waits_seconds=(0, 0))

    with pytest.raises(Unavailable, match="ledger_unavailable"):
        posting([BODY])


@pytest.mark.parametrize("moody", [[OK, DOWN, LATE, DOWN, OK]], indirect=True)
def test_a_house_that_has_answered_before_is_waited_for_longer(moody: Moody) -> None:
    posting = Posting(
        Address.read(moody.address), "t", "P01", dry_run=False, waits_seconds=(0,), longer_seconds=(0, 0)
    )
    posting([BODY])

    (outcome,) = posting([BODY])

    assert outcome.state == "admitted"


@pytest.mark.parametrize("moody", [[DOWN] * 2], indirect=True)
def test_a_house_that_never_answered_is_not_waited_for_longer(moody: Moody) -> None:
    posting = Posting(
        Address.read(moody.address), "t", "P01", dry_run=False, waits_seconds=(0,), longer_seconds=(0, 0)
    )

    with pytest.raises(Unavailable, match="ledger_unavailable"):
        posting([BODY])


def test_whoever_ends_it_waits_for_no_house() -> None:
    posting = Posting(Address.read("http://127.0.0.1:1"), "t", "P01", dry_run=False, waits_seconds=(3600,))
    posting.end()

    with pytest.raises(Unavailable, match="no_answer"):
        posting([BODY])


def test_a_posting_never_shows_its_token() -> None:
    posting = Posting(Address.read("http://127.0.0.1:1"), "vault_secret", "P01", dry_run=False)

    assert "vault_secret" not in repr(posting)


def test_import_is_a_command_of_vaultctl() -> None:
    assert isinstance(cli, _Telling)
    assert cli.commands["import"] is command
