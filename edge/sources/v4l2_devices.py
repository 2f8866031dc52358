"""The cameras that Linux lists in `/dev`: by number, and by udev's links, whose names stay when numbers change."""

from __future__ import annotations

import re
from pathlib import Path

from edge.errors import SourceError

#: udev's folders of links, below `/dev`: by vendor, model and serial number, and by the port. A camera without a serial
#: number shares its name with others of its kind, and then only one of them has a link in the first folder.
_LINK_FOLDERS = ("v4l/by-id", "v4l/by-path")
_NUMBERED = re.compile(r"video(\d{1,3})")


class V4l2Devices:
    """The cameras of one machine.

    Args:
        folder: where Linux lists devices.
    """

    def __init__(self, folder: Path = Path("/dev")) -> None:
        self._folder = folder

    def number(self, device: int | str) -> int:
        """Return N of the `/dev/videoN` that a camera has now.

        Args:
            device: N, or the path of one of udev's links to it.

        Raises:
            SourceError: there is no such camera; the message names those that there are.
        """
        path = self._folder / f"video{device}" if isinstance(device, int) else Path(device)
        found = _NUMBERED.fullmatch(path.resolve().name)
        if not path.exists() or found is None:
            raise SourceError(f"no camera at {path}: {self._existing()}; for the Pi's own camera use picamera2")
        return int(found[1])

    def link(self, number: int) -> str:
        """Return the path of the link that names camera N whatever its number becomes; empty if there is none."""
        target = (self._folder / f"video{number}").resolve()
        for link in self._links():
            if link.resolve() == target:
                return str(link)
        return ""

    def _links(self) -> list[Path]:
        return [link for name in _LINK_FOLDERS for link in sorted((self._folder / name).glob("*"))]

    def _existing(self) -> str:
        numbers = sorted(
            int(found[1]) for path in self._folder.glob("video*") if (found := _NUMBERED.fullmatch(path.name))
        )
        names = [f"camera:{number}" for number in numbers]
        return f"there are {', '.join(names)}" if names else "there is none"
