"""A pytest plug-in that measures how much memory each process of the tests needs, and fails the run above a limit."""

import os
from pathlib import Path
from typing import Any

import pytest

#: A worker above this many megabytes fails the run: four of them must fit a machine of 8 GB.
MAX_PEAK_MB = 1500


def peak_rss_mb() -> float:
    """The largest resident set that this process ever had, in megabytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError("no VmHWM in /proc/self/status")


class WorkerMemory:
    """Measures the peak of each worker, and which tests raised it.

    Runs in every worker and in the controller. A worker sends its peak and its steepest tests when it ends; the
    controller prints them and fails the run where a peak is above the limit. Without xdist, the one process is both.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._output: dict[str, Any] | None = getattr(config, "workeroutput", None)
        self._growth: dict[str, float] = {}
        self._reports: dict[str, tuple[float, list[tuple[str, float]]]] = {}
        self._distributed = bool(getattr(config.option, "dist", "no") != "no" and self._output is None)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        before = peak_rss_mb()
        try:
            return (yield)
        finally:
            self._growth[item.nodeid] = peak_rss_mb() - before

    def _report(self) -> tuple[float, list[tuple[str, float]]]:
        steepest = sorted(self._growth.items(), key=lambda pair: -pair[1])[:8]
        return peak_rss_mb(), [(test, grown) for test, grown in steepest if grown >= 1]

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node):
        if "peak_rss" in getattr(node, "workeroutput", {}):
            self._reports[node.gateway.id] = tuple(node.workeroutput["peak_rss"])

    def pytest_sessionfinish(self, session):
        if self._output is not None:
            peak, steepest = self._report()
            self._output["peak_rss"] = [peak, [list(pair) for pair in steepest]]
        elif not self._distributed:
            self._reports["this process"] = self._report()
        if self._excessive() and session.exitstatus == 0:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _excessive(self) -> list[str]:
        return [name for name, (peak, _) in self._reports.items() if peak > MAX_PEAK_MB]

    def pytest_terminal_summary(self, terminalreporter):
        peaks = ", ".join(f"{name} {peak:.0f} MB" for name, (peak, _) in sorted(self._reports.items()))
        if peaks:
            terminalreporter.write_line(f"peak memory: {peaks}")
        verbose = os.environ.get("MIEN_TEST_MEMORY") == "1"
        for name, (peak, steepest) in sorted(self._reports.items()):
            if verbose or name in self._excessive():
                if name in self._excessive():
                    terminalreporter.write_line(f"{name} needed {peak:.0f} MB, the limit is {MAX_PEAK_MB} MB", red=True)
                for test, grown in steepest:
                    terminalreporter.write_line(f"  +{grown:.0f} MB  {test}")
