"""The emulated board: started, given commands, and switched off without a warning."""

import json
import socket
import subprocess
import time
from pathlib import Path


class Machine:
    """One `qemu-system-aarch64` with two cores of a Raspberry Pi 4, 1 GB and no network.

    Args:
        image: kernel and initial RAM disk.
        disk: a qcow2 file. What the guest has not flushed is lost with `cut`, as with a real disk.
        folder: for sockets and the console's log.
        snapshot: the state to continue, in place of a boot.
        options: more of the kernel's command line.
    """

    def __init__(self, image, disk, folder, snapshot=None, options=""):
        folder.mkdir(exist_ok=True)
        self.console, self._port, self._monitor = folder / "console.log", folder / "port", folder / "monitor"
        for path in (self._port, self._monitor):
            path.unlink(missing_ok=True)
        line = f"console=ttyAMA0 ro net.ifnames=0 fsck.mode=force fsck.repair=yes quiet {options}"
        command = [
            "qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a72", "-smp", "2", "-m", "1024",
            "-accel", "tcg,thread=multi,tb-size=512", "-display", "none", "-nic", "none",
            "-serial", f"file:{self.console}", "-monitor", f"unix:{self._monitor},server=on,wait=off",
            "-drive", f"file={disk},format=qcow2,if=none,id=disk,cache=writeback",
            "-device", "virtio-blk-pci,drive=disk", "-device", "virtio-rng-pci", "-device", "virtio-serial-pci",
            "-chardev", f"socket,id=port,path={self._port},server=on,wait=off",
            "-device", "virtserialport,chardev=port,name=mien",
            "-kernel", image.kernel, "-initrd", image.initrd, "-append", line,
            *(["-loadvm", snapshot] if snapshot else []),
        ]  # fmt: skip
        self._process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL)
        self._number = 0
        self._socket = self._connect(self._port)

    def _connect(self, path, limit_s=60):
        deadline_s = time.monotonic() + limit_s
        while True:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                connection.connect(str(path))
                return connection
            except OSError:
                connection.close()
                assert self._process.poll() is None, f"QEMU ended with {self._process.returncode}"
                assert time.monotonic() < deadline_s, f"QEMU did not open {path}"
                time.sleep(0.1)

    def begin(self, command):
        """Send a command, and return its number without waiting for it."""
        self._number += 1
        self._socket.sendall(json.dumps({"number": self._number, "command": command}).encode() + b"\n")
        return self._number

    def finish(self, number, limit_s=600):
        """The exit code and the output of a command that was sent."""
        self._socket.settimeout(limit_s)
        received = b""
        while True:
            try:
                chunk = self._socket.recv(65536)
            except TimeoutError:
                raise AssertionError(f"no answer within {limit_s} s; console:\n{self.tail()}") from None
            assert chunk, f"the guest went away; console:\n{self.tail()}"
            received += chunk
            while b"\n" in received:
                line, received = received.split(b"\n", 1)
                answer = json.loads(line)
                if answer["number"] == number:
                    return answer["code"], answer["output"]

    def run(self, command, limit_s=600):
        """Run a command in the guest: exit code and output."""
        return self.finish(self.begin(command), limit_s)

    def check(self, command, limit_s=600):
        """Run a command that must succeed, and return its output."""
        code, output = self.run(command, limit_s)
        assert code == 0, f"{command}: exit code {code}: {output[-3000:]}"
        return output

    def save(self, name):
        """Keep the state of the whole machine in its disk's file, under a name."""
        with self._connect(self._monitor) as monitor:
            monitor.settimeout(300)
            received = b""
            while not received.endswith(b"(qemu) "):
                received += monitor.recv(4096)
            monitor.sendall(f"savevm {name}\n".encode())
            received = b""
            while not received.endswith(b"(qemu) "):
                received += monitor.recv(4096)
        assert b"rror" not in received, received.decode()

    def cut(self):
        """Take the power away."""
        self._process.kill()
        self._process.wait()
        self._socket.close()

    def tail(self):
        return self.console.read_text(errors="replace")[-3000:] if self.console.exists() else ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.cut()


def copy_disk(disk: Path, to: Path) -> Path:
    """A copy of a disk with its snapshots; it takes no space until something is written, where the file system can."""
    subprocess.run(["cp", "--reflink=auto", "--sparse=always", str(disk), str(to)], check=True)
    return to
