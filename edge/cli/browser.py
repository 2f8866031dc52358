"""Opens a page in the browser of this machine."""

from __future__ import annotations

import logging
import os
import sys
import webbrowser

logger = logging.getLogger(__name__)


def open_in_browser(url: str) -> None:
    """Open a page, or log its address where there is no desktop: a browser in the terminal would take the terminal."""
    has_desktop = sys.platform != "linux" or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")))
    if not has_desktop or not webbrowser.open(url):
        logger.warning("no browser was found on this machine: open %s in one", url)
