"""Runs in the guest: executes the commands that the tests send through a virtio port, one at a time, as root."""

import json
import os
import subprocess
import time
from pathlib import Path


def find_port():
    """The device of the port named `mien`."""
    for name in Path("/sys/class/virtio-ports").glob("*/name"):
        if name.read_text().strip() == "mien":
            return f"/dev/{name.parent.name}"
    raise SystemExit("no virtio port is named mien")


def send(port, answer):
    content = json.dumps(answer).encode() + b"\n"
    while content:
        content = content[os.write(port, content) :]


def main():
    port, rest = os.open(find_port(), os.O_RDWR), b""
    while True:
        chunk = os.read(port, 65536)
        if not chunk:
            # Nobody is connected at the other end.
            time.sleep(0.2)
            continue
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            request = json.loads(line)
            done = subprocess.run(
                ["/bin/bash", "-c", request["command"]],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd="/root",
                errors="replace",
            )
            send(port, {"number": request["number"], "code": done.returncode, "output": done.stdout})


main()
