"""The systems that a bundle can be built for: releases of Raspberry Pi OS, and the wheels that fit them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

LOCKS = Path(__file__).parent / "locks"
ARCHITECTURES = ("aarch64", "x86_64")


@dataclass(frozen=True)
class Target:
    """One release of Raspberry Pi OS, named after the Debian release that it is based on.

    Attributes:
        name: the code name.
        python: version of the system's Python, for which its picamera2 is built.
        glibc_minor: minor version of its C library 2.x; no wheel may require a later one.
        supports_restart_steps: its systemd is 254 or later, and can increase the delay between restarts.
    """

    name: str
    python: str
    glibc_minor: int
    supports_restart_steps: bool

    @property
    def lock(self) -> Path:
        """The packages of a bundle with their SHA-256: the base install, MQTT, metrics and the preview."""
        return LOCKS / f"{self.name}.lock"

    def platforms(self, arch: str) -> list[str]:
        """The platform tags of wheels that run there, the newest first."""
        # manylinux2014 is manylinux_2_17, the oldest for aarch64 (PEP 600).
        return [*(f"manylinux_2_{n}_{arch}" for n in range(self.glibc_minor, 16, -1)), f"manylinux2014_{arch}"]


TARGETS = {
    target.name: target
    for target in (
        Target("bookworm", "3.11", 36, supports_restart_steps=False),
        Target("trixie", "3.13", 41, supports_restart_steps=True),
    )
}
