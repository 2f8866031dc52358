"""Files of events over weeks: rotated, moved away, deleted, on a full disk."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge.errors import SinkError, WrongUseError
from edge.sinks import open_sink, open_sink_group, prepare_sink
from edge.types import SourceEvent
from tests.conftest import ROOT
from tests.edge.made_events import made_event
from tests.edge.waiting import wait_until


def numbers(path):
    return [json.loads(line)["frame"] for line in path.read_text().splitlines()]


def test_files_are_rotated_by_size_and_old_ones_deleted(tmp_path):
    path = tmp_path / "e.jsonl"
    with open_sink(f"jsonl:{path}?rotate=10kB&keep=3") as sink:
        for number in range(200):
            sink.write(made_event(number))
    files = [path, *(tmp_path / f"e.jsonl.{n}" for n in (1, 2, 3))]
    assert sorted(tmp_path.iterdir()) == sorted(files)
    assert all(0 < file.stat().st_size <= 10_000 for file in files)
    # The newest events, without a gap, and only whole lines.
    kept = [number for file in reversed(files) for number in numbers(file)]
    assert kept == list(range(kept[0], 200))
    # With a smaller `keep`, the other files are deleted at the next rotation.
    with open_sink(f"jsonl:{path}?rotate=10kB&keep=1") as sink:
        for number in range(200, 240):
            sink.write(made_event(number))
    assert sorted(tmp_path.iterdir()) == sorted(files[:2])


def test_every_rotated_csv_has_its_header(tmp_path):
    path = tmp_path / "e.csv"
    with open_sink(f"csv:{path}?rotate=10kB&keep=9") as sink:
        for number in range(200):
            sink.write(made_event(number))
    files = list(tmp_path.iterdir())
    assert len(files) > 2
    rows = []
    for file in files:
        with file.open(newline="") as stream:
            rows += [int(row["frame"]) for row in csv.DictReader(stream)]
    assert sorted(rows) == list(range(200))


def test_other_columns_start_a_new_file_with_rotation(tmp_path):
    path = tmp_path / "e.csv"
    path.write_text("a,b\n1,2\n")
    with open_sink(f"csv:{path}?rotate=1MB") as sink:
        sink.write(made_event())
    assert (tmp_path / "e.csv.1").read_text() == "a,b\n1,2\n"
    assert len(path.read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("rotat=10MB", "did you mean 'rotate'"),
        ("size=1", "expected rotate, keep"),
        ("rotate=10", "expected a size"),
        ("rotate=1kB", "at least 10kB"),
        ("rotate=ten", "expected a size"),
        ("keep=3", "expected rotate=SIZE too"),
        ("rotate=1MB&keep=0", "from 1 to 1000"),
        ("rotate=1MB&keep=many", "from 1 to 1000"),
        ("rotate=1MB&rotate=2MB", "each key once"),
        ("rotate=1MB&keep", "key=value"),
        ("queue=0", "from 1 to 100000"),
    ],
)
def test_invalid_options_are_rejected(options, message, tmp_path):
    with pytest.raises(WrongUseError, match=message):
        prepare_sink(f"jsonl:{tmp_path}/e?{options}")
    assert list(tmp_path.iterdir()) == []


def test_standard_output_and_devices_cannot_be_rotated(tmp_path):
    with pytest.raises(WrongUseError, match="standard output cannot be rotated"):
        prepare_sink("jsonl:-?rotate=1MB")
    with pytest.raises(SinkError, match="this is a device"):
        open_sink("jsonl:/dev/null?rotate=1MB")


def test_a_question_mark_may_be_part_of_a_path(tmp_path):
    with open_sink(f"jsonl:{tmp_path}/what?.jsonl") as sink:
        sink.write(made_event())
    assert (tmp_path / "what?.jsonl").exists()


def test_a_file_that_was_moved_deleted_or_truncated_is_recreated(tmp_path):
    for kind, lines in (("jsonl", 1), ("csv", 2)):
        path, old = tmp_path / kind, tmp_path / f"{kind}.old"
        with open_sink(f"{kind}:{path}") as sink:
            sink.write(made_event(0))
            path.rename(old)
            sink.write(made_event(1))
            assert len(path.read_text().splitlines()) == len(old.read_text().splitlines()) == lines
            path.unlink()
            sink.write(made_event(2))
            assert len(path.read_text().splitlines()) == lines
            # As logrotate's `copytruncate` does it.
            os.truncate(path, 0)
            sink.write(made_event(3))
            assert len(path.read_text().splitlines()) == lines


#: Writes events to a sink as a daemon would, from standard input: the number of the event on each line.
WRITER = """
import sys
from edge.sinks import open_sink
from tests.edge.made_events import made_event
with open_sink(sys.argv[1]) as sink:
    print("open", flush=True)
    for line in sys.stdin:
        sink.write(made_event(int(line)))
        print("written", flush=True)
