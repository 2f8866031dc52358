import csv
import json
import os
import re
import sys
from dataclasses import replace

import pytest

from edge.errors import MissingExtraError, SinkError, WrongUseError
from edge.inference.contract import FER2013_LABELS
from edge.own_package import extra_command
from edge.sinks import open_sink, prepare_sink
from edge.types import Event


@pytest.fixture
def event():
    emotions = dict.fromkeys(FER2013_LABELS, 0.02) | {"happy": 0.88}
    latency = {"capture": 1.0, "detect": 2.0, "classify": 0.5, "total": 3.6}
    return Event("clip", 7, 1, (1.4, 2.6, 30, 31), 0.9, "happy", 0.88, emotions, "started", latency, "m@1")


def test_json_lines(event, tmp_path):
    with open_sink(f"jsonl:{tmp_path / 'e.jsonl'}") as sink:
        sink.write(event)
        # Flushed: a reader of the file sees it while the daemon runs.
        assert len((tmp_path / "e.jsonl").read_text().splitlines()) == 1
        sink.write(event)
    rows = [json.loads(line) for line in (tmp_path / "e.jsonl").read_text().splitlines()]
    assert rows[0] == event.as_dict()
    assert rows[0]["box"] == [1, 3, 30, 31]


def test_csv(event, tmp_path):
    with open_sink(f"csv:{tmp_path / 'e.csv'}") as sink:
        sink.write(event)
        sink.write(event)
    with (tmp_path / "e.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 2
    assert (rows[0]["x"], rows[0]["happy"], rows[0]["detect_ms"]) == ("1", "0.88", "2.0")


def test_files_are_appended_to_and_an_incomplete_line_is_ended(event, tmp_path):
    for kind, lines in (("jsonl", 3), ("csv", 4)):
        path = tmp_path / f"e.{kind}"
        for _ in range(2):
            with open_sink(f"{kind}:{path}") as sink:
                sink.write(event)
        with path.open("a") as torn:
            torn.write('{"time": "20')
        with open_sink(f"{kind}:{path}") as sink:
            sink.write(event)
        written = path.read_text().splitlines()
        assert len(written) == lines + 1
        assert written[-2] == '{"time": "20'
    assert json.loads((tmp_path / "e.jsonl").read_text().splitlines()[-1]) == event.as_dict()


def test_a_csv_file_with_other_columns_is_not_written_to(event, tmp_path):
    path = tmp_path / "e.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(SinkError, match="has other columns"), open_sink(f"csv:{path}") as sink:
        sink.write(event)
    assert path.read_text() == "a,b\n1,2\n"


def test_pipes_and_large_files(event, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with open_sink(f"jsonl:{pipe}") as sink:
        sink.write(event)
    assert json.loads(os.read(reader, 65536)) == event.as_dict()
    os.close(reader)
    large = tmp_path / "large.jsonl"
    with large.open("wb") as stream:
        stream.truncate(10**12)
    with open_sink(f"jsonl:{large}") as sink:
        sink.write(event)


def test_a_source_name_that_is_not_utf8_is_escaped(event, tmp_path):
    for kind in ("jsonl", "csv"):
        with open_sink(f"{kind}:{tmp_path / kind}") as sink:
            sink.write(replace(event, source="clip\udcff"))
        assert "udcff" in (tmp_path / kind).read_text()


def test_console_and_standard_output(event, capsys):
    with open_sink("console") as console, open_sink("jsonl:-") as lines:
        console.write(event)
        lines.write(event)
    first, second = capsys.readouterr().out.splitlines()
    assert "+ face 1   happy      88%  at 1,3 30x31     3.6 ms" in first
    assert json.loads(second)["emotion"] == "happy"


def test_sinks_that_cannot_be_written(event, tmp_path):
    for kind in ("jsonl", "csv"):
        with pytest.raises(SinkError, match="cannot write events to"):
            open_sink(f"{kind}:{tmp_path / 'no' / 'such' / 'folder' / 'e'}")
        with pytest.raises(SinkError, match="Is a directory"):
            open_sink(f"{kind}:{tmp_path}")
        with pytest.raises(SinkError, match="No space left"), open_sink(f"{kind}:/dev/full") as sink:
            sink.write(event)


@pytest.mark.parametrize(
    ("module", "spec", "extra"),
    [
        ("paho.mqtt.client", "mqtt://host", "mqtt"),
        ("prometheus_client", "metrics:9108", "metrics"),
        ("gpiozero", "gpio:17?when=happy", "gpio"),
    ],
)
def test_a_sink_whose_extra_is_missing(module, spec, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=re.escape(extra_command(extra))):
        prepare_sink(spec)


@pytest.mark.parametrize("uri", ["", "smoke:signals"])
def test_an_unknown_sink(uri):
    with pytest.raises(WrongUseError, match="expected console, jsonl:PATH"):
        open_sink(uri)


@pytest.mark.parametrize(
    ("uri", "usage"),
    [("jsonl", "jsonl:PATH"), ("csv:", "csv:PATH"), ("console:x", "console")],
)
def test_a_sink_with_a_wrong_target(uri, usage):
    with pytest.raises(WrongUseError, match=f"wrong sink '.*': expected {usage}"):
        open_sink(uri)
