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
#: Seconds over which the moments are spread: of the first half of the cuts of an installation, in which most of its
#: time passes; and of a run that writes its state.
INSTALLATION_S, RUN_S = 200, 20
#: Steps with which the second half begins, and the seconds that may pass in them: they are short, and it is they that
#: make the release complete, try it, make it current, and start it.
LATE_STEPS = {"publish": 1, "health": 30, "switch": 1, "service": 40, "prune": 2}
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
        early = COUNT - len(LATE_STEPS)
        # One in each part of the time: the kind, the step that is waited for, and the seconds after it.
        self._cuts = [
            *(("installation", "", (number + moments.random()) / early * INSTALLATION_S) for number in range(early)),
            *(("installation", step, moments.random() * length_s) for step, length_s in LATE_STEPS.items()),
            *(("run", "", (number + moments.random()) / COUNT * RUN_S) for number in range(COUNT)),
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
        for kind, after, moment_s in self._cuts[half::2]:
            begin_s = time.monotonic()
            try:
                result = self._cut(kind, after, moment_s, disk, folder)
            except AssertionError as error:
                result = {"fault": str(error), "step": "", "release": ""}
            seconds = round(time.monotonic() - begin_s)
            result |= {"kind": kind, "after": after, "moment_s": round(moment_s, 1), "seconds": seconds}
            print(result, flush=True)
            results.append(result)
        return results

    def _cut(self, kind, after, moment_s, disk, folder):
        with Machine(self._image, disk, folder / "machine", snapshot=RUNNING) as machine:
            if kind == "installation":
                # The console is the one place from which a line arrives before the cut.
                machine.begin(f"{INSTALL} 2.0.bundle --limit 1200 --frames 5 --verbose >/dev/ttyAMA0 2>&1")
            deadline_s = time.monotonic() + 900
            while after and f"step {after}" not in machine.tail().splitlines():
                assert time.monotonic() < deadline_s, f"no step {after}: {machine.tail()}"
                time.sleep(0.2)
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
