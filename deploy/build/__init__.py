"""Builds what a device needs, on a workstation: signing keys, bundles, and the installer as one file.

`bundle_builder` collects the parts of a bundle for one of the `targets`: `wheels` downloads the packages, `own_wheel`
(with `wheel_file`) builds mien's own, `licenses` and `sbom` describe them, and `packing` signs and writes the bundle
with a key of `signing_keys`. `installer_script` packs `deploy.device` into one file. All of it needs the extra
`deploy`, which is imported only when it is used.
"""

from deploy.build.installer_script import render_installer
from deploy.build.signing_keys import generate_keys, read_private_key
from deploy.build.targets import ARCHITECTURES, TARGETS, Target

__all__ = ["ARCHITECTURES", "TARGETS", "Target", "generate_keys", "read_private_key", "render_installer"]
