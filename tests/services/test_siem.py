"""SIEM: each exporter follows the ledger; a dead SIEM blocks nothing and loses nothing."""

import json
import os
import socket
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.collectors import Posted, a_syslog_collector, an_http_collector, certificate
from tests.house import House
from tests.notary import Notary
from vault.domain.kinds import Kind
from vault.domain.note import Checkpoint
from vault.errors import Invalid, Misconfigured, NotFound, Refused, Unavailable
from vault.services import alerting
from vault.services.counting import Count, count
from vault.services.forgetting import forget_others
from vault.services.siem.forwarding import check, forward
from vault.services.siem.overseeing import findings, lags, rewind, standings
from vault.setting_alerts import Alerting, Server
from vault.setting_exporters import Exporter, FileSink, HttpSink, SyslogSink
from vault.storage import checkpoints, derived


def a_file(folder: Path, *, max_mib: int = 100) -> Exporter:
    folder.mkdir(exist_ok=True)
    return Exporter("file", "ocsf", FileSink(folder, max_mib))


def a_post(posted: Posted, **more: Any) -> Exporter:
    return Exporter("post", "ocsf", HttpSink(posted.url, more.pop("body", "ndjson"), **more))


def written(folder: Path) -> list[dict[str, Any]]:
    """The events in a folder, file by file in the order of their names."""
    return [json.loads(line) for file in files(folder) for line in file.read_bytes().splitlines()]


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("ledger-*.jsonl"))


def indexes(events: Iterable[Mapping[str, Any]]) -> list[int]:
    return [event["metadata"]["sequence"] for event in events]


def told(house: House, kind: Kind) -> list[dict[str, Any]]:
    return [entry for entry in house.entries() if entry["kind"] == kind]


def lag(house: House, exporter: Exporter) -> int:
    (one,) = standings(house.parts, [exporter])
    return one.lag


def catch_up(house: House, exporter: Exporter) -> None:
    while forward(house.parts, exporter):
        pass


def anchors_of(house: House) -> Count:
    return count(house.parts.stores.audit, (), at=house.clock())


# ---- to each kind of sink ----


def test_every_entry_is_a_line_of_a_file_that_only_its_group_may_read(house: House, tmp_path: Path) -> None:
    exporter = a_file(tmp_path / "events")
    house.admit()

    catch_up(house, exporter)

    events = written(tmp_path / "events")
    assert indexes(events) == list(range(len(house.entries())))
    assert [event["metadata"]["event_code"] for event in events] == [one["kind"] for one in house.entries()]
    assert [file.stat().st_mode & 0o777 for file in files(tmp_path / "events")] == [0o640]
    assert lag(house, exporter) == 0


def test_every_entry_is_a_message_of_syslog_with_its_index_and_leaf(house: House, tmp_path: Path) -> None:
    pem = certificate(tmp_path)
    house.admit()

    with a_syslog_collector(pem) as received:
        catch_up(house, Exporter("log", "ecs", SyslogSink("tls", "127.0.0.1", received.port, pem)))

    texts = [message.decode() for message in received.messages]
    documents = [json.loads(text.partition("\ufeff")[2]) for text in texts]
    assert [document["event"]["sequence"] for document in documents] == list(range(len(house.entries())))
    for text, document in zip(texts, documents, strict=True):
        event = document["event"]
        assert f' [vault@32473 idx="{event["sequence"]}" leaf="{event["hash"]}"] ' in text
        assert f" {event['action']} [" in text


def test_every_entry_is_posted_over_tls_to_whom_we_trust_with_the_token(house: House, tmp_path: Path) -> None:
    pem = certificate(tmp_path)

    with an_http_collector(pem) as posted:
        url = posted.url.replace("http:", "https:")
        exporter = Exporter("post", "ocsf", HttpSink(url, "ndjson", "s3cret-token", pem))
        catch_up(house, exporter)
        sent = len(house.entries())
        stranger = Exporter("stranger", "ocsf", HttpSink(url, "ndjson"))
        with pytest.raises(Unavailable, match="reason=certificate"):
            forward(house.parts, stranger)

    events = [json.loads(line) for batch in posted.batches for line in batch.splitlines()]
    assert indexes(events) == list(range(sent))
    assert posted.headers[0]["Authorization"] == "Bearer s3cret-token"
    assert [one["Vault-Batch"] for one in posted.headers] == [
        f"post:0-{sent - 2}",
        f"post:{sent - 1}-{sent - 1}",
    ]
    assert "s3cret-token" not in repr(exporter)


