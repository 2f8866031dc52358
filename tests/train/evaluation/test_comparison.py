import csv
import json
import shutil

import pytest

from tests.conftest import ROOT
from train.cli.compare import format_runs
from train.evaluation.comparison import differences, read_run

RECORD = ROOT / "train" / "records" / "mien-128-labels"


@pytest.fixture
def other(tmp_path):
    """A second run: the record's, changed."""
    path = tmp_path / "other"
    shutil.copytree(RECORD, path, ignore=shutil.ignore_patterns("model.keras"))
    table = json.loads((path / "metrics.json").read_text())
    table.update(architecture="cnn", parameters=1234567, best_epoch=12, seconds=75, train_accuracy=0.81)
    table.update(images_per_second=3210.4, device="NVIDIA H100")
    (path / "metrics.json").write_text(json.dumps(table))
    return path


def test_runs_side_by_side(mien, other, tmp_path):
    done = mien("compare", RECORD, other, "--out", tmp_path / "out", module="train")
    assert done.code == 0, done.err
    assert done.err == ""
    head, first, second = (line.split() for line in done.out.splitlines()[:3])
    assert head[:3] == ["run", "architecture", "parameters"]
    assert first[1:] == ["mien", "697,895", "54", "of", "60", "74.52%", "68.71%", "0.6596", "0:52:54"]
    assert second[1:6] == ["cnn", "1,234,567", "12", "of", "60"]
    assert {"81.00%", "0:01:15", "3,210", "NVIDIA"} <= set(second)
    assert "not the same" not in done.out
    assert (tmp_path / "out" / "compare.png").read_bytes().startswith(b"\x89PNG")
    with (tmp_path / "out" / "compare.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["parameters"] for row in rows] == ["697895", "1234567"]
    assert json.loads((tmp_path / "out" / "compare.json").read_text())["runs"][1]["best_epoch"] == 12


def test_the_comparison_as_json(mien, other, tmp_path):
    done = mien("compare", RECORD, other, "--out", tmp_path / "out", "--json", module="train")
    assert done.code == 0, done.err
    assert json.loads(done.out) == json.loads((tmp_path / "out" / "compare.json").read_text())
    assert "compare.png" in done.err


def test_runs_on_other_data_or_splits_are_reported(other):
    table = json.loads((other / "metrics.json").read_text())
    table["data"]["sha256"], table["split"] = "0" * 64, "PrivateTest"
    (other / "metrics.json").write_text(json.dumps(table))
    remarks = differences([read_run(RECORD)[0], read_run(other)[0]])
    assert len(remarks) == 2
    assert "SHA-256 00000000…" in remarks[0]
    assert "PrivateTest" in remarks[1]


def test_training_accuracy_comes_from_the_history_of_an_older_run():
    run, history = read_run(RECORD)
    assert run.train_accuracy == pytest.approx(0.7452, abs=1e-4)
    assert len(history) == 60


def test_columns_stay_in_line(other):
    lines = format_runs([read_run(RECORD)[0], read_run(other)[0]]).splitlines()
    assert len({line.index(word) for line, word in zip(lines, ("macro-F1", "  0.6596", "  0.6596"), strict=True)}) == 1


def test_what_is_no_finished_run(mien, other, tmp_path):
    (tmp_path / "empty").mkdir()
    for path, message in ((tmp_path / "empty", "is not a finished run"), (tmp_path / "none", "is not a folder")):
        done = mien("compare", RECORD, path, module="train")
        assert done.code == 1
        assert f"{path} {message}: expected metrics.json" in done.error_line()
    done = mien("compare", other, other, module="train")
    assert done.code == 2
    assert "named twice" in done.error_line()


@pytest.mark.parametrize(
    "damage", [lambda t: t.pop("scores"), lambda t: t.update(best_epoch=99), lambda t: t.update(data=3)]
)
def test_a_damaged_run(other, damage):
    from edge.errors import DataError

    table = json.loads((other / "metrics.json").read_text())
    damage(table)
    (other / "metrics.json").write_text(json.dumps(table))
    with pytest.raises(DataError, match="is not a finished run"):
        read_run(other)


def test_runs_of_other_labels_are_reported(other):
    metrics = json.loads((other / "metrics.json").read_text())
    metrics["labels"].append("contempt")
    metrics["data"]["label_mode"] = "majority"
    (other / "metrics.json").write_text(json.dumps(metrics))
    remarks = " ".join(differences([read_run(RECORD)[0], read_run(other)[0]]))
    assert "not the same labels" in remarks
    assert "contempt (FER+ by majority)" in remarks
