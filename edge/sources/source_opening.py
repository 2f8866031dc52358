"""Chooses the class for a spec and opens the source."""

from __future__ import annotations

import os
from importlib import import_module

from edge.errors import SourceError, WrongUseError
from edge.sources.base import BaseSource, BlockingSource
from edge.sources.camera import CameraSource
from edge.sources.image_source import FolderSource
from edge.sources.video import VideoSource
from edge.system.addresses import without_credentials
from edge.system.registry import Registry
from edge.system.suggestions import did_you_mean

#: The name before the first colon of a spec, and the class.
_BUILTIN = {
    "demo": "edge.sources.demo:DemoSource",
    "camera": "edge.sources.camera:CameraSource",
    "picamera2": "edge.sources.picamera2:Picamera2Source",
    "rtsp": "edge.sources.stream:StreamSource",
    "rtsps": "edge.sources.stream:StreamSource",
    "http": "edge.sources.stream:StreamSource",
    "https": "edge.sources.stream:StreamSource",
}
#: For tests; `edge.testing` is imported only if one is asked for.
_FOR_TESTS = {"scripted": "edge.testing:ScriptedCamera"}
#: Sources that are named by a path alone. The first that accepts the path reads it.
_FROM_PATH: tuple[type[BaseSource], ...] = (FolderSource, VideoSource)

REGISTRY: Registry[BaseSource] = Registry("mien.sources", "source", {**_BUILTIN, **_FOR_TESTS})


def source_names() -> list[str]:
    """Return the names of all kinds of sources that are not named by a path: mien's own, and those of plug-ins."""
    return [name for name in REGISTRY.names() if name not in _FOR_TESTS]


def _usage() -> str:
    classes = [getattr(import_module(module), name) for module, name in (c.split(":") for c in _BUILTIN.values())]
    # Streams have several names and one class.
    *usages, last = dict.fromkeys(source.usage for source in (*classes, *reversed(_FROM_PATH)))
    return f"{', '.join(usages)} or {last}"


#: The specs of all sources that come with mien, for help texts and messages.
SOURCES = _usage()


def open_source(source: str | os.PathLike[str], downscale: int = 1) -> BlockingSource:
    """Open a source of frames.

    Example::

        with open_source("camera:0") as frames:
            for frame in frames:
                print(frame.index, frame.image.shape)

    Args:
        source: `demo`; `camera:N`, also written `/dev/videoN` or `N`, or `picamera2[:N]` (a camera of this machine);
            `rtsp://...` or `http://...` (a stream, whose URL may contain user and password); the path of a video file,
            a folder of images or an image; or `NAME:...` or `NAME://...` for a source of an installed plug-in. Text
            alone is parsed: a path object is always a path.
        downscale: divides the width and height of the frames of a camera; other sources ignore it.

    Returns:
        An iterator of `Frame` that waits for each frame, and a context manager that releases the camera or file. A
        camera that fails raises SourceError while it is read; a file ends the iteration.

    Raises:
        WrongUseError: there is no such kind of source, or it needs a part that is not installed.
        SourceError: the source cannot be opened.
    """
    if not isinstance(source, str):
        # A path that looks like a spec, such as Path("demo"), is still a path.
        source = os.path.join(".", os.fspath(source))  # noqa: PTH118 - pathlib drops the leading "./"
    return source_class(source).from_spec(source, downscale)


def source_class(spec: str) -> type[BaseSource]:
    """The class that reads a spec. Its attributes state what such a source can do; nothing is opened.

    Args:
        spec: as text, see `open_source`.

    Raises:
        WrongUseError: there is no such kind of source.
        SourceError: it is a path, with a separator or a suffix, and nothing exists there.
    """
    name, _, rest = spec.partition(":")
    if rest.startswith("//"):
        # The scheme of a URL may be written in capitals.
        name = name.lower()
    if name in REGISTRY and (found := REGISTRY.get(name)).accepts(spec):
        return found
    plugins = "".join(f", {other}:..." for other in source_names() if other not in _BUILTIN)
    unknown = f"no source {without_credentials(spec)!r}: expected {SOURCES}{plugins}"
    # Not Path.exists, which raises OSError for a name that is too long.
    exists = os.path.exists(spec)  # noqa: PTH110
    if CameraSource.accepts(spec) and (not exists or spec.startswith("/")):
        return CameraSource
    if not spec or "://" in spec or not (exists or os.sep in spec or "." in spec):
        raise WrongUseError(f"{unknown}{did_you_mean(spec.partition(':')[0], _BUILTIN)}")
    if not exists:
        raise SourceError(unknown.replace(": expected", ": no such file or folder; expected", 1))
    return next(source for source in _FROM_PATH if source.accepts(spec))
