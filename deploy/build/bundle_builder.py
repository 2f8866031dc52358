"""Collects the parts of a release: wheels, models, configuration, systemd unit, licenses, bill of materials."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from deploy.build.installer_script import render_installer
from deploy.build.licenses import write_licenses
from deploy.build.own_wheel import build_own_wheel, source_commit
from deploy.build.packing import pack
from deploy.build.sbom import make_sbom
from deploy.build.signing_keys import read_private_key
from deploy.build.targets import Target
from deploy.build.wheels import Wheel, download_wheels, read_wheel
from deploy.device.manifest import Manifest
from deploy.device.trusted_keys import KEY_ID, KEYS_PART, MAX_KEYS_BYTES, KeyChange, split_keys
from deploy.device.version import version_key
from edge import __version__
from edge.cli.config_file import MAX_BYTES, read_config
from edge.cli.run import run
from edge.detection.weights import WEIGHTS, read_weights
from edge.detection.yunet_weights import YUNET_FILE, read_yunet_file
from edge.errors import DeployError, WeightsMissingError, WrongUseError
from edge.inference.model_card import read_model
from edge.inference.shipped_models import DEFAULT_MODEL, find_model
from edge.system.hashing import sha256_of
from edge.system.regular_files import read_regular

UNIT = Path(__file__).parents[1] / "systemd" / "mien.service"
ESCALATION = UNIT.with_name("mien.service.d") / "escalation.conf"
#: Size of an installed release relative to its unpacked wheels: compiled modules take about a third of what sources and
#: libraries take, and folders and disk blocks add to it.
_INSTALLED_FACTOR = 1.4


@dataclass(frozen=True)
class BundleSpec:
    """What to put into a bundle.

    Attributes:
        target, arch: the system and the processor that it is for.
        key: PEM file of the private key.
        models: names of shipped models, or .tflite files; the first is the default. Empty: the shipped default.
        config: TOML file for `mien run --config`; None is the Raspberry Pi's own camera with the first model.
        version: of the release; None is mien's own version followed by the time of the source.
        unit: the systemd unit.
        trust: files with public keys that the device trusts from then on.
        revoke: identifiers of keys that it never trusts again.
    """

    target: Target
    arch: str
    key: Path
    models: tuple[str, ...] = ()
    config: Path | None = None
    version: str | None = None
    unit: Path = UNIT
    trust: tuple[Path, ...] = ()
    revoke: tuple[str, ...] = ()


def build_bundle(spec: BundleSpec, out: Path, report: Callable[[str], None]) -> Manifest:
    """Build and sign a bundle.

    Args:
        spec: what to put into it.
        out: the file to write.
        report: called with a line about each step.

    Returns:
        Its manifest.

    Raises:
        WrongUseError: a key, the configuration or the version is not valid.
        ModelError: a model does not exist, or has no card.
        WeightsMissingError: the detector's weights are not on this machine.
        DeployError: the systemd unit is missing, or the wheels cannot be downloaded.
    """
    key = read_private_key(spec.key)
    commit = source_commit()
    built_s = _source_time_s(commit)
    version = spec.version or f"{__version__}+{time.strftime('%Y%m%d.%H%M%S', time.gmtime(built_s))}"
    version_key(version)
    models = _model_files(spec.models)
    default_model = next(iter(models)).removeprefix("models/").removesuffix(".tflite")
    config = _config(spec.config, default_model)
    keys = _key_change(spec)
    unit = _unit(spec.unit, spec.target)
    # Before the wheels, whose download takes a minute.
    weights = _detector_weights(report)
    with tempfile.TemporaryDirectory(prefix="mien-bundle-") as temporary:
        folder = Path(temporary)
        wheels_folder = folder / "wheels"
        wheels_folder.mkdir()
        report(f"downloading the wheels for {spec.target.name} (Python {spec.target.python}, {spec.arch})")
        download_wheels(spec.target, spec.arch, wheels_folder)
        build_own_wheel(wheels_folder)
        wheels = [read_wheel(path) for path in sorted(wheels_folder.iterdir())]
        for path, content in {
            "requirements.txt": requirements(wheels).encode(),
            "config/mien.toml": config,
            "systemd/mien.service": unit,
            "installer/install.py": render_installer().encode(),
            **({KEYS_PART: keys.as_bytes()} if keys else {}),
            **weights,
        }.items():
            _write(folder / path, content)
        for name, source in models.items():
            _write(folder / name, source.read_bytes())
        report("writing the licenses and the bill of materials")
        # This spelling is part of the bundle format.
        write_licenses(folder / "licences", wheels)
        networks = {**models, **{name: folder / name for name in weights}}
        networks = {path: file for path, file in networks.items() if path.endswith(".tflite")}
        sbom = make_sbom(version, built_s, spec.target, spec.arch, wheels, networks)
        _write(folder / "sbom.cdx.json", sbom.encode())
        manifest = Manifest(
            version=version,
            target=spec.target.name,
            arch=spec.arch,
            python=spec.target.python,
            model=default_model,
            commit=commit[0] if commit else "",
            built_s=built_s,
            installed_bytes=int(
                _INSTALLED_FACTOR * sum(wheel.unpacked_bytes for wheel in wheels if wheel.name != "pip")
            ),
            needs_ready=b"\nType=notify" in unit,
            parts=(),
        )
        return pack(folder, manifest, key, out)


def _detector_weights(report: Callable[[str], None]) -> dict[str, bytes]:
    """Return the files of the detectors' weights by their paths in the bundle; YuNet's where this machine has it.

    Raises:
        WeightsMissingError: BlazeFace's are not on this machine.
        DetectorError: weights are damaged.
    """
    weights = {f"weights/{entry.file}": read_weights(name) for name, entry in WEIGHTS.items()}
    try:
        weights[f"weights/{YUNET_FILE}"] = read_yunet_file()
    except WeightsMissingError:
        report("without YuNet, so that fewer faces far away are found: run `mien models pull yunet` to include it")
    return weights


def _key_change(spec: BundleSpec) -> KeyChange | None:
    """What the bundle changes about the device's keys; None for nothing."""
    trusted = []
    for path in spec.trust:
        try:
            found = split_keys(read_regular(path, MAX_KEYS_BYTES))
        except OSError as error:
            raise WrongUseError(f"cannot read the public key {path}: {error.strerror or error}") from error
        if not found:
            raise WrongUseError(f"{path} is not a public key: expected the .pub file that `mien deploy keygen` wrote")
        trusted += found
    for name in spec.revoke:
        if not KEY_ID.fullmatch(name):
            raise WrongUseError(f"{name!r} is not the identifier of a key: expected 16 hex digits")
    return KeyChange(tuple(trusted), spec.revoke) if trusted or spec.revoke else None


