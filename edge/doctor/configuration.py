"""Checks of what a configuration of `mien run` asks for, beside what every run needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edge.detection import open_detector
from edge.doctor.finding import Finding
from edge.errors import MienError, MissingPackageError, WeightsMissingError, first_line
from edge.inference import find_model, read_model
from edge.preview import Preview, parse_address, read_token
from edge.sinks import prepare_sink
from edge.sources import source_class
from edge.system.addresses import without_credentials


@dataclass(frozen=True)
class Configuration:
    """The settings of `mien run` that need something of the machine; see its options.

    Attributes:
        source, model, detector: as the options.
        sinks: URIs.
        preview: address; None for no preview.
        preview_token_file: file with the preview's token; None for the environment.
    """

    source: str
    model: str
    detector: str
    sinks: Sequence[str]
    preview: str | None
    preview_token_file: Path | None

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
        yield "source", without_credentials(self.source), self._check_source
        yield "model", self.model, lambda: read_model(find_model(self.model))
        yield "detector", self.detector, partial(open_detector, self.detector)
        for uri in self.sinks:
            yield "sink", without_credentials(uri), partial(prepare_sink, uri)
        if self.preview is not None:
            yield "preview", self.preview, partial(self._check_preview, self.preview)

    def _check_source(self) -> None:
        source_class(self.source).check_packages()

    def _check_preview(self, address: str) -> None:
        Preview(*parse_address(address), read_token(self.preview_token_file))


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
