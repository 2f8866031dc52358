"""How this mien was installed, and therefore how more of it is installed."""

from __future__ import annotations

import json
import shlex
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import unquote, urlsplit

_NAME = "mien"
#: Packages without a release for later versions of Python, by the module that is imported. As in pyproject.toml, which
#: leaves them out of the extras there.
LATEST_PYTHON = {"tensorflow": (3, 13)}


def extra_command(*extras: str) -> str:
    """The command that installs extras from where this mien came from.

    That is an index, or the folder or file that pip was given; pip records it (direct_url.json, PEP 610).

    Args:
        extras: their names, such as `train`.
    """
    origin, is_editable = _origin()
    requirement = f"{_NAME if origin is None else origin}[{','.join(extras)}]"
    return f"pip install {'-e ' if is_editable else ''}{_quoted(requirement)}"


def command_for_older_python(
    extra: str, module: str, version: tuple[int, int] = sys.version_info[:2]
) -> tuple[str, str] | None:
    """What is wrong, and the command that helps, if a module does not exist for this version of Python; else None.

    Args:
        extra: the extra of mien that brings the module where it exists.
        module: what could not be imported, such as `tensorflow`.
        version: of Python.
    """
    latest = LATEST_PYTHON.get(module.partition(".")[0])
    if latest is None or version <= latest:
        return None
    return (
        f"this needs {module}, which has no release for Python {version[0]}.{version[1]}: expected Python 3.11 to "
        f"{latest[0]}.{latest[1]} (or KERAS_BACKEND=torch or jax, for training alone)",
        f"python{latest[0]}.{latest[1]} -m venv mien-venv && mien-venv/bin/{extra_command(extra)}",
    )


def _origin() -> tuple[Path | None, bool]:
    """The folder or file that mien was installed from, None for an index; and whether it was an editable install."""
    try:
        record = json.loads(distribution(_NAME).read_text("direct_url.json") or "{}")
        url, is_editable = urlsplit(record.get("url", "")), bool(record.get("dir_info", {}).get("editable"))
    except PackageNotFoundError:
        # On PYTHONPATH, or started in a checkout.
        root = Path(__file__).parents[1]
        return (root, True) if (root / "pyproject.toml").is_file() else (None, False)
    except (OSError, ValueError, AttributeError):
        return None, False
    path = Path(unquote(url.path))
    # A wheel that has been removed since can be installed no more.
    return (path, is_editable) if url.scheme == "file" and path.exists() else (None, False)


def _quoted(requirement: str) -> str:
    return f"'{requirement}'" if "'" not in requirement else shlex.quote(requirement)