def requirements(wheels: Sequence[Wheel]) -> str:
    """The requirements file for pip on the device: exactly these wheels, without pip's own."""
    lines = [f"{w.name}=={w.version} --hash=sha256:{sha256_of(w.path)}\n" for w in wheels if w.name != "pip"]
    return "".join(sorted(lines))


def _source_time_s(commit: tuple[str, int] | None) -> int:
    """The time of the source in seconds since 1970.

    SOURCE_DATE_EPOCH (reproducible-builds.org) where it is set, or else the commit's time, or that of the installation.
    """
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    if given:
        if not given.isdecimal():
            raise WrongUseError(f"SOURCE_DATE_EPOCH is {given!r}: expected seconds since 1970")
        return int(given)
    if commit is not None:
        return commit[1]
    # The files of an installed distribution have no common time; this one's is when it was installed.
    return int(Path(__file__).stat().st_mtime)


def _model_files(models: Sequence[str]) -> dict[str, Path]:
    """Map paths in the bundle to files: the models in the order given, each followed by the card beside it."""
    found: dict[str, Path] = {}
    for name in models or (DEFAULT_MODEL,):
        path = find_model(name)
        read_model(path)
        if found.get(f"models/{path.name}", path) != path:
            raise WrongUseError(f"two models are called {path.name}: expected different names")
        found[f"models/{path.name}"] = path
        card = path.with_suffix(".json")
        if card.is_file():
            found[f"models/{card.name}"] = card
    return found


def _config(path: Path | None, model: str) -> bytes:
    if path is None:
        text = "# All options: mien run --show-config\n"
        return f'{text}source = "picamera2"\nwait-for-source = true\nmodel = {json.dumps(model)}\n'.encode()
    # An invalid configuration is rejected here rather than on the device.
    read_config(path, click.Context(run))
    return read_regular(path, MAX_BYTES)


def _unit(path: Path, target: Target) -> bytes:
    """The unit, followed by the settings that only a later systemd supports, where the target has one."""
    try:
        unit = read_regular(path, MAX_BYTES)
        return unit + (b"\n" + ESCALATION.read_bytes() if target.supports_restart_steps else b"")
    except OSError as error:
        raise DeployError(f"cannot read the systemd unit {path}: {error.strerror or error}") from error


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
