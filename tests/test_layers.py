"""Who may import whom, and where modules may stand; the contracts themselves are in `.importlinter`."""

import subprocess
import sys
import tomllib
from collections import Counter
from importlib.metadata import requires

import pytest

from edge.system.processes import python_environment
from tests.imports import (
    HEAVY,
    PACKAGES,
    ROOT,
    import_cycles,
    import_without,
    imported_packages,
    modules_of,
    sources_of,
)


@pytest.mark.slow
def test_the_contracts_of_import_linter_hold():
    """In a process of its own: it configures logging, which closes the handlers of every other test."""
    command = [sys.executable, "-P", "-c", "from importlinter.cli import lint_imports_command as main; main()"]
    done = subprocess.run(
        [*command, "--no-cache", "--no-logo"], cwd=ROOT, env=python_environment(),
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Contracts: 7 kept, 0 broken." in done.stdout


def test_no_module_imports_itself_through_others():
    assert import_cycles(PACKAGES) == []


@pytest.mark.parametrize("package", [name for name in ("mien", "edge") if name in PACKAGES])
def test_every_module_imports_without_the_training_stack(package):
    modules = modules_of(package)
    assert modules
    assert not import_without((*HEAVY, "train", "convert", "deploy"), modules)


def test_a_blocked_import_fails():
    assert "click is blocked" in import_without(["click"], ["edge.cli.main"])


def test_train_imports_a_backend_only_inside_functions():
    """The contract allows these modules a backend; `devices` must import without any."""
    found = set(imported_packages(ROOT / "train" / "training" / "devices.py", module_level=True))
    assert not found & {"tensorflow", "torch", "jax"}


def test_convert_imports_tensorflow_only_inside_functions():
    offenders = [
        path.relative_to(ROOT)
        for path in sources_of("convert")
        if set(imported_packages(path, module_level=True)) & {"tensorflow", "keras"}
    ]
    assert offenders == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_two_modules_of_a_package_share_a_basename(package):
    # Every package has an __init__; __main__ and the options of a command group have one place each.
    names = Counter(path.stem for path in sources_of(package))
    shared = {name for name, count in names.items() if count > 1} - {"__init__", "__main__", "options"}
    assert shared == set()


def test_the_root_of_edge_holds_only_what_every_room_needs():
    modules = sorted(path.stem for path in (ROOT / "edge").glob("*.py"))
    assert len([name for name in modules if not name.startswith("__")]) <= 8, modules


def test_the_base_install_is_the_device():
    base = {r.partition(";")[0].strip() for r in requires("mien") if "extra ==" not in r}
    names = {"".join(c for c in r.split(">")[0] if c.isalnum() or c == "-") for r in base}
    assert names == {"ai-edge-litert", "click", "numpy", "opencv-python-headless", "rich"}


def test_no_extra_asks_the_package_index_for_picamera2():
    # The index's picamera2 cannot be imported without modules that only Debian's packages have; apt install it.
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [name for names in project["optional-dependencies"].values() for name in names]
    assert not [name for name in asked if name.startswith("picamera2")]


def test_the_device_lock_is_part_of_the_training_lock():
    def pins(name):
        lines = (ROOT / "requirements" / name).read_text().splitlines()
        return {line.rstrip(" \\") for line in lines if "==" in line and not line.startswith((" ", "#"))}

    device, training = pins("device.lock"), pins("train.lock")
    assert device <= training
    assert not any(pin.split("==")[0] in HEAVY for pin in device)
    for text in (path.read_text() for path in (ROOT / "requirements").glob("*.lock")):
        assert "://" not in text
