"""Checks whether a bundle is for this machine, and whether there is room for it."""

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
    """Find the system's interpreter of the bundle's Python version, from which its environment is created.

    Raises:
        BundleError: the bundle is for another processor, or that Python is not installed.
        DeployError: that Python cannot create virtual environments.
    """
    machine = platform.machine()
    if machine != manifest.arch:
        raise BundleError(
            f"the bundle is for {manifest.arch}, this machine is {machine}: build it with --arch {machine}"
            if machine in ("aarch64", "x86_64")
            else f"the bundle is for {manifest.arch}, this machine is {machine}: expected a 64-bit system"
        )
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    # In a virtual environment, the Python that it was created from: no release may depend on another one.
    own = Path(getattr(sys, "_base_executable", sys.executable))
    if running == manifest.python:
        if importlib.util.find_spec("venv") is None:
            raise DeployError(f"Python {running} has no venv module: sudo apt install python3-venv")
        return own
    found = shutil.which(f"python{manifest.python}")
    if found is None:
        raise BundleError(
            f"the bundle is for Python {manifest.python} ({manifest.target}), this machine has {running}: build it "
            f"with --target {'bookworm' if running == '3.11' else 'trixie'}, or install python{manifest.python}"
        )
    code = "import venv, sys; print(sys.version_info[:2])"
    version = run_child([found, "-P", "-c", code], f"use {found}", clean_environment())
    if version.strip() != str(tuple(map(int, manifest.python.split(".")))):
        raise BundleError(f"{found} is not Python {manifest.python}, which the bundle needs")
    return Path(found)


def check_room(folder: Path, manifest: Manifest) -> None:
    """Check that the disk has room for a release, before anything is written.

    Raises:
        DeployError: there is too little room.
    """
    # The bundle's parts and what is installed from them exist side by side for a while.
    needed = manifest.installed_bytes + sum(part.size_bytes for part in manifest.parts)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DeployError(
            f"{folder} has {free / 1e6:.0f} MB free, the release needs {needed / 1e6:.0f} MB: free some space, or use "
            "another --prefix"
        )
