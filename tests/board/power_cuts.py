"""Power cuts: the emulator is killed at random moments of an installation and of a run, and the board boots again."""

import json
import random
import time
from concurrent.futures import ThreadPoolExecutor

from tests.board.machine import Machine, copy_disk

#: The saved state to start from: 1.0 runs on the camera.
RUNNING = "running"
#: Cuts of each kind.
COUNT = 10
#: Seconds over which the moments are spread: more than an installation takes when two boards share two cores, and a
#: run that writes its state.
INSTALLATION_S, RUN_S = 240, 20
INSTALL = "cd /opt/board && python3 install.py"


class PowerCuts:
    """Cuts the power of two boards side by side, each with a disk of its own.

    Args:
        image: of the board; its disk holds the state `RUNNING`.
        seed: of the moments.
    """

    def __init__(self, image, seed):
        self._image = image
        moments = random.Random(seed)
        # One in each tenth of the time.
        self._cuts = [
            (kind, (number + moments.random()) / COUNT * length_s)
            for kind, length_s in (("installation", INSTALLATION_S), ("run", RUN_S))
            for number in range(COUNT)
        ]

    def run(self):
        """Cut and boot as often as planned: a dictionary for each cut."""
        with ThreadPoolExecutor(2) as boards:
            halves = list(boards.map(self._run_half, range(2)))
        return [halves[number % 2][number // 2] for number in range(len(self._cuts))]

    def _run_half(self, half):
        folder = self._image.folder / f"cuts{half}"
        folder.mkdir()
        disk = copy_disk(self._image.disk, folder / "disk.qcow2")
        results = []
        for kind, moment_s in self._cuts[half::2]:
            begin_s = time.monotonic()
            try:
                result = self._cut(kind, moment_s, disk, folder)
            except AssertionError as error:
                result = {"fault": str(error)}
            result |= {"kind": kind, "moment_s": round(moment_s, 1), "seconds": round(time.monotonic() - begin_s)}
            print(result, flush=True)
            results.append(result)
        return results

    def _cut(self, kind, moment_s, disk, folder):
        with Machine(self._image, disk, folder / "machine", snapshot=RUNNING) as machine:
            if kind == "installation":
                # The console is the one place from which a line arrives before the cut.
                machine.begin(f"{INSTALL} 2.0.bundle --limit 1200 --frames 5 --verbose >/dev/ttyAMA0 2>&1")
            time.sleep(moment_s)
            machine.cut()
            steps = [line for line in machine.tail().splitlines() if line.startswith("step ")]
        with Machine(self._image, disk, folder / "machine") as machine:
            machine.check("true", limit_s=900)
            booted = machine.check("journalctl -b -o cat -u systemd-fsck-root")
            machine.check("while [ $(systemctl is-active mien) = activating ]; do sleep 1; done", limit_s=900)
            state = machine.check("systemctl is-active mien; true").strip()
            release = machine.check("readlink /opt/mien/current").strip().removeprefix("releases/")
            command = machine.check("tr '\\0' ' ' </proc/$(systemctl show mien -p MainPID --value)/cmdline; true")
            status = json.loads(machine.check(f"{INSTALL} status --json"))
            # The same bundle again compares every file of the release with the signed manifest.
            again = machine.check(f"{INSTALL} {release}.bundle") if kind == "installation" else ""
            fault = ""
            if "UNEXPECTED INCONSISTENCY" in booted:
                fault = f"fsck: {booted}"
            elif state != "active":
                fault = f"the service is {state}: " + machine.check("journalctl -b -o cat -u mien | tail -20")
            elif f"/opt/mien/releases/{release}/" not in command:
                fault = f"{release} is current, and what runs is {command}"
            elif kind == "installation" and "is the current release already" not in again:
                fault = f"the files of {release}: {again}"
            elif damaged := [row for row in status["releases"] if row["version"] == release and row["damage"]]:
                fault = f"damaged: {damaged}"
        return {"step": steps[-1].removeprefix("step ") if steps else "", "release": release, "fault": fault}
