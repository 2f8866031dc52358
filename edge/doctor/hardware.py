"""Cameras, power, heat, memory, disk and clock: what the board and its surroundings do to a run."""

from __future__ import annotations

import fcntl
import grp
import os
import pwd
import shutil
import struct
import time
from pathlib import Path

from edge.doctor.finding import Finding
from edge.system.board import temperature_c, throttled, throttling_reasons
from edge.system.cache import cache_folder

BOARD_MODEL = Path("/proc/device-tree/model")
DEVICES, GOVERNOR = Path("/dev"), Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
MEMORY, SYNCHRONISED = Path("/proc/meminfo"), Path("/run/systemd/timesync/synchronized")
#: The firmware of a Raspberry Pi begins to throttle at 80 degrees Celsius.
HOT_C = 80.0
#: One run needs some 80 MB, training and conversion more.
LOW_MEMORY_MB = 150
LOW_DISK_MB, SCARCE_DISK_MB = 50, 500
#: No clock is right that says a year before this was written: a board without NTP starts in the past.
NOT_BEFORE_S = 1_763_000_000
#: linux/videodev2.h: VIDIOC_QUERYCAP, and of its answer the capabilities of the device node.
_QUERYCAP, _CAPTURE = 0x80685600, 0x00000001
_QUERYCAP_FORMAT = "16s32s32s3I12x"
#: Device nodes of a Raspberry Pi's own camera and codecs: `camera:N` cannot read them, picamera2 does.
PI_DRIVERS = ("unicam", "bcm2835-isp", "bcm2835-codec", "rp1-cfe", "pispbe", "rpivid", "rpi-hevc-dec")


def cameras(devices: Path = DEVICES) -> list[Finding]:
    """Which cameras Linux shows, and whether this user may read them."""
    found, refused = [], []
    for node in sorted(devices.glob("video*")):
        try:
            name = camera_name(node)
        except PermissionError:
            refused.append(node.name)
            continue
        except OSError:
            continue
        if name:
            found.append(f"camera:{node.name.removeprefix('video')} {name}")
    findings = []
    if refused:
        user = pwd.getpwuid(os.getuid()).pw_name
        said = f"{user} may not read {', '.join(refused)}: not in the group video"
        findings.append(Finding("cameras", "broken", said, f"sudo usermod -aG video {user}   and log in again"))
    if found:
        findings.append(Finding("cameras", "ok", "; ".join(found)))
    elif not refused:
        fix = "plug a USB camera in; for the Pi's own: see to its cable, then rpicam-hello --list-cameras"
        findings.append(Finding("cameras", "note", "no USB camera found; clips, folders and demo need none", fix))
    return findings


def camera_name(node: Path) -> str:
    """The name of the camera behind a V4L2 device node; empty where it takes no pictures.

    Raises:
        OSError: it cannot be opened, or is no such device.
    """
    handle = os.open(node, os.O_RDWR | os.O_NONBLOCK)
    try:
        answer = fcntl.ioctl(handle, _QUERYCAP, bytes(struct.calcsize(_QUERYCAP_FORMAT)))
    finally:
        os.close(handle)
    return named(answer)


def named(answer: bytes) -> str:
    """The name in a `v4l2_capability`; empty for what takes no pictures, and for parts of a Pi's own camera stack."""
    driver, card, _, _, _, capabilities = struct.unpack(_QUERYCAP_FORMAT, answer)
    driver_name, name = (text.split(b"\0")[0].decode("utf-8", "replace") for text in (driver, card))
    return name if capabilities & _CAPTURE and driver_name not in PI_DRIVERS else ""


def groups(board: Path = BOARD_MODEL, member_of: set[str] | None = None) -> list[Finding]:
    """Whether this user may ask a Raspberry Pi's firmware and camera stack: both belong to the group video."""
    if "Raspberry Pi" not in _text(board) or os.getuid() == 0:
        return []
    if member_of is None:
        known = {group.gr_gid: group.gr_name for group in grp.getgrall()}
        member_of = {known.get(number, "") for number in os.getgroups()}
    if "video" in member_of:
        return [Finding("groups", "ok", "in video")]
    user = pwd.getpwuid(os.getuid()).pw_name
    said = f"{user} is not in the group video: no camera, no throttling flags"
    return [Finding("groups", "warning", said, f"sudo usermod -aG video {user}   and log in again")]


