"""What a reload exchanges of the sinks: what has not changed stays open, and nothing that waits is lost."""

import json
import logging
import threading
import time
from contextlib import closing

import pytest

from edge.errors import SinkError, WrongUseError
from edge.sinks import SinkGroup, open_sink_group, prepare_sink
from edge.sinks.prepared_sink import PreparedSink
from edge.testing import RecordingSink
from tests.edge.made_events import made_event
from tests.edge.mosquitto import Listener, Mosquitto, free_port
from tests.edge.waiting import wait_until

TOPIC = "mien/test"


@pytest.fixture
def broker(tmp_path):
    """A broker that delivers again what a listener with a persistent session has missed."""
    lines = ["allow_anonymous true", "persistence true", f"persistence_location {tmp_path}/", "max_queued_messages 0"]
    broker = Mosquitto(tmp_path, lines)
    yield broker
    broker.stop()


def put(group, frames):
    for frame in frames:
        group.put(made_event(frame))


def frames(listener):
    return [json.loads(payload)["frame"] for payload in listener.payloads(f"{TOPIC}/events")]


def lines(path):
    return path.read_text().splitlines()


@pytest.mark.real_part
@pytest.mark.parametrize("fails_first", [False, True])
def test_messages_for_an_absent_broker_are_delivered_by_the_next_sink(broker, tmp_path, fails_first):
    pytest.importorskip("paho.mqtt.client")
    uri = f"mqtt://127.0.0.1:{broker.port}/{TOPIC}"
    listener = Listener(broker.port, "-c", "-i", "listener")
    with open_sink_group([uri]) as group, closing(listener):
        wait_until(lambda: put(group, [-1]) or listener.payloads(f"{TOPIC}/events"), "the listener receives")
        broker.stop()
        before = group.counts[uri].received
        put(group, range(60))
        begin_s = time.monotonic()
        changed = prepare_sink(f"{uri}?queue=500")
        if fails_first:
            # As with a configuration that is rejected.
            with pytest.raises(SinkError):
                group.exchange([changed, prepare_sink(f"jsonl:{tmp_path}/no/file")])
            assert list(group) == []
            changed = prepare_sink(uri)
        group.exchange([changed])
        # It does not wait for the broker.
        assert time.monotonic() - begin_s < 4
        put(group, range(60, 100))
        broker.start()
        wait_until(lambda: not group.counts[uri].queued, "all are delivered")
        wait_until(lambda: frames(listener)[-1] == 99, "all arrive")
    # Once each, and in order.
    assert [frame for frame in frames(listener) if frame >= 0] == list(range(100))
    (counts,) = group.counts.values()
    assert (counts.received, counts.delivered, counts.dropped) == (before + 100, before + 100, 0)
    assert counts.failures
    assert group.undelivered == 0


def test_a_sink_that_has_not_changed_stays_open(tmp_path):
    token, port = tmp_path / "token", free_port()
    token.write_text("the-first-token-of-two")
    uris = [f"jsonl:{tmp_path}/a", "jsonl:/dev/full", f"metrics:{port}?token_file={token}"]
    with open_sink_group(uris) as group:
        put(group, range(5))
        before = list(group)
        group.exchange([prepare_sink(uri) for uri in uris])
        assert list(group) == before
        token.write_text("the-second-token-of-two")
        group.exchange([prepare_sink(uri) for uri in uris], block_when_full=True)
        after = list(group)
        assert after[:2] == before[:2]
        assert after[2] is not before[2]
        assert [worker.block_when_full for worker in after] == [True] * 3
        # One that cannot be opened costs no other anything.
        with pytest.raises(SinkError):
            group.exchange([prepare_sink(uri) for uri in (*uris, f"jsonl:{tmp_path}/no/file")])
        with pytest.raises(WrongUseError, match="twice"):
            group.exchange([prepare_sink(uri) for uri in (*uris, uris[0])])
        assert list(group) == after
        put(group, range(5, 10))
        wait_until(lambda: after[0].counts.delivered == after[2].counts.delivered == 10, "both have all")
        assert group.close(0.6) == 10
    assert len(lines(tmp_path / "a")) == 10


def test_a_sink_that_is_removed_writes_what_waits_and_stays_in_the_counts(tmp_path, caplog):
    first, second = f"jsonl:{tmp_path}/a", f"jsonl:{tmp_path}/b"
    with open_sink_group([first, "jsonl:/dev/full"]) as group:
        put(group, range(50))
        with caplog.at_level(logging.ERROR):
            group.exchange([prepare_sink(second)])
        assert "sink jsonl:/dev/full: 50 messages could not be delivered: cannot write" in caplog.text
        assert len(lines(tmp_path / "a")) == 50
        put(group, range(10))
        wait_until(lambda: group.counts[second].delivered == 10, "all are written")
        counts = {name: (c.received, c.delivered, c.dropped, c.queued) for name, c in group.counts.items()}
        assert counts == {
            first: (50, 50, 0, 0),
            "jsonl:/dev/full": (50, 0, 50, 0),
            second: (10, 10, 0, 0),
        }
        # One that comes back continues its counts.
        group.exchange([prepare_sink(first)])
        put(group, [0])
        wait_until(lambda: group.counts[first].delivered == 51, "it is written")
    assert group.undelivered == 50


class HangingSink(RecordingSink):
    """Hangs in the first message until `released` is set."""

    def __init__(self, released):
        super().__init__()
        self.released, self.is_hanging = released, threading.Event()

    def write(self, message):
        self.is_hanging.set()
        self.released.wait()
        super().write(message)


def test_what_a_hanging_sink_was_given_is_written_by_the_next(monkeypatch):
    monkeypatch.setattr("edge.sinks.sink_group.HAND_OVER_S", 0.1)
    monkeypatch.setattr("edge.sinks.sink_group.CLOSE_S", 0.2)
    released, sink = threading.Event(), RecordingSink()
    hanging = HangingSink(released)
    group = SinkGroup()
    group.exchange([PreparedSink("x", lambda: hanging, capacity=20, uri="1")])
    put(group, range(20))
    assert hanging.is_hanging.wait(30)
    # The queue is smaller now, and the newest are kept.
    group.exchange([PreparedSink("x", lambda: sink, capacity=15, uri="2")])
    put(group, range(20, 22))
    wait_until(lambda: not group.counts["x"].queued, "all are written")
    released.set()
    wait_until(lambda: hanging.events, "the hanging sink goes on")
    group.close()
    counts = group.counts["x"]
    assert (counts.received, counts.dropped) == (22, 22 - counts.delivered)
    assert [event.frame for event in sink.events][-15:] == list(range(7, 22))


def test_metrics_show_the_sinks_that_are_open(tmp_path):
    test_prometheus = pytest.importorskip("tests.edge.sinks.test_prometheus")
    port = free_port()
    first, second = f"jsonl:{tmp_path}/a", f"jsonl:{tmp_path}/b"
    with open_sink_group([first, f"metrics:{port}"]) as group:
        put(group, range(3))
        wait_until(lambda: group.counts[first].delivered == 3, "all are written")
        group.exchange([prepare_sink(second), prepare_sink(f"metrics:{port}")])
        put(group, range(2))
        wait_until(lambda: group.counts[second].delivered == 2, "all are written")
        found = test_prometheus.scrape(port)
        name = "mien_sink_messages_received_total"
        # The count of the metrics' own sink goes on.
        assert {key[1]: value for key, value in found.items() if key[0] == name} == {second: 2, f"metrics:{port}": 5}
