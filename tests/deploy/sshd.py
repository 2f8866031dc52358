"""A real sshd on this machine, with a configuration, a port and keys of its own."""

import getpass
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.edge.mosquitto import free_port
from tests.edge.waiting import wait_until


class Sshd:
    """Lets one key in, as the user who runs the test.

    Args:
        folder: for configuration and keys.
    """

    def __init__(self, folder: Path) -> None:
        program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
        if program is None:
            pytest.skip("no sshd: apt-get install openssh-server")
        if os.getuid() == 0:
            # Where it leaves its rights; Debian's service would make it.
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        self.port, self.user, self.key = free_port(), getpass.getuser(), folder / "key"
        for name in ("host", "key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
        self.known_hosts = folder / "known_hosts"
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {(folder / 'host.pub').read_text()}")
        shutil.copy(folder / "key.pub", folder / "authorized")
        config = folder / "sshd_config"
        config.write_text(
            f"ListenAddress 127.0.0.1:{self.port}\nHostKey {folder / 'host'}\n"
            f"AuthorizedKeysFile {folder / 'authorized'}\n"
            "PidFile none\nUsePAM no\nStrictModes no\nPasswordAuthentication no\nPermitRootLogin yes\n"
            "Subsystem sftp internal-sftp\n"
        )
        self._log = (folder / "log").open("w")
        self._process = subprocess.Popen([program, "-D", "-e", "-f", config], stderr=self._log)
        wait_until(lambda: "Server listening" in (folder / "log").read_text(), "sshd listens")

    @property
    def options(self) -> str:
        """For ssh, that it meets this server and no other."""
        return (
            f"-F /dev/null -o UserKnownHostsFile={self.known_hosts} -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes"
        )

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)
        self._log.close()
