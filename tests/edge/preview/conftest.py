import base64
import threading
import time
from dataclasses import dataclass, field

import cv2
import numpy as np
import pytest

from edge.inference.contract import FER2013_LABELS
from edge.types import Frame, FrameReport, Track
from tests.browser import browser, chromium, show_as  # noqa: F401
from tests.edge.waiting import wait_until


def wait_for(state, what="the state"):
    """Return what `state()` returns once it is true."""
    return wait_until(state, what, 60.0)


def made_track(track_id=1, box=(200, 120, 160, 160), label="happy", share=0.9, class_id=None):
    scores = np.full(7, (1 - share) / 6, np.float32)
    scores[FER2013_LABELS.index(label)] = share
    class_id = FER2013_LABELS.index(label) if class_id is None else class_id
    return Track(track_id, box, 0.9, scores, scores, 0.0, class_id=class_id)


def made_frame(index, size_wh=(640, 480), noise=False):
    """A picture, gray or of noise, with a white square at a place that depends on the index."""
    image = np.full((size_wh[1], size_wh[0], 3), 70, np.uint8)
    if noise:
        cv2.randu(image, 0, 255)
    x = index * 7 % (size_wh[0] - 40)
    image[20:60, x : x + 40] = 255
    return Frame(image, index, time.monotonic(), index / 30, 0.5)


def made_report(index, faces, dropped=0):
    return FrameReport("made", index, faces, dropped, {"capture": 0.5, "detect": 4.0, "classify": 1.0, "total": 6.0})


@dataclass
class Loop:
    """A loop that publishes as a daemon does, in a thread of its own, until `ending` is set."""

    preview: object
    tracks: list = field(default_factory=lambda: [made_track()])
    frames: int = 0
    pause_s: float = 1 / 60
    paused: bool = False
    size_wh: tuple = (640, 480)
    noise: bool = False
    longest_s: float = 0.0
    camera: str = ""

    def run(self, ending):
        while not ending.wait(self.pause_s):
            if self.paused:
                continue
            frame, tracks = made_frame(self.frames, self.size_wh, self.noise), list(self.tracks)
            report = made_report(self.frames, len(tracks))
            begin_s = time.thread_time()
            self.preview.camera(self.camera).publish(frame, tracks, report, FER2013_LABELS)
            self.longest_s = max(self.longest_s, time.thread_time() - begin_s)
            self.frames += 1


@pytest.fixture
def loop():
    """Starts a loop on a preview."""
    ending, threads = threading.Event(), []

    def start(preview, **how):
        loop = Loop(preview, **how)
        threads.append(threading.Thread(target=loop.run, args=(ending,)))
        threads[-1].start()
        return loop

    yield start
    ending.set()
    for thread in threads:
        thread.join()


def text_of(chrome, element_id):
    return chrome.execute_script("return document.getElementById(arguments[0])?.textContent", element_id)


def pixels(chrome, element_id="canvas"):
    """`(h, w, 3)` BGR: what a canvas shows."""
    url = chrome.execute_script("return document.getElementById(arguments[0]).toDataURL()", element_id)
    data = np.frombuffer(base64.b64decode(url.partition(",")[2]), np.uint8)
    return cv2.imdecode(data, cv2.IMREAD_COLOR)
