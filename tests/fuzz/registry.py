"""The targets by name."""

import importlib
from dataclasses import dataclass

from tests.fuzz.target import Target

#: Parsers in Python, of which atheris knows what code an input reaches.
_OWN = ("edge", "deploy")
#: The share of a target that is fed only where it is named.
PLANTED = 0.001


@dataclass(frozen=True)
class Entry:
    """A target that is not imported yet.

    Attributes:
        module: below `tests.fuzz.targets`.
        class_name: of the target.
        share: of the time, relative to the others.
        limit_s: seconds after which an input counts as one that hangs.
        instrumented: packages whose code atheris observes; empty for parsers in C++, or in threads of a server.
    """

    module: str
    class_name: str
    share: float = 1.0
    instrumented: tuple[str, ...] = ()
    limit_s: float = 10.0

    def load(self) -> type[Target]:
        """Import the class."""
        loaded: type[Target] = getattr(importlib.import_module(f"tests.fuzz.targets.{self.module}"), self.class_name)
        return loaded


TARGETS = {
    "model-card": Entry("model_files", "SideCard", 1, _OWN),
    "model-file": Entry("model_files", "ModelFile", 1, (*_OWN, "zipfile")),
    "graph": Entry("model_files", "ModelGraph", 2, _OWN),
    "sandbox": Entry("model_files", "SandboxedLoad", 2, limit_s=30.0),
    "configuration": Entry("settings", "Configuration", 1, (*_OWN, "tomllib")),
    "sink-uri": Entry("settings", "SinkAddress", 1, _OWN),
    "fer2013": Entry("data_sets", "Fer2013Csv", 1, (*_OWN, "zipfile", "gzip", "_compression")),
    "ferplus": Entry("data_sets", "FerPlusVotes", 1, _OWN),
    "image": Entry("data_sets", "Image", 2, _OWN),
    "annotation": Entry("data_sets", "Annotation", 0.5, (*_OWN, "numpy.lib")),
    "bundle": Entry("bundles", "Bundle", 1, _OWN),
    "manifest": Entry("bundles", "BundleManifest", 1, _OWN),
    "key-change": Entry("bundles", "KeyChanges", 1, _OWN),
    "public-keys": Entry("bundles", "PublicKeys", 1, _OWN),
    "history": Entry("installer_state", "InstallHistory", 1, _OWN),
    "installed-files": Entry("installer_state", "InstalledRecord", 1, _OWN),
    "release": Entry("installer_state", "ReleaseManifest", 1, _OWN),
    "probation": Entry("installer_state", "ProbationRecord", 1, _OWN),
    "hosts": Entry("settings", "HostsFile", 0.5, _OWN),
    "groups": Entry("photograph_files", "GroupsCsv", 1, _OWN),
    "boxes": Entry("photograph_files", "WiderBoxes", 1, _OWN),
    "results": Entry("benchmark_results", "BenchmarkResults", 1, _OWN),
    "preview": Entry("servers", "PreviewServer", 2),
    "metrics": Entry("servers", "MetricsEndpoint", 1),
    "mqtt": Entry("mqtt_broker", "MqttBroker", 2),
    "recipe": Entry("training_files", "RecipeFile", 1, ("edge", "train", "tomllib")),
    "search-space": Entry("training_files", "SearchSpaceFile", 1, ("edge", "train", "tomllib")),
    "run-metrics": Entry("training_files", "RunMetrics", 1, ("edge", "train")),
    "run-folder": Entry("training_files", "FinishedRun", 1, ("edge", "train", "tomllib")),
    "saved-model": Entry("training_files", "SavedModelOperators", 1),
    "cache": Entry("settings", "CacheFiles", 0.5, _OWN),
    "planted": Entry("planted", "Planted", PLANTED, limit_s=3.0),
}
