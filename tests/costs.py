"""A pytest plug-in that measures what each worker and each test costs, and fails the run above a limit of memory.

`MIEN_TEST_COSTS=FILE` writes one line of CSV a test: worker, seconds, CPU seconds with those of its children, growth of
the worker's peak memory in MB, test. The CPU seconds are what a busy machine does not change.
"""

import csv
import os
import time
from pathlib import Path
from typing import Any

import pytest

from edge.system.operating_system import optional_module

STATUS = Path("/proc/self/status")
#: None on Windows.
resource = optional_module("resource")
#: A worker above this many megabytes fails the run, and the tests that it grew most in are named: four must fit a
#: machine of 8 GB. Which files one worker draws, and what TensorFlow takes for them, differs between machines: on those
#: with AMX the conversions reached 1,553 MB.
MAX_PEAK_MB = 1900


def peak_rss_mb() -> float:
    """The largest resident set that this process ever had, in megabytes; 0 on a system that does not report it."""
    if resource is None or not STATUS.exists():
        return 0.0
    for line in STATUS.read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError("no VmHWM in /proc/self/status")


def cpu_s() -> float:
    """The CPU time of this process and of its children that have ended, in seconds."""
    if resource is None:
        return time.process_time()
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


class Costs:
    """Measures every test of a worker.

    Runs in every worker and in the controller. A worker sends its peak of memory, and the tests that raised it most,
    when it ends; the controller prints them and fails the run where a peak is above the limit. Without xdist, one
    process is both.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._output: dict[str, Any] | None = getattr(config, "workeroutput", None)
        self._is_controller = self._output is None
        self._is_distributed = self._is_controller and getattr(config.option, "dist", "no") != "no"
        self._growth_mb: dict[str, float] = {}
        self._peaks: dict[str, tuple[float, list[tuple[str, float]]]] = {}
        self._file = os.environ.get("MIEN_TEST_COSTS")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        before_s, before_cpu_s, before_mb = time.monotonic(), cpu_s(), peak_rss_mb()
        try:
            return (yield)
        finally:
            self._growth_mb[item.nodeid] = grown_mb = peak_rss_mb() - before_mb
            if self._file:
                worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
                costs = (time.monotonic() - before_s, cpu_s() - before_cpu_s, grown_mb)
                with Path(self._file).open("a", newline="") as stream:
                    csv.writer(stream).writerow([worker, *(f"{cost:.2f}" for cost in costs), item.nodeid])

    def _peak(self) -> tuple[float, list[tuple[str, float]]]:
        steepest = sorted(self._growth_mb.items(), key=lambda pair: -pair[1])[:8]
        return peak_rss_mb(), [(test, grown_mb) for test, grown_mb in steepest if grown_mb >= 1]

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node):
        if "peak_rss" in getattr(node, "workeroutput", {}):
            self._peaks[node.gateway.id] = tuple(node.workeroutput["peak_rss"])

    def pytest_sessionfinish(self, session):
        if self._output is not None:
            peak_mb, steepest = self._peak()
            self._output["peak_rss"] = [peak_mb, [list(pair) for pair in steepest]]
        elif not self._is_distributed:
            self._peaks["this process"] = self._peak()
        if any(peak_mb > MAX_PEAK_MB for peak_mb, _ in self._peaks.values()) and session.exitstatus == 0:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter):
        peaks = sorted(self._peaks.items())
        if peaks:
            listed = ", ".join(f"{name} {peak_mb:.0f} MB" for name, (peak_mb, _) in peaks)
            terminalreporter.write_line(f"peak memory: {listed}")
        for name, (peak_mb, steepest) in peaks:
            if peak_mb > MAX_PEAK_MB:
                line = f"{name} needed {peak_mb:.0f} MB, more than {MAX_PEAK_MB} MB; it grew most in"
                terminalreporter.write_line(line, red=True)
                for test, grown_mb in steepest:
                    terminalreporter.write_line(f"  {grown_mb:+.0f} MB  {test}")
