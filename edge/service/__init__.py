"""The daemon: what `mien run` holds open, what a reload exchanges, and what it reports to the service manager.

`daemon.py` runs the loop, `resources.py` opens what the settings name, `heartbeat.py` and `sd_notify.py` report to
systemd, and `event_iterator.py` is the same loop as a Python iterator.
"""

from __future__ import annotations

from edge.service.daemon import Daemon
from edge.service.event_iterator import watch
from edge.service.settings import RunSettings

__all__ = ["Daemon", "RunSettings", "watch"]
