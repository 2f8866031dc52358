"""The probation of a new release: for some minutes after the switch it must run well, or the one before comes back.

What is known of it is in a file, so that it goes on after the device has started again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from deploy.device.atomic_io import write_file
from deploy.device.version import version_key
from edge.errors import BundleError, UnhealthyError

#: Seconds for which a new release must run.
PROBATION_S = 300.0
#: Starts of the device during one probation that are still taken for chance, such as somebody who pulls the plug.
_MAX_BOOTS = 3
#: What the service states (STATUS= of sd_notify) while no frame comes; `edge.service.heartbeat` writes it.
_NO_FRAME = ": no frame"
_FILE = "probation.json"
#: Of restarts and boots: more than any device sees.
_MAX_COUNT = 1_000_000


@dataclass(frozen=True)
class Probation:
    """What is known of one probation.

    Attributes:
        version: of the release that is on probation.
        before: version of the release to go back to.
        duration_s: how long it must run.
        passed_s: how long it has run so far; pauses, such as those of a camera that is offline, do not count.
        restarts: how often systemd had restarted the service before.
        boot: identifier of the start of the device (boot_id of random(4)).
        boots: starts of the device since the probation began.
    """

    version: str
    before: str
    duration_s: float
    passed_s: float = 0.0
    restarts: int = 0
    boot: str = ""
    boots: int = 0

    @property
    def left_s(self) -> float:
        """Seconds that the release must still run."""
        return max(0.0, self.duration_s - self.passed_s)

    def advance(self, state: Mapping[str, str], boot: str, elapsed_s: float) -> Probation:
        """Take the present state of the service into account.

        Args:
            state: its properties, as `Service.state` returns them.
            boot: identifier of the present start of the device.
            elapsed_s: seconds since the last time.

        Raises:
            UnhealthyError: the service has ended, or the device has started again too often.
        """
        found = self
        if boot != self.boot:
            # systemd counts anew.
            found = replace(found, boot=boot, boots=self.boots + 1, restarts=0)
            if found.boots > _MAX_BOOTS:
                raise UnhealthyError(f"the device has started {found.boots} times")
        restarts = int(state.get("NRestarts") or 0)
        if restarts < found.restarts:
            # Somebody has restarted the service by hand, which sets the counter back.
            found = replace(found, restarts=restarts)
        is_over = state.get("ActiveState") == "failed" or state.get("SubState") == "auto-restart"
        if is_over or restarts > found.restarts:
            # Once it has been started again, systemd no longer knows how it ended.
            result = state.get("Result", "success")
            raise UnhealthyError(f"the service has ended{'' if result == 'success' else f' (result {result})'}")
        if state.get("ActiveState") == "active" and _NO_FRAME not in state.get("StatusText", ""):
            return replace(found, passed_s=self.passed_s + elapsed_s)
        return found


class ProbationFile:
    """The file that holds the probation of a release store.

    Args:
        folder: of the store's state.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / _FILE

    @property
    def path(self) -> Path:
        """The file; there is none where no release is on probation."""
        return self._path

    def read(self) -> Probation | None:
        """The probation; None where there is none, and for a file that is damaged."""
        try:
            values = json.loads(self._path.read_bytes())
            probation = Probation(
                str(values["version"]),
                str(values["before"]),
                float(values["duration_s"]),
                float(values["passed_s"]),
                int(values["restarts"]),
                str(values["boot"]),
                int(values["boots"]),
            )
            # JSON as Python reads it has `Infinity`, and integers of any length; and the versions name folders.
            is_sound = (
                math.isfinite(probation.duration_s)
                and math.isfinite(probation.passed_s)
                and 0 <= probation.restarts <= _MAX_COUNT
                and 0 <= probation.boots <= _MAX_COUNT
            )
            version_key(probation.version), version_key(probation.before)
        except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError, BundleError):
            return None
        return probation if is_sound else None

    def write(self, probation: Probation) -> None:
        """Replace the file."""
        write_file(self._path, json.dumps(asdict(probation)).encode())

    def clear(self) -> None:
        """Remove the file."""
        self._path.unlink(missing_ok=True)


def boot_id() -> str:
    """The kernel's identifier of this start of the device."""
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
