"""Everything that a run holds open, and what a reload exchanges of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from typing import Self

from edge.detection import DETECTORS, FaceDetector, open_detector
from edge.errors import WrongUseError
from edge.inference import Classifier, find_model
from edge.pipeline import Components, LoadControl, degradation_levels
from edge.preview import Preview, parse_address, read_token
from edge.recognizer import Recognizer
from edge.service.camera_resources import CameraResources
from edge.service.resource import ManagedResource
from edge.service.settings import CameraSettings, RunSettings
from edge.sinks import CameraSinks, PreparedSink, SinkGroup, prepare_sink
from edge.sources import Source
from edge.system.cpu import cpu_s
from edge.types import UNCERTAIN_LABEL


@dataclass(frozen=True)
class _Prepared:
    """What was read and checked for some settings before anything is opened.

    Attributes:
        sinks: can be opened, more than once.
        of_camera: name of the camera to the names of its sinks.
        token: of the preview.
    """

    sinks: tuple[PreparedSink, ...] = ()
    of_camera: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    token: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, settings: RunSettings) -> Self:
        sinks: dict[str, PreparedSink] = {}
        of_camera = {}
        for camera in settings.cameras:
            # A sink for all cameras may have to tell them apart.
            name = None if camera.has_own_sinks else camera.name or None
            prepared = [prepare_sink(uri, name) for uri in camera.sink]
            names = of_camera[camera.name] = tuple(sink.name for sink in prepared)
            for sink in prepared:
                if names.count(sink.name) > 1:
                    raise WrongUseError(f"sink {sink.name} is given twice: expected each once")
                if sinks.setdefault(sink.name, sink) != sink:
                    raise WrongUseError(f"sink {sink.name} has other options for another camera: expected the same")
        # Read each time: the token may have been replaced in its file.
        token = None if settings.preview is None else read_token(settings.preview_token_file)
        return cls(tuple(sinks.values()), of_camera, token)


class Resources:
    """Opens what settings name. What is open already and does not change stays open.

    Attributes:
        sinks: the open sinks; none before the first `open`.
        preview_url: the address of the preview's page; empty without a preview.
        is_ending: whether the run is about to end, so that another source is no longer waited for.
    """

    def __init__(self) -> None:
        self.sinks = SinkGroup()
        self.is_ending, self.preview_url = False, ""
        self._prepared = _Prepared()
        self._cameras: dict[str, CameraResources] = {}
        self._detectors: dict[str, ManagedResource[FaceDetector]] = {}
        self._classifier = ManagedResource[Classifier]()
        self._preview = ManagedResource[Preview | None]()
        self._load_control = ManagedResource[LoadControl]()

    @property
    def sources(self) -> list[Source]:
        """The open sources, one for each camera; none before the first `open`."""
        return [camera.source for camera in self._cameras.values() if camera.source is not None]

    def open(self, settings: RunSettings) -> dict[str, Components]:
        """Return the name of each camera to the components of its pipeline with these settings.

        If one of them cannot be opened, a source that was open before is still open. Another source replaces it only
        when it has given a frame.

        Raises:
            MienError: one of them cannot be opened.
        """
        # What can be checked without closing anything comes first: a wrong setting then costs no frame.
        prepared = _Prepared.of(settings)
        components = self._open(settings, prepared)
        self._prepared = prepared
        return components

    def open_again(self, settings: RunSettings) -> dict[str, Components]:
        """Return the components with the settings of the last `open` that succeeded.

        The tokens, passwords and certificates are those that were read then: their files may hold anything by now.

        Raises:
            MienError: one of them cannot be opened.
        """
        return self._open(settings, self._prepared)

    def _open(self, settings: RunSettings, prepared: _Prepared) -> dict[str, Components]:
        for camera in settings.cameras:
            CameraResources.check(camera)
        new_preview = _preview(settings, prepared.token)
        cameras = self._assign(settings.cameras)
        recognizers = self._open_recognizers(settings, cameras)
        labels, model = next((recognizer.labels, recognizer.model) for recognizer in recognizers.values())
        for sink in prepared.sinks:
            sink.check_labels((*labels, UNCERTAIN_LABEL))
        try:
            sources = [cameras[each.name].open_source(each, lambda: self.is_ending) for each in settings.cameras]
            self.sinks.exchange(prepared.sinks, block_when_full=all(source.total is not None for source in sources))
            self.sinks.set_model(model, labels)
            self.sinks.set_cameras([camera.name for camera in settings.named_cameras])
            preview = self._preview.get((settings.preview, prepared.token, tuple(cameras)), lambda: new_preview)
            self.preview_url = "" if preview is None else preview.url
            for each in settings.cameras:
                cameras[each.name].open_images(each)
            load_control = self._open_load_control(settings, sources)
        except BaseException:
            for camera_resources in cameras.values():
                if camera_resources in self._cameras.values():
                    camera_resources.roll_back()
                else:
                    camera_resources.close()
            raise
        self._commit(settings, cameras)
        return {
            name: camera.components(
                recognizers[name],
                CameraSinks(self.sinks, prepared.of_camera[name]),
                None if preview is None else preview.camera(name),
                load_control,
            )
            for name, camera in cameras.items()
        }

    def start_closing(self) -> None:
        """Have the sinks deliver what is queued while the other resources are closed."""
        self.sinks.start_closing()

    def close(self) -> None:
        """Close everything: the cameras first, the sinks last."""
        for camera in self._cameras.values():
            camera.close()
        self._preview.close()
        self.sinks.close()

    @property
    def sink_counts(self) -> dict[str, dict[str, int]]:
        """Sink to its counts, including those of sinks that a reload closed."""
        return {name: asdict(counts) for name, counts in self.sinks.counts.items()}

    def _assign(self, settings: Sequence[CameraSettings]) -> dict[str, CameraResources]:
        """Return the name of each camera to what is open for it: what has its source open, else what has its name."""
        free = dict(self._cameras)
        assigned: dict[str, CameraResources] = {}
        for camera in settings:
            names = [name for name, resources in free.items() if resources.spec == camera.source]
            if names:
                assigned[camera.name] = free.pop(camera.name if camera.name in names else names[0])
        for camera in settings:
            if camera.name not in assigned:
                assigned[camera.name] = free.pop(camera.name) if camera.name in free else CameraResources()
        return {camera.name: assigned[camera.name] for camera in settings}

    def _commit(self, settings: RunSettings, cameras: dict[str, CameraResources]) -> None:
        for former in self._cameras.values():
            if former not in cameras.values():
                former.close()
        self._cameras = cameras
        for camera in settings.cameras:
            cameras[camera.name].commit(camera)
        used = {camera.detector for camera in settings.cameras}
        self._detectors = {spec: detector for spec, detector in self._detectors.items() if spec in used}

    def _open_recognizers(self, settings: RunSettings, cameras: Mapping[str, CameraResources]) -> dict[str, Recognizer]:
        """Return the name of each camera to its recognizer; all of them use the same networks."""
        classifier = self._classifier.get(
            (settings.model, settings.threads),
            lambda: nullcontext(Classifier(find_model(settings.model), settings.threads)),
        )
        return {
            each.name: Recognizer(
                classifier,
                detector=cameras[each.name].detector(each.detector, self._shared_detector(each.detector, settings)),
                prior=each.prior,
            )
            for each in settings.cameras
        }

    def _shared_detector(self, spec: str, settings: RunSettings) -> FaceDetector:
        resource = self._detectors.setdefault(spec, ManagedResource[FaceDetector]())
        return resource.get((spec, settings.threads), lambda: nullcontext(open_detector(spec, settings.threads)))

    def _open_load_control(self, settings: RunSettings, sources: Sequence[Source]) -> LoadControl:
        """Return load control; its level is kept as long as the board has the same to do."""
        limits = settings.target_fps, settings.max_cpu
        detectors = [DETECTORS.get(camera.detector.partition(":")[0]) for camera in settings.cameras]
        levels = degradation_levels(
            all(detector.cost_depends_on_frame_size for detector in detectors),
            all(source.live for source in sources),
            any(source.can_downscale for source in sources),
        )
        return self._load_control.get(
            (tuple(camera.source for camera in settings.cameras), levels, *limits),
            # A reload may replace the source, and a source its capture process: both are looked up at each call.
            lambda: nullcontext(LoadControl(levels, *limits, cpu=self._cpu_s)),
        )

    def _cpu_s(self) -> float:
        return cpu_s(*(source.pid for source in self.sources))


def _preview(settings: RunSettings, token: str | None) -> AbstractContextManager[Preview | None]:
    if settings.preview is None:
        return nullcontext()
    if any(camera.aggregate is not None for camera in settings.cameras):
        raise WrongUseError(
            "the preview (--preview, --show) shows single faces, --aggregate reports none: expected one of "
            "the two options"
        )
    host, port = parse_address(settings.preview)
    return Preview(host, port, token, [camera.name for camera in settings.cameras])
