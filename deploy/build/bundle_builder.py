"""Gathers what a release needs: wheels, networks, configuration, unit, licences, bill of materials."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from deploy.build.installer_script import installer_script
from deploy.build.licenses import write_licences
from deploy.build.own_wheel import commit, make_own_wheel
from deploy.build.packing import pack
from deploy.build.sbom import make_sbom
from deploy.build.signing_keys import read_key
from deploy.build.targets import Target
from deploy.build.wheels import Wheel, download_wheels, read_wheel
from deploy.device.manifest import Manifest
from deploy.device.version import version_key
from edge import __version__
from edge.cli.config_file import read_config
from edge.cli.run import run
from edge.detection.weights import WEIGHTS, read_weights
from edge.errors import DeployError, WrongUseError
from edge.inference.model_card import read_model
from edge.inference.shipped_models import DEFAULT_MODEL, find_model
from edge.system.hashing import sha256_of

UNIT = Path(__file__).parents[1] / "systemd" / "mien.service"
ESCALATION = UNIT.with_name("mien.service.d") / "escalation.conf"
#: Compiled modules come to a third of the sources and libraries; folders and blocks take their part.
_GROWTH = 1.4


@dataclass(frozen=True)
class BundleSpec:
    """What a bundle shall be.

    Attributes:
        target, arch: what for.
        key: PEM file of the private key.
        models: names of shipped models, or .tflite files; the first is the default. Empty: the shipped default.
        config: TOML file for `mien run --config`; None: the Pi's camera, with the first model.
        version: of the release; None: mien's own, followed by the source's time.
        unit: the systemd unit.
    """

    target: Target
    arch: str
    key: Path
    models: tuple[str, ...] = ()
    config: Path | None = None
    version: str | None = None
    unit: Path = UNIT


def make_bundle(spec: BundleSpec, out: Path, say: Callable[[str], None]) -> Manifest:
    """Make and sign a bundle.

    Args:
        spec: what it shall be.
        out: its file.
        say: called with a line about each step.

    Returns:
        Its manifest.

    Raises:
        WrongUseError: the key, the configuration or the version is none.
        ModelError: there is no such model, or it has no card.
        WeightsMissingError: the detector's weights are not here.
        DeployError: the unit is missing, or the wheels cannot be had.
    """
    key = read_key(spec.key)
    made_of = commit()
    built_s = _built_s(made_of)
    version = spec.version or f"{__version__}+{time.strftime('%Y%m%d.%H%M%S', time.gmtime(built_s))}"
    version_key(version)
    networks = _networks(spec.models)
    default = next(iter(networks)).removeprefix("models/").removesuffix(".tflite")
    config = _config(spec.config, default)
    unit = _unit(spec.unit, spec.target)
    with tempfile.TemporaryDirectory(prefix="mien-bundle-") as temporary:
        folder = Path(temporary)
        wheels_folder = folder / "wheels"
        wheels_folder.mkdir()
        say(f"wheels for {spec.target.name} (Python {spec.target.python}, {spec.arch})")
        download_wheels(spec.target, spec.arch, wheels_folder)
        make_own_wheel(wheels_folder)
        wheels = [read_wheel(path) for path in sorted(wheels_folder.iterdir())]
        for path, content in {
            "requirements.txt": requirements(wheels).encode(),
            "config/mien.toml": config,
            "systemd/mien.service": unit,
            "installer/install.py": installer_script().encode(),
            **{f"weights/{weights.file}": read_weights(name) for name, weights in WEIGHTS.items()},
        }.items():
            _write(folder / path, content)
        for name, source in networks.items():
            _write(folder / name, source.read_bytes())
        say("licences and bill of materials")
        write_licences(folder / "licences", wheels)
        files = {**networks, **{f"weights/{w.file}": folder / "weights" / w.file for w in WEIGHTS.values()}}
        files = {path: file for path, file in files.items() if path.endswith(".tflite")}
        sbom = make_sbom(version, built_s, spec.target, spec.arch, wheels, files)
        _write(folder / "sbom.cdx.json", (json.dumps(sbom, indent=1) + "\n").encode())
        manifest = Manifest(
            version=version,
            target=spec.target.name,
            arch=spec.arch,
            python=spec.target.python,
            model=default,
            commit=made_of[0] if made_of else "",
            built_s=built_s,
            installed_bytes=int(_GROWTH * sum(wheel.unpacked_bytes for wheel in wheels if wheel.name != "pip")),
            needs_ready=b"\nType=notify" in unit,
            parts=(),
        )
        return pack(folder, manifest, key, out)


def requirements(wheels: Sequence[Wheel]) -> str:
    """What pip shall install on the device: exactly these wheels; pip's own stays out of the environment."""
    lines = [f"{w.name}=={w.version} --hash=sha256:{sha256_of(w.path)}\n" for w in wheels if w.name != "pip"]
    return "".join(sorted(lines))


def _built_s(made_of: tuple[str, int] | None) -> int:
    """The source's time: SOURCE_DATE_EPOCH (reproducible-builds.org), the commit's, or else mien's own wheel's."""
    said = os.environ.get("SOURCE_DATE_EPOCH", "")
    if said:
        if not said.isdecimal():
            raise WrongUseError(f"SOURCE_DATE_EPOCH is {said!r}: expected seconds since 1970")
        return int(said)
    if made_of is not None:
        return made_of[1]
    # Files of an installed distribution keep no common time; the newest is when it was installed.
    return int(Path(__file__).stat().st_mtime)


def _networks(models: Sequence[str]) -> dict[str, Path]:
    """Path in the bundle to file, of the models and of cards beside them, in the order given."""
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
        text = "# Every option: mien run --show-config\n"
        return f'{text}source = "picamera2"\nwait-for-source = true\nmodel = {json.dumps(model)}\n'.encode()
    # Refused here, not on the device.
    read_config(path, click.Context(run))
    return path.read_bytes()


def _unit(path: Path, target: Target) -> bytes:
    """The unit, and behind it what the target's systemd knows beyond it."""
    try:
        return path.read_bytes() + (b"\n" + ESCALATION.read_bytes() if target.has_growing_delays else b"")
    except OSError as error:
        raise DeployError(f"cannot read the systemd unit {path}: {error.strerror or error}") from error


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
