"""Commands do not depend on the working directory, whatever modules lie in it."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT, SHIPPED

#: Names of mien's packages and of a package that every command needs.
NAMES = ("edge", "train", "convert", "deploy", "mien", "numpy")


@pytest.fixture
def hostile_folder(tmp_path):
    """A folder with modules of these names that fail when they are imported."""
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text(f"raise RuntimeError('{name}.py of the working directory was imported')\n")
    return tmp_path


def run(folder, *arguments):
    """Run the installed command in a folder: its script does not put the folder on the path of modules, as -P."""
    # The tree under test, not the one that is installed.
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-P", "-m", "edge", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240)


@pytest.mark.slow
def test_a_sandboxed_load_starts_in_any_folder(hostile_folder):
    done = run(hostile_folder, "convert", "inspect", SHIPPED)
    assert done.returncode == 0, done.stderr
    assert "mien-small-ferplus-int8" in done.stdout
    assert not done.stderr


@pytest.mark.slow
def test_the_workers_of_a_benchmark_start_in_any_folder(hostile_folder, made_csv):
    done = run(hostile_folder, "benchmark", SHIPPED, "--data", made_csv, "--limit", 7, "--rounds", 1)
    assert done.returncode == 0, done.stderr
    assert SHIPPED.stem in done.stdout


@pytest.mark.slow
def test_the_loop_starts_in_any_folder(hostile_folder, weights):
    done = run(hostile_folder, "run", "--source", "demo", "--max-frames", 3)
    assert done.returncode == 0, done.stderr


def test_modules_of_the_folder_are_imported_without_p(hostile_folder):
    """The modules would be imported if a child process were started without -P."""
    done = subprocess.run([sys.executable, "-m", "edge"], cwd=hostile_folder, capture_output=True, text=True)
    assert "edge.py of the working directory was imported" in done.stderr