def test_a_batch_may_be_one_array(house: House) -> None:
    with an_http_collector() as posted:
        catch_up(house, a_post(posted, body="array"))

    events = [event for batch in posted.batches for event in json.loads(batch)]
    assert indexes(events) == list(range(len(house.entries())))


def test_splunk_is_given_an_envelope_for_each_event(house: House) -> None:
    with an_http_collector() as posted:
        catch_up(house, a_post(posted, body="splunk", token="t"))

    envelopes = [json.loads(line) for batch in posted.batches for line in batch.splitlines()]
    assert indexes(one["event"] for one in envelopes) == list(range(len(house.entries())))
    assert envelopes[0]["time"] == f"{envelopes[0]['event']['time'] / 1000:.3f}"
    assert posted.headers[0]["Authorization"] == "Splunk t"


class Elasticsearch:
    """It creates what it does not have, and answers as it is told to where that is said."""

    def __init__(self, *statuses: int) -> None:
        self.documents: dict[str, dict[str, Any]] = {}
        self.statuses = statuses
        self.conflicts = 0

    def __call__(self, body: bytes) -> bytes:
        statuses = list(self.statuses) or list(
            map(self._create, *[iter(map(json.loads, body.splitlines()))] * 2)
        )
        items = [{"create": {"status": status}} for status in statuses]
        return json.dumps({"errors": bool(self.statuses), "items": items}).encode()

    def _create(self, action: Mapping[str, Any], document: dict[str, Any]) -> int:
        name = action["create"]["_id"]
        is_known = name in self.documents
        self.conflicts += is_known
        self.documents.setdefault(name, document)
        return 409 if is_known else 201


def test_elasticsearch_creates_each_event_under_its_index_once(house: House) -> None:
    with an_http_collector() as posted:
        posted.answer = elasticsearch = Elasticsearch()
        exporter = a_post(posted, body="elastic", token="key")
        catch_up(house, exporter)
        sent = len(house.entries())
        rewind(house.parts, house.operator, [exporter], "post", to=0)
        catch_up(house, exporter)

    found = elasticsearch.documents
    assert [int(name.rpartition("-")[2]) for name in found] == list(range(len(house.entries())))
    assert indexes(found.values()) == list(range(len(house.entries())))
    assert elasticsearch.conflicts == sent
    assert posted.headers[0]["Authorization"] == "ApiKey key"
    assert lag(house, exporter) == 0


@pytest.mark.parametrize("statuses", [(400,), (201,), ()], ids=["refused", "fewer", "none"])
def test_an_event_that_elasticsearch_does_not_take_is_not_passed_over(
    statuses: tuple[int, ...], house: House
) -> None:
    with an_http_collector() as posted:
        posted.answer = Elasticsearch(*statuses) if statuses else lambda _: b"no JSON"
        exporter = a_post(posted, body="elastic")
        with pytest.raises(Unavailable):
            forward(house.parts, exporter)

    assert lag(house, exporter) == len(house.entries())


# ---- a SIEM that is not well ----


