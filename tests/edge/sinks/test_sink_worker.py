"""The worker and the queue of a sink: nothing waits for a sink, and every lost message is counted."""

import logging
import random
import sys
import threading
import time

import pytest

from edge.errors import SinkError, WrongUseError
from edge.sinks import SinkGroup, SinkWorker, open_sink_group, prepare_sink
from edge.testing import RecordingSink
from tests.edge.made_events import made_event, made_report
from tests.edge.waiting import wait_until


class FaultySink(RecordingSink):
    """Calls `fault` before each message, and waits until `open` is set."""

    def __init__(self):
        super().__init__()
        self.fault = lambda: None
        self.open = threading.Event()
        self.open.set()
        self.closed = False
        self.reports = []

    def write(self, message):
        self.open.wait()
        self.fault()
        super().write(message)

    def write_frame(self, report):
        self.reports.append(report)

    def close(self):
        self.closed = True


class WindowedSink(FaultySink):
    """Acknowledges later, a random number of messages at a time."""

    window = 7

    def __init__(self, seed):
        super().__init__()
        self.random = random.Random(seed)
        self.sent = []
        self.largest = 0

    def write_window(self, messages):
        self.open.wait()
        self.fault()
        self.largest = max(self.largest, len(messages))
        for message in messages[len(self.sent) :]:
            self.sent.append(message)
        arrived = self.random.randint(0, len(self.sent))
        for message in self.sent[:arrived]:
            RecordingSink.write(self, message)
        del self.sent[:arrived]
        return arrived


@pytest.fixture
def quick_backoff(monkeypatch):
    """Makes the pauses between attempts to write short."""
    monkeypatch.setattr("edge.system.backoff.FIRST_S", 0.01)


def close(worker, timeout_s=5.0):
    return worker.close(time.monotonic() + timeout_s)


def frames(sink):
    return [event.frame for event in sink.events]


def test_messages_arrive_in_order_and_the_sink_is_closed():
    sink = FaultySink()
    worker = SinkWorker(sink, "faulty")
    for number in range(500):
        worker.put(made_event(number))
    assert close(worker) == 0
    assert frames(sink) == list(range(500))
    assert sink.closed
    counts = worker.counts
    assert (counts.received, counts.delivered, counts.dropped, counts.queued) == (500, 500, 0, 0)


def test_put_does_not_wait_for_a_sink_that_hangs_and_the_oldest_are_dropped():
    sink = FaultySink()
    sink.open.clear()
    worker = SinkWorker(sink, "hangs", capacity=10)
    for number in range(1000):
        worker.put(made_event(number))
    counts = worker.counts
    assert (counts.received, counts.delivered, counts.queued, counts.dropped) == (1000, 0, 10, 990)
    sink.open.set()
    assert close(worker) == 0
    # One may have been in flight before the others came; of the rest, the newest are there.
    assert frames(sink)[-9:] == list(range(991, 1000))
    assert len(frames(sink)) == 10


def test_a_message_that_fails_is_tried_again_before_the_next(quick_backoff):
    sink = FaultySink()
    left = [SinkError("no"), OSError("no"), ValueError("no")]

    def fault():
        if left:
            raise left.pop()

    sink.fault = fault
    worker = SinkWorker(sink, "fails")
    for number in range(3):
        worker.put(made_event(number))
    wait_until(lambda: worker.counts.delivered == 3, "all delivered")
    assert frames(sink) == [0, 1, 2]
    assert worker.counts.failures == 3
    close(worker)


def test_a_message_that_triggers_a_bug_is_given_up_after_three_attempts(quick_backoff):
    sink = FaultySink()
    keep = sink.write

    def write(message):
        if message.frame == 1:
            raise KeyError("emotion")
        keep(message)

    sink.write = write
    worker = SinkWorker(sink, "buggy")
    for number in range(3):
        worker.put(made_event(number))
    wait_until(lambda: worker.counts.queued == 0, "the others pass")
    counts = worker.counts
    assert frames(sink) == [0, 2]
    assert (counts.delivered, counts.dropped, counts.failures) == (2, 1, 3)
    close(worker)


@pytest.mark.parametrize("seed", range(4))
def test_received_equals_delivered_dropped_and_queued_at_all_times(seed):
    chance = random.Random(seed)
    sink = WindowedSink(seed) if seed % 2 else FaultySink()

    def fault():
        dice = chance.random()
        if dice < 0.01:
            raise SinkError("at random")
        if dice < 0.02:
            raise RuntimeError("a bug")
        if dice < 0.1:
            time.sleep(0.005)

    sink.fault = fault
    worker = SinkWorker(sink, "random", capacity=20)
    for number in range(3000):
        worker.put(made_event(number))
        counts = worker.counts
        assert counts.received == number + 1 == counts.delivered + counts.dropped + counts.queued
        assert counts.queued <= 20
        if number % 50 == 0:
            time.sleep(0.002)
    lost = close(worker, timeout_s=20)
    counts = worker.counts
    assert (counts.received, counts.queued) == (3000, 0)
    assert counts.delivered == len(sink.events)
    assert counts.dropped == 3000 - counts.delivered
    assert lost <= counts.dropped
    assert counts.delivered > 0
    # Each once, in order.
    assert frames(sink) == sorted(set(frames(sink)))
    if seed % 2:
        assert 1 < sink.largest <= 7


