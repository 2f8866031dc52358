"""What a bundle can be made for: Raspberry Pi OS by its code name, and the wheels that fit it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

LOCKS = Path(__file__).parent / "locks"
ARCHITECTURES = ("aarch64", "x86_64")


@dataclass(frozen=True)
class Target:
    """One Raspberry Pi OS, which is Debian of the same name.

    Attributes:
        name: the code name.
        python: of the system, for picamera2 is built for that one.
        glibc_minor: of its C library 2.x: no wheel may want a later one.
        has_growing_delays: its systemd is 254 or later, and lets the delay between restarts grow.
    """

    name: str
    python: str
    glibc_minor: int
    has_growing_delays: bool

    @property
    def lock(self) -> Path:
        """The packages of a bundle, with the SHA-256 of each: the base install, MQTT, metrics and the preview."""
        return LOCKS / f"{self.name}.lock"

    def platforms(self, arch: str) -> list[str]:
        """Platform tags of wheels that run there, the newest first."""
        # manylinux2014 is 2_17, the oldest there is for aarch64.
        return [*(f"manylinux_2_{n}_{arch}" for n in range(self.glibc_minor, 16, -1)), f"manylinux2014_{arch}"]


TARGETS = {
    target.name: target
    for target in (
        Target("bookworm", "3.11", 36, has_growing_delays=False),
        Target("trixie", "3.13", 41, has_growing_delays=True),
    )
}