@pytest.mark.parametrize("does", [500, 429, 503, 401, 302, "reset", "unanswered"])
def test_what_a_collector_does_not_take_arrives_when_it_is_back(does: int | str, house: House) -> None:
    house.admit()

    with an_http_collector() as posted:
        posted.plan = [does, does]
        exporter = a_post(posted)
        for _ in range(2):
            with pytest.raises(Unavailable):
                forward(house.parts, exporter)
        assert lag(house, exporter) == len(house.entries())
        (held_up,) = standings(house.parts, [exporter])
        (finding,) = findings(house.parts)
        assert finding.startswith("The exporter post is held up since 2026-11-21T08:00:00")
        assert finding.endswith(f"by {held_up.fault}; {len(house.entries())} wait.")
        assert lags(house.parts) == {"post": len(house.entries())}
        assert held_up.fault in {f"status_{does}", "no_answer"}
        catch_up(house, exporter)

    events = [json.loads(line) for line in posted.batches[-1].splitlines()]
    assert indexes(events) == list(range(len(house.entries())))
    (well,) = standings(house.parts, [exporter])
    assert (well.fault, well.lag) == (None, 0)
    assert findings(house.parts) == []


def test_whom_the_settings_do_not_name_any_more_is_forgotten_and_begins_anew(
    house: House, tmp_path: Path
) -> None:
    exporter, told_by = a_file(tmp_path / "events"), Alerting(syslog=Server("udp", "127.0.0.1", 9))
    alerting.deliver_syslog(house.parts, told_by)
    catch_up(house, exporter)
    everybody = {"siem:file", *alerting.followers(told_by)}

    forget_others(house.parts, everybody)
    assert told(house, Kind.EVENTS_FORGOTTEN) == []
    forget_others(house.parts, ())
    forget_others(house.parts, ())
    with house.parts.stores.audit.read() as conn:
        standing = derived.positions(conn)
    seen = lags(house.parts)
    catch_up(house, a_file(tmp_path / "others"))

    assert (seen, everybody & set(standing)) == ({}, set())
    assert [one["object"] for one in told(house, Kind.EVENTS_FORGOTTEN)] == [
        {"type": "receiver", "code": "syslog"},
        {"type": "exporter", "code": "file"},
    ]
    assert indexes(written(tmp_path / "others")) == list(range(len(house.entries())))


def test_an_exporter_that_was_forgotten_sends_into_its_folder_again(house: House, tmp_path: Path) -> None:
    exporter = a_file(tmp_path / "events")
    catch_up(house, exporter)
    before = indexes(written(tmp_path / "events"))

    forget_others(house.parts, ())
    catch_up(house, exporter)

    assert before == list(range(len(before)))
    assert set(indexes(written(tmp_path / "events"))) == set(range(len(house.entries())))


def test_a_scraper_is_told_how_many_entries_wait_for_each_exporter(house: House, tmp_path: Path) -> None:
    catch_up(house, a_file(tmp_path / "events"))
    house.app("intake")

    told_of = house.client().get("/metrics").get_data(as_text=True)

    waiting = lag(house, a_file(tmp_path / "events"))
    assert f'vault_exporter_lag{{exporter="file"}} {waiting}\n' in told_of
    assert waiting > 0


def test_a_collector_that_stalls_is_given_up_in_time(house: House) -> None:
    with an_http_collector() as posted:
        posted.plan = ["stall"]
        with pytest.raises(Unavailable, match="reason=no_answer"):
            forward(house.parts, a_post(posted))
        catch_up(house, a_post(posted))

    assert len(posted.batches) == 1


def test_a_dead_siem_keeps_nobody_waiting_and_loses_nothing(house: House, tmp_path: Path) -> None:
    with a_syslog_collector() as gone:
        port = gone.port
    exporter = Exporter("log", "ocsf", SyslogSink("tcp", "127.0.0.1", port))
    customer = house.admit()
    lags = []
    for _ in range(3):
        with pytest.raises(Unavailable, match="reason=hung_up"):
            forward(house.parts, exporter)
        # The house answers as before.
        house.state(customer, "order", "W-1")
        lags.append(lag(house, exporter))

    with a_syslog_collector() as back:
        catch_up(house, replace(exporter, sink=SyslogSink("tcp", "127.0.0.1", back.port)))

    assert lags == sorted(set(lags))
    assert len(back.messages) == len(house.entries())
    assert len(told(house, Kind.EVENTS_FORWARDED)) == 2


