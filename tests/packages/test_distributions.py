"""The sdist and the wheel: what an index checks, what is in them, and that the wheel runs outside of a checkout."""

import email
import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import click
import pytest

from deploy.build.own_wheel import build_own_wheel
from tests.conftest import ROOT
from tests.packages.conftest import PRIVATE, tracked

pytestmark = pytest.mark.slow


def names_of(archive):
    """The files in a wheel or an sdist, without the folder that an sdist puts them into."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return {name for name in wheel.namelist() if not name.endswith("/")}
    with tarfile.open(archive) as sdist:
        return {member.name.partition("/")[2] for member in sdist if member.isfile()}


def metadata_of(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return email.message_from_bytes(archive.read(name))


def check(module, *arguments):
    """Run a program of the tests' environment, and return its exit status and output."""
    pytest.importorskip(module, reason=f"no {module}: make install-train")
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_twine_finds_nothing_wrong(distributions):
    status, output = check("twine", "check", "--strict", *distributions[:2])
    assert status == 0, output
    assert output.count("PASSED") == 2


def test_check_wheel_contents_finds_nothing_wrong(distributions, tmp_path):
    status, output = check("check_wheel_contents", distributions[1])
    assert status == 0, output
    # Without the configuration, it finds the packages whose names are given.
    (tmp_path / "empty.toml").write_text("[tool.check-wheel-contents]\n")
    status, output = check("check_wheel_contents", "--config", tmp_path / "empty.toml", distributions[1])
    assert status == 1
    assert re.findall(r"W\d{3}", output) == ["W009"]


def test_the_sdist_builds_the_wheel_that_the_checkout_builds(distributions):
    _, from_sdist, from_checkout = distributions
    assert from_sdist.read_bytes() == from_checkout.read_bytes()


def test_the_wheel_of_a_bundle_has_the_files_of_the_regular_one(distributions, tmp_path):
    own, regular = (
        {name for name in names_of(wheel) if ".dist-info/" not in name}
        for wheel in (build_own_wheel(tmp_path), distributions[1])
    )
    assert own == regular


def test_both_hold_what_git_tracks_and_nothing_else(checkout, distributions):
    sdist, wheel, _ = map(names_of, distributions)
    assert all((checkout / name).is_file() for name in PRIVATE)
    known = set(tracked())
    assert sdist - known == {"PKG-INFO"}
    assert {name for name in wheel if ".dist-info/" not in name} <= known
    # Of the five packages everything, but for the networks that a reviewer needs.
    packages = tuple(f"{name}/" for name in ("mien", "edge", "train", "convert", "deploy"))
    expected = {name for name in known if name.startswith(packages) and not name.endswith("/model.keras")}
    assert {name for name in wheel if ".dist-info/" not in name} == expected
    assert {name for name in sdist if name.startswith(packages)} == expected


def test_the_page_of_the_index_has_no_links_into_the_repository(distributions):
    text = metadata_of(distributions[1]).get_payload()
    assert text.startswith("# mien\n")
    assert "](" not in text
    assert "<img" not in text
    assert "![The preview: the live picture" in (ROOT / "README.md").read_text()
    assert "The preview: the live picture" not in text
    # The rest of the README is there, with the text of each link.
    readme = (ROOT / "README.md").read_text()
    assert "[How all of it was measured](docs/explanation/models.md)" in readme
    assert "\nHow all of it was measured.\n" in text
    assert text.count("\n## ") == readme.count("\n## ")


def test_the_metadata_names_the_versions_of_python(distributions):
    metadata = metadata_of(distributions[1])
    versions = {name.rpartition(" ")[2] for name in metadata.get_all("Classifier") if " :: 3." in name}
    assert versions == {"3.11", "3.12", "3.13", "3.14"}
    assert metadata["Requires-Python"] == ">=3.11"
    (tensorflow,) = [line for line in metadata.get_all("Requires-Dist") if line.startswith("tensorflow")]
    assert "python_version < '3.14'" in tensorflow


def test_the_build_s_own_requirements_are_in_its_lock():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    required = project["build-system"]["requires"]
    assert required == project["dependency-groups"]["build"]
    lock = (ROOT / "requirements" / "build.lock").read_text()
    for requirement in required:
        assert f"\n{requirement} \\\n" in lock


@pytest.mark.usefixtures("weights")
def test_the_wheel_runs_outside_of_a_checkout(distributions, tmp_path):
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = environment / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", distributions[1]]
    subprocess.run(install, check=True)
    # The libraries of the tests' environment, without its mien: of what this names, no .pth file is read.
    (site_packages,) = environment.glob("lib/python*/site-packages")
    (site_packages / "libraries.pth").write_text(f"{Path(click.__file__).parents[1]}\n")

    def run(*command):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=clean)
        assert done.returncode == 0, done.stderr
        return done.stdout

    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    assert run(python, "-c", "import mien; print(mien.__file__)").startswith(str(site_packages))
    mien = environment / "bin" / "mien"
    assert "  run " in run(mien, "--help")
    run(mien, "run", "--source", "demo", "--max-frames", "30", "--report", "report.json", "--sink", "jsonl:e.jsonl")
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["frames_seen"], report["faces"] > 0) == (30, True)
