"""Builds mien's own wheel from the code that is running: a checkout, or an installed distribution.

Neither needs a build backend or a network, and both give the same files as a regular build of the package.
"""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from deploy.build.wheel_file import write_wheel
from edge.errors import DeployError

#: The packages that belong to mien, as in pyproject.toml.
PACKAGES = ("mien", "edge", "train", "convert", "deploy")
_ROOT = Path(__file__).parents[2]
#: The files of `deploy` that are not Python.
_DEPLOY_DATA = (
    "ansible/README.md",
    "ansible/devices.example.ini",
    "ansible/facts.yml",
    "ansible/install.yml",
    "ansible/rollback.yml",
    "ansible/roles/mien/*/main.yml",
    "ansible/roles/mien/tasks/*.yml",
    "ansible/roles/mien/templates/*.j2",
    "build/locks/*.in",
    "build/locks/*.lock",
    "containers/*.toml",
    "containers/*.yml",
    "containers/secrets/.gitignore",
    "fleet/README.md",
    "fleet/compose.yml",
    "fleet/grafana/*.json",
    "fleet/grafana/*.yml",
    "fleet/mosquitto/*.conf",
    "fleet/prometheus/*.yml",
    "fleet/secrets/.gitignore",
    "systemd/*.conf",
    "systemd/*.service",
)
_PRIVATE_KEY = re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{16}")


def build_own_wheel(folder: Path) -> Path:
    """Write mien's wheel into a folder.

    Raises:
        DeployError: mien is not installed, not even by `pip install --editable`; or a file holds a private key.
    """
    try:
        distribution = importlib.metadata.distribution("mien")
    except importlib.metadata.PackageNotFoundError as error:
        raise DeployError("mien is not installed here: expected  pip install --editable '.[deploy]'") from error
    metadata = distribution.read_text("METADATA")
    if metadata is None:
        raise DeployError("the installed mien has no metadata: install it again")
    info = {"METADATA": metadata.encode(), "licenses/LICENSE": license_text().encode()}
    if entry_points := distribution.read_text("entry_points.txt"):
        info["entry_points.txt"] = entry_points.encode()
    files = {name: (_ROOT / name).read_bytes() for name in _source_files()}
    _check_for_private_keys(files)
    return write_wheel(folder, "mien", distribution.version, files, info)


def license_text() -> str:
    """The text of mien's license."""
    if (_ROOT / "LICENSE").is_file():
        return (_ROOT / "LICENSE").read_text("utf-8")
    text = importlib.metadata.distribution("mien").read_text("licenses/LICENSE")
    if text is None:
        raise DeployError("the installed mien has no license file: install it again")
    return text


def source_commit() -> tuple[str, int] | None:
    """The commit of the checkout and its time in seconds since 1970; None outside a checkout.

    The commit is followed by `+changes` where tracked files differ from it.
    """
    output = _git("log", "-1", "--format=%h %ct")
    if output is None:
        return None
    commit, _, time_s = output.strip().partition(" ")
    is_changed = _git("status", "--porcelain", "--untracked-files=no")
    return f"{commit}+changes" if is_changed else commit, int(time_s)


def _source_files() -> list[str]:
    """The files of the packages, relative to the folder that holds them.

    In a checkout those that git tracks, and nowhere more than `_DEPLOY_DATA` names: an operator keeps inventories,
    passwords and keys beside the examples in `deploy`.
    """
    listed = _git("ls-files", "-z", "--cached", "--", *PACKAGES)
    if listed is not None:
        names = [name for name in listed.split("\0") if name and (_ROOT / name).is_file()]
    else:
        paths = [path for package in PACKAGES for path in (_ROOT / package).rglob("*") if path.is_file()]
        names = [path.relative_to(_ROOT).as_posix() for path in paths if "__pycache__" not in path.parts]
    # As in pyproject.toml: large files that only a reviewer of the conversion needs.
    names = [name for name in names if not (name.startswith("train/records/") and name.endswith("/model.keras"))]
    return sorted(name for name in names if not name.startswith("deploy/") or _belongs_to_deploy(name))


def _belongs_to_deploy(name: str) -> bool:
    return name.endswith(".py") or any(fnmatchcase(name, f"deploy/{pattern}") for pattern in _DEPLOY_DATA)


def _check_for_private_keys(files: Mapping[str, bytes]) -> None:
    """Check that no file is a private key, or contains one, in the text form of OpenSSL and OpenSSH.

    Raises:
        DeployError: one does.
    """
    for name, content in files.items():
        if _PRIVATE_KEY.search(content):
            raise DeployError(f"{name} holds a private key: it would be part of every bundle; move it elsewhere")


def _git(*arguments: str) -> str | None:
    # Without this check, git would find any repository that happens to contain site-packages.
    if not (_ROOT / ".git").exists():
        return None
    try:
        done = subprocess.run(["git", "-C", str(_ROOT), *arguments], capture_output=True, text=True)
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None
