"""Bundles of a fake mien: small, quick to install, and broken in whatever way a test needs."""

import ensurepip
import platform
import sys
from pathlib import Path

from deploy.build.bundle_builder import requirements
from deploy.build.installer_script import render_installer
from deploy.build.packing import pack
from deploy.build.signing_keys import read_private_key
from deploy.build.wheel_file import write_wheel
from deploy.build.wheels import read_wheel
from deploy.device.manifest import Manifest
from deploy.device.trusted_keys import KEYS_PART

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
#: A stand-in for the daemon: it prints what `mien run --sink jsonl:-` prints, or fails in the way that HOW names.
_DAEMON = """
import json, os, signal, socket, sys, time
HOW, VERSION = {how!r}, {version!r}
if "--show-config" in sys.argv:
    if HOW == "stuck":
        time.sleep(600)
    if HOW == "rejects":
        sys.exit("mien: mien.toml: unknown key 'color'")
    sys.exit(0)
if "run" not in sys.argv:
    print("mien, version", VERSION)
    sys.exit(0)
if HOW == "crashes":
    sys.exit("mien: the model is damaged")
if "--config" in sys.argv:
    # As the service, which is tried longer than the self-test.
    def notify(text):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.sendto(text, os.environ["NOTIFY_SOCKET"])
    # Longer than between two questions of what watches a probation.
    time.sleep(6 if HOW == "starts-slowly" else 0)
    notify(b"READY=1\\nSTATUS=demo: running")
    end_s = time.monotonic() + float(HOW.removeprefix("ends-after-") if HOW.startswith("ends-after-") else 1e6)
    while time.monotonic() < end_s:
        time.sleep(0.5)
        if HOW != "hangs":
            notify(b"WATCHDOG=1\\nSTATUS=demo: 9.9 frames per second")
    sys.exit("mien: the camera library has ended this process")
def end(*_):
    time.sleep(2 if HOW == "slow-to-end" else 0)
    sys.exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN if HOW == "deaf" else end)
if HOW != "unready":
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.sendto(b"READY=1\\nSTATUS=watching", os.environ["NOTIFY_SOCKET"])
scores = [0.9, 0.9] if HOW == "nonsense" else [0.9, 0.1]
while HOW != "silent":
    event = dict(state="frame", emotions=dict(zip(("happy", "sad"), scores)))
    print(json.dumps(event), flush=True)
    time.sleep(0.002)
time.sleep(600)
"""

#: In place of the command `deploy`, which the fake mien lacks, it runs the installer, which has the same modules.
_DEPLOY = """
import os, sys
if sys.argv[1:2] == ["deploy"]:
    os.execv({python!r}, [{python!r}, "-I", {installer!r}, *sys.argv[2:]])
"""

#: A stand-in for pip, which takes seconds to load: it unpacks the wheels that the requirements name.
_PIP = """
import pathlib, sys, zipfile
options = sys.argv[1:]
assert options[0] == "install" and "--no-index" in options and "--require-hashes" in options
wheels = pathlib.Path(options[options.index("--find-links") + 1])
site = next(pathlib.Path(sys.prefix, "lib").glob("python*/site-packages"))
for line in pathlib.Path(options[options.index("--requirement") + 1]).read_text().splitlines():
    name, version = line.split()[0].split("==")
    zipfile.ZipFile(wheels / f"{name}-{version}-py3-none-any.whl").extractall(site)
"""

#: Enough for installations that start no service.
_UNIT = b"[Service]\nType=notify\n"


class Workshop:
    """Makes signed bundles in a folder.

    Args:
        folder: for the bundles.
        key: the private key.
        has_real_pip: put pip itself into the bundles, and not its stand-in.
        deploy_by: the device's Python and the path of its installer, if the fake mien shall have the command `deploy`.
    """

    def __init__(
        self, folder: Path, key: Path, has_real_pip: bool = False, deploy_by: tuple[str, str] | None = None
    ) -> None:
        self.has_real_pip = has_real_pip
        self._deploy = "" if deploy_by is None else _DEPLOY.format(python=deploy_by[0], installer=deploy_by[1])
        self.folder, self.key, self.pubkey = folder, key, key.with_name(f"{key.name}.pub")
        self.installer = folder / "install.py"
        self.installer.write_text(render_installer())

    def bundle(
        self, version, how="well", ballast=b"", key=None, keys=None, unit=b"[Service]\nType=notify\n", **manifest
    ):
        """A bundle of the fake mien; made only once for the same arguments."""
        differing = abs(hash((str(manifest), str(keys), str(key), unit)))
        name = f"{version}-{how}-{len(ballast)}-{differing}-{(key or self.key).name}.bundle"
        out = self.folder / name
        if out.exists():
            return out
        parts = self.folder / f"parts-of-{name}"
        for path, content in {
            "config/mien.toml": b'source = "demo"\n',
            "systemd/mien.service": unit,
            "models/made.tflite": b"made",
            "licences/README.txt": b"none\n",
            "sbom.cdx.json": b"{}\n",
            **({KEYS_PART: keys.as_bytes()} if keys else {}),
        }.items():
            (parts / path).parent.mkdir(parents=True, exist_ok=True)
            (parts / path).write_bytes(content)
        wheels = parts / "wheels"
        wheels.mkdir()
        files = {
            "mien/__init__.py": b"",
            "mien/__main__.py": (self._deploy + _DAEMON.format(how=how, version=version)).encode(),
        }
        if ballast:
            files["mien/ballast.bin"] = ballast
        metadata = f"Metadata-Version: 2.1\nName: mien\nVersion: {version}\n".encode()
        write_wheel(wheels, "mien", version, files, {"METADATA": metadata})
        if self.has_real_pip:
            pip = next((Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl"))
            (wheels / pip.name).write_bytes(pip.read_bytes())
        else:
            pip_metadata = b"Metadata-Version: 2.1\nName: pip\nVersion: 0\n"
            write_wheel(wheels, "pip", "0", {"pip/__main__.py": _PIP.encode()}, {"METADATA": pip_metadata})
        (parts / "requirements.txt").write_text(requirements([read_wheel(path) for path in sorted(wheels.iterdir())]))
        values = {
            "version": version, "target": "bookworm", "arch": platform.machine(), "python": PYTHON, "model": "made",
            "commit": "", "built_s": 1_700_000_000, "installed_bytes": 100_000, "needs_ready": True, "parts": (),
        }  # fmt: skip
        pack(parts, Manifest(**{**values, **manifest}), read_private_key(key or self.key), out)
        return out
