"""Fakes for tests of programs that use mien: scripted sources, detectors and classifiers, and a sink that records."""

from __future__ import annotations

from edge.testing import RecordingSink, ScriptedCamera, ScriptedClassifier, ScriptedDetector, ScriptedSource

__all__ = ["RecordingSink", "ScriptedCamera", "ScriptedClassifier", "ScriptedDetector", "ScriptedSource"]