def test_two_processes_at_once_do_no_harm(house: House, tmp_path: Path) -> None:
    exporter = a_file(tmp_path / "events")
    other = house.another()
    for _ in range(5):
        house.admit({"name": "江小白"})
        forward(house.parts, exporter)
        forward(other.parts, exporter)

    assert indexes(written(tmp_path / "events")) == list(range(len(house.entries())))


# ---- files ----


def test_a_file_that_was_removed_is_noticed_and_nothing_passes_it_by(house: House, tmp_path: Path) -> None:
    exporter = a_file(tmp_path / "events")
    catch_up(house, exporter)
    (file,) = files(tmp_path / "events")
    file.rename(tmp_path / "elsewhere")
    house.admit()

    for _ in range(2):
        with pytest.raises(Unavailable, match="reason=file_lost"):
            forward(house.parts, exporter)
    assert files(tmp_path / "events") == []
    # The disk is back.
    (tmp_path / "elsewhere").rename(file)
    catch_up(house, exporter)

    assert indexes(written(tmp_path / "events")) == list(range(len(house.entries())))


def test_a_new_day_passes_no_lost_file_by(house: House, tmp_path: Path) -> None:
    exporter = a_file(tmp_path / "events")
    catch_up(house, exporter)
    files(tmp_path / "events")[0].unlink()
    house.clock.advance(timedelta(days=1))
    house.app("intake")

    with pytest.raises(Unavailable, match="reason=file_lost"):
        forward(house.parts, exporter)


def test_a_file_that_was_cut_is_noticed(house: House, tmp_path: Path) -> None:
    exporter = a_file(tmp_path / "events")
    catch_up(house, exporter)
    (file,) = files(tmp_path / "events")
    os.truncate(file, 100)
    house.app("intake")

    with pytest.raises(Unavailable, match="reason=file_cut"):
        forward(house.parts, exporter)


def test_an_operator_gives_a_lost_file_up_and_says_from_where_to_go_on(house: House, tmp_path: Path) -> None:
    exporter = a_file(tmp_path / "events")
    catch_up(house, exporter)
    before = len(house.entries())
    files(tmp_path / "events")[0].unlink()

    was = rewind(house.parts, house.operator, [exporter], "file", to=1)
    catch_up(house, exporter)

    assert was == before
    assert indexes(written(tmp_path / "events")) == list(range(1, len(house.entries())))
    (entry,) = told(house, Kind.EVENTS_REWOUND)
    assert (entry["n"], entry["object"]["code"]) == (before - 1, "file")


def test_half_a_line_that_a_killed_process_left_is_taken_away(house: House, tmp_path: Path) -> None:
    exporter = a_file(tmp_path / "events")
    catch_up(house, exporter)
    (file,) = files(tmp_path / "events")
    with file.open("ab") as end:
        # It had written more than it could say of.
        end.write(file.read_bytes().splitlines(keepends=True)[-1] + b'{"half": ')
    house.app("intake")

    catch_up(house, exporter)

    found = indexes(written(tmp_path / "events"))
    assert found[: len(set(found))] != found
    assert sorted(set(found)) == list(range(len(house.entries())))


def test_a_full_file_is_followed_by_another_and_so_is_one_of_yesterday(house: House, tmp_path: Path) -> None:
    exporter = a_file(tmp_path / "events", max_mib=1)
    filler = " " * (1024 * 1024)
    catch_up(house, exporter)
    (first,) = files(tmp_path / "events")
    first.write_text(first.read_text() + f'{{"metadata": {{"sequence": 0}}}}{filler}\n')
    house.by_hand("audit", "UPDATE exporter SET place = :place", place=f"{first.name}:{first.stat().st_size}")
    second_from = len(house.entries())
    house.app("intake")
    catch_up(house, exporter)
    third_from = len(house.entries())
    house.clock.advance(timedelta(days=1))
    house.app("servicedesk")
    catch_up(house, exporter)

    assert [file.name for file in files(tmp_path / "events")] == [
        "ledger-20261121-000000000000.jsonl",
        f"ledger-20261121-{second_from:012}.jsonl",
        f"ledger-20261122-{third_from:012}.jsonl",
    ]


