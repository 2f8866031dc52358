"""What is expensive to make is made by one worker, and copied by the others."""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder that `make` has filled, in this worker or in another one; all workers read the same files.

    Args:
        factory: pytest's, which knows the folder that all workers share.
        name: of the folder, one for each thing made.
        make: fills the folder that it is given; called once in a run of the tests.
    """
    base = factory.getbasetemp()
    common = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    made, done = common / f"shared-{name}", common / f"shared-{name}.done"
    with (common / f"shared-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(made, ignore_errors=True)
            made.mkdir()
            make(made)
            done.touch()
    return made


def shared(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return this worker's own copy of a folder that `made_once` makes, for tests that change files in it."""
    return Path(shutil.copytree(made_once(factory, name, make), factory.mktemp(name) / name))
