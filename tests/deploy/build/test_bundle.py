"""`mien deploy keygen`, `bundle` and `installer`, applied to this checkout."""

import email.parser
import json
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from deploy.build.own_wheel import PACKAGES, build_own_wheel
from deploy.build.packing import pack
from deploy.build.sbom import make_sbom
from deploy.build.signing_keys import read_private_key
from deploy.build.targets import TARGETS
from deploy.build.wheel_file import write_wheel
from deploy.build.wheels import read_wheel
from deploy.device.checked_bundle import CheckedBundle
from deploy.device.manifest import Manifest
from edge.errors import DeployError
from edge.own_package import extra_command
from tests.conftest import ROOT, SHIPPED
from tests.imports import imported_packages


def test_keys_are_private_and_never_overwritten(invoke, tmp_path):
    done = invoke("deploy", "keygen", "--out", tmp_path / "fleet")
    assert done.code == 0, done.err
    assert (tmp_path / "fleet").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "fleet.pub").stat().st_mode & 0o777 == 0o644
    again = invoke("deploy", "keygen", "--out", tmp_path / "fleet")
    assert again.code == 2
    assert "never overwritten" in again.error_line()
    assert invoke("keygen", "--out", tmp_path / "no" / "where", module="deploy").code == 1


def test_mien_s_own_wheel_holds_the_packages_and_is_reproducible(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    one, two = (build_own_wheel(tmp_path / name) for name in ("a", "b"))
    assert one.read_bytes() == two.read_bytes()
    with zipfile.ZipFile(one) as archive:
        names = set(archive.namelist())
        assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {
            package for package in PACKAGES if (ROOT / package).is_dir()
        }
        assert "edge/inference/models/mien-small-ferplus-int8.tflite" in names
        assert "deploy/build/locks/bookworm.lock" in names
        assert not [n for n in names if "__pycache__" in n or n.endswith("model.keras") or n.startswith("tests/")]
        info = f"{one.name.removesuffix('-py3-none-any.whl')}.dist-info"
        assert "mien = edge.cli.main:main" in archive.read(f"{info}/entry_points.txt").decode()
        assert email.parser.Parser().parsestr(archive.read(f"{info}/METADATA").decode())["Name"] == "mien"
        record = archive.read(f"{info}/RECORD").decode().splitlines()
        assert {line.split(",")[0] for line in record} == names


@pytest.mark.parametrize("git", [True, False], ids=["checkout", "without git"])
def test_what_an_operator_keeps_in_deploy_is_not_in_the_wheel(git, workshop, tmp_path, monkeypatch):
    root = tmp_path / "mien"
    tracked = subprocess.run(["git", "-C", ROOT, "ls-files", *PACKAGES, "LICENSE"], capture_output=True, text=True)
    for name in tracked.stdout.splitlines():
        if not name.endswith(".keras"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, root / name)
    if git:
        for command in (["init", "-q"], ["add", "."]):
            subprocess.run(["git", "-C", root, *command], check=True)
    (root / "edge" / "camera.py").touch()
    if git:
        subprocess.run(["git", "-C", root, "add", "edge"], check=True)
    monkeypatch.setattr("deploy.build.own_wheel._ROOT", root)
    clean = build_own_wheel(tmp_path).read_bytes()
    private = ("ansible/devices.ini", "ansible/group_vars/all/vault.yml", "keys/fleet", "fleet/secrets/metrics-token",
               "fleet/secrets/passwords.yml", "ansible/.vault_pass")  # fmt: skip
    for name in private:
        (root / "deploy" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "deploy" / name).write_text("geheim")
    assert build_own_wheel(tmp_path).read_bytes() == clean
    # Also where git tracks it, or it has a name of mien's own.
    shutil.copy(workshop.key, root / "edge" / "camera.py")
    with pytest.raises(DeployError, match=r"edge/camera\.py holds a private key"):
        build_own_wheel(tmp_path)


def test_the_same_parts_give_the_same_bytes(workshop, tmp_path):
    manifest = Manifest("1", "trixie", "aarch64", "3.13", "m", "", 1_700_000_000, 0, True, ())
    written = []
    for name in ("a", "b"):
        folder = tmp_path / name
        for part in sorted(("z/1", "a/2", "a/1"), reverse=name == "a"):
            (folder / part).parent.mkdir(parents=True, exist_ok=True)
            (folder / part).write_text(part)
        pack(folder, manifest, read_private_key(workshop.key), tmp_path / f"{name}.bundle")
        written.append((tmp_path / f"{name}.bundle").read_bytes())
    assert written[0] == written[1]
    with tarfile.open(tmp_path / "a.bundle") as archive:
        entries = archive.getmembers()
    assert [entry.name for entry in entries] == ["manifest.json", "manifest.sig", "a/1", "a/2", "z/1"]
    assert {(entry.uid, entry.gid, entry.uname, entry.mtime, entry.mode) for entry in entries} == {
        (0, 0, "", 1_700_000_000, 0o644)
    }


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_the_locks_hold_the_base_install_and_the_extras_for_a_device(target):
    def pins(path):
        lines = [line.rstrip(" \\") for line in path.read_text().splitlines() if "==" in line]
        return dict(line.partition(";")[0].strip().split("==") for line in lines if line[0] not in " #")

    lock, device = pins(target.lock), pins(ROOT / "requirements" / "device.lock")
    assert set(device) | {"paho-mqtt", "prometheus-client", "starlette", "uvicorn", "websockets", "pip"} <= set(lock)
    assert not {"tensorflow", "keras", "torch", "cryptography"} & set(lock)
    assert "://" not in target.lock.read_text()
    if target.name == "bookworm":
        # Bookworm's picamera2 was built for numpy 1.
        assert lock["numpy"].startswith("1.")
    else:
        assert {name: lock[name] for name in device if name != "numpy"} == {
            name: version for name, version in device.items() if name != "numpy"
        }


def test_wrong_use_of_bundle(invoke, workshop, tmp_path):
    out = ("--target", "bookworm", "--out", tmp_path / "x")
    bad = tmp_path / "bad.toml"
    bad.write_text("color = 1\n")
    for options, words in (
        (("--key", tmp_path / "none"), "cannot read the key"),
        (("--key", workshop.pubkey), "not a private key"),
        (("--key", workshop.key, "--config", bad), "unknown key 'color'"),
        (("--key", workshop.key, "--version", "new"), "not a version"),
        (("--key", workshop.key, "--model", "nobody"), "no model"),
        (("--key", workshop.key, "--unit", tmp_path / "none"), "systemd unit"),
    ):
        done = invoke("deploy", "bundle", *out, *options)
        assert done.code in (1, 2)
        assert words in done.error_line()
    assert not (tmp_path / "x").exists()


def test_missing_weights_are_reported_before_any_wheel_is_downloaded(invoke, workshop, tmp_path, monkeypatch):
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))

    def download(*_arguments):
        pytest.fail("wheels are downloaded before the weights are known to be there")

    monkeypatch.setattr("deploy.build.bundle_builder.download_wheels", download)
    done = invoke("deploy", "bundle", "--target", "trixie", "--key", workshop.key, "--out", tmp_path / "x")
    assert done.code == 1
    assert "mien models pull" in done.error_line()
    assert not (tmp_path / "x").exists()