def test_closing_ends_in_time_and_logs_how_many_messages_are_lost(caplog):
    hanging, failing, well = FaultySink(), FaultySink(), FaultySink()
    hanging.open.clear()

    def fault():
        raise SinkError("the disk is full")

    failing.fault = fault
    group = SinkGroup([SinkWorker(hanging, "hanging"), SinkWorker(failing, "failing"), SinkWorker(well, "well")])
    for number in range(5):
        group.put(made_event(number))
    begin_s = time.monotonic()
    assert group.close(1.0) == 10
    # In parallel: all sinks have the same deadline.
    (deadline_s,) = {worker._deadline_s for worker in group}
    assert begin_s + 1 <= deadline_s <= time.monotonic() + 1
    assert group.undelivered == group.close() == 10
    assert [o.counts.dropped for o in group] == [5, 5, 0]
    assert (failing.closed, well.closed) == (True, True)
    messages = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    assert messages == [
        "sink hanging: 5 messages could not be delivered: it was too slow",
        "sink failing: 5 messages could not be delivered: the disk is full",
    ]
    hanging.open.set()
    wait_until(lambda: hanging.closed, "its thread ends")
    # A message that comes too late is counted, too.
    group.put(made_event())
    assert [o.counts.dropped for o in group] == [6, 6, 1]


def test_failures_are_logged_at_most_once_a_minute(caplog, quick_backoff):
    sink = FaultySink()
    broken = True

    def fault():
        if broken:
            raise SinkError("the disk is full\nsecond line")

    sink.fault = fault
    caplog.set_level(logging.INFO)
    worker = SinkWorker(sink, "jsonl:x")
    worker.put(made_event())
    wait_until(lambda: worker.counts.failures >= 3, "three attempts")
    broken = False
    wait_until(lambda: worker.counts.delivered == 1, "delivered")
    close(worker)
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 2, messages
    assert messages[0].startswith(
        "sink jsonl:x: the disk is full (failed attempts: 1, messages waiting: 1, dropped: 0)"
    )
    assert "\n" not in messages[0]
    assert messages[1] == "sink jsonl:x: works again"


def test_put_waits_for_a_slow_sink_but_not_for_one_that_fails():
    sink = FaultySink()
    sink.fault = lambda: time.sleep(0.001)
    worker = SinkWorker(sink, "slow", capacity=3, block_when_full=True)
    for number in range(100):
        worker.put(made_event(number))
    close(worker)
    assert frames(sink) == list(range(100))

    def fault():
        raise SinkError("no")

    sink = FaultySink()
    sink.fault = fault
    worker = SinkWorker(sink, "fails", capacity=3, block_when_full=True)
    for number in range(100):
        worker.put(made_event(number))
    assert close(worker, 0.5) == 3
    assert worker.counts.dropped == 100


def test_frame_reports_reach_the_sinks_that_want_them_and_are_not_counted():
    sink, unsubscribed = FaultySink(), RecordingSink()
    group = SinkGroup([SinkWorker(sink, "a"), SinkWorker(unsubscribed, "b")])
    for number in range(10):
        group.put_frame(made_report(number))
    wait_until(lambda: len(sink.reports) == 10, "ten reports")
    assert all(worker.counts.received == 0 for worker in group)
    # While the sink hangs, only the newest reports are kept.
    sink.open.clear()
    group.put(made_event())
    wait_until(lambda: unsubscribed.events, "the event is in hand")
    for number in range(1000):
        group.put_frame(made_report(number))
    sink.open.set()
    group.close()
    assert len(sink.reports) <= 210


def test_the_reader_of_standard_output_goes_away(quick_backoff):
    def fault():
        raise BrokenPipeError

    sink = FaultySink()
    sink.is_standard_output = True
    sink.fault = fault
    group = SinkGroup([SinkWorker(sink, "console")])
    assert not group.reader_gone
    group.put(made_event())
    wait_until(lambda: group.reader_gone, "noticed")
    group.put(made_event())
    group.close()
    (worker,) = group
    assert (worker.counts.dropped, worker.counts.queued) == (2, 0)


def test_threads_end_when_the_group_is_closed(tmp_path):
    before = threading.active_count()
    for _ in range(20):
        with open_sink_group([prepare_sink(f"jsonl:{tmp_path}/a"), prepare_sink(f"csv:{tmp_path}/b")]) as group:
            group.put(made_event())
    assert threading.active_count() == before
    assert len((tmp_path / "a").read_text().splitlines()) == 20


def test_a_sink_that_cannot_be_opened_closes_the_others(tmp_path):
    before = threading.active_count()
    with pytest.raises(SinkError, match="No such file"):
        open_sink_group([prepare_sink(f"jsonl:{tmp_path}/a"), prepare_sink(f"jsonl:{tmp_path}/no/b")])
    with pytest.raises(WrongUseError, match="given twice"):
        open_sink_group([prepare_sink(f"jsonl:{tmp_path}/a"), prepare_sink(f"jsonl:{tmp_path}/a?queue=5")])
    assert threading.active_count() == before


def test_dropped_messages_use_no_memory(tmp_path):
    """The queue holds a thousand events, however many were put into it."""
    sink = FaultySink()
    sink.open.clear()
    worker = SinkWorker(sink, "hangs")
    for number in range(20_000):
        worker.put(made_event(number))
    assert len(worker._queue) == 1000
    assert sys.getsizeof(worker._queue._waiting) < 100_000
    sink.open.set()
    close(worker)
