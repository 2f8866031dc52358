"""The scripts that made the tables in docs/models.md run as their first lines say."""

import subprocess
import sys

from tests.conftest import ROOT, SHIPPED


def run(script, *arguments):
    command = [sys.executable, ROOT / "docs" / script, *arguments]
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=ROOT, timeout=280)


def test_models_of_record_measures_the_shipped_models_beside_a_peer(made_csv):
    done = run("models_of_record.py", made_csv, SHIPPED)
    assert done.returncode == 0, done.stderr
    rows = [line.split("|")[1:-1] for line in done.stdout.splitlines() if line.startswith("| `")]
    assert rows[0][1].strip() == "1.00"
    again = next(row for row in rows[1:] if SHIPPED.stem in row[0])
    # The same file twice, in one run.
    assert 0.5 < float(again[1]) < 2
    assert again[3:] == rows[0][3:]
    assert "70 faces of PublicTest" in done.stdout


def test_crop_margin_on_drawn_faces(made_csv, weights):
    done = run("crop_margin.py", SHIPPED, made_csv)
    assert done.returncode == 0, done.stderr
    rows = {line.split("|")[1].strip(): line.split("|")[2:-1] for line in done.stdout.splitlines()}
    assert {"0.00", "0.17", "0.50", "as they are"} <= set(rows)
    assert 0 < int(rows["found"][1].split()[0]) <= 70


def test_crop_margin_without_a_face(tmp_path, weights):
    blank = " ".join(["128"] * 48 * 48)
    (tmp_path / "blank.csv").write_text(f"emotion,pixels,Usage\n3,{blank},PublicTest\n")
    done = run("crop_margin.py", SHIPPED, tmp_path / "blank.csv")
    assert done.returncode == 1
    assert "blazeface finds none of these faces" in done.stderr