def test_a_folder_that_is_not_there_is_told_as_the_system_calls_it(house: House, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="reason=enoent"):
        forward(house.parts, Exporter("file", "ocsf", FileSink(tmp_path / "nowhere", 1)))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a device that is always full")
def test_a_full_disk_is_waited_for(house: House, tmp_path: Path) -> None:
    exporter = a_file(tmp_path / "events")
    catch_up(house, exporter)
    house.app("intake")
    full, spare = tmp_path / "events" / "ledger-20261121-000000000099.jsonl", files(tmp_path / "events")[0]
    os.mknod(full, 0o020640, Path("/dev/full").stat().st_rdev)
    house.by_hand("audit", "UPDATE exporter SET place = :place", place=f"{full.name}:0")

    with pytest.raises(Unavailable, match="reason=enospc"):
        forward(house.parts, exporter)
    full.unlink()
    catch_up(house, exporter)

    assert files(tmp_path / "events") == [spare, full]
    assert indexes(written(tmp_path / "events")) == list(range(len(house.entries())))


# ---- what the ledger is told of it ----


def test_the_ledger_is_told_once_a_day_and_not_of_each_batch(house: House, tmp_path: Path) -> None:
    exporter = a_file(tmp_path / "events")
    for _ in range(5):
        house.admit({"name": "江小白"})
        forward(house.parts, exporter)
        forward(house.parts, exporter)
    on_the_first_day = told(house, Kind.EVENTS_FORWARDED)
    size = len(house.entries())
    house.clock.advance(timedelta(days=1))
    for _ in range(5):
        forward(house.parts, exporter)

    assert [one["reason_code"] for one in on_the_first_day] == ["configured"]
    # Nothing has happened since: there is nothing to send, and so nothing to tell.
    assert len(house.entries()) == size
    house.app("marketing")
    for _ in range(3):
        forward(house.parts, exporter)
    (_, daily) = told(house, Kind.EVENTS_FORWARDED)
    assert (daily["reason_code"], daily["n"]) == ("daily", size)


def test_other_settings_are_told_and_begin_a_file_of_their_own(house: House, tmp_path: Path) -> None:
    catch_up(house, a_file(tmp_path / "one"))
    house.app("intake")
    catch_up(house, a_file(tmp_path / "two"))

    assert [one["reason_code"] for one in told(house, Kind.EVENTS_FORWARDED)] == ["configured"] * 2
    found = indexes(written(tmp_path / "one")) + indexes(written(tmp_path / "two"))
    assert found == list(range(len(house.entries())))


def test_only_an_operator_has_events_sent_again_and_only_those_that_were(
    house: House, tmp_path: Path
) -> None:
    exporter = a_file(tmp_path / "events")
    catch_up(house, exporter)

    with pytest.raises(Refused):
        rewind(house.parts, house.call("intake").actor, [exporter], "file", to=0)
    with pytest.raises(NotFound):
        rewind(house.parts, house.operator, [exporter], "another", to=0)
    with pytest.raises(Invalid):
        # What lies between would never be sent.
        rewind(house.parts, house.operator, [exporter], "file", to=10_000)
    assert told(house, Kind.EVENTS_REWOUND) == []


# ---- what goes, and what it says ----


def test_an_exporter_of_some_kinds_tells_those_alone(house: House, tmp_path: Path) -> None:
    exporter = replace(a_file(tmp_path / "events"), kinds=frozenset({"grant.given", "app.*"}))
    check([exporter])
    house.admit()

    catch_up(house, exporter)

    codes = [event["metadata"]["event_code"] for event in written(tmp_path / "events")]
    assert codes == [
        one["kind"] for one in house.entries() if one["kind"].startswith(("grant.given", "app."))
    ]
    assert codes
    assert lag(house, exporter) == 0


