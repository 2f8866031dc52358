"""`mien history`, on histories that the recorder has written."""

import csv
import json
import sqlite3
import time
from contextlib import closing

import pytest

from edge.errors import DataError
from edge.history import read_stays
from tests.edge.history.made_history import made_history, made_stay

NOON_S = 1_700_000_000 // 86400 * 86400 + 43200.0


@pytest.fixture
def path(tmp_path):
    return made_history(
        tmp_path / "history.db",
        [
            made_stay(NOON_S, 60, {"happy": 0.75, "uncertain": 0.25}, track_id=1),
            made_stay(NOON_S - 30 * 86400, 30, {"=sad": 1.0}, track_id=2, source="hall"),
        ],
    )


def test_a_table(invoke, path):
    done = invoke("history", path)
    assert done.code == 0, done.err
    head, hall, clip = done.out.splitlines()
    assert head.split() == ["local", "time", "faces", "face", "time", "=sad", "happy", "uncertain"]
    assert hall.split() == [time.strftime("%Y-%m-%d", time.localtime(NOON_S - 30 * 86400)), "1", "0:00:30", "100%"]
    assert clip.split()[1:] == ["1", "0:01:00", "75%", "25%"]


def test_json_is_in_utc(invoke, path):
    table = json.loads(invoke("history", path, "--by", "hour", "--source", "clip", "--json").out)
    assert (table["by"], table["source"]) == ("hour", "clip")
    (period,) = table["periods"]
    assert period["start"] == time.strftime("%Y-%m-%dT11:00:00Z", time.gmtime(NOON_S))
    assert period["shares"] == {"happy": 0.75, "uncertain": 0.25}


def test_since(invoke, tmp_path):
    now_s = time.time()
    path = made_history(tmp_path / "h.db", [made_stay(now_s - 60), made_stay(now_s - 9 * 86400)])
    done = invoke("history", path, "--since", "7d", "--by", "hour-of-day", "--json")
    assert sum(period["faces"] for period in json.loads(done.out)["periods"]) == 1
    assert invoke("history", path, "--since", "1s").out == "no faces in this time\n"
    assert invoke("history", path, "--since", "soon").code == 2


def test_csv(invoke, path, tmp_path):
    assert invoke("history", path, "--csv", tmp_path / "out.csv").code == 0
    with (tmp_path / "out.csv").open(newline="") as stream:
        first, second = csv.DictReader(stream)
    assert [first["share_=sad"], second["share_happy"], second["seconds"]] == ["1.0", "0.75", "60.0"]
    assert invoke("history", path, "--by", "hour-of-day", "--csv", tmp_path / "out.csv").code == 0
    assert (tmp_path / "out.csv").read_text().startswith("local_hour,faces")


@pytest.mark.parametrize("name", ["chart.png", "chart.SVG"])
def test_chart(invoke, path, tmp_path, name):
    pytest.importorskip("matplotlib", reason="no matplotlib: pip install 'mien[report]'")
    assert invoke("history", path, "--chart", tmp_path / name).code == 0
    content = (tmp_path / name).read_bytes()
    assert content.startswith(b"\x89PNG") if name.endswith("png") else b"<svg" in content


def test_wrong_use(invoke, path, tmp_path):
    (tmp_path / "text").write_text("hello")
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE mail (x)")
    for arguments, code, expected in (
        ([tmp_path / "missing.db"], 1, "No such file"),
        ([tmp_path], 1, "is no file"),
        ([tmp_path / "text"], 1, "file is not a database"),
        ([tmp_path / "other.db"], 1, "the database of another program"),
        ([path, "--source", "hal"], 1, "expected one of clip, hall; did you mean hall?"),
        ([path, "--chart", tmp_path / "chart.bmp"], 2, "ends with .png or .svg"),
        ([path, "--csv", tmp_path / "no" / "folder"], 1, "cannot write"),
        ([path, "--by", "week"], 2, "'week'"),
    ):
        done = invoke("history", *arguments)
        assert (done.code, len(done.err.splitlines())) == (code, 1), done.err
        assert expected in done.err
    assert not (tmp_path / "missing.db").exists()


def test_damage_is_one_line(path):
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(DataError, match="malformed"):
        list(read_stays(path))
