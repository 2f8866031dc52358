"""The detectors' weights for the service, whose user sees no other user's cache."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from deploy.service.service_files import ServiceFiles
from edge.detection import default_weights_state
from edge.detection.weights import WEIGHTS, pull_weights, read_weights
from edge.detection.yunet_weights import YUNET_FILE, pull_yunet, read_yunet_file
from edge.errors import DetectorError, WrongUseError
from edge.system.cache import weights_folder
from edge.system.operating_system import optional_module
from edge.system.regular_files import read_regular

#: Of one file: the largest has 1.1 MB.
_MAX_BYTES = 16 << 20
_NAMES = (*(weights.file for weights in WEIGHTS.values()), YUNET_FILE)


def service_weights(detector: str, files: ServiceFiles) -> dict[str, bytes]:
    """Collect the weights that the service needs: from caches of this machine, else from the network.

    They are taken from the caches of the service, of this user, and of the user who has called sudo. Each file is
    verified, and nothing is written into any cache.

    Args:
        detector: as in `mien run --detector`.
        files: of the service.

    Returns:
        Name of the file in the cache to its content; empty for a detector without weights of mien.

    Raises:
        DetectorError: they are nowhere, and cannot be downloaded.
        WrongUseError: there is no such detector.
    """
    # A detector with a file of its own (`yunet:FILE.onnx`) has it already.
    if ":" in detector or default_weights_state(detector) in ("not needed", "unknown"):
        return {}
    folders = _caches(files)
    with tempfile.TemporaryDirectory(prefix="mien-weights-") as own, changed_environment(MIEN_WEIGHTS=own):
        found: dict[str, bytes] = {}
        for folder in folders:
            missing = [name for name in _NAMES if name not in found]
            for name in missing:
                # Regular files only: these folders belong to other users.
                with suppress(OSError):
                    (Path(own) / name).write_bytes(read_regular(folder / name, _MAX_BYTES))
            found = _intact()
            for name in (name for name in missing if name not in found):
                (Path(own) / name).unlink(missing_ok=True)
        if default_weights_state(detector) != "present":
            pull_weights()
            try:
                pull_yunet()
            except (DetectorError, WrongUseError):
                # The detector auto works without it.
                if default_weights_state(detector) != "present":
                    raise
            found = _intact()
        return found


@contextmanager
def changed_environment(**variables: str) -> Iterator[None]:
    """Set environment variables of this process for a while, and hide all others that are settings of mien.

    The service does not have them.
    """
    before = dict(os.environ)
    try:
        for name in [name for name in os.environ if name.startswith("MIEN_")]:
            del os.environ[name]
        os.environ.update(variables)
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _caches(files: ServiceFiles) -> list[Path]:
    folders = [files.cache, weights_folder()]
    users = optional_module("pwd")
    with suppress(KeyError):
        if users is not None:
            folders.append(Path(users.getpwnam(os.environ["SUDO_USER"]).pw_dir) / ".cache" / "mien")
    return folders


def _intact() -> dict[str, bytes]:
    """The files of the weights folder that are what they should be."""
    found = {}
    for name, weights in WEIGHTS.items():
        with suppress(DetectorError):
            found[weights.file] = read_weights(name)
    with suppress(DetectorError):
        found[YUNET_FILE] = read_yunet_file()
    return found