def test_a_kind_that_no_entry_has_is_a_fault_of_the_settings(tmp_path: Path) -> None:
    exporter = replace(a_file(tmp_path / "e"), kinds=frozenset({"grant.gven", "gant.*", "app.*"}))

    with pytest.raises(Misconfigured) as caught:
        check([exporter])

    assert [fault.split()[4] for fault in caught.value.faults] == ["gant.*;", "grant.gven;"] or len(
        caught.value.faults
    ) == 2


def test_an_entry_that_cannot_be_read_goes_out_as_that_and_holds_nothing_up(
    unchecked_house: House, tmp_path: Path
) -> None:
    house = unchecked_house
    house.app("intake")
    house.drop_triggers("audit", "entry")
    house.by_hand("audit", "UPDATE entry SET body = :body WHERE idx = 1", body=b"{}")
    exporter = replace(a_file(tmp_path / "events"), kinds=frozenset({"app.created"}))

    catch_up(house, exporter)

    first = written(tmp_path / "events")[0]
    assert (first["metadata"]["sequence"], first["message"]) == (1, "entry.unreadable failed")


def test_every_event_carries_the_newest_signed_checkpoint(unchecked_house: House, tmp_path: Path) -> None:
    house = unchecked_house
    signed = Checkpoint("vault.example.com/ledger", 2, b"\x07" * 32)
    house.by_hand(
        "audit",
        "INSERT INTO checkpoint (size, root, at_ms, note) VALUES (2, :root, 0, :note)",
        root=signed.root,
        note=f"{signed.text()}\n— vault.example.com/ledger AAAA\n".encode(),
    )

    catch_up(house, a_file(tmp_path / "events"))

    for event in written(tmp_path / "events"):
        told_of = event["unmapped"]["customer_vault"]["ledger"]
        assert (told_of["origin"], told_of["checkpoint"]["size"]) == (signed.origin, 2)
        assert told_of["checkpoint"]["root"] == signed.text().splitlines()[2]


def test_a_siem_that_was_sent_every_entry_is_an_anchor_and_one_of_some_kinds_is_none(house: House) -> None:
    with an_http_collector() as posted:
        whole = a_post(posted)
        house.attended()

        catch_up(house, replace(whole, name="some", kinds=frozenset({"house.*"})))
        catch_up(house, whole)

    counted = anchors_of(house)
    with house.parts.stores.audit.read() as conn:
        signed = checkpoints.newest(conn)
    assert signed is not None
    assert [(one.name, one.size, one.faring) for one in counted.held] == [("post", signed.size, "well")]
    assert counted.sentence.startswith(f"anchors: 1, newest at size {signed.size};")

    Notary(house).grow()
    house.clock.advance(timedelta(minutes=61))
    late = anchors_of(house)
    assert ([one.faring for one in late.held], late.alarms) == (["overdue"], {})

    house.by_hand("audit", "UPDATE anchored SET size = size - 1")
    assert anchors_of(house).alarms == {"post": "unverified"}
    assert anchors_of(house).newest is None

    forget_others(house.parts, ())
    assert anchors_of(house).held == ()


def test_a_file_that_lies_here_and_a_datagram_that_nobody_acknowledges_are_no_anchors(
    house: House, tmp_path: Path
) -> None:
    house.attended()

    with socket.socket(type=socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]

        catch_up(house, a_file(tmp_path / "events"))
        catch_up(house, Exporter("datagrams", "ocsf", SyslogSink("udp", "127.0.0.1", port)))

    assert anchors_of(house).held == ()


def test_no_event_holds_a_value_of_a_customer(house: House, tmp_path: Path) -> None:
    customer = house.admit()
    own = house.known_to("servicedesk", customer)
    house.state(customer, "case", "C-7")
    house.disclose("servicedesk", own, "name", "mobile", reason="call", ticket="C-7")

    catch_up(house, a_file(tmp_path / "events"))

    stored = b"".join(file.read_bytes() for file in files(tmp_path / "events"))
    assert b"profile.disclosed" in stored
    for value in house.secret_values:
        assert json.dumps(value)[1:-1].encode() not in stored
        assert value.encode() not in stored
