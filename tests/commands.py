"""How the tests run `mien`: in a process of its own, or in this one, which takes a tenth of the time."""

import contextlib
import gc
import logging
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import traceback
import urllib.request
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from edge.system.operating_system import signals


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    code: int
    out: str
    err: str

    @classmethod
    def of(cls, done: subprocess.CompletedProcess[str]) -> "Outcome":
        """What a finished process did."""
        return cls(done.returncode, done.stdout, done.stderr)

    def error_line(self) -> str:
        """The command's one line of complaint; more than one, or a traceback, fails the test."""
        lines = self.err.strip().splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("mien"), self.err
        return lines[0]


def run_mien(*arguments: object, module: str = "edge", timeout: float = 600, **environment: str) -> Outcome:
    """Run `python -m edge ...` as a user would, in a process of its own: for what needs the isolation."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", module, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, **environment},
    )
    return Outcome.of(done)


def invoke_mien(*arguments: object, module: str = "edge", **environment: str) -> Outcome:
    """Do the same in this process, with what the command writes captured and what it changes put back.

    What is captured are the descriptors 1 and 2, so that lines of C++ libraries and of children count too. Another
    backend of Keras needs a process of its own, and gets one.
    """
    if "KERAS_BACKEND" in environment:
        return run_mien(*arguments, module=module, **environment)
    with _restored_state(), tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, open(os.devnull) as null:  # noqa: PTH123
        os.environ.update(environment)
        sys.argv = ["mien", *map(str, arguments)]
        with _redirected(0, null.fileno()), _redirected(1, out.fileno()), _redirected(2, err.fileno()):
            code = _run_module(module)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode(errors="backslashreplace"))
    return Outcome(code, *texts)


def _run_module(module: str) -> int:
    """Run a package's `__main__`, and return the status with which its process would have ended."""
    streams = open(0, closefd=False), open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
    sys.stdin, sys.stdout, sys.stderr = streams
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=False)
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
            return 1
        return int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        for stream in streams:
            stream.close()
    return 0


@contextlib.contextmanager
def _redirected(descriptor: int, target: int) -> Iterator[None]:
    saved = os.dup(descriptor)
    os.dup2(target, descriptor)
    try:
        yield
    finally:
        os.dup2(saved, descriptor)
        os.close(saved)


@contextlib.contextmanager
def _restored_state() -> Iterator[None]:
    """Put back what `edge.cli.main` and `edge.system.logs` change in a process."""
    environment, argv, streams = dict(os.environ), sys.argv, (sys.stdin, sys.stdout, sys.stderr)
    handlers = {number: signal.getsignal(number) for number in signals("SIGUSR1", "SIGHUP", "SIGTERM").values()}
    logger = logging.getLogger("edge")
    logged = logger.handlers, logger.level, logger.propagate, logging.raiseExceptions
    # It keeps the proxies that the environment named when it was first used.
    urllib.request.install_opener(None)
    try:
        with warnings.catch_warnings():
            if "keras" in sys.modules:
                # As in a process of its own: what its libraries deprecate among themselves is no error.
                warnings.simplefilter("ignore")
            yield
    finally:
        os.environ.clear()
        os.environ.update(environment)
        sys.argv, (sys.stdin, sys.stdout, sys.stderr) = argv, streams
        urllib.request.install_opener(None)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        logger.handlers, level, logger.propagate, logging.raiseExceptions = logged
        # Not by assignment: loggers keep what they have found out about levels until one is set.
        logger.setLevel(level)
        if "keras" in sys.modules:
            with warnings.catch_warnings():
                # A run that failed may have left a file open, which the end of its process would have closed.
                warnings.simplefilter("ignore")
                forget_keras_state()


def forget_keras_state() -> None:
    """Drop the models and the precision that a command left behind, and the memory that they hold."""
    import keras

    from edge.system.memory import give_back_memory

    keras.config.set_dtype_policy("float32")
    keras.utils.clear_session(free_memory=True)
    if not gc.get_freeze_count():
        # The 400,000 objects of TensorFlow and Keras stay; to look through them again each time takes a second.
        gc.freeze()
    give_back_memory()
