"""The ground floor needs nothing from above, and nothing heavy."""

import ast
import pkgutil
import subprocess
import sys
from importlib.metadata import requires

import pytest

import edge
from tests.conftest import ROOT

HEAVY = ("tensorflow", "keras", "torch", "jax", "sklearn", "scipy", "matplotlib", "pandas", "h5py", "tomli_w")
UPSTAIRS = ("train", "convert", "deploy")

BLOCKED_IMPORT = """
import importlib, sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {banned!r}:
            raise ImportError(name + " is not for the device")
sys.meta_path.insert(0, Refuse())
for name in {modules!r}:
    importlib.import_module(name)
"""


def edge_modules():
    found = [m.name for m in pkgutil.walk_packages(edge.__path__, "edge.")]
    return [name for name in found if not name.endswith("__main__")]


def imports(path, top_level_only=False):
    tree = ast.parse(path.read_text())
    for node in tree.body if top_level_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield (node.module or "").partition(".")[0]


def test_every_module_of_edge_imports_without_the_training_stack():
    modules = edge_modules()
    assert len(modules) > 25
    code = BLOCKED_IMPORT.format(banned=HEAVY + UPSTAIRS, modules=modules)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_import_block_blocks():
    code = BLOCKED_IMPORT.format(banned=("click",), modules=["edge.cli.main"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "click is not for the device" in done.stderr


@pytest.mark.parametrize("path", sorted((ROOT / "edge").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_edge_imports_no_other_room(path):
    assert not set(imports(path)) & set(UPSTAIRS)


#: What PyTorch does in its own way.
TORCH = {"torch_average.py", "torch_layers.py"}


@pytest.mark.parametrize("path", sorted((ROOT / "train").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_train_imports_tensorflow_only_where_it_is_the_backend(path):
    inside = set(imports(path)) if path.name != "devices.py" else set(imports(path, top_level_only=True))
    assert not inside & {"tensorflow", "torch", "jax"} - ({"torch"} if path.name in TORCH else set())


@pytest.mark.parametrize("path", sorted((ROOT / "convert").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_convert_imports_tensorflow_only_when_it_converts(path):
    assert not set(imports(path, top_level_only=True)) & {"tensorflow", "keras"}


def test_the_base_install_is_the_device():
    base = {r.partition(";")[0].strip() for r in requires("mien") if "extra ==" not in r}
    names = {"".join(c for c in r.split(">")[0] if c.isalnum() or c == "-") for r in base}
    assert names == {"ai-edge-litert", "click", "numpy", "opencv-python-headless", "rich"}


def test_the_device_lock_is_part_of_the_training_lock():
    def pins(name):
        lines = (ROOT / "requirements" / name).read_text().splitlines()
        return {line.rstrip(" \\") for line in lines if "==" in line and not line.startswith((" ", "#"))}

    device, training = pins("device.lock"), pins("train.lock")
    assert device <= training
    assert not any(pin.split("==")[0] in HEAVY for pin in device)
    for text in (p.read_text() for p in (ROOT / "requirements").glob("*.lock")):
        assert "://" not in text
