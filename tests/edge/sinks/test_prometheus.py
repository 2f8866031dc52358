"""What Prometheus reads: a real scrape, read by Prometheus's own parser."""

import socket
import struct
import threading
import time
import urllib.request
from http import HTTPStatus
from pathlib import Path
from urllib.error import HTTPError

import pytest

from edge import __version__
from edge.errors import SinkError, WrongUseError
from edge.sinks import open_sink, open_sink_group, prepare_sink
from edge.sinks.prometheus.board_collector import BoardCollector
from edge.sinks.prometheus.exporter import TOKEN_VARIABLE
from edge.system.login_attempts import MAX_FAILURES
from edge.types import SourceEvent
from tests.edge.idle_clients import idle_clients
from tests.edge.made_events import made_event, made_report
from tests.edge.mosquitto import free_port
from tests.edge.waiting import wait_until

parser = pytest.importorskip("prometheus_client.parser", reason="no prometheus-client: pip install 'mien[metrics]'")

TOKEN = "0123456789abcdef"


def scrape(port, token=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=30) as answer:
        text = answer.read().decode()
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in parser.text_string_to_metric_families(text)
        for sample in family.samples
    }


def sinks_of(group):
    return [worker.sink for worker in group]


def test_a_scrape_contains_all_metrics(tmp_path):
    lines = f"jsonl:{tmp_path}/e"
    with open_sink_group([prepare_sink("metrics:0"), prepare_sink(lines), prepare_sink("jsonl:/dev/full")]) as group:
        port = sinks_of(group)[0].port
        group.put(SourceEvent("clip", "online"))
        for number in range(3):
            group.put(made_event(number, "changed"))
        for number in range(10):
            group.put_frame(made_report(number, faces=2, dropped=1))
        full = list(group)[2]
        wait_until(lambda: full.counts.failures, "the full disk is met")
        wait_until(lambda: scrape(port).get(("mien_frames_total", "clip")) == 10, "ten frames")
        wait_until(lambda: scrape(port).get(("mien_events_total", "changed", "clip", "happy")) == 3, "three events")
        found = scrape(port)
        assert found["mien_frames_dropped_total", "clip"] == 10
        assert found["mien_faces_total", "clip"] == 20
        assert found["mien_faces_in_view", "clip"] == 2
        assert [found["mien_source_state", *sorted(("clip", s))] for s in ("online", "stalled", "offline")] == [1, 0, 0]
        # 2 ms: not within 1, within 2.5.
        assert found["mien_stage_duration_seconds_bucket", "0.001", "clip", "detect"] == 0
        assert found["mien_stage_duration_seconds_bucket", "0.0025", "clip", "detect"] == 10
        assert found["mien_stage_duration_seconds_sum", "clip", "total"] == pytest.approx(0.036)
        assert found["mien_sink_messages_received_total", lines] == 4
        assert found["mien_sink_messages_delivered_total", lines] == 4
        assert found["mien_sink_messages_dropped_total", lines] == 0
        assert found["mien_sink_failures_total", "jsonl:/dev/full"] >= 1
        assert found["mien_sink_queue_length", "jsonl:/dev/full"] == 4
        assert found[("process_resident_memory_bytes",)] > 1e6
        assert [key for key in found if key[0] == "mien_build_info"]
        # Standard output of a bare interpreter, its garbage collector and so on are not among them.
        assert not [key for key in found if key[0].endswith("_created")]
        assert {key[0].split("_")[0] for key in found} == {"mien", "process"}
        group.close(0.6)


def test_the_model_is_exported_before_the_first_frame_and_when_it_changes():
    with open_sink_group([prepare_sink("metrics:0")]) as group:
        port = sinks_of(group)[0].port
        for identity, labels in (("mien-small-int8@2", ("2", "mien-small-int8")), ("a@b@3", ("3", "a@b"))):
            group.set_model(identity, ())
            # Only the current one.
            assert [key for key in scrape(port) if key[0] == "mien_model_info"] == [("mien_model_info", *labels)]
        assert [key[1:] for key in scrape(port) if key[0] == "mien_build_info"] == [(__version__,)]


def test_temperature_and_throttling_are_exported_if_the_board_reports_them(tmp_path):
    temperature, throttled = tmp_path / "temp", tmp_path / "throttled"
    collector = BoardCollector(temperature, throttled)
    assert list(collector.collect()) == []
    temperature.write_text("61234\n")
    throttled.write_text("50005\n")
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in collector.collect()
        for sample in family.samples
    }
    assert samples[("mien_temperature_celsius",)] == pytest.approx(61.234)
    assert [key[1] for key, value in samples.items() if key[0] == "mien_throttled" and value] == [
        "under_voltage",
        "throttled",
    ]
    assert [key[1] for key, value in samples.items() if key[0] == "mien_throttled_since_boot" and value] == [
        "under_voltage",
        "throttled",
    ]
    throttled.write_text("what\n")
    assert len(list(collector.collect())) == 1


