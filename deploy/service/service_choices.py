"""What a user chooses for the service, as a configuration of `mien run`; and the camera that is the default."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from edge.doctor.hardware import DEVICES, camera_name
from edge.doctor.software import picamera2
from edge.preview import parse_address
from edge.sources import source_class
from edge.sources.v4l2_devices import V4l2Devices
from edge.system.addresses import is_loopback

#: Where the page is if one is asked for: reachable from this machine alone, or through ssh.
DEFAULT_PREVIEW = "127.0.0.1:8080"


@dataclass(frozen=True)
class ServiceChoices:
    """The settings that an installation asks for; all others keep their defaults.

    Attributes:
        source: where frames come from, as in `mien run --source`.
        model: name or path; None for the default.
        sink: URIs; none are the journal.
        preview: address; None for no preview.
    """

    source: str
    model: str | None = None
    sink: tuple[str, ...] = ()
    preview: str | None = None

    def as_toml(self) -> bytes:
        """The configuration.

        Raises:
            WrongUseError: there is no such kind of source.
            SourceError: the source is a path, and nothing exists there.
        """
        lines = [
            "# Written by `mien service install`. All options: mien run --show-config",
            f"source = {_toml(self.source)}",
        ]
        if source_class(self.source).live:
            # A camera that is plugged in later, or a network that comes later, is no failure of the service.
            lines.append("wait-for-source = true")
        if self.model is not None:
            lines.append(f"model = {_toml(self.model)}")
        # Without another sink, the journal shows what is seen.
        lines.append(f"sink = [{', '.join(map(_toml, self.sink or ('console',)))}]")
        if self.preview is not None:
            lines.append(f"preview = {_toml(self.preview)}")
        return ("\n".join(lines) + "\n").encode()


def absolute(value: str) -> str:
    """A source or a model as the service can find it, which runs in another folder: files get an absolute path."""
    path = Path(value)
    # Not what is a name or an address, even if a file of this name exists in the present folder.
    return str(path.absolute()) if ":" not in value and ("/" in value or path.suffix) and path.exists() else value


def first_camera(devices: Path = DEVICES) -> str | None:
    """The first camera of this machine: one that Linux lists, by the name that udev gives it, else the Pi's own.

    Args:
        devices: where Linux lists devices.

    Returns:
        A source for `mien run`; None where there is no camera.
    """
    for node in sorted(devices.glob("video*"), key=lambda path: (len(path.name), path.name)):
        number = node.name.removeprefix("video")
        try:
            is_camera = number.isdecimal() and bool(camera_name(node))
        except OSError:
            continue
        if is_camera:
            return f"camera:{V4l2Devices(devices).link(int(number)) or number}"
    finds_own = any(finding.state == "ok" for finding in picamera2())
    return "picamera2" if finds_own else None


def needs_token(preview: str | None) -> bool:
    """Whether other machines could reach a preview at this address."""
    return preview is not None and not is_loopback(parse_address(preview)[0])


def _toml(value: str) -> str:
    # A JSON string is also a valid TOML string, except for DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
