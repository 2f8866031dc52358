"""A release: the parts of a bundle, and a virtual environment made of its wheels without a network."""

from __future__ import annotations

import shutil
from pathlib import Path

from deploy.device.child_process import clean_environment, run_child
from edge.errors import BundleError

#: The release's own `mien` command: a shell script, because the one that pip writes starts with the path of the folder
#: that it was installed into. It finds its weights and models wherever it is; `current` may point elsewhere later.
_LAUNCHER = """#!/bin/sh
# Runs mien from the release that contains this file.
release=$(dirname "$(dirname "$(dirname "$(readlink -f "$0")")")")
export MIEN_WEIGHTS="${MIEN_WEIGHTS:-$release/weights}" MIEN_MODELS="${MIEN_MODELS:-$release/models}" PYTHONNOUSERSITE=1
# Settings that a user has made for other Python programs do not apply here.
unset PYTHONPATH PYTHONHOME
# -P: modules in the working directory are not imported.
exec "$release/venv/bin/python" -P -m mien "$@"
"""


def make_environment(python: Path, release: Path) -> None:
    """Create the virtual environment of a release that is being staged, from its own wheels alone.

    The environment includes the system's packages, because picamera2 comes from apt. Its own packages take precedence,
    and everything that mien needs is installed whether or not the system has it too.

    Args:
        python: the interpreter.
        release: the unpacked bundle; its wheels are removed.

    Raises:
        BundleError: the bundle does not hold exactly one wheel of pip.
        DeployError: the environment cannot be created.
    """
    venv, wheels, environment = release / "venv", release / "wheels", clean_environment(PYTHONDONTWRITEBYTECODE="1")
    # Without pip: Debian packages it separately, and the bundle brings one.
    options = ("--without-pip", "--system-site-packages")
    run_child([python, "-P", "-m", "venv", *options, venv], "create a virtual environment", environment)
    pips = sorted(wheels.glob("pip-*.whl"))
    if len(pips) != 1:
        raise BundleError(f"the bundle has {len(pips)} wheels of pip: expected one; build it again")
    temporary = release / ".tmp"
    temporary.mkdir()
    # No configuration of pip applies (Raspberry Pi OS adds an index), and temporary files go where there is room.
    environment = clean_environment(PIP_CONFIG_FILE="/dev/null", TMPDIR=str(temporary), PYTHONDONTWRITEBYTECODE="1")
    offline = ("--no-index", "--find-links", wheels, "--require-hashes", "--ignore-installed", "--no-cache-dir")
    quiet = ("--quiet", "--disable-pip-version-check", "--no-input", "--no-warn-script-location", "--no-compile")
    pip: list[str | Path] = [venv / "bin" / "python", "-P", pips[0] / "pip", "install", "--root-user-action=ignore"]
    run_child(
        [*pip, *quiet, *offline, "--requirement", release / "requirements.txt"],
        "install the bundle's packages",
        environment,
    )
    shutil.rmtree(temporary)
    shutil.rmtree(wheels)


def relocate(release: Path, destination: Path) -> None:
    """Prepare a staged release for its final path: paths in scripts, the launcher, compiled modules.

    Args:
        release: the folder in which it was staged.
        destination: the folder that it will be renamed to.
    """
    venv = release / "venv"
    for path in (venv / "pyvenv.cfg", *(venv / "bin").iterdir()):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            if str(release).encode() in content:
                path.write_bytes(content.replace(str(release).encode(), str(destination).encode()))
    launcher = venv / "bin" / "mien"
    launcher.unlink(missing_ok=True)
    launcher.write_text(_LAUNCHER)
    launcher.chmod(0o755)
    # The service may not write here, so without this it would compile the modules at every start. Files that a package
    # brings for later versions of Python do not compile, and are not needed.
    code = (
        "import compileall, sys\n"
        "compileall.compile_dir(sys.argv[1], quiet=2, stripdir=sys.argv[2], prependdir=sys.argv[3])"
    )
    command: list[str | Path] = [venv / "bin" / "python", "-P", "-c", code, venv / "lib", release, destination]
    run_child(command, "compile the release's modules", clean_environment())
