"""A worker as its parent sees it: asked, waited for, and mourned where it dies."""

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

#: How long the end may take.
_END_S = 10.0
#: OpenMP (PyTorch), TensorFlow's work within and between operations.
_THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


class WorkerError(ModelError):
    """A worker has failed; it is not asked again."""


class WorkerProcess:
    """A running `edge.benchmark.worker`.

    Args:
        threads: what libraries that take their number of threads from the environment shall use.

    Attributes:
        empty_rss_mb: memory of the process before any model is in it: Python, numpy, OpenCV and the runtime.
    """

    def __init__(self, threads: int = 1) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        self._process = subprocess.Popen(
            python_command("edge.benchmark.worker"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
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
        self._said.close()

    def ask(self, do: str, progress: Callable[[int, int], None] | None = None, **arguments: Any) -> dict[str, Any]:
        """Ask the worker for something, and wait.

        Args:
            do: a method of `edge.benchmark.worker.Worker`.
            progress: told how far it has come.
            arguments: of that method.

        Raises:
            WorkerError: it failed, or died.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise WorkerError(self._last_words()) from None
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
        raise WorkerError(self._last_words())

    def _last_words(self) -> str:
        """How the process ended, and the last line that it wrote."""
        status = self._process.wait()
        self._said.seek(0)
        return f"its process died: {describe_exit(status, self._said.read())}"
