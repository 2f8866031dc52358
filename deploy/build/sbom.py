"""The bundle's bill of materials, as CycloneDX 1.6 (ECMA-424) has it."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deploy.build.licenses import APACHE, licence_of
from deploy.build.targets import Target
from deploy.build.wheels import Wheel
from edge import __version__
from edge.errors import MissingExtraError
from edge.system.hashing import sha256_of

#: Of mien's own bundles, so that an SBOM's number follows from its content.
_NAMESPACE = uuid.UUID("7d5c8b9e-2f4a-5c6d-8e1f-3a9b0c7d6e5f")


def make_sbom(
    version: str, built_s: int, target: Target, arch: str, wheels: Sequence[Wheel], networks: Mapping[str, Path]
) -> dict[str, Any]:
    """The bill of materials.

    Args:
        version: of the release.
        built_s: seconds since 1970, of the source.
        target: what the bundle is for.
        arch: of its processor.
        wheels: all of them.
        networks: path in the bundle to file, of models and weights.

    Returns:
        A CycloneDX 1.6 document as plain values; the same content gives the same document.

    Raises:
        MissingExtraError: the extra `deploy` is not installed.
    """
    refs = {_normal(wheel.name): f"pkg:pypi/{_normal(wheel.name)}@{wheel.version}" for wheel in wheels}
    packages = [_package(wheel, refs[_normal(wheel.name)]) for wheel in wheels]
    files = [_network(path, file) for path, file in networks.items()]
    root = f"mien-bundle@{version}"
    components = sorted([*packages, *files], key=lambda component: str(component["bom-ref"]))
    depends = [{"ref": root, "dependsOn": sorted([refs["mien"], *(file["bom-ref"] for file in files)])}]
    for wheel in sorted(wheels, key=lambda wheel: refs[_normal(wheel.name)]):
        needed = sorted({refs[name] for name in _needs(wheel, target, arch) if name in refs})
        depends.append({"ref": refs[_normal(wheel.name)], "dependsOn": needed})
    hashes = "".join(component["hashes"][0]["content"] for component in components)
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(built_s))
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, f'{version} {target.name} {arch} {hashes}')}",
        "version": 1,
        "metadata": {
            "timestamp": moment,
            "tools": {"components": [{"type": "application", "name": "mien deploy bundle", "version": __version__}]},
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": "mien-bundle",
                "version": version,
                "properties": [
                    {"name": "mien:target", "value": target.name},
                    {"name": "mien:arch", "value": arch},
                    {"name": "mien:python", "value": target.python},
                ],
            },
        },
        "components": components,
        "dependencies": depends,
    }


def _package(wheel: Wheel, ref: str) -> dict[str, Any]:
    licence = licence_of(wheel)
    is_spdx = wheel.metadata.get("License-Expression") is not None
    return {
        "type": "library",
        "bom-ref": ref,
        "name": wheel.name,
        "version": wheel.version,
        "purl": ref,
        "hashes": [{"alg": "SHA-256", "content": sha256_of(wheel.path)}],
        "licenses": [{"expression": licence} if is_spdx else {"license": {"name": licence}}],
        "properties": [{"name": "mien:file", "value": f"wheels/{wheel.path.name}"}],
    }


def _network(path: str, file: Path) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": path,
        "name": Path(path).stem,
        "hashes": [{"alg": "SHA-256", "content": sha256_of(file)}],
        "properties": [{"name": "mien:file", "value": path}],
    }
    if path.startswith("weights/"):
        component["licenses"] = [{"license": {"id": APACHE}}]
    return component


def _needs(wheel: Wheel, target: Target, arch: str) -> list[str]:
    """Names of the distributions that a wheel needs on the target."""
    try:
        from packaging.requirements import Requirement
    except ImportError as error:
        raise MissingExtraError("deploy", "packaging") from error
    there = {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": arch,
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{target.python}.0",
        "python_version": target.python,
        "sys_platform": "linux",
    }
    # mien's bundle has these three extras.
    extras = ("", "mqtt", "metrics", "preview") if _normal(wheel.name) == "mien" else ("",)
    named = []
    for text in wheel.metadata.get_all("Requires-Dist", []):
        requirement = Requirement(text)
        if requirement.marker is None or any(requirement.marker.evaluate({**there, "extra": e}) for e in extras):
            named.append(_normal(requirement.name))
    return named


def _normal(name: str) -> str:
    """PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()
