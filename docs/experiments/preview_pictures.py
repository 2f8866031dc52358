"""Take the pictures of the preview in docs/pictures, on a desktop and on a phone.

    python docs/experiments/preview_pictures.py [--seconds 150]

Needs Chromium with its driver (`apt install chromium chromium-driver`) and `pip install selenium`. The page shows the
demo source; `--seconds` is how long it collects its timeline first.
"""

from __future__ import annotations

import argparse
import base64
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from selenium import webdriver

PICTURES = Path(__file__).parents[1] / "pictures"
#: Width and height in CSS pixels, and the pixels of the picture per CSS pixel.
SCREENS = {"desktop": (1280, 860, 1.0), "phone": (390, 844, 1.5)}


def main() -> None:
    """Run the demo with the preview, and write one picture for each screen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=150.0)
    seconds = parser.parse_args().seconds
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-P", "-m", "mien", "run", "--source", "demo", "--preview", f"127.0.0.1:{port}"]
    with (
        tempfile.TemporaryDirectory() as profile,
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as daemon,
    ):
        try:
            time.sleep(seconds)
            chrome = _open_browser(Path(profile))
            try:
                for name, (width, height, scale) in SCREENS.items():
                    chrome.execute_cdp_cmd(
                        "Emulation.setDeviceMetricsOverride",
                        {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": name == "phone"},
                    )
                    chrome.get(f"http://127.0.0.1:{port}/")
                    # Until the picture and the latency bars have settled.
                    time.sleep(5)
                    picture = chrome.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"]
                    path = PICTURES / f"preview-{name}.png"
                    path.write_bytes(base64.b64decode(picture))
                    print(path)
            finally:
                chrome.quit()
        finally:
            daemon.terminate()


def _open_browser(profile: Path) -> webdriver.Chrome:
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(argument)
    return webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))


if __name__ == "__main__":
    main()
