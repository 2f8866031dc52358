"""A release: a bundle's parts, and an environment made of its wheels, without any network."""

from __future__ import annotations

import shutil
from pathlib import Path

from deploy.device.child_process import clean_environment, run_child
from edge.errors import BundleError

#: The release's own `mien`: a shell script, since pip's has the path of the folder that it was installed into as its
#: first line. It knows its weights and models wherever it lies; `current` may point elsewhere tomorrow.
_LAUNCHER = """#!/bin/sh
# mien of the release that this file lies in.
release=$(dirname "$(dirname "$(dirname "$(readlink -f "$0")")")")
export MIEN_CACHE="${MIEN_CACHE:-$release/weights}" MIEN_MODELS="${MIEN_MODELS:-$release/models}" PYTHONNOUSERSITE=1
# What a user has set for other programs is not for this one.
unset PYTHONPATH PYTHONHOME
# -P: an `edge` in the folder that it is called from is not ours.
exec "$release/venv/bin/python" -P -m edge "$@"
"""


def make_environment(python: Path, release: Path) -> None:
    """Make the environment of a release that is being staged, of its own wheels alone.

    It sees the system's packages, for picamera2 comes from apt; its own come first, and all that mien needs is
    installed whether or not the system has it too.

    Args:
        python: the interpreter.
        release: the unpacked bundle; its wheels are removed.

    Raises:
        DeployError: it cannot be made.
    """
    venv, wheels, environment = release / "venv", release / "wheels", clean_environment(PYTHONDONTWRITEBYTECODE="1")
    # Without pip: Debian keeps that in a package of its own, and the bundle brings one.
    options = ("--without-pip", "--system-site-packages")
    run_child([python, "-m", "venv", *options, venv], "make an environment", environment)
    pips = sorted(wheels.glob("pip-*.whl"))
    if len(pips) != 1:
        raise BundleError(f"the bundle has {len(pips)} wheels of pip: expected one; build it again")
    temporary = release / ".tmp"
    temporary.mkdir()
    # No configuration of the machine's has a say (Raspberry Pi OS names an index of its own); room is needed here.
    own = clean_environment(PIP_CONFIG_FILE="/dev/null", TMPDIR=str(temporary), PYTHONDONTWRITEBYTECODE="1")
    offline = ("--no-index", "--find-links", wheels, "--require-hashes", "--ignore-installed", "--no-cache-dir")
    quiet = ("--quiet", "--disable-pip-version-check", "--no-input", "--no-warn-script-location", "--no-compile")
    pip: list[str | Path] = [venv / "bin" / "python", pips[0] / "pip", "install", "--root-user-action=ignore"]
    run_child(
        [*pip, *quiet, *offline, "--requirement", release / "requirements.txt"],
        "install the bundle's packages",
        own,
    )
    shutil.rmtree(temporary)
    shutil.rmtree(wheels)


def settle(release: Path, home: Path) -> None:
    """Make what was staged fit for its final place: paths in scripts, the launcher, compiled modules.

    Args:
        release: where it is.
        home: where it will be.
    """
    venv = release / "venv"
    for path in (venv / "pyvenv.cfg", *(venv / "bin").iterdir()):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            if str(release).encode() in content:
                path.write_bytes(content.replace(str(release).encode(), str(home).encode()))
    launcher = venv / "bin" / "mien"
    launcher.unlink(missing_ok=True)
    launcher.write_text(_LAUNCHER)
    launcher.chmod(0o755)
    # The service cannot write here, so it would compile at each start.
    code = (
        "import compileall, sys\n"
        "compileall.compile_dir(sys.argv[1], quiet=2, stripdir=sys.argv[2], prependdir=sys.argv[3])"
    )
    # What a package brings for later Pythons does not compile, and need not.
    run_child([venv / "bin" / "python", "-c", code, venv / "lib", release, home], "compile", clean_environment())
