"""YuNet's weights: an ONNX file of OpenCV Zoo, verified, converted once, and stored in the user's cache.

The .tflite in the cache carries its origin and YuNet's license as associated files, as TFLite Metadata has it, so that
a copy of it, in a bundle for example, still states what it is. Any interpreter can load it.
"""

from __future__ import annotations

import hashlib
import http.client
import io
import json
import urllib.request
import zipfile
from pathlib import Path

from edge.detection.weights import store_weights
from edge.detection.yunet_graph import yunet_graph
from edge.errors import DetectorError, WeightsMissingError
from edge.system.archives import read_member
from edge.system.cache import weights_folder
from edge.system.regular_files import read_regular

#: OpenCV Zoo's re-export of `face_detection_yunet_2023mar.onnx` with free height and width (opencv/opencv_zoo, pull
#: request 310).
SOURCE_FILE = "face_detection_yunet_2026may.onnx"
SOURCE_SHA256 = "ebafce4e3c118d6554634be5c27ab333b4c047a9a8c3faf1d7cf93101c22f0f0"
#: Where OpenCV publishes it. Wherever it comes from, its SHA-256 is checked.
ADDRESSES = (
    f"https://github.com/opencv/opencv_zoo/raw/main/models/face_detection_yunet/{SOURCE_FILE}",
    f"https://huggingface.co/opencv/face_detection_yunet/resolve/main/{SOURCE_FILE}",
)
#: Name of the converted file in the cache.
YUNET_FILE = "yunet.tflite"
_ORIGIN, _LICENSE = "origin.json", "LICENSE"
#: The ONNX file has 230 KB.
_MAX_BYTES = 16 << 20
_MAX_MEMBER_BYTES = 1 << 16
_TIMEOUT_S = 20.0
#: License of OpenCV Zoo's face_detection_yunet.
LICENSE_TEXT = """MIT License

Copyright (c) 2020 Shiqi Yu <shiqi.yu@gmail.com>

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""


def yunet_state() -> str:
    """Return whether YuNet in the cache is `present`, `missing` or `damaged`."""
    try:
        read_yunet()
    except WeightsMissingError:
        return "missing"
    except DetectorError:
        return "damaged"
    return "present"


def read_yunet() -> bytes:
    """Return the flatbuffer of YuNet from the cache, after verifying it.

    Raises:
        WeightsMissingError: it is not on this machine.
        DetectorError: it is damaged.
    """
    return _graph(read_yunet_file())


def read_yunet_file() -> bytes:
    """Return the file of YuNet in the cache with its origin and license, after verifying it.

    Raises:
        WeightsMissingError: it is not on this machine.
        DetectorError: it is damaged.
    """
    path = weights_folder() / YUNET_FILE
    try:
        content = read_regular(path, _MAX_BYTES)
    except OSError as error:
        raise WeightsMissingError(
            f"no weights of the detector yunet on this machine (expected {path}): run `mien models pull yunet`"
        ) from error
    _verify(content)
    return content


def yunet_from_file(path: Path) -> bytes:
    """Return YuNet as a flatbuffer from an ONNX file of the user's, of any training.

    Raises:
        DetectorError: the file cannot be read, or is not YuNet.
        WrongUseError: LiteRT's package, which contains the schema, is not installed.
    """
    return yunet_graph(_read(path), str(path))


def pull_yunet(file: Path | None = None) -> Path:
    """Download YuNet, verify it, convert it, and store it in the user's cache.

    Args:
        file: the ONNX file, for a machine without a network; None to download it.

    Returns:
        The file written.

    Raises:
        DetectorError: the download failed, the file is not the expected one, or the cache cannot be written.
        WrongUseError: LiteRT's package, which contains the schema, is not installed.
    """
    content = _download() if file is None else _read(file)
    if _sha256(content) != SOURCE_SHA256:
        origin = file or SOURCE_FILE
        raise DetectorError(
            f"{origin} has SHA-256 {_sha256(content)[:12]}..., expected {SOURCE_SHA256[:12]}... of OpenCV Zoo's "
            f"{SOURCE_FILE}; to use other weights of YuNet, give --detector yunet:FILE.onnx"
        )
    return store_weights(YUNET_FILE, _with_origin(yunet_graph(content, SOURCE_FILE)))


def _with_origin(graph: bytes) -> bytes:
    origin = {"source": SOURCE_FILE, "source_sha256": SOURCE_SHA256, "graph_sha256": _sha256(graph)}
    buffer = io.BytesIO(graph)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_STORED) as archive:
        for name, text in ((_ORIGIN, json.dumps(origin, indent=2) + "\n"), (_LICENSE, LICENSE_TEXT)):
            archive.writestr(zipfile.ZipInfo(name), text)
    return buffer.getvalue()


def _verify(content: bytes) -> None:
    """Check a file that `_with_origin` made.

    Raises:
        DetectorError: it is damaged.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            origin = json.loads(read_member(archive, _ORIGIN, _MAX_MEMBER_BYTES))
        intact = origin["source_sha256"] == SOURCE_SHA256 and origin["graph_sha256"] == _sha256(_graph(content))
    # What zipfile and json raise for damaged bytes is of many kinds.
    except Exception:
        intact = False
    if not intact:
        raise DetectorError(
            "the weights of the detector yunet are damaged (unexpected SHA-256): run `mien models pull yunet --force`"
        )


def _graph(content: bytes) -> bytes:
    """Return the flatbuffer, which ends where the associated files begin."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return content[: min(entry.header_offset for entry in archive.infolist())]


def _read(path: Path) -> bytes:
    try:
        return read_regular(path, _MAX_BYTES)
    except OSError as error:
        raise DetectorError(
            f"cannot read {path}: {error.strerror or error}; expected {SOURCE_FILE} of OpenCV Zoo"
        ) from error


def _download() -> bytes:
    reasons = []
    for address in ADDRESSES:
        try:
            with urllib.request.urlopen(address, timeout=_TIMEOUT_S) as answer:
                content: bytes = answer.read(_MAX_BYTES + 1)
        except (OSError, http.client.HTTPException, ValueError) as error:
            reasons.append(str(getattr(error, "reason", None) or error))
            continue
        if _sha256(content) == SOURCE_SHA256:
            return content
        reasons.append(f"{address} has another SHA-256")
    raise DetectorError(
        f"cannot download {SOURCE_FILE} of OpenCV Zoo ({'; '.join(dict.fromkeys(reasons))}): download it on another "
        "machine and run `mien models pull yunet --file FILE`"
    )


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
