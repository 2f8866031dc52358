"""The licences of everything in a bundle, as its wheels bring them."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

from deploy.build.wheels import Wheel

_LICENCE = re.compile(r"[^/]+\.dist-info/(?:licen[cs]es/.+|(?:LICEN[CS]E|COPYING|NOTICE|AUTHORS)[^/]*)", re.IGNORECASE)
_TROVE = "License :: OSI Approved :: "
#: mien's own, and that of MediaPipe's weights.
APACHE = "Apache-2.0"


def licence_of(wheel: Wheel) -> str:
    """What a wheel's metadata says: an SPDX expression where it has one, words otherwise."""
    if expression := wheel.metadata.get("License-Expression"):
        return str(expression)
    troves = [t.removeprefix(_TROVE) for t in wheel.metadata.get_all("Classifier", []) if t.startswith(_TROVE)]
    words = str(wheel.metadata.get("License") or "").strip().splitlines()
    # Some write the whole text there.
    return words[0] if len(words) == 1 and len(words[0]) < 80 else " or ".join(troves) or "see its licence file"


def write_licences(folder: Path, wheels: Sequence[Wheel]) -> None:
    """Write every wheel's licence files below a folder, and a table of contents.

    Args:
        folder: made here.
        wheels: of the bundle.
    """
    folder.mkdir(parents=True)
    lines = []
    for wheel in sorted(wheels, key=lambda wheel: wheel.name.lower()):
        lines.append(f"{wheel.name} {wheel.version}: {licence_of(wheel)}")
        with zipfile.ZipFile(wheel.path) as archive:
            for name in archive.namelist():
                if _LICENCE.fullmatch(name) and not name.endswith("/"):
                    # One flat folder a package: only the file's name and what distinguishes it.
                    inside = re.sub(r"[^A-Za-z0-9._+-]", "-", name.split(".dist-info/", 1)[1].removeprefix("licenses/"))
                    path = folder / wheel.path.name.split("-")[0] / inside.lstrip(".")
                    path.parent.mkdir(exist_ok=True)
                    path.write_bytes(archive.read(name))
    lines.append(f"weights/*.tflite: {APACHE}, MediaPipe's BlazeFace")
    (folder / "README.txt").write_text("\n".join(lines) + "\n", "utf-8")
