"""Secrets from files, from the environment and from systemd's credentials."""

import logging

import pytest

from edge.errors import SinkError, WrongUseError
from edge.preview.access_token import read_token
from edge.sinks.mqtt.broker_settings import BrokerSettings
from edge.sinks.prometheus.exporter import MetricsSink
from edge.sinks.sink_uri import SinkUri
from edge.system.credentials import PREVIEW_TOKEN, credential, read_secret, warn_if_readable_by_others

TOKEN = "0123456789abcdef"


@pytest.fixture
def given(tmp_path):
    """A function that writes credentials, and gives the environment that names them."""

    def write(**credentials):
        for name, text in credentials.items():
            (tmp_path / name.replace("_", "-")).write_bytes(text.encode())
        return {"CREDENTIALS_DIRECTORY": str(tmp_path)}

    return write


def test_a_credential_may_be_missing_or_blank(given, tmp_path):
    environment = given(mqtt_login="a\nb\n", blank=" \n")
    assert credential("mqtt-login", environment) == "a\nb\n"
    # Units use a blank credential as the default for a missing file.
    assert credential("blank", environment) is None
    assert credential("none", environment) is None
    assert credential("mqtt-login", {}) is None
    (tmp_path / "folder").mkdir()
    with pytest.raises(WrongUseError, match="cannot read the credential folder: Is a directory"):
        credential("folder", environment)
    (tmp_path / "latin").write_bytes(b"\xe9\n")
    with pytest.raises(WrongUseError, match="expected UTF-8"):
        credential("latin", environment)


def test_a_secret_comes_from_the_file_then_the_variable_then_the_credential(given, tmp_path):
    environment = {**given(preview_token="from systemd\n"), "MIEN_PREVIEW_TOKEN": "from the variable"}
    file = tmp_path / "file"
    file.write_text("from the file\n")

    def read(file, environment):
        return read_secret(PREVIEW_TOKEN, "MIEN_PREVIEW_TOKEN", file, environment)

    found = read(file, environment)
    assert (found.text, found.origin) == ("from the file\n", str(file))
    assert "from the file" not in repr(found)
    found = read(None, environment)
    assert (found.text, found.origin) == ("from the variable", "MIEN_PREVIEW_TOKEN")
    found = read(None, {**environment, "MIEN_PREVIEW_TOKEN": ""})
    assert (found.text, found.origin) == ("from systemd\n", "the credential preview-token")
    assert read(None, {}) is None


def test_a_secret_file_that_cannot_be_read_is_an_error_of_the_callers_type(tmp_path):
    with pytest.raises(SinkError, match=r"cannot read .*missing: No such file"):
        read_secret(PREVIEW_TOKEN, "X", tmp_path / "missing", {}, error_type=SinkError)
    (tmp_path / "latin").write_bytes(b"\xe9\n")
    with pytest.raises(WrongUseError, match="latin is not text: expected UTF-8"):
        read_secret(PREVIEW_TOKEN, "X", tmp_path / "latin", {})


def test_a_file_that_others_can_read_causes_a_warning(tmp_path, caplog):
    file = tmp_path / "login"
    file.touch(0o600)
    warn_if_readable_by_others(file)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    file.chmod(0o640)
    warn_if_readable_by_others(file)
    assert "can be read by other users: chmod 600" in caplog.text


def test_a_brokers_login(given, tmp_path):
    def login(text, environment):
        broker = BrokerSettings.from_uri(SinkUri.parse(text), environment)
        return broker.user, broker.password

    environment = given(mqtt_login="cam\ngeheim\n")
    assert login("mqtt://host", environment) == ("cam", "geheim")
    assert login("mqtt://host", {}) == (None, None)
    # The environment goes before it, and a file before both.
    named = {**environment, "MIEN_MQTT_USER": "u", "MIEN_MQTT_PASSWORD": "p"}
    assert login("mqtt://host", named) == ("u", "p")
    (tmp_path / "login").write_text("f\ng\n")
    (tmp_path / "login").chmod(0o600)
    assert login(f"mqtt://host?login={tmp_path / 'login'}", named) == ("f", "g")
    environment = given(mqtt_login="geheim\n")
    assert login("mqtt://cam@host", environment) == ("cam", "geheim")
    with pytest.raises(WrongUseError, match="but no user") as caught:
        login("mqtt://host", environment)
    assert "geheim" not in str(caught.value)
    with pytest.raises(WrongUseError, match="credential mqtt-login has 3 lines"):
        login("mqtt://host", given(mqtt_login="a\nb\nc\n"))


def test_the_tokens_of_preview_and_metrics(given):
    environment = given(preview_token=f"{TOKEN}\n", metrics_token=f"{TOKEN}\n")
    assert read_token(None, environment) == TOKEN
    assert read_token(None, {**environment, "MIEN_PREVIEW_TOKEN": TOKEN.upper()}) == TOKEN.upper()
    with pytest.raises(WrongUseError, match="the credential preview-token contains no valid token"):
        read_token(None, given(preview_token="short\n"))
    pytest.importorskip("prometheus_client", reason="no prometheus-client: pip install 'mien[metrics]'")
    assert MetricsSink.prepare(SinkUri.parse("metrics:0.0.0.0:0"), environment).args[2] == TOKEN
    with pytest.raises(WrongUseError, match="expected token_file=FILE"):
        MetricsSink.prepare(SinkUri.parse("metrics:0.0.0.0:0"), given(metrics_token="\n"))
    with pytest.raises(WrongUseError, match="expected 16 to 4096 letters"):
        MetricsSink.prepare(SinkUri.parse("metrics:0.0.0.0:0"), given(metrics_token="short\n"))
