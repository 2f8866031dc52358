"""Makes and checks everything that an installation will write, and writes nothing yet."""

from __future__ import annotations

import os
import re
import secrets
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import click

from deploy.service.own_environment import OwnEnvironment, hidden_below
from deploy.service.service_choices import needs_token
from deploy.service.service_files import WORKING_DIRECTORY, ServiceFiles
from deploy.service.service_unit import render_unit
from deploy.service.service_weights import changed_environment, service_weights
from edge.cli.config_file import MAX_BYTES
from edge.cli.run import run, run_settings
from edge.doctor.configuration import Configuration
from edge.errors import DeployError, WrongUseError
from edge.inference import find_model
from edge.service.settings import RunSettings
from edge.system.addresses import without_credentials
from edge.system.credentials import METRICS_TOKEN, MQTT_LOGIN, PREVIEW_TOKEN
from edge.system.regular_files import read_regular

_CREDENTIALS = (MQTT_LOGIN, PREVIEW_TOKEN, METRICS_TOKEN)
_MAX_CREDENTIAL_BYTES = 4096
#: In the address of a sink: a user alone is none.
_PASSWORD = re.compile(r"://[^@/]*:[^@/]*@")


@dataclass(frozen=True)
class ServicePlan:
    """What an installation writes.

    Attributes:
        unit: the unit.
        config: the configuration; None to keep the one that exists.
        credentials: new secrets, by the names that the unit has for them.
        weights: the detectors' weights, by file name.
        preview: address of the preview; None for none.
        has_password: whether the configuration contains a password, which every user of the machine can read.
    """

    unit: bytes
    config: bytes | None
    credentials: Mapping[str, bytes] = field(repr=False)
    weights: Mapping[str, bytes] = field(repr=False)
    preview: str | None
    has_password: bool


def prepare(
    files: ServiceFiles,
    environment: OwnEnvironment,
    config: bytes | None,
    origin: str,
    credentials: Mapping[str, bytes],
    report: Callable[[str], None],
) -> ServicePlan:
    """Check a configuration as the service will read it, the cheap checks first, and collect what it needs.

    Args:
        files: of the service.
        environment: that the service runs.
        config: the configuration; None for the one that exists.
        origin: where the configuration comes from, for messages.
        credentials: new secrets.
        report: called with what takes long.

    Returns:
        The plan. A preview that other machines can reach has a token in it, if there is none yet.

    Raises:
        WrongUseError: the configuration is not valid.
        MienError: something that it names does not work, or cannot be read by the service.
    """
    text = read_regular(files.config, MAX_BYTES) if config is None else config
    with tempfile.TemporaryDirectory(prefix="mien-service-") as folder:
        copy = Path(folder) / files.config.name
        copy.write_bytes(text)
        try:
            settings = read_settings(copy)
        except WrongUseError as error:
            # The user knows nothing of the copy.
            raise WrongUseError(str(error).replace(str(copy), origin)) from error
        named = _require_files(settings)
        secrets_found = {**_existing_credentials(files), **credentials}
        made = dict(credentials)
        has_token = PREVIEW_TOKEN in secrets_found or settings.preview_token_file is not None
        if not has_token and needs_token(settings.preview):
            made[PREVIEW_TOKEN] = secrets_found[PREVIEW_TOKEN] = f"{secrets.token_urlsafe(24)}\n".encode()
        report("checking the configuration, the environment and the weights")
        environment.require_readable(named)
        weights: dict[str, bytes] = {}
        for detector in dict.fromkeys(camera.detector for camera in settings.cameras):
            weights |= service_weights(detector, files)
        for name, content in {**weights, **secrets_found}.items():
            (Path(folder) / name).write_bytes(content)
        with changed_environment(MIEN_WEIGHTS=folder, CREDENTIALS_DIRECTORY=folder):
            # As `mien doctor --config` does.
            Configuration(settings).require()
    unit = render_unit(environment.mien)
    return ServicePlan(unit, config, made, weights, settings.preview, _has_password(settings))


def read_settings(path: Path) -> RunSettings:
    """Read a configuration as `mien run --config FILE` does.

    Raises:
        WrongUseError: it cannot be read, or a value is not valid.
    """
    try:
        with run.make_context("run", ["--config", str(path)]) as context:
            return run_settings(context)
    except click.UsageError as error:
        raise WrongUseError(f"{path}: {error.format_message()}") from error


def _require_files(settings: RunSettings) -> list[Path]:
    """Check sources and the model, where they are files, and return those whose readability is to be tested."""
    named = []
    for key, value in [*(("source", camera.source) for camera in settings.cameras), ("model", settings.model)]:
        path = Path(value)
        if not path.is_absolute():
            if path.suffix and path.exists() and ":" not in value:
                raise WrongUseError(
                    f"{key} = {value!r}: expected an absolute path, because the service runs in {WORKING_DIRECTORY}"
                )
            continue
        if (folder := hidden_below(path)) is not None:
            raise DeployError(
                f"{key} = {value!r}: the service's unit hides {folder} from it; copy the file to /etc/mien, where "
                "everybody can read it, and name that"
            )
        if path.is_file():
            named.append(path)
    return [*named, find_model(settings.model)]


def _existing_credentials(files: ServiceFiles) -> dict[str, bytes]:
    found = {}
    for name in _CREDENTIALS:
        path = files.credentials / name
        if os.path.lexists(path):
            found[name] = read_regular(path, _MAX_CREDENTIAL_BYTES)
    return found


def _has_password(settings: RunSettings) -> bool:
    return any(
        without_credentials(camera.source) != camera.source or any(map(_PASSWORD.search, camera.sink))
        for camera in settings.cameras
    )
