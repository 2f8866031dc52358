"""Text from outside: names of files, sources and classes, and the answers of servers."""

import csv
import os
import urllib.request
from dataclasses import replace

import cv2
import numpy as np
import pytest

from edge.benchmark.candidate import find_candidates
from edge.datasets import load_dataset
from edge.errors import DataError
from edge.sinks import open_sink
from edge.sources import open_source
from edge.system.untrusted_text import one_line, printable, spreadsheet_cell
from edge.types import Aggregate
from tests.conftest import PORTRAIT, SHIPPED
from tests.edge.made_events import made_event

#: Clears a terminal, starts a line, and cannot be encoded: the last character is what Python makes of the byte 0xff.
EVIL = "\x1b[2J\nx\udcff"
SHOWN = r"\x1b[2J\nx\udcff"


def test_what_is_not_printable_becomes_an_escape():
    assert printable("größe 5 = 笑") == "größe 5 = 笑"
    assert printable(EVIL) == SHOWN
    # A change of the reading direction shows a file's name backwards.
    assert printable("\u202egnp.exe") == r"\u202egnp.exe"
    assert one_line("a\r\n b\x1bc\n") == r"a b\x1bc"


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_a_spreadsheet_takes_no_text_for_a_formula(text):
    assert spreadsheet_cell(text) == f"'{text}"


@pytest.mark.parametrize("value", [-1, -0.5, "happy", "", None, " =1", "a=1"])
def test_numbers_and_other_text_stay_as_they_are(value):
    assert spreadsheet_cell(value) is value


def test_labels_that_are_formulas_are_text_in_a_csv_file(tmp_path):
    label = '=HYPERLINK("http://x")'
    event = replace(
        made_event(), source="@source", emotion=label, emotions={label: 1.0}, box=(-5.0, 1, 2, 3), model="+m@1"
    )
    shares = Aggregate("-source", 60.0, 5, {label: 1.0}, "m@1")
    for message in (event, shares):
        path = tmp_path / type(message).__name__
        with open_sink(f"csv:{path}") as sink:
            sink.write(message)
        with path.open(newline="") as stream:
            cells = [cell for row in csv.reader(stream) for cell in row]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "@"))]
        assert f"'{label}" in cells or f"share_{label}" in cells
        negative = [cell for cell in cells if cell.startswith("-")]
        # The box's left edge is a number.
        assert negative == (["-5"] if message is event else [])


def test_names_of_sources_are_printable(tmp_path):
    folder = tmp_path / EVIL
    folder.mkdir()
    image = folder / f"{EVIL}.png"
    image.write_bytes(cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes())
    assert open_source(folder).name == SHOWN
    assert open_source(image).name == f"{SHOWN}.png"
    clip = tmp_path / "\x1b[2J\n.avi"
    writer = cv2.VideoWriter(str(tmp_path / "clip.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 5, (64, 64))
    writer.write(np.zeros((64, 64, 3), np.uint8))
    writer.release()
    (tmp_path / "clip.avi").rename(clip)
    with open_source(clip) as source:
        assert source.name == r"\x1b[2J\n.avi"


def test_an_error_is_one_printable_line(invoke, tmp_path):
    done = invoke("run", "--config", tmp_path / EVIL)
    assert SHOWN.replace(r"\n", " ") in done.error_line()
    broken = tmp_path / f"{EVIL}.png"
    broken.write_text("no image")
    done = invoke("classify", broken, broken)
    assert len(done.err.splitlines()) == 3
    assert "\x1b" not in done.err
    portrait = tmp_path / f"p{EVIL}.jpg"
    portrait.write_bytes(PORTRAIT.read_bytes())
    assert f"p{SHOWN}.jpg: 1 face" in invoke("classify", portrait, "--detector", "haar").out


def test_a_class_with_an_unprintable_name_is_rejected(tmp_path):
    for name in ("happy", EVIL):
        folder = tmp_path / "train" / name
        folder.mkdir(parents=True)
        (folder / "1.png").write_bytes(cv2.imencode(".png", np.zeros((48, 48), np.uint8))[1].tobytes())
    with pytest.raises(DataError, match="expected a folder with a printable name") as caught:
        load_dataset(tmp_path, None)
    assert str(caught.value).isprintable()


def test_names_of_models_are_printable(tmp_path, invoke):
    model = tmp_path / f"{EVIL}.tflite"
    model.write_bytes(SHIPPED.read_bytes())
    (candidate,) = find_candidates([str(model)])
    assert candidate.name == SHOWN
    done = invoke("models", "list", MIEN_MODELS=str(tmp_path))
    assert done.code == 0
    assert SHOWN in done.out
    assert "\x1b" not in done.out


def test_the_name_of_a_sink_does_not_break_the_metrics(tmp_path):
    pytest.importorskip("prometheus_client", reason="no prometheus-client: pip install 'mien[metrics]'")
    from edge.sinks import open_sink_group

    path = os.fsencode(tmp_path).decode() + f"/{EVIL}"
    with open_sink_group([f"jsonl:{path}", "metrics:0"]) as group:
        port = next(worker.sink.port for worker in group if worker.name == "metrics:0")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            page = answer.read().decode()
    assert "udcff" in page
    assert "\x1b" not in page