def test_without_the_extra_the_command_names_it(invoke, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    done = invoke("deploy", "keygen", "--out", tmp_path / "k")
    assert done.code == 2
    assert extra_command("deploy") in done.error_line()


def test_the_bill_of_materials_is_valid_complete_and_reproducible(tmp_path):
    wheels = [read_wheel(build_own_wheel(tmp_path)), read_wheel(fake_wheel(tmp_path))]
    networks = {"models/m.tflite": SHIPPED, "weights/w.tflite": SHIPPED}
    text = make_sbom("1.0", 0, TARGETS["trixie"], "aarch64", wheels, networks)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    sbom = json.loads(text)
    mien, click = f"pkg:pypi/mien@{wheels[0].version}", "pkg:pypi/click@8.4.0"
    assert sorted(c["bom-ref"] for c in sbom["components"]) == ["models/m.tflite", click, mien, "weights/w.tflite"]
    needed = {entry["ref"]: entry.get("dependsOn", []) for entry in sbom["dependencies"]}
    assert sorted(needed["mien-bundle@1.0"]) == ["models/m.tflite", mien, "weights/w.tflite"]
    assert (needed[mien], needed[click]) == ([click], [])
    assert sbom["metadata"]["timestamp"] == "1970-01-01T00:00:00+00:00"
    # Whatever the order in which the parts are given.
    reordered = dict(reversed(networks.items()))
    assert make_sbom("1.0", 0, TARGETS["trixie"], "aarch64", wheels[::-1], reordered) == text
    # Another content has another serial number.
    other = json.loads(make_sbom("1.0", 0, TARGETS["trixie"], "aarch64", wheels[:1], networks))
    assert other["serialNumber"] != sbom["serialNumber"]


def fake_wheel(folder):
    metadata = b"Metadata-Version: 2.4\nName: Click\nVersion: 8.4.0\nLicense-Expression: BSD-3-Clause\n"
    return write_wheel(folder, "click", "8.4.0", {"click.py": b""}, {"METADATA": metadata})


def test_the_installer_contains_the_modules_unchanged(invoke, tmp_path):
    done = invoke("deploy", "installer", "--out", tmp_path / "install.py")
    assert done.code == 0, done.err
    text = (tmp_path / "install.py").read_text()
    for path in (ROOT / "deploy" / "device").glob("*.py"):
        assert path.read_text() in text
    # It needs nothing but the standard library and the modules that it contains.
    imported = {name for path in (ROOT / "deploy" / "device").glob("*.py") for name in imported_packages(path)}
    assert imported - set(sys.stdlib_module_names) == {"deploy", "edge", "cryptography"}


@pytest.fixture(scope="session")
def unit():
    """mien's systemd unit."""
    return ROOT / "deploy" / "systemd" / "mien.service"


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.usefixtures("long_checks", "weights")
@pytest.mark.parametrize("target", TARGETS)
def test_a_bundle_for_a_pi_is_complete_and_reproducible(mien, workshop, unit, tmp_path, target):
    outs = [tmp_path / name for name in ("a", "b")]
    for out in outs:
        done = mien("deploy", "bundle", "--target", target, "--key", workshop.key, "--unit", unit, "--out", out)
        assert done.code == 0, done.err
    assert outs[0].read_bytes() == outs[1].read_bytes()
    with CheckedBundle(outs[0], [workshop.pubkey.read_bytes()]) as bundle:
        bundle.unpack(tmp_path / "parts")
        names = [part.path for part in bundle.manifest.parts]
    assert bundle.manifest.arch == "aarch64"
    for name in names:
        if name.startswith("wheels/"):
            assert name.endswith(("_aarch64.whl", "-any.whl")), name
            package = name.removeprefix("wheels/").split("-")[0]
            assert package == "flatbuffers" or [n for n in names if n.startswith(f"licences/{package}/")], package
    sbom = (tmp_path / "parts" / "sbom.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(sbom) is None
    files = {p["value"] for c in json.loads(sbom)["components"] for p in c["properties"]}
    assert files == {name for name in names if name.startswith(("wheels/", "weights/", "models/"))}


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.usefixtures("long_checks", "weights")
def test_from_this_checkout_to_a_running_daemon_without_a_network(mien, workshop, unit, device, tmp_path):
    """The whole way: real wheels, a Python without packages, no network; then a broken update, which is rejected."""
    from tests.deploy.conftest import BARE_PYTHON

    if sys.version_info[:2] not in ((3, 11), (3, 13)):
        pytest.skip("Python 3.11 or 3.13")
    offline = ["unshare", "--net", "--map-root-user"]
    if subprocess.run([*offline, "true"], capture_output=True).returncode:
        pytest.skip("cannot disable the network here: unshare fails")
    target = "bookworm" if sys.version_info[:2] == (3, 11) else "trixie"
    config = tmp_path / "mien.toml"
    config.write_text('source = "demo"\n')
    bundles = []
    for version, model in (("1.0", SHIPPED.stem), ("2.0", str(tmp_path / "broken.tflite"))):
        if version == "2.0":
            # Its card is intact but its graph is not a network, which shows only when it runs.
            from dataclasses import replace

            from edge.inference.model_card import read_model, write_model

            card = read_model(SHIPPED)
            write_model(tmp_path / "broken.tflite", card.graph[:8] + bytes(2000), replace(card.card, name="broken"))
            config.write_text('source = "demo"\nmodel = "broken"\n')
        out = tmp_path / f"{version}.bundle"
        arch = ("--arch", platform.machine(), "--unit", unit, "--config", config, "--version", version)
        done = mien(
            "deploy", "bundle", "--target", target, "--key", workshop.key, *arch, "--model", model, "--out", out
        )
        assert done.code == 0, done.err
        bundles.append(out)
    options = ["--pubkey", str(workshop.pubkey), "--prefix", str(device.prefix)]
    install = [*offline, BARE_PYTHON, "-I", str(workshop.installer), "install"]
    done = subprocess.run([*install, str(bundles[0]), *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    daemon = [*offline, str(device.prefix / "current/venv/bin/mien"), "run", "--config"]
    daemon += [str(device.prefix / "current/config/mien.toml"), "--max-frames", "20"]
    ran = subprocess.run(
        [*daemon, "--emit", "frame", "--sink", "jsonl:-"], capture_output=True, text=True, cwd=tmp_path
    )
    assert ran.returncode == 0, ran.stderr
    assert len(ran.stdout.splitlines()) >= 15
    done = subprocess.run([*install, str(bundles[1]), *options], capture_output=True, text=True)
    assert done.returncode == 1
    assert "self-test" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert device.current() == "1.0"
    # The status as the installed mien reports it.
    status = subprocess.run(
        [device.prefix / "current/venv/bin/mien", "deploy", "status", "--json", "--prefix", device.prefix],
        capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    attempts = json.loads(status.stdout)["history"]
    assert [a["outcome"] for a in attempts] == ["activated", "unhealthy"]
    shutil.rmtree(device.prefix)


@pytest.mark.parametrize("lock", sorted((ROOT / "deploy" / "build" / "locks").glob("*.lock")), ids=lambda p: p.stem)
def test_no_bundle_has_an_opencv_with_a_known_flaw(lock):
    """CVE-2025-53644 (JPEG 2000): 4.10 and 4.11. `make audit` asks for all that is known today."""
    (version,) = re.findall(r"^opencv-python-headless==([\d.]+)", lock.read_text(), re.MULTILINE)
    assert not version.startswith(("4.10.", "4.11."))
