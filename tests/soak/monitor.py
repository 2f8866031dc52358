"""Observes the daemon from outside, four times a second."""

import threading
import time
import urllib.request
from http.client import HTTPException

from prometheus_client.parser import text_string_to_metric_families


class Monitor:
    """Samples the metrics for frames and counters, and /proc for memory, descriptors and threads.

    Attributes:
        frames: (monotonic time, frames processed so far), whenever that number has changed.
        scrapes: how many scrapes of the metrics succeeded.
        failed: (monotonic time, error) of the scrapes that failed.
        idle: (seconds since the start, MB, descriptors, threads), sampled while no fault is in progress.
        error: what ended the thread too early, if anything.
    """

    INTERVAL_S = 0.25

    def __init__(self, daemon, injectors, ending):
        self._daemon, self._injectors, self._ending = daemon, injectors, ending
        self.frames, self.idle, self.scrapes, self.error = [], [], 0, None
        self.failed = []
        self.begin_s = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="monitor")

    def start(self):
        self._thread.start()

    def join(self):
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self):
        try:
            while not self._ending.wait(self.INTERVAL_S) and self._daemon.status is None:
                self._sample()
        except Exception as error:
            self.error = error
            raise

    def _sample(self):
        values = self._scrape()
        if values is None:
            return
        now_s = time.monotonic()
        frames = sum(value for (name, *_), value in values.items() if name == "mien_frames_total")
        if not self.frames or frames != self.frames[-1][1]:
            self.frames.append((now_s, frames))
        self._check(values)
        if all(injector.is_idle for injector in self._injectors):
            usage = self._daemon.usage()
            self.idle.append((now_s - self.begin_s, usage.memory_mb, usage.descriptors, usage.threads))

    def _scrape(self):
        try:
            with urllib.request.urlopen(self._daemon.metrics_url, timeout=10) as response:
                text = response.read().decode()
        except (OSError, HTTPException) as error:
            # Before the sinks are open, a failure is expected.
            if self.scrapes:
                self.failed.append((time.monotonic(), str(error)))
            return None
        self.scrapes += 1
        families = text_string_to_metric_families(text)
        return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}

    @staticmethod
    def _check(values):
        """Check that every message is accounted for at any moment."""
        for (name, *labels), received in values.items():
            if name == "mien_sink_messages_received_total":
                (sink,) = labels
                accounted = [
                    values[f"mien_sink_{key}", sink]
                    for key in ("messages_delivered_total", "messages_dropped_total", "queue_length")
                ]
                assert received == sum(accounted), f"{sink}: {received} received, {accounted} accounted for"