def test_it_listens_on_loopback_by_default_and_stops_listening_when_closed():
    port = free_port()
    with open_sink_group([prepare_sink(f"metrics:{port}")]):
        assert scrape(port)
        with pytest.raises(SinkError, match=f"cannot listen at 127.0.0.1:{port} for metrics: Address already in use"):
            open_sink_group([prepare_sink(f"metrics:127.0.0.1:{port}")])
        listening = [line.split()[1] for line in open_sockets() if line.split()[1].endswith(f":{port:04X}")]
        assert listening
        assert all(address.startswith("0100007F:") for address in listening)
    with pytest.raises(OSError, match="refused"):
        scrape(port)
    # The port can be used again at once, as after a reload.
    with open_sink_group([prepare_sink(f"metrics:localhost:{port}")]):
        assert scrape(port)


def open_sockets():
    return Path("/proc/net/tcp").read_text().splitlines()[1:]


def test_a_token_is_needed_beyond_loopback(tmp_path, monkeypatch):
    for host in ("0.0.0.0", "192.0.2.1", "[::]", "example.org"):
        with pytest.raises(WrongUseError, match="can be reached from other machines"):
            prepare_sink(f"metrics:{host}:9108")
    file = tmp_path / "token"
    file.write_text("short\n")
    with pytest.raises(WrongUseError, match="expected 16 to 4096 letters"):
        prepare_sink(f"metrics:0.0.0.0:9108?token_file={file}")
    with pytest.raises(SinkError, match="cannot read"):
        prepare_sink("metrics:0.0.0.0:9108?token_file=/no/file")
    file.write_text(f"{TOKEN}\n")
    with open_sink_group([prepare_sink(f"metrics:0.0.0.0:0?token_file={file}")]) as group:
        port = sinks_of(group)[0].port
        for wrong in (None, "x", TOKEN + "x", TOKEN[:-1]):
            with pytest.raises(HTTPError) as caught:
                scrape(port, wrong)
            assert caught.value.code == HTTPStatus.UNAUTHORIZED
            caught.value.close()
        assert scrape(port, TOKEN)
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
    prepare_sink("metrics:0.0.0.0:9108")


def test_clients_that_reset_the_connection(capfd):
    with open_sink_group([prepare_sink("metrics:0")]) as group:
        port = sinks_of(group)[0].port
        for _ in range(5):
            client = socket.create_connection(("127.0.0.1", port), 10)
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            # A reset instead of an orderly close.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
        assert scrape(port)
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("spec", ["metrics:", "metrics:x", "metrics:127.0.0.1:", "metrics:127.0.0.1:99999", "metrics"])
def test_wrong_addresses(spec):
    with pytest.raises(WrongUseError, match=r"names no port|no sink"):
        prepare_sink(spec)


def test_addresses_of_other_machines(monkeypatch):
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
    for host in ("192.0.2.1", "no.such.host.invalid"):
        with pytest.raises(SinkError, match="cannot listen at"):
            open_sink(f"metrics:{host}:9108")
    with pytest.raises(WrongUseError, match="did you mean 'token_file'"):
        prepare_sink("metrics:9108?tokenfile=x")


@pytest.mark.parametrize("count", [64, 2000])
def test_clients_that_send_nothing_keep_nobody_out(count, caplog):
    before = len(list(Path("/proc/self/fd").iterdir()))
    with open_sink_group([prepare_sink("metrics:0")]) as group:
        port = sinks_of(group)[0].port
        with idle_clients(port, count):
            begin_s = time.monotonic()
            for _ in range(3):
                assert scrape(port)
            # The goal is 2 s; the machine may be busy.
            assert time.monotonic() - begin_s < 15
            assert threading.active_count() < 40
            assert len(list(Path("/proc/self/fd").iterdir())) < before + 40
    assert len(caplog.records) < 20


def test_wrong_tokens_are_limited(monkeypatch):
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
    with open_sink_group([prepare_sink("metrics:0")]) as group:
        port = sinks_of(group)[0].port
        for _ in range(MAX_FAILURES):
            with pytest.raises(HTTPError) as caught:
                scrape(port, "a-wrong-token-of-16")
            assert caught.value.code == HTTPStatus.UNAUTHORIZED
            caught.value.close()
        with pytest.raises(HTTPError) as caught:
            scrape(port, TOKEN)
        assert caught.value.code == HTTPStatus.TOO_MANY_REQUESTS
        assert 0 < int(caught.value.headers["Retry-After"]) <= 60
        caught.value.close()