"""


@pytest.fixture
def other_process():
    """Starts a process that writes to a sink; its method `write` returns when the event is in the file."""
    started = []

    class Writer:
        def __init__(self, uri):
            self.process = subprocess.Popen(
                [sys.executable, "-c", WRITER, uri],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
            )  # fmt: skip
            started.append(self.process)
            assert self.process.stdout.readline() == "open\n"

        def write(self, number):
            print(number, file=self.process.stdin, flush=True)
            assert self.process.stdout.readline() == "written\n"

    yield Writer
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("others", ["?rotate=10kB&keep=3", ""])
def test_a_file_that_is_rotated_has_one_writer(others, other_process, invoke, demo_clip, tmp_path):
    path = tmp_path / "e.jsonl"
    first = other_process(f"jsonl:{path}?rotate=10kB&keep=99")
    for number in range(60):
        first.write(number)
        # Also after the file was rotated.
        if number % 20 == 0:
            with pytest.raises(SinkError, match=r"e\.jsonl: another sink or process .* expected a file for each"):
                open_sink(f"jsonl:{path}{others}")
    done = invoke("run", "--source", demo_clip, "--detector", "haar", "--sink", f"jsonl:{path}{others}")
    assert done.code == 1
    assert str(path) in done.error_line()
    first.write(60)
    files = sorted(tmp_path.iterdir(), key=lambda file: -int(file.suffix.removeprefix(".").replace("jsonl", "0")))
    assert len(files) > 2
    assert [number for file in files for number in numbers(file)] == list(range(61))
    # The lock ends with its process, however that ends.
    first.process.kill()
    first.process.wait()
    with open_sink(f"jsonl:{path}{others}") as sink:
        sink.write(made_event(61))


def test_several_may_append_to_a_file_that_nobody_rotates(other_process, tmp_path):
    path = tmp_path / "e.jsonl"
    first, second = other_process(f"jsonl:{path}"), other_process(f"jsonl:{path}")
    for number in range(40):
        (first if number % 2 else second).write(number)
    with pytest.raises(SinkError, match="one of them rotates it"):
        open_sink(f"jsonl:{path}?rotate=10kB")
    assert numbers(path) == list(range(40))


@pytest.mark.real_part
def test_rotation_by_logrotate(tmp_path):
    logrotate = Path("/usr/sbin/logrotate")
    if not logrotate.exists():
        pytest.skip("no logrotate: apt-get install logrotate")
    path = tmp_path / "e.jsonl"
    rules = tmp_path / "rules"
    rules.write_text(f"{path} {{\n rotate 3\n nocreate\n nocompress\n su {os.getuid()} {os.getgid()}\n}}\n")
    rules.chmod(0o644)
    with open_sink_group([prepare_sink(f"jsonl:{path}")]) as group:
        for number in range(3):
            group.put(made_event(number))
            (worker,) = group
            wait_until(lambda done=number + 1, worker=worker: worker.counts.delivered == done, "written")
            subprocess.run([logrotate, "-f", "-s", tmp_path / "state", rules], check=True)
    assert [numbers(tmp_path / f"e.jsonl.{n}") for n in (3, 2, 1)] == [[0], [1], [2]]


def test_a_folder_that_disappears_is_waited_for(tmp_path):
    folder = tmp_path / "stick"
    folder.mkdir()
    with open_sink_group([prepare_sink(f"jsonl:{folder}/e.jsonl")]) as group:
        (worker,) = group
        group.put(made_event(0))
        wait_until(lambda: worker.counts.delivered == 1, "the first is written")
        folder.rename(tmp_path / "away")
        group.put(made_event(1))
        wait_until(lambda: worker.counts.failures, "the second fails")
        assert "No such file or directory" in worker.last_error
        # It may be a disk that comes back: no folder may be created in its place.
        assert not folder.exists()
        (tmp_path / "away").rename(folder)
        wait_until(lambda: worker.counts.delivered == 2, "the second is written")
    assert numbers(folder / "e.jsonl") == [0, 1]


def test_writing_to_dev_full_is_retried():
    with open_sink_group([prepare_sink("jsonl:/dev/full")]) as group:
        group.put(made_event())
        (worker,) = group
        wait_until(lambda: worker.counts.failures >= 2, "two attempts")
        assert "No space left on device" in worker.last_error
        assert group.close(0.6) == 1


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 64 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("cannot mount a small tmpfs here: run as root")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_a_full_disk_leaves_no_incomplete_line_and_is_recovered_from(kind, small_disk):
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(56_000))
    path = small_disk / "e"
    with open_sink_group([prepare_sink(f"{kind}:{path}")]) as group:
        (worker,) = group
        for number in range(100):
            group.put(made_event(number))
        wait_until(lambda: worker.counts.failures >= 2, "the disk is full")
        assert "No space left on device" in worker.last_error
        assert path.read_bytes().endswith(b"\n")
        ballast.unlink()
        wait_until(lambda: not worker.counts.queued, "room is used")
    if kind == "jsonl":
        assert numbers(path) == list(range(100))
    else:
        with path.open(newline="") as stream:
            assert [int(row["frame"]) for row in csv.DictReader(stream)] == list(range(100))


def test_a_pipe_without_a_reader_is_waited_for(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with open_sink_group([prepare_sink(f"jsonl:{pipe}")]) as group:
        (worker,) = group
        group.put(made_event(5))
        wait_until(lambda: worker.counts.failures, "nobody reads")
        for _ in range(2):
            reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
            wait_until(lambda: not worker.counts.queued, "somebody reads")
            assert json.loads(os.read(reader, 65536))["frame"] == 5
            os.close(reader)
            # Without a reader, the next event waits.
            group.put(made_event(5))
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        wait_until(lambda: not worker.counts.queued, "somebody reads")
        os.close(reader)
    assert group.undelivered == 0


def test_source_events_in_each_kind_of_file(tmp_path, capsys):
    gone = SourceEvent("camera:0", "stalled", "no frame for 20 s")
    for spec in (f"jsonl:{tmp_path}/j", f"csv:{tmp_path}/c", "console"):
        with open_sink(spec) as sink:
            sink.write(gone)
            sink.write(made_event())
    message, event = ((json.loads(line)) for line in (tmp_path / "j").read_text().splitlines())
    assert message == gone.as_dict()
    assert "track_id" in event
    assert len((tmp_path / "c").read_text().splitlines()) == 2
    assert "! camera:0 is stalled: no frame for 20 s" in capsys.readouterr().out


def test_csv_on_standard_output(capsys):
    with open_sink("csv:-") as sink:
        sink.write(made_event(1))
        sink.write(made_event(2))
    assert [row["frame"] for row in csv.DictReader(capsys.readouterr().out.splitlines())] == ["1", "2"]