def board_health(flags: str | None = None, degrees_c: float | None = None) -> list[Finding]:
    """Throttling, under-voltage and heat, where the board tells."""
    flags = throttled() if flags is None else flags
    degrees_c = temperature_c() if degrees_c is None else degrees_c
    findings = []
    if flags is not None:
        bits = int(flags, 16)
        now = [reason.description for reason in throttling_reasons(bits)]
        since_boot = [reason.description for reason in throttling_reasons(bits, since_boot=True)]
        before = [description for description in since_boot if description not in now]
        if now:
            findings.append(Finding("throttling", "warning", f"now: {', '.join(now)}", _cure(now)))
        if before:
            findings.append(Finding("throttling", "note", f"since boot: {', '.join(before)}", _cure(before)))
        if not now and not before:
            findings.append(Finding("throttling", "ok", "none since boot"))
    if degrees_c is not None:
        hot = degrees_c >= HOT_C
        fix = "a heat sink or a fan; room around the board" if hot else ""
        findings.append(Finding("temperature", "warning" if hot else "ok", f"{degrees_c:.0f} °C", fix))
    return findings


def governor(path: Path = GOVERNOR) -> list[Finding]:
    """Whether the processor's clock follows the load."""
    name = _text(path)
    if not name:
        return []
    if name == "powersave":
        fix = f"echo ondemand | sudo tee {path}"
        return [Finding("governor", "warning", "powersave: the clock stays at its lowest", fix)]
    return [Finding("governor", "ok", name)]


def memory(path: Path = MEMORY) -> list[Finding]:
    """Whether there is memory for a run."""
    fields = dict(line.split(":", 1) for line in _text(path).splitlines() if ":" in line)
    if "MemAvailable" not in fields:
        return []
    free_mb = int(fields["MemAvailable"].split()[0]) // 1024
    if free_mb < LOW_MEMORY_MB:
        said = f"{free_mb} MB free: a run takes some 80 MB, and the system needs air"
        fix = "end what is not needed; sudo systemctl set-default multi-user.target"
        return [Finding("memory", "warning", said, fix)]
    return [Finding("memory", "ok", f"{free_mb} MB free")]


def disk(folder: Path | None = None, free_mb: float | None = None) -> list[Finding]:
    """Whether there is room for weights and events."""
    folder = folder or cache_folder()
    while not folder.exists():
        folder = folder.parent
    free_mb = shutil.disk_usage(folder).free / 2**20 if free_mb is None else free_mb
    said = f"{free_mb:.0f} MB free at {folder}"
    fix = "sudo apt clean; journalctl --vacuum-size=50M; move event files elsewhere"
    if free_mb < LOW_DISK_MB:
        return [Finding("disk", "broken", said, fix)]
    return [Finding("disk", "warning", said, fix) if free_mb < SCARCE_DISK_MB else Finding("disk", "ok", said)]


def clock(now_s: float | None = None, synchronised: Path = SYNCHRONISED) -> list[Finding]:
    """Whether the wall clock can be right: events carry its time."""
    now_s = time.time() if now_s is None else now_s
    said = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(now_s))
    if now_s < NOT_BEFORE_S:
        return [Finding("clock", "broken", f"says {said}: not set", "sudo timedatectl set-ntp true   and a network")]
    if synchronised.parent.is_dir() and not synchronised.exists():
        return [Finding("clock", "warning", f"{said}, not set by NTP yet", "sudo timedatectl set-ntp true")]
    return [Finding("clock", "ok", said)]


def _cure(names: list[str]) -> str:
    if "under-voltage" in names:
        return "the official power supply (5.1 V; 27 W for a Pi 5), a short thick cable, fewer USB devices"
    return "a heat sink or a fan; room around the board"


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
