"""Faces over time: when the detector runs, where faces are in between, and which face is which.

`scheduler.py` decides in which frames the detector runs; in the others, `optical_flow.py` and `propagation.py` move
the known faces on thumbnails, and `motion.py` finds what else moves. `tracker.py` gives every face a lasting number.
"""

from __future__ import annotations

from edge.tracking.scheduler import MAX_INTERVAL, DetectionInterval, DetectionScheduler, parse_interval
from edge.tracking.tracker import Tracker

__all__ = ["MAX_INTERVAL", "DetectionInterval", "DetectionScheduler", "Tracker", "parse_interval"]
