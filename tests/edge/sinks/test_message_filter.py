"""Filters: which messages a sink receives, by the options of its URI."""

import json
import logging

import pytest

from edge.errors import WrongUseError
from edge.service.daemon import Daemon
from edge.service.settings import RunSettings
from edge.sinks import SinkUri, open_sink, open_sink_group, prepare_sink
from edge.sinks.message_filter import MessageFilter
from edge.types import Aggregate, SourceEvent
from tests.conftest import PORTRAIT
from tests.edge.made_events import made_event
from tests.edge.waiting import wait_until

AGGREGATE = Aggregate("clip", 60.0, 4, {"happy": 1.0}, "m@1")
MESSAGES = {
    "happy started": made_event(),
    "happy ended": made_event(state="ended"),
    "sad changed": made_event(state="changed", emotion="sad"),
    "uncertain frame": made_event(state="frame", emotion="uncertain"),
    "online": SourceEvent("clip", "online"),
    "offline": SourceEvent("clip", "offline", "gone"),
    "aggregate": AGGREGATE,
}


@pytest.mark.parametrize(
    ("options", "accepted"),
    [
        ("emotion=happy", ["happy started", "happy ended"]),
        ("emotion=happy,sad&state=started,changed", ["happy started", "sad changed"]),
        ("emotion=uncertain", ["uncertain frame"]),
        ("emotion=happy%2Csad&state=changed", ["sad changed"]),
        ("min_score=0.88", ["happy started", "happy ended", "sad changed", "uncertain frame"]),
        ("min_score=0.89", []),
        ("state=ended,offline", ["happy ended", "offline"]),
        ("state=online,offline", ["online", "offline"]),
        ("emotion=happy&state=started,offline", ["happy started", "offline"]),
        ("cooldown=0s", ["happy started", "happy ended", "sad changed", "uncertain frame", "aggregate"]),
        ("cooldown=1h", ["happy started", "sad changed", "uncertain frame", "aggregate"]),
    ],
)
def test_what_a_filter_accepts(options, accepted):
    chosen = MessageFilter.from_uri(SinkUri.parse(f"console:?{options}"))
    assert [name for name, message in MESSAGES.items() if chosen.accepts(message)] == accepted


def test_no_filter_without_an_option():
    assert MessageFilter.from_uri(SinkUri.parse("console:?queue=5")) is None
    assert prepare_sink("console:?queue=5").filter is None


def test_the_cooldown_of_one_expression_does_not_suppress_another():
    now_s = 100.0
    chosen = MessageFilter(states=("started", "offline", "online"), cooldown_s=30, clock=lambda: now_s)
    assert chosen.accepts(made_event())
    assert chosen.accepts(made_event(emotion="sad"))
    assert chosen.accepts(SourceEvent("clip", "offline"))
    assert chosen.accepts(SourceEvent("clip", "online"))
    now_s = 129.9
    assert not chosen.accepts(made_event())
    assert not chosen.accepts(SourceEvent("clip", "offline"))
    now_s = 130.0
    assert chosen.accepts(made_event())
    # What another option rejects does not begin a cooldown, and what is suppressed does not extend it.
    now_s = 159.9
    assert not chosen.accepts(made_event(state="changed"))
    assert not chosen.accepts(made_event())
    now_s = 160.0
    assert chosen.accepts(made_event())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("min_score=1.5", "a number from 0 to 1"),
        ("min_score=nan", "a number from 0 to 1"),
        ("min_score=-0.5", "a number from 0 to 1"),
        ("min_score=0.7.1", "a number from 0 to 1"),
        ("cooldown=soon", "a duration of at least 0 seconds and at most 7 days, written as 90, 90s"),
        ("cooldown=8d", "at most 7 days"),
        ("state=changd", "some of started, .*; did you mean changed"),
        ("state=offline&emotion=happy", "a state of a face .* because emotion selects faces"),
        ("emotion=happy,", "names with commas"),
        ("emotio=happy", "did you mean 'emotion'"),
    ],
)
def test_wrong_options(options, expected):
    with pytest.raises(WrongUseError, match=expected) as caught:
        prepare_sink(f"jsonl:events?{options}")
    assert "\n" not in str(caught.value)


def test_an_expression_that_the_model_does_not_have_is_wrong_use(invoke, tmp_path):
    done = invoke("run", "--source", PORTRAIT, "--detector", "haar", "--sink", f"jsonl:{tmp_path}/a?emotion=hapy")
    assert done.code == 2
    assert "the expression 'hapy', which the model does not have" in done.err
    assert done.err.strip().endswith("uncertain; did you mean happy?")
    assert len(done.err.splitlines()) == 1
    assert not (tmp_path / "a").exists()


def test_what_is_filtered_out_is_not_counted(tmp_path):
    path = tmp_path / "events"
    with open_sink_group([f"jsonl:{path}?emotion=sad"]) as group:
        group.put(SourceEvent("clip", "online"))
        for number, emotion in enumerate(("happy", "sad", "happy", "sad")):
            group.put(made_event(number, emotion=emotion))
        (counts,) = (worker.counts for worker in group)
        assert (counts.received, counts.dropped) == (2, 0)
    assert [json.loads(line)["frame"] for line in path.read_text().splitlines()] == [1, 3]


def test_a_reload_exchanges_the_filter(weights, tmp_path, caplog):
    path = tmp_path / "events"
    uri = f"jsonl:{path}"

    def settings(options):
        return RunSettings(source=str(PORTRAIT.parent), sink=(f"{uri}{options}",), emit="frame", prior=("none",))

    with Daemon(settings("?state=online")) as daemon, caplog.at_level(logging.INFO):
        daemon.change(settings("?emotion=hapy"))
        assert "the new configuration is rejected, the old one stays: sink jsonl:" in caplog.text
        daemon.change(settings("?state=frame"))
        for _ in daemon.steps():
            pass
    states = [json.loads(line)["state"] for line in path.read_text().splitlines()]
    assert set(states) == {"frame"}


def test_a_filter_that_changes_keeps_the_counts(tmp_path):
    path = tmp_path / "events"
    with open_sink_group([f"jsonl:{path}?emotion=sad"]) as group:
        group.put(made_event(0))
        group.put(made_event(1, emotion="sad"))
        group.exchange([prepare_sink(f"jsonl:{path}?emotion=happy")])
        group.put(made_event(2))
        group.put(made_event(3, emotion="sad"))
        (worker,) = group
        wait_until(lambda: worker.counts.delivered == 2, "both are written")
        assert worker.counts.received == 2
    assert [json.loads(line)["frame"] for line in path.read_text().splitlines()] == [1, 2]


def test_open_sink_rejects_a_filter(tmp_path):
    with pytest.raises(WrongUseError, match="expected open_sink_group"):
        open_sink(f"jsonl:{tmp_path}/a?emotion=happy")
