"""Secrets as systemd hands them over."""

import pytest

from edge.errors import WrongUseError
from edge.preview.access_token import read_token
from edge.sinks.mqtt.broker_settings import BrokerSettings
from edge.sinks.prometheus.exporter import metrics_opener
from edge.sinks.sink_uri import SinkUri
from edge.system.credentials import credential

TOKEN = "0123456789abcdef"


@pytest.fixture
def given(tmp_path):
    """A function that writes credentials, and gives the environment that names them."""

    def write(**credentials):
        for name, text in credentials.items():
            (tmp_path / name.replace("_", "-")).write_bytes(text.encode())
        return {"CREDENTIALS_DIRECTORY": str(tmp_path)}

    return write


def test_one_is_there_or_not(given, tmp_path):
    environment = given(mqtt_login="a\nb\n", blank=" \n")
    assert credential("mqtt-login", environment) == "a\nb\n"
    # What a unit gives by default, so that a file may be missing.
    assert credential("blank", environment) is None
    assert credential("none", environment) is None
    assert credential("mqtt-login", {}) is None
    (tmp_path / "folder").mkdir()
    with pytest.raises(WrongUseError, match="cannot read the credential folder: Is a directory"):
        credential("folder", environment)
    (tmp_path / "latin").write_bytes(b"\xe9\n")
    with pytest.raises(WrongUseError, match="expected UTF-8"):
        credential("latin", environment)


def test_a_brokers_login(given, tmp_path):
    def login(text, environment):
        broker = BrokerSettings.of(SinkUri.parse(text), environment)
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
    with pytest.raises(WrongUseError, match="the credential preview-token holds no good token"):
        read_token(None, given(preview_token="short\n"))
    pytest.importorskip("prometheus_client", reason="no prometheus-client: pip install 'mien[metrics]'")
    assert metrics_opener(SinkUri.parse("metrics:0.0.0.0:0"), environment).args[2] == TOKEN
    with pytest.raises(WrongUseError, match="expected token_file=FILE"):
        metrics_opener(SinkUri.parse("metrics:0.0.0.0:0"), given(metrics_token="\n"))
    with pytest.raises(WrongUseError, match="at least 16 characters"):
        metrics_opener(SinkUri.parse("metrics:0.0.0.0:0"), given(metrics_token="short\n"))
