"""Whether a bundle is for this machine, and whether there is room."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import sys
from pathlib import Path

from deploy.device.child_process import clean_environment, run_child
from deploy.device.manifest import Manifest
from edge.errors import BundleError, DeployError


def find_python(manifest: Manifest) -> Path:
    """The interpreter that a release's environment is made from: the system's, of the bundle's version.

    Raises:
        BundleError: the bundle is for another processor, or there is no such Python.
        DeployError: that Python cannot make environments.
    """
    machine = platform.machine()
    if machine != manifest.arch:
        raise BundleError(
            f"the bundle is for {manifest.arch}, this machine is {machine}: build it with --arch {machine}"
            if machine in ("aarch64", "x86_64")
            else f"the bundle is for {manifest.arch}, this machine is {machine}: expected a 64-bit system"
        )
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    # Within an environment: the Python that it was made from, so that no release depends on another.
    own = Path(getattr(sys, "_base_executable", sys.executable))
    if here == manifest.python:
        if importlib.util.find_spec("venv") is None:
            raise DeployError(f"Python {here} has no venv module: sudo apt install python3-venv")
        return own
    named = shutil.which(f"python{manifest.python}")
    if named is None:
        raise BundleError(
            f"the bundle is for Python {manifest.python} ({manifest.target}), here is {here}: build it with --target "
            f"{'bookworm' if here == '3.11' else 'trixie'}, or install python{manifest.python}"
        )
    said = run_child([named, "-c", "import venv, sys; print(sys.version_info[:2])"], "use it", clean_environment())
    if said.strip() != str(tuple(map(int, manifest.python.split(".")))):
        raise BundleError(f"{named} is not Python {manifest.python}, which the bundle needs")
    return Path(named)


def check_room(folder: Path, manifest: Manifest) -> None:
    """Find out before anything is written that it cannot be.

    Raises:
        DeployError: there is too little room.
    """
    # The parts lie beside what is made of them for a while.
    need = manifest.installed_bytes + sum(part.size_bytes for part in manifest.parts)
    free = shutil.disk_usage(folder).free
    if free < need:
        raise DeployError(
            f"{folder} has {free / 1e6:.0f} MB free, the release needs {need / 1e6:.0f} MB: remove something, or name "
            "another --prefix"
        )
