"""The wheels of a target: downloads them with pip, verified by the lock's hashes, and reads their metadata."""

from __future__ import annotations

import email.message
import email.parser
import subprocess
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from deploy.build.targets import Target
from edge.errors import DeployError
from edge.system.archives import read_member
from edge.system.processes import last_line, python_command

#: The largest METADATA of a wheel in the locks has 60 KB.
_MAX_METADATA_BYTES = 4_000_000


@dataclass(frozen=True)
class Wheel:
    """One wheel.

    Attributes:
        path: the file.
        name, version: of the distribution.
        metadata: its METADATA.
        unpacked_bytes: total size of its files.
    """

    path: Path
    name: str
    version: str
    metadata: email.message.Message
    unpacked_bytes: int


def download_wheels(target: Target, arch: str, folder: Path) -> None:
    """Download the packages in the target's lock, for its Python and processor, from the index that pip is set up for.

    Raises:
        DeployError: pip fails.
    """
    platforms = [word for platform in target.platforms(arch) for word in ("--platform", platform)]
    # Wheels for the stable ABI and for any Python 3 fit as well.
    abis = [word for abi in (f"cp{target.python.replace('.', '')}", "abi3", "none") for word in ("--abi", abi)]
    python = ("--python-version", target.python, "--implementation", "cp", *abis)
    options = ("--only-binary=:all:", "--require-hashes", "--no-deps", "--dest", str(folder))
    command = python_command("pip", "--disable-pip-version-check", "--quiet", "download")
    done = subprocess.run(
        [*command, *options, *platforms, *python, "--requirement", str(target.lock)], capture_output=True, text=True
    )
    if done.returncode:
        reason = last_line(done.stderr, preferred=("ERROR", "No module")) or "pip printed nothing"
        raise DeployError(f"cannot download the wheels for {target.name} on {arch}: {reason}")


def read_wheel(path: Path) -> Wheel:
    """Read a wheel's metadata.

    Raises:
        DeployError: the file is not a wheel.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA") and n.count("/") == 1)
            metadata = email.parser.Parser().parsestr(read_member(archive, name, _MAX_METADATA_BYTES).decode("utf-8"))
            size = sum(entry.file_size for entry in archive.infolist())
    except (OSError, StopIteration, UnicodeDecodeError, RuntimeError, zlib.error, zipfile.BadZipFile) as error:
        raise DeployError(f"{path.name} is not a wheel: {error}") from error
    return Wheel(path, metadata["Name"], metadata["Version"], metadata, size)
