"""Whether the service can reach the environment that it would run."""

import os
import sys
from pathlib import Path

import pytest

from deploy.device.child_process import unprivileged
from deploy.service.own_environment import OwnEnvironment, hidden_below
from edge.errors import DeployError


def test_the_present_environment_has_absolute_paths():
    environment = OwnEnvironment.current()
    assert environment.mien.is_absolute()
    assert environment.mien.is_file()
    assert Path(sys.prefix) in environment.parts


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("/home/pi/venv/bin/mien", "/home"),
        ("/root/venv", "/root"),
        ("/tmp/x", "/tmp"),
        ("/home", "/home"),
        ("/opt/mien-venv/bin/mien", None),
        ("/homes/x", None),
    ],
)
def test_homes_and_temporary_folders_are_hidden(path, folder):
    assert hidden_below(Path(path)) == (folder and Path(folder))


def test_a_link_into_a_hidden_folder_is_found(tmp_path):
    (tmp_path / "secret").mkdir()
    (tmp_path / "link").symlink_to("secret")
    assert hidden_below(tmp_path / "link" / "python", [tmp_path / "secret"]) == tmp_path / "secret"


def test_a_hidden_environment_is_rejected_with_what_to_do():
    environment = OwnEnvironment(Path("/home/pi/v/bin/mien"), Path(sys.executable), (Path("/home/pi/v"),))
    with pytest.raises(DeployError, match=r"hides /home from it.*python3 -m venv") as raised:
        environment.require_visible()
    assert "\n" not in str(raised.value)


@pytest.mark.skipif(os.geteuid() != 0 or unprivileged() is None, reason="only root can become another user")
def test_what_the_service_s_user_cannot_read_is_found(tmp_path):
    # tmp_path belongs to this user alone.
    environment = OwnEnvironment(Path("/bin/true"), Path("/usr/bin/python3"), ())
    environment.require_readable([Path("/etc/passwd")])
    (tmp_path / "model.tflite").touch()
    with pytest.raises(DeployError, match=r"cannot read .*model.tflite as the service's user"):
        environment.require_readable([tmp_path / "model.tflite"])
    with pytest.raises(DeployError, match="as a user without rights"):
        OwnEnvironment(tmp_path / "mien", Path("/usr/bin/python3"), ()).require_readable()
