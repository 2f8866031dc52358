"""The bundle's software bill of materials, in CycloneDX 1.6 (ECMA-424). Needs the extra `deploy`."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.build.licenses import license_of, weights_license
from deploy.build.targets import Target
from deploy.build.wheels import Wheel
from edge import __version__
from edge.errors import MissingExtraError
from edge.system.hashing import sha256_of

if TYPE_CHECKING:
    from cyclonedx.model.component import Component
    from packaging.utils import NormalizedName

#: Namespace of the serial numbers of mien's bundles, so that each follows from the bundle's content (UUID version 5).
_NAMESPACE = uuid.UUID("7d5c8b9e-2f4a-5c6d-8e1f-3a9b0c7d6e5f")
#: The extras of mien that a bundle contains.
_EXTRAS = ("mqtt", "metrics", "preview")


def make_sbom(
    version: str, built_s: int, target: Target, arch: str, wheels: Sequence[Wheel], networks: Mapping[str, Path]
) -> str:
    """Describe the content of a bundle.

    Args:
        version: of the release.
        built_s: time of the source in seconds since 1970.
        target: the system that the bundle is for.
        arch: of its processor.
        wheels: all wheels in the bundle, mien's own among them.
        networks: path in the bundle to file, of the models and the detectors' weights.

    Returns:
        A CycloneDX 1.6 document as JSON. The same content gives the same text: time and serial number follow from it.

    Raises:
        MissingExtraError: the extra `deploy` is not installed.
    """
    try:
        from cyclonedx.model import Property
        from cyclonedx.model.bom import Bom, BomMetaData
        from cyclonedx.model.component import Component, ComponentType
        from cyclonedx.model.tool import ToolRepository
        from cyclonedx.output.json import JsonV1Dot6
        from packaging.utils import canonicalize_name
    except ImportError as error:
        raise MissingExtraError("deploy", "cyclonedx-python-lib") from error
    packages = {canonicalize_name(wheel.name): _package(wheel) for wheel in wheels}
    files = [_network(path, file) for path, file in networks.items()]
    release = Component(
        type=ComponentType.APPLICATION,
        bom_ref=f"mien-bundle@{version}",
        name="mien-bundle",
        version=version,
        properties=[
            Property(name="mien:target", value=target.name),
            Property(name="mien:arch", value=arch),
            Property(name="mien:python", value=target.python),
        ],
    )
    tool = Component(type=ComponentType.APPLICATION, name="mien deploy bundle", version=__version__)
    components = sorted([*packages.values(), *files], key=lambda component: str(component.bom_ref.value))
    hashes = "".join(component.hashes[0].content for component in components)
    bom = Bom(
        serial_number=uuid.uuid5(_NAMESPACE, f"{version} {target.name} {arch} {hashes}"),
        metadata=BomMetaData(
            timestamp=datetime.fromtimestamp(built_s, UTC),
            tools=ToolRepository(components=[tool]),
            component=release,
        ),
        components=components,
    )
    bom.register_dependency(release, [packages[canonicalize_name("mien")], *files])
    for wheel in wheels:
        required = [packages[name] for name in _required(wheel, target, arch) if name in packages]
        bom.register_dependency(packages[canonicalize_name(wheel.name)], required)
    return JsonV1Dot6(bom).output_as_string(indent=1) + "\n"


def _package(wheel: Wheel) -> Component:
    from cyclonedx.model import HashAlgorithm, HashType, Property
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
    from packageurl import PackageURL
    from packaging.utils import canonicalize_name

    purl = PackageURL("pypi", None, canonicalize_name(wheel.name), wheel.version)
    is_spdx = wheel.metadata.get("License-Expression") is not None
    license_name = license_of(wheel)
    return Component(
        type=ComponentType.LIBRARY,
        bom_ref=purl.to_string(),
        name=wheel.name,
        version=wheel.version,
        purl=purl,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=sha256_of(wheel.path))],
        licenses=[LicenseExpression(license_name) if is_spdx else DisjunctiveLicense(name=license_name)],
        properties=[Property(name="mien:file", value=f"wheels/{wheel.path.name}")],
    )


def _network(path: str, file: Path) -> Component:
    from cyclonedx.model import HashAlgorithm, HashType, Property
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.license import DisjunctiveLicense

    return Component(
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref=path,
        name=Path(path).stem,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=sha256_of(file))],
        licenses=[DisjunctiveLicense(id=weights_license(path))] if path.startswith("weights/") else [],
        properties=[Property(name="mien:file", value=path)],
    )


def _required(wheel: Wheel, target: Target, arch: str) -> list[NormalizedName]:
    """The normalized names of the distributions that a wheel requires on the target."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    environment = {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": arch,
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{target.python}.0",
        "python_version": target.python,
        "sys_platform": "linux",
    }
    extras = ("", *(_EXTRAS if canonicalize_name(wheel.name) == "mien" else ()))
    names = []
    for text in wheel.metadata.get_all("Requires-Dist", []):
        requirement = Requirement(text)
        if requirement.marker is None or any(requirement.marker.evaluate({**environment, "extra": e}) for e in extras):
            names.append(canonicalize_name(requirement.name))
    return names
