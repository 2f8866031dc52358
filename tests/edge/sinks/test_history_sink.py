"""The sink that writes a history, with real SQLite files."""

import logging
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from contextlib import closing

import pytest

from edge.errors import SinkError, WrongUseError
from edge.history import HistoryRecorder, read_stays
from edge.sinks import open_sink, open_sink_group, prepare_sink
from edge.sinks.history_sink import HistorySink
from edge.types import Aggregate, SourceEvent
from tests.edge.history.made_history import made_history, made_stay
from tests.edge.made_events import made_event, made_report
from tests.edge.waiting import wait_until

DAY_S = 86400.0


def rows(path, query):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def test_stays_and_changes_are_stored(tmp_path):
    path = tmp_path / "history.db"
    now_s = 1_700_000_000.25
    uri = f"sqlite:{path}"
    messages = [
        SourceEvent("clip", "online"),
        made_event(1),
        made_event(2, "changed", "sad"),
        made_stay(now_s, 12.5, {"happy": 0.75, "uncertain": 0.25}, track_id=7),
    ]
    with open_sink_group([uri]) as group:
        for message in messages:
            group.put(message)
        wait_until(lambda: group.counts[uri].delivered == 4, "all are written")
    ((ended_ms, source, track_id, seconds),) = rows(path, "SELECT ended_ms, source, track_id, seconds FROM stays")
    assert (ended_ms, source, track_id, seconds) == (1_700_000_000_250, "clip", 7, 12.5)
    assert rows(path, "SELECT expression, share FROM shares") == [("happy", 0.75), ("uncertain", 0.25)]
    changes = rows(path, "SELECT source, track_id, state, expression, score FROM changes")
    assert changes == [("clip", 1, "started", "happy", 0.88), ("clip", 1, "changed", "sad", 0.88)]
    assert rows(path, "PRAGMA auto_vacuum") == [(2,)]
    assert rows(path, "PRAGMA journal_mode") == [("wal",)]
    # Nothing of where a face was is in the file.
    assert "box" not in str(rows(path, "SELECT sql FROM sqlite_schema"))


def test_only_the_owner_can_read_it(tmp_path):
    path = tmp_path / "history.db"
    with open_sink(f"sqlite:{path}") as sink:
        sink.write(made_event())
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert modes == dict.fromkeys(("history.db", "history.db-wal", "history.db-shm"), 0o600)


def test_a_history_is_continued_and_an_event_is_stored_once(tmp_path):
    path = tmp_path / "history.db"
    stay = made_stay(1_700_000_000, shares={"happy": 0.5, "sad": 0.5})
    for events in ([stay], [stay, stay], [made_stay(1_700_000_001)]):
        with open_sink(f"sqlite:{path}") as sink:
            assert sink.write_window(events) == len(events)
    assert rows(path, "SELECT count(*) FROM stays") == [(2,)]
    assert rows(path, "SELECT count(*) FROM shares") == [(3,)]


def test_a_batch_is_one_transaction(tmp_path):
    path = tmp_path / "history.db"
    with open_sink(f"sqlite:{path}") as sink:
        with pytest.raises(AttributeError):
            # A bug in the second event.
            sink.write_window([made_stay(1_700_000_000), made_stay(1_700_000_001, shares="damage")])
        sink.write_window([made_stay(1_700_000_002)])
    assert rows(path, "SELECT ended_ms FROM stays") == [(1_700_000_002_000,)]


def test_what_is_not_stored_is_reported_once(tmp_path, caplog):
    with caplog.at_level(logging.WARNING), open_sink(f"sqlite:{tmp_path}/history.db") as sink:
        sink.write_window([SourceEvent("clip", "online"), made_event()])
        assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
        for _ in range(2):
            sink.write_window([Aggregate("clip", 60.0, 4, {"happy": 1.0}, "m@1"), made_event(state="frame")])
    (record,) = caplog.records
    assert "expected mien run without --aggregate and with --emit change" in record.message


def test_old_events_are_deleted_in_small_batches_also_without_new_ones(tmp_path, monkeypatch):
    monkeypatch.setattr("edge.sinks.history_sink._SHORT_PAUSE_S", 0.0)
    path, now_s = tmp_path / "history.db", 1_700_000_000.0
    recorder = HistoryRecorder(path)
    old = [made_stay(now_s - 31 * DAY_S - i, shares={"happy": 0.5, "sad": 0.5}, source="x" * 100) for i in range(1200)]
    recorder.add([*old, made_stay(now_s - 29 * DAY_S)])
    recorder.close()
    size_bytes = path.stat().st_size
    sink = HistorySink(path, 30 * DAY_S, lambda: now_s)
    assert sink.wants_frames
    left = []
    for _ in range(4):
        sink.write_frame(made_report())
        left += rows(path, "SELECT count(*) FROM stays")
    assert left == [(701,), (201,), (1,), (1,)]
    # A checkpoint has brought the log into the file.
    assert b"x" * 100 not in path.read_bytes()
    sink.close()
    assert rows(path, "SELECT count(*) FROM shares") == [(1,)]
    assert path.stat().st_size < size_bytes / 2


