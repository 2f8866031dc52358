"""The loop that takes frames from a source through the recognizer, the tracker and the events to the sinks.

`loop.py` is the loop, and `pipeline_group.py` has the loops of several cameras take turns; `statistics.py` counts and
times, `failure_policy.py` decides about frames that fail,
`load_control.py` and `degradation.py` keep a slow board within its limits, `dispatcher.py` hands the results out
(`debug_frames.py` and `video_recording.py` store images on request), and
`run_report.py` is what a run ends with. `profiler.py` measures what the loop costs beside its bare parts.
"""

from __future__ import annotations

from edge.pipeline.debug_frames import DebugFrames
from edge.pipeline.degradation import DegradationLevel, degradation_levels
from edge.pipeline.dispatcher import Dispatcher
from edge.pipeline.load_control import LoadControl, LoadControlReport
from edge.pipeline.loop import Components, Pipeline
from edge.pipeline.pipeline_group import UNNAMED, PipelineGroup
from edge.pipeline.profiler import StageCosts, stage_costs
from edge.pipeline.run_report import RunReport
from edge.pipeline.statistics import STAGES, RunStatistics
from edge.pipeline.video_recording import Recording

__all__ = [
    "STAGES",
    "UNNAMED",
    "Components",
    "DebugFrames",
    "DegradationLevel",
    "Dispatcher",
    "LoadControl",
    "LoadControlReport",
    "Pipeline",
    "PipelineGroup",
    "Recording",
    "RunReport",
    "RunStatistics",
    "StageCosts",
    "degradation_levels",
    "stage_costs",
]
