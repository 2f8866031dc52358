"""The cache folder of a user who has no home: HOME is not set, and passwd has no entry for the user id."""

import os
import shutil
import subprocess
import sys

import pytest

from edge.system.cache import cache_folder
from tests.conftest import ROOT, Outcome

UID = 54321
#: Another user may not even read this interpreter, if it is installed below /root.
READ_ALL = "-all,+dac_read_search"


@pytest.fixture
def homeless(tmp_path):
    """A function that runs mien as a user without a home, and the temporary folder of all users."""
    if os.geteuid() or not shutil.which("setpriv"):
        pytest.skip("needs another user id: run as root, with setpriv of util-linux")
    shared = tmp_path / "tmp"
    shared.mkdir()
    shared.chmod(0o1777)
    user = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups"]
    user += [f"--{kind}={READ_ALL}" for kind in ("inh-caps", "ambient-caps", "bounding-set")]

    def run(module, *arguments, **variables):
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TMPDIR": str(shared), **variables}
        command = [*user, sys.executable, "-P", "-m", module, *arguments]
        return Outcome.of(subprocess.run(command, capture_output=True, text=True, env=environment, cwd="/"))

    return run, shared


def test_a_user_without_a_home_gets_a_private_folder(homeless):
    run, shared = homeless
    done = run("edge", "models", "list")
    assert done.code == 0, done.err
    folder = shared / f"mien-cache-{UID}"
    assert str(folder) in done.out
    assert folder.stat().st_uid == UID
    assert folder.stat().st_mode & 0o777 == 0o700
    # The second time it is there already.
    done = run("edge", "run", "--source", "demo", "--max-frames", "2")
    assert f"expected {folder}/blazeface.tflite" in done.error_line()
    assert run("edge", "doctor").err.startswith("mien: 1 check failed")
    assert str(shared / "caches" / "mien") in run("edge", "models", "list", XDG_CACHE_HOME=str(shared / "caches")).out


@pytest.mark.parametrize("kind", ["folder", "link", "file"])
def test_what_another_user_has_put_there_is_not_used(homeless, kind):
    run, shared = homeless
    place = shared / f"mien-cache-{UID}"
    if kind == "file":
        place.touch()
    else:
        target = shared / "target" if kind == "link" else place
        target.mkdir(mode=0o700)
        if kind == "link":
            os.chown(target, UID, UID)
            place.symlink_to(target)
    done = run("edge", "run", "--source", "demo", "--max-frames", "2")
    assert done.code == 2
    assert "set HOME or MIEN_CACHE" in done.error_line()


def test_a_download_from_kaggle_needs_a_home(homeless):
    pytest.importorskip("kagglehub", reason="no kagglehub: pip install 'mien[train]'")
    run, _ = homeless
    done = run("train", "fetch", "fer2013")
    assert done.code == 2
    assert "set HOME" in done.error_line()


def test_with_a_home_the_folder_is_below_it(monkeypatch, tmp_path):
    monkeypatch.delenv("MIEN_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "mien"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    assert cache_folder() == tmp_path / "caches" / "mien"
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "chosen"))
    assert cache_folder() == tmp_path / "chosen"
    assert not list(tmp_path.iterdir())
