"""The worker process as its parent sees it: started, asked, and closed."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from edge.errors import ModelError
from edge.system.processes import describe_exit, python_command, python_environment

#: Seconds that the process has to end before it is killed.
_END_S = 10.0
#: Numbers of threads of OpenMP (PyTorch), and of TensorFlow within and between operations.
_THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


class WorkerError(ModelError):
    """A worker process has failed; it must not be asked again."""


class WorkerProcess:
    """A running `edge.benchmark.worker`; a context manager that ends it.

    Args:
        threads: number of threads for libraries that read it from the environment.

    Attributes:
        empty_rss_mb: resident memory of the process before it loads a model (Python, numpy, OpenCV and the runtime),
            in MiB.
    """

    def __init__(self, threads: int = 1) -> None:
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        self._process = subprocess.Popen(
            python_command("edge.benchmark.worker"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
            encoding="utf-8",
            env=python_environment(**dict.fromkeys(_THREADS, str(threads))),
        )
        self.empty_rss_mb = float(self._answer(None)["peak_rss_mb"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._stderr.close()

    def ask(self, request: str, progress: Callable[[int, int], None] | None = None, **arguments: Any) -> dict[str, Any]:
        """Send a request to the worker, and wait for its answer.

        Args:
            request: name of a method of `edge.benchmark.worker.Worker`.
            progress: called with the number of finished and of all steps.
            arguments: of that method.

        Returns:
            What the method returns.

        Raises:
            WorkerError: the method failed, or the process died.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": request, **arguments}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise WorkerError(self._cause_of_death()) from None
        answer = self._answer(progress)
        if "error" in answer:
            raise WorkerError(answer["error"])
        return answer

    def _answer(self, progress: Callable[[int, int], None] | None) -> dict[str, Any]:
        assert self._process.stdout is not None
        while line := self._process.stdout.readline():
            answer: dict[str, Any] = json.loads(line)
            if "done" not in answer:
                return answer
            if progress:
                progress(answer["done"], answer["total"])
        raise WorkerError(self._cause_of_death())

    def _cause_of_death(self) -> str:
        """Return how the process ended, and the last line that it wrote."""
        status = self._process.wait()
        self._stderr.seek(0)
        return f"its process died: {describe_exit(status, self._stderr.read())}"
