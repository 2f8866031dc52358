"""The installer on another machine, which is sent along with each order."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

from deploy.push.host import Host, quote_for_sftp

#: The folder for what is sent, below the home folder on the host.
_FOLDER = ".cache/mien-deploy"


class RemoteInstaller:
    """Runs `install.py` on a host.

    Args:
        host: to run it on.
        stem: beginning of the names of all files of one order.
        prefix: where mien is installed there.
        with_sudo: run it with sudo where the user there is not root.
    """

    def __init__(self, host: Host, stem: str, prefix: str, with_sudo: bool) -> None:
        self._host, self._prefix = host, prefix
        self._stem = f"{_FOLDER}/{stem}"
        self._sudo = '$([ "$(id -u)" = 0 ] || echo sudo -n) ' if with_sudo else ""

    def path(self, suffix: str) -> str:
        """The path on the host of a file of this order."""
        return f"{self._stem}{suffix}"

    def make_folder(self, *removed: str) -> None:
        """Make the folder, which only its owner may write: root runs what is in it.

        Args:
            removed: suffixes of files that an earlier attempt may have left.
        """
        paths = " ".join(map(self.path, (".install.py", *removed)))
        self._host.run_script(
            f"umask 077; mkdir -p {_FOLDER} || exit; "
            "command -v python3 >/dev/null || { echo python3 is not installed >&2; exit 1; }; "
            f"rm -f {paths}"
        )

    def put_command(self, installer: Path) -> str:
        """The command for sftp that copies the installer."""
        return f"put {quote_for_sftp(installer)} {self.path('.install.py')}"

    def run(self, *words: str, on_line: Callable[[str], None] | None = None, timeout_s: float | None = None) -> str:
        """Run a command of the installer, and return what it prints; see `Host.run_script`."""
        command = ["python3", "-I", self.path(".install.py"), *words, "--prefix", self._prefix]
        return self._host.run_script(f"{self._sudo}{shlex.join(command)}", on_line, timeout_s)

    def remove(self) -> None:
        """Remove what was sent."""
        self._host.run_script("rm -f " + " ".join(map(self.path, (".install.py", ".bundle", ".pub"))))
