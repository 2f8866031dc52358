"""Checks of what a configuration of `mien run` asks for, beside what every run needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from edge.detection import open_detector
from edge.doctor.finding import Finding
from edge.errors import MienError, MissingPackageError, WeightsMissingError, first_line
from edge.inference import find_model, read_model
from edge.preview import Preview, parse_address, read_token
from edge.service.settings import RunSettings
from edge.sinks import prepare_sink
from edge.sources import source_class
from edge.system.addresses import without_credentials


@dataclass(frozen=True)
class Configuration:
    """What the settings of a run need of the machine.

    Attributes:
        settings: those of `mien run`.
    """

    settings: RunSettings

    def examine(self) -> Iterator[Finding]:
        """Yield a finding for each setting."""
        for key, value, check in self._checks():
            yield _check(key, value, check)

    def require(self) -> None:
        """Check each setting.

        Raises:
            MienError: of the first setting that does not work, as `mien run` raises it.
        """
        for _, _, check in self._checks():
            check()

    def _checks(self) -> Iterator[tuple[str, str, Callable[[], object]]]:
        """Yield for each setting its key, its value without credentials, and what raises if it does not work."""
        settings, seen = self.settings, set()
        for camera in settings.cameras:
            key = f"{camera.name} source" if camera.name else "source"
            yield key, without_credentials(camera.source), partial(_check_source, camera.source)
        yield "model", settings.model, lambda: read_model(find_model(settings.model))
        for camera in settings.cameras:
            shared = None if camera.has_own_sinks else camera.name or None
            of_all: list[tuple[str, str, Callable[[], object]]] = [
                ("detector", camera.detector, partial(open_detector, camera.detector)),
                *(("sink", uri, partial(prepare_sink, uri, shared)) for uri in camera.sink),
            ]
            for key, value, check in of_all:
                # Cameras share them.
                if (key, value) not in seen:
                    seen.add((key, value))
                    yield key, without_credentials(value), check
        if settings.preview is not None:
            yield "preview", settings.preview, partial(self._check_preview, settings.preview)

    def _check_preview(self, address: str) -> None:
        Preview(*parse_address(address), read_token(self.settings.preview_token_file))


def _check_source(spec: str) -> None:
    source_class(spec).check_packages()


def _check(key: str, value: str, check: Callable[[], object]) -> Finding:
    """Return the finding on one setting: `broken` if `check` raises."""
    try:
        check()
    except MissingPackageError as error:
        return Finding(key, "broken", f"{value}: {error.problem}", error.command)
    except WeightsMissingError as error:
        return Finding(key, "broken", f"{value}: {first_line(error)}", "mien models pull")
    except MienError as error:
        return Finding(key, "broken", first_line(error), f"correct {key!r} in the configuration")
    return Finding(key, "ok", value)
