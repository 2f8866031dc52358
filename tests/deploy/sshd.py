"""Real ssh servers for tests: each has its port, host key and configuration in a temporary folder."""

import getpass
import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from tests.edge.waiting import wait_until

#: Where Debian installs the programs.
_PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/lib/openssh"))


def find(name, package="openssh-server"):
    path = shutil.which(name, path=_PATH)
    if path is None:
        pytest.skip(f"no {name}: apt-get install {package}")
    return path


class Machine:
    """A device as ssh sees it: a host name, a home folder, and an ssh server.

    Args:
        name: in the ssh configuration of a `Network`.
        folder: for its home folder and its server.
        public_key: of the client that may log in.
        python: a folder that comes first on its PATH.
    """

    def __init__(self, name, folder, public_key, python):
        self.name, self.home = name, folder / "home"
        self.home.mkdir(parents=True)
        sshd, sftp = find("sshd"), find("sftp-server", "openssh-sftp-server")
        key = folder / "host_key"
        subprocess.run([find("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        # Every command, those of sftp included, runs in the machine's home folder.
        script = folder / "session.sh"
        script.write_text(
            f'#!/bin/sh\nexport HOME="{self.home}" PATH="{python}:/usr/bin:/bin:/usr/sbin"\ncd "$HOME"\n'
            'eval "$SSH_ORIGINAL_COMMAND"\n'
        )
        script.chmod(0o755)
        authorized = folder / "authorized_keys"
        authorized.write_text(public_key)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        config = folder / "sshd_config"
        config.write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {key}\nAuthorizedKeysFile {authorized}\n"
            f"PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\n"
            f"Subsystem sftp {sftp}\nForceCommand {script}\n"
        )
        if os.geteuid() == 0:
            # sshd requires this folder, and only Debian's service creates it.
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        self._log = (folder / "sshd.log").open("w")
        self._process = subprocess.Popen([sshd, "-D", "-e", "-f", config], stderr=self._log, stdin=subprocess.DEVNULL)
        self.host_key = key.with_suffix(".pub").read_text()
        wait_until(self._answers, "sshd listens")

    def close(self):
        self._process.terminate()
        self._process.wait(10)
        self._log.close()

    @property
    def current(self):
        link = self.home / "mien" / "current"
        return link.readlink().name if link.is_symlink() else None

    def _answers(self):
        assert self._process.poll() is None, "sshd ended"
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True


class Network:
    """Several machines, and the ssh configuration that describes them."""

    def __init__(self, folder, names, python):
        client_key = folder / "client_key"
        subprocess.run(
            [find("ssh-keygen", "openssh-client"), "-q", "-t", "ed25519", "-N", "", "-f", client_key], check=True
        )
        public = client_key.with_suffix(".pub").read_text()
        self.machines = [Machine(name, folder / name, public, python) for name in names]
        known = folder / "known_hosts"
        known.write_text("".join(f"[127.0.0.1]:{m.port} {m.host_key}" for m in self.machines))
        self.config = folder / "ssh_config"
        lines = [f"Host {m.name}\n  Port {m.port}\n" for m in self.machines]
        self.config.write_text(
            "".join(lines) + f"Host *\n  HostName 127.0.0.1\n  User {getpass.getuser()}\n  IdentityFile {client_key}\n"
            f"  IdentitiesOnly yes\n  UserKnownHostsFile {known}\n  StrictHostKeyChecking yes\n"
        )

    def close(self):
        for machine in self.machines:
            machine.close()
