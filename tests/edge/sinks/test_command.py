"""The sink that starts a program, with real programs."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge.errors import MessageRejectedError, SinkError, WrongUseError
from edge.sinks import open_sink, open_sink_group, prepare_sink
from edge.types import Aggregate, SourceEvent
from tests.edge.made_events import made_event
from tests.edge.waiting import wait_until

AGGREGATE = Aggregate("clip", 60.0, 4, {"happy": 1.0}, "m@1")


@pytest.fixture
def script(tmp_path):
    """Write an executable shell script; it runs in any folder."""

    def write(body, name="script"):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\ncd {tmp_path}\n{body}\n")
        path.chmod(0o755)
        return path

    return write


def is_running(pid):
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_message_on_standard_input_and_in_the_environment(script, tmp_path, monkeypatch):
    monkeypatch.setenv("MIEN_MQTT_PASSWORD", "hunter2")
    monkeypatch.setenv("MIEN_TRACK_ID", "of mien's own environment")
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/systemd/notify")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials")
    path = script('cat > "$1.json"; env > "$1.env"; echo "$# words: $1 $2" > words; echo noise')
    messages = {"event": made_event(), "source": SourceEvent("clip", "offline", "gone"), "aggregate": AGGREGATE}
    for name, message in messages.items():
        with open_sink(f"exec:{path} {name} 'two  words; $(touch shell)'") as sink:
            sink.write(message)
        assert json.loads((tmp_path / f"{name}.json").read_text()) == message.as_dict()
        assert (tmp_path / f"{name}.json").read_text().endswith("}\n")
    assert (tmp_path / "words").read_text() == "2 words: aggregate two  words; $(touch shell)\n"
    assert not (tmp_path / "shell").exists()
    found = {
        name: dict(line.split("=", 1) for line in (tmp_path / f"{name}.env").read_text().splitlines() if "=" in line)
        for name in messages
    }
    assert found["event"]["PATH"] == os.environ["PATH"]
    own = {name: {k: v for k, v in pairs.items() if k.startswith("MIEN_")} for name, pairs in found.items()}
    assert own["event"] == {
        "MIEN_SOURCE": "clip",
        "MIEN_EMOTION": "happy",
        "MIEN_STATE": "started",
        "MIEN_SCORE": "0.880",
        "MIEN_TRACK_ID": "1",
    }
    assert own["source"] == {"MIEN_SOURCE": "clip", "MIEN_STATE": "offline"}
    assert own["aggregate"] == {"MIEN_SOURCE": "clip"}
    assert not {"NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY"} & found["event"].keys()


def test_a_program_that_reads_nothing_and_closes_its_error_output(script):
    with open_sink(f"exec:{script('exec 2>&- 0<&-; sleep 0.1')}") as sink:
        sink.write(made_event())


def test_a_program_that_fails_is_not_repeated(script, tmp_path, caplog):
    path = script(r'echo run >> runs; printf "\n the lamp \033[2J is broken\nsecond\n" >&2; exit 3')
    uri = f"exec:{path}"
    with caplog.at_level(logging.WARNING), open_sink_group([uri]) as group:
        for number in range(3):
            group.put(made_event(number))
        wait_until(lambda: not group.counts[uri].queued, "all have run")
        counts = group.counts[uri]
    assert (counts.received, counts.delivered, counts.dropped, counts.failures) == (3, 0, 3, 3)
    assert (tmp_path / "runs").read_text() == "run\n" * 3
    (record,) = caplog.records
    assert rf"{path} failed with exit status 3: the lamp \x1b[2J is broken (the message is dropped" in record.message


def test_a_program_that_dies_from_a_signal(script):
    expected = r"failed with signal 11 \(SIGSEGV\)"
    with open_sink(f"exec:{script('kill -SEGV $$')}") as sink, pytest.raises(MessageRejectedError, match=expected):
        sink.write(made_event())


def test_endless_output_is_bounded(script):
    path = script("echo first >&2; head -c 30000000 /dev/zero >&2; head -c 30000000 /dev/zero; exit 1")
    with open_sink(f"exec:{path}") as sink, pytest.raises(MessageRejectedError, match="exit status 1: first") as caught:
        sink.write(made_event())
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("ignores", [False, True])
def test_a_program_that_takes_too_long_is_killed_with_its_children(script, tmp_path, ignores):
    # The child ignores SIGTERM and holds the standard error; its parent may ignore it as well.
    body = f"(trap '' TERM; sh -c 'echo $$ > child; exec sleep 300') & {'trap : TERM;' * ignores} wait; wait"
    with open_sink(f"exec:{script(body)}?timeout=0.5") as sink:
        with pytest.raises(MessageRejectedError, match=r"was ended after 0\.5 s"):
            sink.write(made_event())
        child = int((tmp_path / "child").read_text())
        wait_until(lambda: not is_running(child), "the child has ended")


def test_what_a_program_leaves_running_is_killed(script, tmp_path):
    with open_sink(f"exec:{script('sleep 300 & echo $! > child')}") as sink:
        sink.write(made_event())
        child = int((tmp_path / "child").read_text())
        wait_until(lambda: not is_running(child), "the child has ended")


def test_one_runs_at_a_time(script, tmp_path):
    path = script("mkdir running || exit 1; sleep 0.05; rmdir running; echo $MIEN_TRACK_ID >> order")
    uri = f"exec:{path}"
    with open_sink_group([uri]) as group:
        for number in range(5):
            group.put(made_event(track_id=number))
        wait_until(lambda: group.counts[uri].delivered == 5, "all have run")
    assert (tmp_path / "order").read_text().split() == list("01234")


def test_a_program_that_disappears_is_waited_for(script):
    path = script("exit 0")
    with open_sink(f"exec:{path}") as sink:
        path.unlink()
        with pytest.raises(SinkError, match=f"cannot start {path}: No such file"):
            sink.write(made_event())
        script("exit 0")
        sink.write(made_event())


PROGRAM = """
import sys
from edge.sinks import open_sink_group
from tests.edge.made_events import made_event
group = open_sink_group([sys.argv[1]])
group.put(made_event())
sys.stdin.readline()
group.close(0.1)
"""


@pytest.mark.slow
def test_no_program_survives_a_run(script, tmp_path):
    path = script("echo $$ > pid.new; mv pid.new pid; sleep 300")
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, f"exec:{path}?timeout=5m"], stdin=subprocess.PIPE)
    try:
        wait_until((tmp_path / "pid").exists, "it runs")
        process.communicate(b"\n", 60)
    finally:
        process.kill()
    assert process.returncode == 0
    wait_until(lambda: not is_running(int((tmp_path / "pid").read_text())), "it has ended")


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("exec:", "expected exec:COMMAND"),
        ("exec: ", "expected exec:COMMAND"),
        ("exec:lamp 'on", "cannot be split into words: No closing quotation"),
        ("exec:no-such-program-at-all on", "no program 'no-such-program-at-all'"),
        ("exec:/etc/passwd", "no program '/etc/passwd' .* executable"),
        ("exec:true?timeout=2h", "at most 3600 seconds"),
    ],
)
def test_wrong_commands(target, expected):
    with pytest.raises(WrongUseError, match=expected) as caught:
        prepare_sink(target)
    assert "\n" not in str(caught.value)


def test_a_missing_program_is_wrong_use(invoke):
    done = invoke("run", "--sink", "exec:no-such-program-at-all")
    assert (done.code, len(done.err.splitlines())) == (2, 1)
