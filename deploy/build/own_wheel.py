"""mien's own wheel, made of what is running: a checkout, or an installed distribution.

Neither needs a build backend or a network, and both give the files that the build of the package gives.
"""

from __future__ import annotations

import importlib.metadata
import subprocess
from pathlib import Path

from deploy.build.wheel_file import write_wheel
from edge.errors import DeployError

ROOMS = ("edge", "train", "convert", "deploy")
_ROOT = Path(__file__).parents[2]


def make_own_wheel(folder: Path) -> Path:
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
        raise DeployError("this mien has no metadata: install it again")
    info = {"METADATA": metadata.encode(), "licenses/LICENSE": licence_text().encode()}
    if entry_points := distribution.read_text("entry_points.txt"):
        info["entry_points.txt"] = entry_points.encode()
    files = {name: (_ROOT / name).read_bytes() for name in _sources()}
    return write_wheel(folder, "mien", distribution.version, files, info)


def licence_text() -> str:
    """The licence of mien."""
    if (_ROOT / "LICENSE").is_file():
        return (_ROOT / "LICENSE").read_text("utf-8")
    text = importlib.metadata.distribution("mien").read_text("licenses/LICENSE")
    if text is None:
        raise DeployError("this mien has no licence beside it: install it again")
    return text


def commit() -> tuple[str, int] | None:
    """The checkout's commit, with `+changes` where files differ from it, and its time in seconds; None without one."""
    said = _git("log", "-1", "--format=%h %ct")
    if said is None:
        return None
    name, _, built_s = said.strip().partition(" ")
    changed = _git("status", "--porcelain", "--untracked-files=no")
    return f"{name}+changes" if changed else name, int(built_s)


def _sources() -> list[str]:
    """Files of the packages, relative to the folder that holds them."""
    listed = _git("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *ROOMS)
    if listed is not None:
        names = [name for name in listed.split("\0") if name and (_ROOT / name).is_file()]
    else:
        paths = [path for room in ROOMS for path in (_ROOT / room).rglob("*") if path.is_file()]
        names = [str(path.relative_to(_ROOT)) for path in paths if "__pycache__" not in path.parts]
    # As in pyproject.toml: megabytes that only a reviewer of the conversion needs.
    return sorted(n for n in names if not (n.startswith("train/records/") and n.endswith("/model.keras")))


def _git(*arguments: str) -> str | None:
    # Not whatever repository site-packages happens to lie in.
    if not (_ROOT / ".git").exists():
        return None
    try:
        done = subprocess.run(["git", "-C", str(_ROOT), *arguments], capture_output=True, text=True)
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None
