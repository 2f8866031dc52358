"""Checks of the board and its surroundings: cameras, power, temperature, memory, disk and clock."""

from __future__ import annotations

import getpass
import os
import shutil
import struct
import sys
import time
from pathlib import Path

from edge.doctor.finding import Finding
from edge.system.board import temperature_c, throttled, throttling_reasons
from edge.system.cache import cache_folder
from edge.system.operating_system import open_flags, optional_module, system_function, system_name, user_id

BOARD_MODEL = Path("/proc/device-tree/model")
DEVICES, SCALING_POLICY = Path("/dev"), Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
MEMINFO, SYNCHRONIZED = Path("/proc/meminfo"), Path("/run/systemd/timesync/synchronized")
#: The firmware of a Raspberry Pi begins to throttle at 80 degrees Celsius (Raspberry Pi documentation).
HOT_C = 80.0
#: A run needs about 80 MB; training and conversion need more.
LOW_MEMORY_MB = 150
LOW_DISK_MB, SCARCE_DISK_MB = 50, 500
#: 13 November 2025, before this was written: a clock that shows an earlier time is wrong. A board without NTP starts
#: in the past.
NOT_BEFORE_S = 1_763_000_000
#: linux/videodev2.h: the request VIDIOC_QUERYCAP, and the capability V4L2_CAP_VIDEO_CAPTURE of the device node.
_QUERYCAP, _CAPTURE = 0x80685600, 0x00000001
#: struct v4l2_capability, 104 bytes: driver, card, bus_info, version, capabilities, device_caps.
_QUERYCAP_FORMAT = "16s32s32s3I12x"
#: Drivers of a Raspberry Pi's own camera and codecs: `camera:N` cannot read their device nodes, picamera2 can.
PI_DRIVERS = ("unicam", "bcm2835-isp", "bcm2835-codec", "rp1-cfe", "pispbe", "rpivid", "rpi-hevc-dec")


def cameras(devices: Path = DEVICES) -> list[Finding]:
    """Check which cameras Linux lists, and whether this user may read them. Other systems list none."""
    if sys.platform != "linux":
        message = f"{system_name()} does not list them: try  mien run --source camera:0"
        return [Finding("cameras", "note", message)]
    return _listed_cameras(devices)


def _listed_cameras(devices: Path) -> list[Finding]:
    found, denied = [], []
    for node in sorted(devices.glob("video*")):
        try:
            name = camera_name(node)
        except PermissionError:
            denied.append(node.name)
            continue
        except OSError:
            continue
        if name:
            found.append(f"camera:{node.name.removeprefix('video')} {name}")
    findings = []
    if denied:
        user = _user_name()
        message = f"{user} may not read {', '.join(denied)}: not in the group video"
        findings.append(Finding("cameras", "broken", message, _add_to_video(user)))
    if found:
        findings.append(Finding("cameras", "ok", "; ".join(found)))
    elif not denied:
        message = "no USB camera found; video files, folders of images and the demo source need none"
        fix = "plug in a USB camera; for the Pi's own camera, check its cable, then run  rpicam-hello --list-cameras"
        findings.append(Finding("cameras", "note", message, fix))
    return findings


def camera_name(node: Path) -> str:
    """The name of the camera behind a V4L2 device node; empty for a node that does not capture images.

    Raises:
        OSError: the node cannot be opened, or is not a V4L2 device.
    """
    control = optional_module("fcntl")
    assert control is not None, "only Linux has such nodes"
    handle = os.open(node, open_flags("RDWR", "NONBLOCK"))
    try:
        capability = control.ioctl(handle, _QUERYCAP, bytes(struct.calcsize(_QUERYCAP_FORMAT)))
    finally:
        os.close(handle)
    return parse_camera_name(capability)


def parse_camera_name(capability: bytes) -> str:
    """The camera's name in a `struct v4l2_capability`.

    Empty for a device that does not capture images, and for parts of a Raspberry Pi's own camera stack.
    """
    driver, card, _, _, _, device_caps = struct.unpack(_QUERYCAP_FORMAT, capability)
    driver_name, name = (text.split(b"\0")[0].decode("utf-8", "replace") for text in (driver, card))
    return name if device_caps & _CAPTURE and driver_name not in PI_DRIVERS else ""


def groups(board: Path = BOARD_MODEL, member_of: set[str] | None = None) -> list[Finding]:
    """Check whether this user may use a Raspberry Pi's firmware and camera stack: both require the group video."""
    if "Raspberry Pi" not in _text(board) or user_id() in (0, None):
        return []
    if member_of is None:
        entries = optional_module("grp")
        known = {group.gr_gid: group.gr_name for group in entries.getgrall()} if entries is not None else {}
        member_of = {known.get(number, "") for number in system_function("getgroups")()}
    if "video" in member_of:
        return [Finding("groups", "ok", "in video")]
    user = _user_name()
    message = f"{user} is not in the group video: no camera, no throttling flags"
    return [Finding("groups", "warning", message, _add_to_video(user))]