def test_retention_in_a_running_group(tmp_path):
    path = tmp_path / "history.db"
    made_history(path, [made_stay(time.time() - 2 * DAY_S)])
    with open_sink_group([f"sqlite:{path}?keep=1d"]) as group:
        group.put_frame(made_report())
        wait_until(lambda: rows(path, "SELECT count(*) FROM stays") == [(0,)], "it is deleted")
    with HistorySink(path) as sink:
        assert not sink.wants_frames


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"hello", "file is not a database"),
        (b'{"time": "2026"}\n' * 1000, "file is not a database"),
        (b"SQLite format 3\0" + b"\1" * 5000, "file is not a database|malformed"),
    ],
)
def test_a_file_that_is_something_else_stays_as_it_is(tmp_path, content, expected):
    path = tmp_path / "notes"
    path.write_bytes(content)
    with pytest.raises(SinkError, match=expected) as caught:
        open_sink(f"sqlite:{path}")
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ("CREATE TABLE mail (x)", "the database of another program"),
        ("PRAGMA application_id = 7", "the database of another program"),
        ("PRAGMA application_id = 0x6D69656E; PRAGMA user_version = 2; CREATE TABLE y (x)", "its version is 2"),
    ],
)
def test_another_database_stays_as_it_is(tmp_path, statements, expected):
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(statements)
    before = path.read_bytes()
    with pytest.raises(SinkError, match=expected):
        open_sink(f"sqlite:{path}")
    assert path.read_bytes() == before


def test_a_creation_that_was_cut_off_is_repeated(tmp_path):
    path = tmp_path / "history.db"
    path.touch()
    with open_sink(f"sqlite:{path}"):
        pass
    with closing(sqlite3.connect(tmp_path / "empty.db")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    with open_sink(f"sqlite:{tmp_path}/empty.db") as sink:
        sink.write(made_event())


def test_paths_that_can_never_be_written_to(tmp_path):
    for path, expected in (
        (tmp_path, "Is a directory|no file"),
        (tmp_path / "no" / "folder" / "x", "No such file"),
        ("/dev/null", "no file"),
    ):
        with pytest.raises(SinkError, match=expected):
            open_sink(f"sqlite:{path}")


@pytest.mark.parametrize("name", ["a b%20c#d.db", "ü.db", "-x.db"])
def test_unusual_names(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with open_sink(f"sqlite:{name}") as sink:
        sink.write(made_stay(1_700_000_000))
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_locked_file_is_waited_for(tmp_path, caplog):
    path = tmp_path / "history.db"
    uri = f"sqlite:{path}"
    with open_sink_group([uri]) as group, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with caplog.at_level(logging.WARNING):
            for number in range(3):
                group.put(made_stay(1_700_000_000 + number))
            # The failure is counted before it is logged.
            wait_until(lambda: group.counts[uri].failures, "it fails")
            message = f"cannot write the history {path}: database is locked"
            wait_until(lambda: message in caplog.text, "it is logged")
        other.execute("ROLLBACK")
        wait_until(lambda: group.counts[uri].delivered == 3, "all are written")
    assert rows(path, "SELECT count(*) FROM stays") == [(3,)]


@pytest.fixture
def file_size_limit():
    """Let files of this process grow up to a size only, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda size_bytes: resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[0][1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before[0])
    signal.signal(signal.SIGXFSZ, before[1])


def test_a_full_disk_costs_no_event(tmp_path, file_size_limit):
    path = tmp_path / "history.db"
    with open_sink(f"sqlite:{path}") as sink:
        sink.write_window([made_stay(1_700_000_000)])
        batch = [made_stay(1_700_000_001 + i, source="x" * 1000) for i in range(100)]
        file_size_limit(60_000)
        with pytest.raises(SinkError, match="cannot write the history"):
            sink.write_window(batch)
        file_size_limit(-1)
        sink.write_window(batch)
    assert rows(path, "SELECT count(*) FROM stays") == [(101,)]
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


def test_a_file_that_is_deleted_is_created_again(tmp_path):
    path = tmp_path / "history.db"
    with open_sink(f"sqlite:{path}") as sink:
        sink.write(made_stay(1_700_000_000))
        for file in tmp_path.iterdir():
            file.unlink()
        sink.write(made_stay(1_700_000_001))
    assert rows(path, "SELECT ended_ms FROM stays") == [(1_700_000_001_000,)]


WRITER = """
import sys
from edge.history import HistoryRecorder
from pathlib import Path
from tests.edge.history.made_history import made_stay
recorder = HistoryRecorder(Path(sys.argv[1]))
for i in range(10**9):
    recorder.add([made_stay(1_700_000_000 + i)])
    print(i, flush=True)
"""


@pytest.mark.slow
def test_a_process_that_is_killed_leaves_whole_events(tmp_path):
    path = tmp_path / "history.db"
    process = subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process:
        while int(process.stdout.readline()) < 50:
            # It is read while the other process writes.
            sum(1 for _ in read_stays(path))
        process.kill()
    assert sum(1 for _ in read_stays(path)) > 50
    assert all(stay.shares == {"happy": 1.0} for stay in read_stays(path))
    with open_sink(f"sqlite:{path}") as sink:
        sink.write(made_stay(1_800_000_000))


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("sqlite:", "expected sqlite:PATH"),
        ("sqlite:x?keep=30", "at least 3600 seconds"),
        ("sqlite:x?keep=4000d", "at most 3650 days"),
        ("sqlite:x?kep=30d", "did you mean 'keep'"),
    ],
)
def test_wrong_options(target, expected):
    with pytest.raises(WrongUseError, match=expected):
        prepare_sink(target)
