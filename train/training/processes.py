"""The processes that train one network together, on one machine or on several: JAX's own, by `keras.distribution`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import keras
import numpy as np
import numpy.typing as npt

from edge.errors import MienError, WrongUseError, first_line
from train.run_folder import RunFolder


@dataclass(frozen=True)
class Processes:
    """The processes of a run.

    Attributes:
        count: how many there are.
        number: of this one, from 0.
    """

    count: int = 1
    number: int = 0

    @property
    def is_first(self) -> bool:
        """Whether this is the one that writes the run folder and reports."""
        return self.number == 0

    def of_first(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """What the first process has passed, in every process: decisions that hang on it are the same everywhere.

        Args:
            values: float32, of the same shape in every process.
        """
        if self.count == 1:
            return values
        from jax.experimental import multihost_utils

        return np.asarray(multihost_utils.broadcast_one_to_all(values), np.float32)

    @contextmanager
    def own_folder(self, run: RunFolder) -> Iterator[RunFolder]:
        """The run folder for the first process, and for each other one a copy that is removed in the end.

        So every process has the checkpoint, the history and the best epoch that it needs to go on, and only one writes
        where the user looks.

        Args:
            run: the folder that the user named. Where a run is resumed, every process has to see it.
        """
        if self.is_first:
            self._wait("the run folder was copied")
            yield run
            return
        with TemporaryDirectory() as folder:
            copy = RunFolder(Path(folder) / "run")
            if run.path.exists():
                shutil.copytree(run.path, copy.path, ignore=shutil.ignore_patterns("tensorboard"))
            copy.path.mkdir(exist_ok=True)
            self._wait("the run folder was copied")
            yield copy

    def _wait(self, name: str) -> None:
        if self.count > 1:
            from jax.experimental import multihost_utils

            multihost_utils.sync_global_devices(name)


def join_processes() -> Processes:
    """Wait for the other processes, as Keras' and JAX' environment variables describe them.

    `KERAS_DISTRIBUTION_JOB_ADDRESSES`, `KERAS_DISTRIBUTION_NUM_PROCESSES` and `KERAS_DISTRIBUTION_PROCESS_ID`; where
    they are not set, JAX asks Slurm, Open MPI or Kubernetes.

    Raises:
        WrongUseError: the backend is not JAX, or nothing describes the processes.
        MienError: the others cannot be reached.
    """
    if keras.backend.backend() != "jax":
        raise WrongUseError(f"--distributed needs JAX, the backend is {keras.backend.backend()}: set KERAS_BACKEND=jax")
    import jax

    try:
        if not jax.distributed.is_initialized():
            keras.distribution.initialize()
    except ValueError as error:
        raise WrongUseError(
            f"--distributed: {first_line(error)}; expected KERAS_DISTRIBUTION_JOB_ADDRESSES, _NUM_PROCESSES and "
            "_PROCESS_ID in the environment, or a start by Slurm's srun or Open MPI's mpirun"
        ) from error
    except RuntimeError as error:
        raise MienError(f"cannot reach the other processes of the run: {first_line(error)}") from error
    return Processes(jax.process_count(), jax.process_index())
