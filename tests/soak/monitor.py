"""What is seen of the daemon from outside, four times a second."""

import threading
import time
import urllib.request

from prometheus_client.parser import text_string_to_metric_families


class Watch:
    """Frames by the metrics, memory, descriptors and threads by /proc.

    Attributes:
        frames: (monotonic time, frames processed so far), whenever that number has changed.
        failed: (seconds since the start, error) of scrapes.
        calm: (seconds since the start, MB, descriptors, threads), where no fault is under way.
    """

    INTERVAL_S = 0.25

    def __init__(self, daemon, lanes, ending):
        self._daemon, self._lanes, self._ending = daemon, lanes, ending
        self.frames, self.calm, self.scrapes, self.error = [], [], 0, None
        self.failed = []
        self.begin_s = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="watch")

    def start(self):
        self._thread.start()

    def join(self):
        self._thread.join()

    def _run(self):
        try:
            while not self._ending.wait(self.INTERVAL_S) and self._daemon.status is None:
                self._look()
        except Exception as error:
            self.error = error
            raise

    def _look(self):
        values = self._scrape()
        if values is None:
            return
        now_s = time.monotonic()
        frames = sum(value for (name, *_), value in values.items() if name == "mien_frames_total")
        if not self.frames or frames != self.frames[-1][1]:
            self.frames.append((now_s, frames))
        self._check(values)
        if all(lane.is_calm for lane in self._lanes):
            daemon = self._daemon
            self.calm.append((now_s - self.begin_s, daemon.rss_mb(), daemon.descriptors(), daemon.threads()))

    def _scrape(self):
        try:
            with urllib.request.urlopen(self._daemon.metrics_url, timeout=10) as answer:
                text = answer.read().decode()
        except OSError as error:
            # Before the sinks are open, that is as it should be.
            if self.scrapes:
                self.failed.append((time.monotonic() - self.begin_s, str(error)))
            return None
        self.scrapes += 1
        families = text_string_to_metric_families(text)
        return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}

    @staticmethod
    def _check(values):
        """No message is unaccounted for, at any moment."""
        for (name, *labels), received in values.items():
            if name == "mien_sink_messages_received_total":
                (sink,) = labels
                kept = [
                    values[f"mien_sink_{key}", sink]
                    for key in ("messages_delivered_total", "messages_dropped_total", "queue_length")
                ]
                assert received == sum(kept), f"{sink}: {received} received, {kept} delivered, dropped, queued"
