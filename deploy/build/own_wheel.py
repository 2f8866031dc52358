"""Builds mien's own wheel from the code that is running: a checkout, or an installed distribution.

Neither needs a build backend or a network, and both give the same files as a regular build of the package.
"""

from __future__ import annotations

import importlib.metadata
import subprocess
from pathlib import Path

from deploy.build.wheel_file import write_wheel
from edge.errors import DeployError

#: The packages that belong to mien, as in pyproject.toml.
PACKAGES = ("mien", "edge", "train", "convert", "deploy")
_ROOT = Path(__file__).parents[2]


def build_own_wheel(folder: Path) -> Path:
    """Write mien's wheel into a folder.

    Raises:
        DeployError: mien is not installed, not even by `pip install --editable`.
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
    """The files of the packages, relative to the folder that holds them."""
    listed = _git("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *PACKAGES)
    if listed is not None:
        names = [name for name in listed.split("\0") if name and (_ROOT / name).is_file()]
    else:
        paths = [path for package in PACKAGES for path in (_ROOT / package).rglob("*") if path.is_file()]
        names = [str(path.relative_to(_ROOT)) for path in paths if "__pycache__" not in path.parts]
    # As in pyproject.toml: large files that only a reviewer of the conversion needs.
    return sorted(n for n in names if not (n.startswith("train/records/") and n.endswith("/model.keras")))


def _git(*arguments: str) -> str | None:
    # Without this check, git would find any repository that happens to contain site-packages.
    if not (_ROOT / ".git").exists():
        return None
    try:
        done = subprocess.run(["git", "-C", str(_ROOT), *arguments], capture_output=True, text=True)
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None