def board_health(flags: str | None = None, degrees_c: float | None = None) -> list[Finding]:
    """Check throttling, supply voltage and temperature, on boards that report them.

    Args:
        flags: the throttling flags in hex, as `vcgencmd get_throttled` has them; None reads this board's.
        degrees_c: the processor's temperature; None reads this board's.
    """
    flags = throttled() if flags is None else flags
    degrees_c = temperature_c() if degrees_c is None else degrees_c
    findings = []
    if flags is not None:
        bits = int(flags, 16)
        now = [reason.description for reason in throttling_reasons(bits)]
        since_boot = [reason.description for reason in throttling_reasons(bits, since_boot=True)]
        before = [description for description in since_boot if description not in now]
        if now:
            findings.append(Finding("throttling", "warning", f"now: {', '.join(now)}", _throttling_fix(now)))
        if before:
            message = f"since boot: {', '.join(before)}"
            findings.append(Finding("throttling", "note", message, _throttling_fix(before)))
        if not now and not before:
            findings.append(Finding("throttling", "ok", "none since boot"))
    if degrees_c is not None:
        hot = degrees_c >= HOT_C
        fix = _COOLING if hot else ""
        findings.append(Finding("temperature", "warning" if hot else "ok", f"{degrees_c:.0f} °C", fix))
    return findings


def cpu_frequency(path: Path = SCALING_POLICY) -> list[Finding]:
    """Check whether the processor's clock follows the load, by the name of Linux's CPU frequency governor."""
    name = _text(path)
    if not name:
        return []
    if name == "powersave":
        fix = f"echo ondemand | sudo tee {path}"
        return [Finding("governor", "warning", "powersave: the clock stays at its lowest", fix)]
    return [Finding("governor", "ok", name)]


def memory(path: Path = MEMINFO) -> list[Finding]:
    """Check whether there is enough free memory for a run."""
    fields = dict(line.split(":", 1) for line in _text(path).splitlines() if ":" in line)
    if "MemAvailable" not in fields:
        return []
    free_mb = int(fields["MemAvailable"].split()[0]) // 1024
    if free_mb < LOW_MEMORY_MB:
        message = f"{free_mb} MB free: a run takes about 80 MB, and the system needs some for itself"
        fix = "stop programs that you do not need; sudo systemctl set-default multi-user.target"
        return [Finding("memory", "warning", message, fix)]
    return [Finding("memory", "ok", f"{free_mb} MB free")]


def disk(folder: Path | None = None, free_mb: float | None = None) -> list[Finding]:
    """Check whether there is room for detector weights and event files.

    Args:
        folder: on the disk to check; None is the cache folder.
        free_mb: free space in MiB; None reads it.
    """
    folder = folder or cache_folder()
    while not folder.exists():
        folder = folder.parent
    free_mb = shutil.disk_usage(folder).free / 2**20 if free_mb is None else free_mb
    message = f"{free_mb:.0f} MB free at {folder}"
    fix = "sudo apt clean; journalctl --vacuum-size=50M; move event files to another disk"
    if sys.platform != "linux":
        fix = "delete what you do not need; move event files to another disk"
    if free_mb < LOW_DISK_MB:
        return [Finding("disk", "broken", message, fix)]
    return [Finding("disk", "warning", message, fix) if free_mb < SCARCE_DISK_MB else Finding("disk", "ok", message)]


def clock(now_s: float | None = None, synchronized: Path = SYNCHRONIZED) -> list[Finding]:
    """Check whether the system clock is plausible: events carry its time.

    Args:
        now_s: seconds since 1970; None reads the clock.
        synchronized: the file that systemd-timesyncd creates once it has set the clock.
    """
    now_s = time.time() if now_s is None else now_s
    now = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(now_s))
    if now_s < NOT_BEFORE_S:
        fix = "connect the board to a network, then  sudo timedatectl set-ntp true"
        if sys.platform != "linux":
            fix = "set the clock in the settings of the system"
        return [Finding("clock", "broken", f"shows {now}: it is not set", fix)]
    if synchronized.parent.is_dir() and not synchronized.exists():
        return [Finding("clock", "warning", f"{now}, not set by NTP yet", "sudo timedatectl set-ntp true")]
    return [Finding("clock", "ok", now)]


_COOLING = "add a heat sink or a fan, and leave room around the board"


def _throttling_fix(reasons: list[str]) -> str:
    if "under-voltage" in reasons:
        return "use the official power supply (5.1 V; 27 W for a Pi 5), a short thick cable, and fewer USB devices"
    return _COOLING


def _user_name() -> str:
    users = optional_module("pwd")
    if users is None:
        return getpass.getuser()
    try:
        return str(users.getpwuid(user_id()).pw_name)
    except KeyError:
        # A container may run as a user that passwd does not have.
        return str(user_id())


def _add_to_video(user: str) -> str:
    return f"sudo usermod -aG video {user}   then log in again"


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
