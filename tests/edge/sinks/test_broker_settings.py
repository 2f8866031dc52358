"""The URI of the MQTT sink, and the files that it names; no broker is needed."""

import pytest

from edge.errors import SinkError, WrongUseError
from edge.sinks import SinkUri, prepare_sink
from edge.sinks.mqtt.broker_settings import PASSWORD_VARIABLE, BrokerSettings
from edge.sinks.mqtt.mqtt_sink import MqttSink

pytest.importorskip("paho.mqtt.client", reason="no paho-mqtt: pip install 'mien[mqtt]'")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("mqtt://", "names no broker"),
        ("mqtt://host:99999", "names no broker"),
        ("mqtt://ho st..x/t", "names no broker"),
        ("mqtt://host/a/#", "without # and"),
        ("mqtt://host?qos=3", "from 0 to 2"),
        ("mqtt://host?qso=1", "did you mean 'qos'"),
        ("mqtt://host?ca=x", "expected mqtts"),
        ("mqtts://host?insecure=perhaps", "expected yes"),
        ("mqtts://host?key=x", "expected cert=FILE too"),
        ("mqtt://host?discovery=a/%23", "expected off, or"),
        ("mqtt://pi:hunter2@host", "does not belong into the address"),
        ("mqt://pi:hunter2@host", "no sink"),
        ("mqtt://pi:hunter2@host?wrong", "names no broker|does not belong"),
        ("mqtt://pi:hunter2@host?qos=1&qos=2", "each key once"),
    ],
)
def test_wrong_addresses(spec, expected):
    with pytest.raises(WrongUseError, match=expected) as caught:
        prepare_sink(spec)
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_and_invalid_files(tmp_path):
    junk = tmp_path / "junk"
    junk.write_text("a\nb\nc\n")
    junk.chmod(0o600)
    for spec, error, expected in (
        ("mqtt://pi@host?login=/no/file", SinkError, "cannot read /no/file"),
        (f"mqtt://pi@host?login={junk}", WrongUseError, "has 3 lines"),
        (
            "mqtts://host?ca=/no/file",
            SinkError,
            r"/no/file \(ca of .* cannot be used: No such file",
        ),
        (f"mqtts://host?ca={junk}", SinkError, "expected PEM"),
        (f"mqtts://host?cert={junk}", SinkError, "expected PEM files"),
    ):
        with pytest.raises(error, match=expected):
            prepare_sink(spec)


def test_broker_settings_from_a_uri():
    broker = BrokerSettings.from_uri(SinkUri.parse("mqtts://pi@[::1]/a/b/?qos=0"), {PASSWORD_VARIABLE: "hunter2"})
    assert (broker.host, broker.port, broker.topic, broker.user, broker.qos) == ("::1", 8883, "a/b", "pi", 0)
    assert broker.name == "mqtts://[::1]/a/b/"
    assert "hunter2" not in repr(broker)
    assert BrokerSettings.from_uri(SinkUri.parse("mqtt://host"), {}).topic.startswith("mien/")
    with pytest.raises(WrongUseError, match="but no user"):
        BrokerSettings.from_uri(SinkUri.parse("mqtt://host"), {PASSWORD_VARIABLE: "hunter2"})


def test_a_room_needs_every_event_of_its_faces():
    with pytest.raises(WrongUseError, match="unknown option 'emotion' of sink mqtt://h"):
        prepare_sink("mqtt://h?emotion=happy")


@pytest.mark.parametrize(
    ("spec", "name", "topic"),
    [
        ("mqtt://host/home/pi", "mqtt://host/home/pi/hall", "home/pi/hall"),
        ("mqtt://u@host:1884/home/pi/?qos=0", "mqtt://host:1884/home/pi/hall", "home/pi/hall"),
        ("mqtt://[::1]/home", "mqtt://[::1]/home/hall", "home/hall"),
        ("mqtt://host", "mqtt://host/mien/board/hall", "mien/board/hall"),
        ("mqtt://host/", "mqtt://host/mien/board/hall", "mien/board/hall"),
    ],
)
def test_a_broker_for_all_cameras_has_a_topic_for_each(spec, name, topic, monkeypatch):
    monkeypatch.setattr("platform.node", lambda: "board")
    prepared = prepare_sink(spec, "hall")
    assert prepared.name == name
    assert prepare_sink(spec).name != name
    settings = BrokerSettings.from_uri(MqttSink.for_camera(SinkUri.parse(spec), "hall"))
    assert (settings.topic, settings.qos) == (topic, 0 if "qos=0" in spec else 1)


def test_what_names_no_broker_is_rejected_with_its_own_words():
    with pytest.raises(WrongUseError, match="sink mqtt:// names no broker"):
        prepare_sink("mqtt://", "hall")
