import base64
import shutil
import threading
import time
from dataclasses import dataclass, field

import cv2
import numpy as np
import pytest

from edge.inference.contract import FER2013_LABELS
from edge.types import Frame, FrameReport, Track
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

    def run(self, ending):
        while not ending.wait(self.pause_s):
            if self.paused:
                continue
            frame, tracks = made_frame(self.frames, self.size_wh, self.noise), list(self.tracks)
            report = made_report(self.frames, len(tracks))
            begin_s = time.thread_time()
            self.preview.publish(frame, tracks, report, FER2013_LABELS)
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


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    """A headless Chromium, started once."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="pip install selenium")
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not program or not driver:
        pytest.skip("no Chromium: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    # Root in a container has no sandbox, and little shared memory.
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('browser')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = webdriver.Chrome(options, webdriver.ChromeService(driver))
    yield chrome
    chrome.quit()


@pytest.fixture
def browser(chromium):
    """Opens an empty page of a given size, without cookies, in a tab of its own."""
    windows = chromium.window_handles

    def start(size_wh=(1280, 860)):
        chromium.execute_cdp_cmd("Network.clearBrowserCookies", {})
        chromium.get_log("browser")
        show_as(chromium, size_wh)
        return chromium

    chromium.switch_to.new_window("tab")
    yield start
    for window in set(chromium.window_handles) - set(windows):
        chromium.switch_to.window(window)
        chromium.close()
    chromium.switch_to.window(windows[0])


def show_as(chrome, size_wh, ratio=1):
    """Give the page a screen of this size in CSS pixels."""
    width, height = size_wh
    metrics = {"width": width, "height": height, "deviceScaleFactor": ratio, "mobile": ratio > 1}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def text_of(chrome, element_id):
    return chrome.execute_script("return document.getElementById(arguments[0])?.textContent", element_id)


def pixels(chrome, element_id="canvas"):
    """`(h, w, 3)` BGR: what a canvas shows."""
    url = chrome.execute_script("return document.getElementById(arguments[0]).toDataURL()", element_id)
    data = np.frombuffer(base64.b64decode(url.partition(",")[2]), np.uint8)
    return cv2.imdecode(data, cv2.IMREAD_COLOR)
