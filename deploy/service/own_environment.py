"""The environment of this command, which the service runs as well: whether the service's user can reach it."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import edge
from deploy.device.child_process import clean_environment, run_child, unprivileged
from edge.errors import DeployError
from edge.own_package import extra_command

#: What the unit hides from the service: homes (ProtectHome=yes), and temporary files (PrivateTmp=yes).
HIDDEN = tuple(map(Path, ("/home", "/root", "/run/user", "/tmp", "/var/tmp")))
#: Seconds that a slow board may take to load mien's libraries for the first time.
_LIMIT_S = 120.0
_READ = "import sys\nfor path in sys.argv[1:]:\n    open(path, 'rb').close()"


@dataclass(frozen=True)
class OwnEnvironment:
    """An installation of mien by pip.

    Attributes:
        mien: the absolute path of its command.
        python: its interpreter.
        parts: folders and files that must exist for it to run: its own, its base interpreter, mien's packages.
    """

    mien: Path
    python: Path
    parts: tuple[Path, ...]

    @classmethod
    def current(cls) -> OwnEnvironment:
        """The environment of this process.

        Raises:
            DeployError: it has no command `mien`.
        """
        mien, python = Path(sysconfig.get_path("scripts")) / "mien", Path(sys.executable)
        if not mien.is_file():
            raise DeployError(f"this environment has no command {mien}: expected one in which pip has installed mien")
        code = Path(edge.__file__).resolve().parents[1]
        parts = (mien, python, python.resolve(), Path(sys.prefix), Path(sys.base_prefix), code)
        return cls(mien, python, tuple(dict.fromkeys(parts)))

    def require_visible(self, hidden: Iterable[Path] = HIDDEN) -> None:
        """Check that no part of it is in a folder that the unit hides from the service.

        Args:
            hidden: those folders.

        Raises:
            DeployError: one is.
        """
        for part in self.parts:
            if (folder := hidden_below(part, hidden)) is not None:
                raise DeployError(
                    f"the service cannot reach {part}: its unit hides {folder} from it; expected an environment "
                    "elsewhere:  sudo python3 -m venv --system-site-packages /opt/mien-venv && "
                    f"sudo /opt/mien-venv/bin/{extra_command('mqtt', 'preview')} && "
                    "sudo /opt/mien-venv/bin/mien service install"
                )

    def require_readable(self, files: Iterable[Path] = ()) -> None:
        """Check, as a user without rights, that mien starts and that files can be read; the service's user has none.

        Args:
            files: others that the service reads.

        Raises:
            DeployError: mien does not start, or a file cannot be read.
        """
        identity, environment = unprivileged(), clean_environment(HOME="/nonexistent", PYTHONDONTWRITEBYTECODE="1")
        run_child(
            [self.mien, "run", "--show-config"],
            f"run {self.mien} as a user without rights",
            environment,
            limit_s=_LIMIT_S,
            identity=identity,
        )
        for path in files:
            run_child(
                [self.python, "-I", "-c", _READ, path],
                f"read {path} as the service's user, who has no rights",
                environment,
                limit_s=_LIMIT_S,
                identity=identity,
            )


def hidden_below(path: Path, hidden: Iterable[Path] = HIDDEN) -> Path | None:
    """The hidden folder that a path, or what a link at this path leads to, is in; None for a path in none of them.

    Args:
        path: an absolute path.
        hidden: the folders that the service cannot see.
    """
    return next((folder for folder in hidden if folder in (path, *path.parents, *path.resolve().parents)), None)
