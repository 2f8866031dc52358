"""The wheels of a target: downloaded by pip under the lock's hashes, and read."""

from __future__ import annotations

import email.message
import email.parser
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from deploy.build.targets import Target
from edge.errors import DeployError


@dataclass(frozen=True)
class Wheel:
    """One wheel: its file, the distribution's name and version, its METADATA, and its bytes when unpacked."""

    path: Path
    name: str
    version: str
    metadata: email.message.Message
    unpacked_bytes: int


def download_wheels(target: Target, arch: str, folder: Path) -> None:
    """Download what the target's lock names, for its Python and processor, under the index this machine knows.

    Raises:
        DeployError: pip fails.
    """
    platforms = [word for platform in target.platforms(arch) for word in ("--platform", platform)]
    # Wheels for the stable ABI and for any Python 3 fit as well.
    abis = [word for abi in (f"cp{target.python.replace('.', '')}", "abi3", "none") for word in ("--abi", abi)]
    python = ("--python-version", target.python, "--implementation", "cp", *abis)
    options = ("--only-binary=:all:", "--require-hashes", "--no-deps", "--dest", str(folder))
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download"]
    done = subprocess.run(
        [*command, *options, *platforms, *python, "--requirement", str(target.lock)], capture_output=True, text=True
    )
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if "ERROR" in line or "No module" in line]
        reason = (said or done.stderr.splitlines() or ["pip said nothing"])[-1].strip()
        raise DeployError(f"cannot download the wheels for {target.name} on {arch}: {reason[:300]}")


def read_wheel(path: Path) -> Wheel:
    """Read a wheel's metadata.

    Raises:
        DeployError: it is no wheel.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA") and n.count("/") == 1)
            metadata = email.parser.Parser().parsestr(archive.read(name).decode("utf-8"))
            size = sum(entry.file_size for entry in archive.infolist())
    except (OSError, StopIteration, UnicodeDecodeError, zipfile.BadZipFile) as error:
        raise DeployError(f"{path.name} is no wheel: {error}") from error
    return Wheel(path, metadata["Name"], metadata["Version"], metadata, size)
