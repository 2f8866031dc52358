"""What the soak test needs of the machine, checked before anything is set up."""

import resource
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from edge.own_package import extra_command
from tests.edge.capture.test_stream import GSTREAMER, HERE, SYSTEM_PYTHON
from tests.edge.mosquitto import SEARCH_PATH

#: Bit of CAP_SYS_ADMIN in a process's set of capabilities; see capabilities(7).
_CAP_SYS_ADMIN = 21
#: For the process that opens the attackers' idle connections.
_DESCRIPTORS = 2200


def missing_requirements(*, with_small_disk: bool) -> list[str]:
    """Return what is missing, each item with the command that installs it or the option that does without."""
    missing = []
    if shutil.which("mosquitto", path=SEARCH_PATH) is None:
        missing.append("Mosquitto is not installed: run  apt-get install mosquitto")
    if not _has_rtsp_server():
        missing.append(f"GStreamer's RTSP server is not installed: run  apt-get install {GSTREAMER}")
    if shutil.which("mosquitto_pub", path=SEARCH_PATH) is None:
        missing.append("mosquitto_pub is not installed: run  apt-get install mosquitto-clients")
    if 0 <= (hard := resource.getrlimit(resource.RLIMIT_NOFILE)[1]) < _DESCRIPTORS:
        missing.append(
            f"a process may open {hard} files here, expected {_DESCRIPTORS}: raise it  (ulimit -Hn, as root)"
        )
    for module, extra in (("paho.mqtt", "mqtt"), ("prometheus_client", "metrics"), ("websockets", "preview")):
        if not _is_importable(module):
            missing.append(f"{module} is not installed: run  {extra_command(extra)}")
    if with_small_disk and not _may_mount():
        missing.append("this user may not mount a tmpfs: run as root, or pass --no-small-disk")
    return missing


def _has_rtsp_server() -> bool:
    command = [SYSTEM_PYTHON, "-P", str(HERE / "rtsp_server.py"), "--check"]
    if not Path(SYSTEM_PYTHON).exists():
        return False
    return subprocess.run(command, capture_output=True, env={"PATH": "/usr/bin:/bin"}, check=False).returncode == 0


def _is_importable(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _may_mount() -> bool:
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
    return shutil.which("mount") is not None and bool(int(status["CapEff"], 16) >> _CAP_SYS_ADMIN & 1)
