"""What stands in for parts that a machine without a camera lacks. All else of libcamera and picamera2 is real."""

import shutil
from dataclasses import dataclass
from pathlib import Path

#: The folder of the stand-ins in the root file system, and the preloaded library in it.
FOLDER, SHIM = "/opt/stand-ins", "/opt/stand-ins/shim.so"
#: A release of mien drops PYTHONPATH; Debian's Python reads this line when it starts.
VARIABLE = "CAMERA_STAND_INS"
_PATH = f"import os, sys; sys.path[:0] = filter(None, [os.environ.get('{VARIABLE}')])\n"
#: The program that compiles the library, in the root file system.
COMPILE = ("gcc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", SHIM, f"{FOLDER}/shim.c", "-ldl")
#: Printed with the results, so that nobody takes them for more than they are.
NAMES = (
    "/dev/udmabuf and /dev/dma_heap/linux,cma: memfds, from a preloaded library",
    "pykms: a module without functions, since nothing is drawn on a screen",
    "picamera2: the stream role Raw is replaced by VideoRecording, since the virtual camera has no raw stream",
    "picamera2: its default allocator is LibcameraAllocator, since the virtual camera wants two planes for each buffer",
    "picamera2: each frame counts as a success, since the virtual camera of libcamera 0.4 sets no status of frames",
)
UNTESTED = "not tested here: the ISP, the raw stream, picamera2's DMA allocator, V4L2, udev"
#: picamera2's drm_preview only reads names of pixel formats when it is imported.
_PYKMS = """class _Names(type):
    def __getattr__(cls, name):
        return name


class PixelFormat(metaclass=_Names):
    pass
"""


@dataclass(frozen=True)
class _Change:
    old: str
    new: str
    count: int


_CHANGES = (
    _Change("[libcamera.StreamRole.Raw]", "[libcamera.StreamRole.VideoRecording]", 2),
    _Change("import DmaAllocator\n", "import LibcameraAllocator\n", 1),
    _Change("DmaAllocator() if allocator is None", "LibcameraAllocator(self.camera) if allocator is None", 1),
    _Change("        self.allocator = DmaAllocator()\n", "        self.allocator = None\n", 1),
    _Change(".metadata.status == libcamera.FrameMetadata.Status.Success:", ".metadata.status is not None:", 1),
)


def make_stand_ins(root: Path, installed: Path) -> None:
    """Write the stand-ins into a root file system, but for the compiled library.

    Args:
        root: the root file system.
        installed: the package picamera2 in it. It stays as it is; a process whose environment names the folder of the
            stand-ins in `VARIABLE` finds the changed copy before it.
    """
    folder = root / FOLDER.lstrip("/")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    installed.with_name("stand-ins.pth").write_text(_PATH)
    (folder / "pykms.py").write_text(_PYKMS)
    shutil.copy(Path(__file__).with_name("shim.c"), folder)
    shutil.copytree(installed, folder / "picamera2")
    module = folder / "picamera2" / "picamera2.py"
    text = module.read_text()
    for change in _CHANGES:
        found = text.count(change.old)
        assert found == change.count, f"picamera2 has {found} of {change.old!r}: expected {change.count}"
        text = text.replace(change.old, change.new)
    module.write_text(text)
