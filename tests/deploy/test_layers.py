"""What each part of deploy may import."""

import importlib.util
import runpy
import sys

import pytest

from tests.imports import HEAVY, import_without, imported_packages, modules_of, sources_of


def test_every_module_imports_without_the_training_stack_and_without_its_own_extra():
    blocked = (*HEAVY, "train", "convert", "cryptography", "packaging", "cyclonedx", "packageurl")
    modules = modules_of("deploy")
    assert len(modules) > 30
    assert not import_without(blocked, modules)


@pytest.mark.parametrize("path", sources_of("deploy/device"), ids=lambda p: p.name)
def test_what_runs_on_the_device_needs_the_standard_library_alone(path):
    # Where cryptography is not installed, the openssl program does its work.
    allowed = {"deploy", "edge", *(("cryptography",) if path.name == "signature.py" else ())}
    assert set(imported_packages(path)) <= allowed | set(sys.stdlib_module_names)


def test_python_m_deploy_without_click_runs_the_device_s_commands(monkeypatch, capsys):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "click" else find_spec(name, *rest)
    )
    monkeypatch.setattr(sys, "argv", ["deploy", "status", "--prefix", "/nowhere"])
    with pytest.raises(SystemExit, match="0"):
        runpy.run_module("deploy", run_name="__main__")
    assert capsys.readouterr().out == "nothing is installed in /nowhere\n"
