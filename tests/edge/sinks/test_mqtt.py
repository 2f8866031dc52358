"""The MQTT sink against a real Mosquitto, observed by Mosquitto's own clients."""

import dataclasses
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pytest

from edge import __version__
from edge.inference.contract import FER2013_LABELS
from edge.sinks import CameraSinks, open_sink_group, prepare_sink
from edge.sinks.mqtt.broker_settings import PASSWORD_VARIABLE, USER_VARIABLE
from edge.system.board import peak_rss_mb
from edge.types import Aggregate, SourceEvent
from tests.edge.made_events import made_event, made_report
from tests.edge.mosquitto import Listener, Mosquitto, connected_listener, find
from tests.edge.waiting import wait_until

jinja2 = pytest.importorskip("jinja2", reason="no jinja2: pip install 'mien[report]'")
pytest.importorskip("paho.mqtt.client", reason="no paho-mqtt: pip install 'mien[mqtt]'")

pytestmark = pytest.mark.real_part
TOPIC, CONFIG = "mien/test", "homeassistant/device/mien_test/config"
#: How long the broker is away in the test; a soak takes 600.
AWAY_S = float(os.environ.get("MIEN_BROKER_AWAY_S", "4"))


@pytest.fixture
def broker(tmp_path):
    broker = Mosquitto(tmp_path)
    yield broker
    broker.stop()


@pytest.fixture
def listener(broker):
    listener = connected_listener(broker)
    yield listener
    listener.close()


def address(broker, options=""):
    return f"mqtt://127.0.0.1:{broker.port}/{TOPIC}{options}"


def opened(broker, options=""):
    return open_sink_group([prepare_sink(address(broker, options))])


def received_frames(listener):
    return [json.loads(payload)["frame"] for payload in listener.payloads(f"{TOPIC}/events")]


def read_back(port, *options, topic="#"):
    """Return the retained messages that a second client receives: topic to payload."""
    command = [find("mosquitto_sub"), "-p", str(port), "-t", topic, "-F", "%r %t %p", "-W", "1", *map(str, options)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    rows = [line.split(" ", 2) for line in done.stdout.splitlines()]
    return {name: payload for retained, name, payload in rows if retained == "1"}


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_events_arrive_as_json(broker, listener, qos):
    with opened(broker, f"?qos={qos}") as group:
        (worker,) = group
        for number in range(300):
            group.put(made_event(number))
        wait_until(lambda: len(received_frames(listener)) == 300, "300 events")
        assert received_frames(listener) == list(range(300))
        wait_until(lambda: worker.counts.delivered == 300, "acknowledged")
        assert worker.counts.failures == 0
    assert json.loads(listener.payloads(f"{TOPIC}/events")[0]) == {
        **made_event(0).as_dict(),
        "time": json.loads(listener.payloads(f"{TOPIC}/events")[0])["time"],
    }
    wait_until(lambda: listener.payloads(f"{TOPIC}/availability") == ["online", "offline"], "goodbye")


def test_discovery_and_availability_are_read_back_by_a_second_client(broker, listener):
    with opened(broker) as group:
        group.put(SourceEvent("camera:0", "online"))
        group.put(made_event(0))
        wait_until(lambda: listener.payloads(f"{TOPIC}/state"), "the state")
        found = read_back(broker.port)
        assert found[f"{TOPIC}/availability"] == "online"
        assert json.loads(found[f"{TOPIC}/source"])["state"] == "online"
        assert f"{TOPIC}/events" not in found
        message = json.loads(found[CONFIG])
    assert message["device"]["identifiers"] == ["mien_test"]
    assert message["origin"]["name"] == "mien"
    sensors = message["components"]
    of_expressions = {f"{kind}_{label}" for kind in ("faces", "anybody") for label in (*FER2013_LABELS, "uncertain")}
    assert set(sensors) == {"expression", "faces", "fps", "latency_ms", "source", "model", *of_expressions}
    assert len({sensor["unique_id"] for sensor in sensors.values()}) == len(sensors)
    state = json.loads(found[f"{TOPIC}/state"])
    for key in ("expression", "faces", "fps", "latency_ms"):
        sensor = sensors[key]
        # The value that the sensor reads is in the state.
        assert sensor["platform"] == "sensor"
        assert sensor["state_topic"] == f"{TOPIC}/state"
        assert sensor["value_template"] == f"{{{{ value_json.{key} }}}}"
        assert key in state
        assert [each["topic"] for each in sensor["availability"]] == [f"{TOPIC}/availability", f"{TOPIC}/source"]
        assert sensor["availability_mode"] == "all"
    assert state["expression"] in sensors["expression"]["options"]
    assert read_back(broker.port)[f"{TOPIC}/availability"] == "offline"


def test_the_model_is_published_before_the_first_frame_and_when_it_changes(broker, listener):
    with opened(broker) as group:
        group.set_model("mien-small-int8@2", FER2013_LABELS)
        wait_until(lambda: f"{TOPIC}/state" in read_back(broker.port), "the state")
        state = json.loads(read_back(broker.port)[f"{TOPIC}/state"])
        assert (state["model"], state["version"], state["fps"]) == ("mien-small-int8@2", __version__, None)
        sensor = json.loads(listener.payloads(CONFIG)[-1])["components"]["model"]
        assert sensor["state_topic"] == sensor["json_attributes_topic"] == f"{TOPIC}/state"
        assert sensor["value_template"] == "{{ value_json.model }}"
        # The model is available whether the camera is online or not.
        assert [each["topic"] for each in sensor["availability"]] == [f"{TOPIC}/availability"]
        assert json.loads(listener.payloads(CONFIG)[-1])["device"]["sw_version"] == __version__
        group.set_model("mien-nano-int8@1", FER2013_LABELS)
        group.put_frame(made_report())
        wait_until(
            lambda: json.loads(listener.payloads(f"{TOPIC}/state")[-1])["model"] == "mien-nano-int8@1", "the other one"
        )


def test_discovery_is_repeated_when_home_assistant_restarts(broker, listener):
    with opened(broker) as group:
        group.put(made_event())
        wait_until(lambda: len(listener.payloads(CONFIG)) == 1, "discovery")
        birth = [find("mosquitto_pub"), "-p", str(broker.port), "-t", "homeassistant/status", "-m"]
        subprocess.run([*birth, "offline"], check=True)
        subprocess.run([*birth, "online"], check=True)
        wait_until(lambda: len(listener.payloads(CONFIG)) == 2, "discovery again")
        wait_until(lambda: listener.payloads(f"{TOPIC}/availability") == ["online", "online"], "availability again")


def test_no_discovery_message_with_discovery_off(broker, listener):
    with opened(broker, "?discovery=off") as group:
        group.put(made_event())
        wait_until(lambda: received_frames(listener), "an event")
    assert CONFIG not in read_back(broker.port)


def test_the_state_follows_faces_and_source(broker, listener, monkeypatch):
    monkeypatch.setattr("edge.sinks.mqtt.room_state.WINDOW_S", 0.5)

    def last():
        return last_state(listener)

    with opened(broker) as group:
        group.put(made_event(0, "started", "happy"))
        group.put(made_event(1, "changed", "angry"))
        frames_until(group, lambda: last().get("expression") == "angry", 1, "angry")
        # Frames came, so the source is online, although no event reported it.
        assert json.loads(listener.payloads(f"{TOPIC}/source")[-1])["state"] == "online"
        frames_until(group, lambda: last()["fps"], 1, "frames a second")
        assert last()["faces"] == 1
        assert last()["latency_ms"] == pytest.approx(3.6)
        group.put(made_event(2, "ended", "angry"))
        frames_until(group, lambda: (last()["expression"], last()["faces"]) == (None, 0), 0, "nobody")
        time.sleep(0.6)
        group.put(SourceEvent("clip", "stalled", "no frame for 20 s"))
        wait_until(lambda: last()["fps"] is None, "no frames")
        assert json.loads(listener.payloads(f"{TOPIC}/source")[-1])["state"] == "stalled"


def rendered(message, state):
    """What Home Assistant's templates make of a state, by component."""
    components = json.loads(message)["components"]
    return {
        key: jinja2.Template(component["value_template"]).render(value_json=json.loads(state))
        for key, component in components.items()
        if component.get("state_topic") == f"{TOPIC}/state"
    }


def test_home_assistant_gets_the_state_of_a_room_with_two_faces(broker, listener, caplog):
    caplog.set_level("INFO")
    with opened(broker) as group:
        group.set_model("mien-small-int8@2", FER2013_LABELS)
        group.put(made_event(0, "started", "happy", track_id=1))
        group.put(made_event(1, "started", "neutral", track_id=2))
        # The other face changes again and again; somebody is happy all along.
        for number, label in enumerate(("fear", "surprise", "fear", "sad"), start=2):
            group.put(made_event(number, "changed", label, track_id=2))
            frames_until(group, lambda label=label: last_state(listener).get("counts", {}).get(label), 2, label)
            assert last_state(listener)["counts"]["happy"] == 1
            assert last_state(listener)["faces"] == 2
        shown = rendered(listener.payloads(CONFIG)[-1], listener.payloads(f"{TOPIC}/state")[-1])
        assert (shown["faces"], shown["faces_happy"], shown["faces_sad"], shown["faces_angry"]) == ("2", "1", "1", "0")
        assert (shown["anybody_happy"], shown["anybody_sad"], shown["anybody_fear"]) == ("ON", "ON", "OFF")
        components = json.loads(listener.payloads(CONFIG)[-1])["components"]
        assert components["anybody_happy"]["platform"] == "binary_sensor"
        enabled = [key for key, each in components.items() if each.get("enabled_by_default")]
        assert enabled == ["anybody_happy"]
        assert components["expression"]["options"] == [*FER2013_LABELS, "uncertain"]
    connected = f"connected to 127.0.0.1:{broker.port} as {TOPIC}; Home Assistant shows the device 'mien test'"
    assert caplog.text.count(connected) == 1


def test_the_sensors_are_those_of_the_models_labels(broker, listener):
    with opened(broker) as group:
        group.set_model("foreign@1", ("calm", "very happy"))
        wait_until(lambda: "Very happy faces" in "".join(listener.payloads(CONFIG)), "discovery")
        group.set_model("mien@1", ("calm", "sad"))
        wait_until(lambda: "Sad faces" in listener.payloads(CONFIG)[-1], "discovery again")
        components = json.loads(listener.payloads(CONFIG)[-1])["components"]
        assert components["expression"]["options"] == ["calm", "sad", "uncertain"]
        # An entity of which only the platform is left is removed.
        assert components["faces_very_happy"] == {"platform": "sensor"}
        assert components["anybody_very_happy"] == {"platform": "binary_sensor"}
        assert components["faces_calm"]["name"] == "Calm faces"


def test_with_events_off_only_the_state_of_the_room_is_published(broker, listener):
    with opened(broker, "?events=off") as group:
        (worker,) = group
        group.put(SourceEvent("camera:0", "online"))
        group.put(made_event(0, "started", "happy"))
        frames_until(group, lambda: last_state(listener).get("expression") == "happy", 1, "happy")
        assert not listener.payloads(f"{TOPIC}/events")
        assert (worker.counts.delivered, worker.counts.queued) == (2, 0)


def test_with_aggregates_there_are_no_counts(broker, listener):
    aggregate = Aggregate("camera:0", 60.0, 5, {"happy": 0.7, "sad": 0.3}, "mien@1")
    with opened(broker) as group:
        group.set_model("mien@1", FER2013_LABELS)
        group.put(aggregate)
        frames_until(group, lambda: last_state(listener).get("faces") == 5, None, "the aggregate")
        state = last_state(listener)
        assert (state["expression"], state["score"], state["counts"]) == ("happy", 0.7, None)
        shown = rendered(listener.payloads(CONFIG)[-1], listener.payloads(f"{TOPIC}/state")[-1])
        # Unknown, to Home Assistant.
        assert (shown["faces_happy"], shown["anybody_happy"]) == ("None", "None")


def last_state(listener):
    states = listener.payloads(f"{TOPIC}/state")
    return json.loads(states[-1]) if states else {}


def frames_until(group, state, faces, what):
    """Report frames with this number of faces until `state()` is true."""

    def report_frame():
        group.put_frame(made_report(faces=faces))
        return state()

    wait_until(report_frame, what)


def test_the_will_is_published_after_a_kill(broker, listener):
    code = (
        "import time\n"
        "from edge.sinks import CameraSinks, open_sink_group, prepare_sink\n"
        f"group = open_sink_group([prepare_sink({address(broker)!r})])\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-P", "-c", code]) as process:
        wait_until(lambda: listener.payloads(f"{TOPIC}/availability") == ["online"], "it is there")
        process.send_signal(signal.SIGKILL)
    wait_until(lambda: listener.payloads(f"{TOPIC}/availability") == ["online", "offline"], "the will")
    assert read_back(broker.port)[f"{TOPIC}/availability"] == "offline"


@pytest.mark.slow
def test_no_event_is_lost_while_the_broker_restarts_under_load(tmp_path):
    """A second client receives every event; those in flight when the broker stopped perhaps twice."""
    lines = ["allow_anonymous true", "persistence true", f"persistence_location {tmp_path}/", "max_queued_messages 0"]
    broker = Mosquitto(tmp_path, lines)
    listener = Listener(broker.port, "-c", "-i", "listener")
    number = 0
    with opened(broker) as group:
        (worker,) = group

        def give(count):
            nonlocal number
            for _ in range(count):
                group.put(made_event(number))
                number += 1
                time.sleep(0.002)

        def receives():
            give(1)
            return received_frames(listener)

        wait_until(receives, "the listener receives")
        first = received_frames(listener)[0]
        for _ in range(3):
            give(100)
            wait_until(lambda: worker.counts.delivered > number - 100, "some arrive")
            give(100)
            broker.stop()
            give(100)
            broker.start()
        wait_until(lambda: not worker.counts.queued, "all are delivered")
        wait_until(lambda: set(received_frames(listener)) == set(range(first, number)), "all are received")
        counts = worker.counts
    listener.close()
    broker.stop()
    assert (counts.received, counts.delivered, counts.dropped) == (number, number, 0)
    assert counts.failures > 0


@pytest.mark.slow
def test_memory_is_bounded_and_the_newest_are_kept_while_the_broker_is_away(broker):
    """30 events and frames per second; `MIEN_BROKER_AWAY_S=600` is the long version."""
    capacity = 60
    with opened(broker, f"?queue={capacity}") as group:
        (worker,) = group
        group.put(made_event(0))
        wait_until(lambda: worker.counts.delivered == 1, "connected")
        broker.stop()
        number, end_s = 0, time.monotonic() + AWAY_S
        high_mb = None
        while time.monotonic() < end_s:
            number += 1
            group.put(made_event(number))
            group.put_frame(made_report(number))
            assert worker.counts.queued <= capacity
            if number == capacity:
                high_mb = peak_rss_mb()
            time.sleep(1 / 30)
        assert number > capacity
        counts = worker.counts
        assert counts.dropped == number - capacity
        # The events that were dropped use no memory.
        grown_mb = peak_rss_mb() - high_mb
        assert grown_mb < 5
        broker.start()
        back_s = time.monotonic()
        listener = connected_listener(broker)
        wait_until(lambda: not worker.counts.queued, "all are delivered")
        print(
            f"{AWAY_S:.0f} s away, {number} events: {counts.dropped} dropped, the newest {capacity} delivered "
            f"{time.monotonic() - back_s:.1f} s after its return; {grown_mb:.1f} MB more"
        )
        found = read_back(broker.port)
        listener.close()
    assert found[f"{TOPIC}/availability"] == "online"
    assert CONFIG in found
    assert counts.dropped == worker.counts.dropped
    assert worker.counts.delivered == 1 + capacity


def test_the_newest_events_arrive_after_the_broker_was_suspended(broker):
    capacity = 40
    with opened(broker, f"?queue={capacity}") as group:
        (worker,) = group
        group.put(made_event(0))
        wait_until(lambda: worker.counts.delivered == 1, "connected")
        # Suspended, not stopped: its clients stay connected, and receive what comes afterwards.
        listener = connected_listener(broker)
        os.kill(broker.process.pid, signal.SIGSTOP)
        try:
            for number in range(1, 501):
                group.put(made_event(number))
            assert worker.counts.queued == capacity
        finally:
            os.kill(broker.process.pid, signal.SIGCONT)
        wait_until(lambda: not worker.counts.queued, "all are delivered")
        wait_until(lambda: 500 in received_frames(listener), "the last arrives")
        listener.close()
    arrived = received_frames(listener)
    assert arrived == sorted(arrived)
    # Up to one window of events was in flight already; all others are the newest.
    newest = list(range(500 - (capacity - 20) + 1, 501))
    assert arrived[-len(newest) :] == newest
    assert len(arrived) + worker.counts.dropped == worker.counts.received - 1


@pytest.mark.slow
def test_a_broker_that_starts_after_the_sink(tmp_path):
    broker = Mosquitto(tmp_path)
    broker.stop()
    with opened(broker) as group:
        (worker,) = group
        group.put(made_event(7))
        wait_until(lambda: worker.counts.failures, "nobody answers")
        assert "Connection refused" in worker.last_error
        broker.start()
        wait_until(lambda: worker.counts.delivered == 1, "delivered")
    broker.stop()


def test_closing_without_a_broker_ends_in_time_and_counts_losses(tmp_path):
    broker = Mosquitto(tmp_path)
    broker.stop()
    before = {thread.name for thread in threading.enumerate()}
    with opened(broker) as group:
        for number in range(50):
            group.put(made_event(number))
        assert group.close(1.0) == 50

    def ended():
        return {thread.name for thread in threading.enumerate()} <= before

    wait_until(ended, "paho's thread ends as well")


# --- who may come in --------------------------------------------------------------------------------------


@pytest.fixture
def locked(tmp_path):
    """A broker that asks for a password."""
    passwords = tmp_path / "passwords"
    subprocess.run([find("mosquitto_passwd"), "-b", "-c", passwords, "pi", "a secret: ü"], check=True)
    passwords.chmod(0o600)
    broker = Mosquitto(tmp_path, [f"password_file {passwords}", "allow_anonymous false"])
    yield broker
    broker.stop()


def delivers(spec):
    with open_sink_group([prepare_sink(spec)]) as group:
        (worker,) = group
        group.put(made_event())
        wait_until(lambda: worker.counts.delivered or worker.counts.failures, "an answer")
        group.close(1.0)
        return worker.counts.delivered == 1, worker.last_error


def test_user_and_password_from_a_file_or_the_environment(locked, tmp_path, monkeypatch, caplog):
    login = tmp_path / "login"
    login.write_text("pi\na secret: ü\n")
    login.chmod(0o600)
    assert delivers(address(locked, f"?login={login}")) == (True, "")
    login.write_text("a secret: ü\n")
    assert delivers(address(locked, f"?login={login}").replace("//", "//pi@")) == (True, "")
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    login.chmod(0o644)
    prepare_sink(address(locked, f"?login={login}").replace("//", "//pi@"))
    assert "can be read by other users" in caplog.text
    monkeypatch.setenv(USER_VARIABLE, "pi")
    monkeypatch.setenv(PASSWORD_VARIABLE, "a secret: ü")
    assert delivers(address(locked)) == (True, "")
    monkeypatch.setenv(PASSWORD_VARIABLE, "wrong")
    delivered, why = delivers(address(locked))
    assert not delivered
    assert "it rejects the connection: Not authorized; check the user and the password" in why
    assert "wrong" not in caplog.text
    assert "secret" not in caplog.text
    monkeypatch.delenv(USER_VARIABLE)
    monkeypatch.delenv(PASSWORD_VARIABLE)
    delivered, why = delivers(address(locked))
    assert not delivered
    assert "expected a user and a password: set login=FILE, or MIEN_MQTT_USER and MIEN_MQTT_PASSWORD" in why


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A CA, the broker's certificate and a client's, made with openssl."""
    folder = tmp_path_factory.mktemp("tls")

    def openssl(*arguments):
        subprocess.run([find("openssl"), *arguments], check=True, capture_output=True, cwd=folder)

    for name in ("ca", "other"):
        openssl(*f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN={name} "
                f"-addext keyUsage=critical,keyCertSign -keyout {name}.key -out {name}.pem".split())  # fmt: skip
    for name, extension in (("server", "subjectAltName=DNS:localhost"), ("client", "extendedKeyUsage=clientAuth")):
        openssl(*f"req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={name} "
                f"-keyout {name}.key -out {name}.csr".split())  # fmt: skip
        (folder / "extension").write_text(f"{extension}\nauthorityKeyIdentifier=keyid\n")
        openssl(*f"x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 "
                f"-extfile extension -out {name}.pem".split())  # fmt: skip
    return folder


@pytest.fixture
def tls_broker(tmp_path, certificates):
    tls = [f"cafile {certificates}/ca.pem", f"certfile {certificates}/server.pem", f"keyfile {certificates}/server.key"]
    broker = Mosquitto(tmp_path, [*tls, "require_certificate true", "use_identity_as_username true"])
    yield broker
    broker.stop()


# paho leaves a socket to the garbage collector when the handshake fails.
@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
def test_tls_with_a_ca_and_a_client_certificate(tls_broker, certificates, caplog):
    def tls(host, *options):
        return delivers(f"mqtts://{host}:{tls_broker.port}/{TOPIC}?" + "&".join(options))

    ca, other = f"ca={certificates}/ca.pem", f"ca={certificates}/other.pem"
    client = (f"cert={certificates}/client.pem", f"key={certificates}/client.key")
    assert tls("localhost", ca, *client) == (True, "")
    delivered, why = tls("localhost", other, *client)
    assert not delivered
    assert "certificate verify failed" in why
    # The certificate is for another name.
    delivered, why = tls("127.0.0.1", ca, *client)
    assert not delivered
    assert "IP address mismatch" in why
    # Without a client certificate.
    delivered, why = tls("localhost", ca)
    assert not delivered
    assert "a client certificate?" in why
    assert not [r for r in caplog.records if "insecure" in r.getMessage()]
    assert tls("127.0.0.1", other, "insecure=yes", *client) == (True, "")
    assert "the server's certificate is not verified" in caplog.text


def test_a_huge_retained_message_is_not_read(broker, tmp_path):
    (tmp_path / "huge").write_bytes(b"x" * 80_000_000)
    publish = [find("mosquitto_pub"), "-p", str(broker.port), "-t", "homeassistant/status", "-r", "-f"]
    subprocess.run([*publish, tmp_path / "huge"], check=True, timeout=60)
    before_mb = peak_rss_mb()
    with opened(broker) as group:
        for number in range(20):
            group.put(made_event(number))
        # Without a listener in this process, which would read it.
        wait_until(lambda: [counts.delivered for counts in group.counts.values()] == [20], "the events")
    assert peak_rss_mb() < before_mb + 30


def test_announcements_are_answered_a_few_times_a_minute(broker, listener):
    with opened(broker) as group:
        group.put(made_event())
        wait_until(lambda: len(listener.payloads(CONFIG)) == 1, "discovery")
        birth = [find("mosquitto_pub"), "-p", str(broker.port), "-t", "homeassistant/status", "-l"]
        subprocess.run(birth, input="online\n" * 300, text=True, check=True, timeout=60)
        group.put(made_event(1))
        wait_until(lambda: len(received_frames(listener)) == 2, "another event")
    assert 2 <= len(listener.payloads(CONFIG)) <= 5


def test_the_end_of_the_subscription_is_logged_whatever_was_logged_before(broker, listener, tmp_path, caplog):
    (tmp_path / "huge").write_bytes(bytes(100_000))
    publish = [find("mosquitto_pub"), "-p", str(broker.port), "-t", "homeassistant/status"]
    with opened(broker) as group:
        group.put(made_event())
        wait_until(lambda: len(listener.payloads(CONFIG)) == 1, "discovery")
        subprocess.run([*publish, "-l"], input="online\n" * 300, text=True, check=True, timeout=60)
        wait_until(lambda: "announces a start again and again" in caplog.text, "the first warning")
        subprocess.run([*publish, "-f", tmp_path / "huge"], check=True, timeout=60)
        wait_until(lambda: "no longer listening to homeassistant/status" in caplog.text, "the second warning")


def test_a_broker_that_sends_and_never_reads_is_left(tmp_path):
    """It acknowledges the connection, and then sends messages that each want an acknowledgment."""
    message = b"\x32\x1e" + b"\x00\x14homeassistant/status" + b"\x00\x01" + b"online"
    sent = 0
    ending = threading.Event()

    def serve(server):
        nonlocal sent
        while not ending.is_set():
            try:
                connection, _ = server.accept()
            except TimeoutError:
                continue
            with connection, suppress(OSError):
                # On a busy machine, the client may read late; it closes the connection at the end.
                connection.settimeout(30)
                connection.recv(1024)
                connection.sendall(b"\x20\x02\x00\x00")
                while not ending.is_set():
                    connection.sendall(message * 1000)
                    sent += 1000

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        before_mb = peak_rss_mb()
        uri = f"mqtt://127.0.0.1:{server.getsockname()[1]}/{TOPIC}"
        try:
            with open_sink_group([prepare_sink(uri)]) as group:
                group.put(made_event())
                wait_until(lambda: sent > 200_000 or "reads nothing" in problem_of(group), "it is noticed", 60)
                wait_until(lambda: "reads nothing" in problem_of(group), "it is left", 60)
        finally:
            ending.set()
            thread.join()
        assert peak_rss_mb() < before_mb + 50


def problem_of(group):
    return next(iter(group)).sink._connection.problem


@pytest.mark.parametrize("has_broker", [True, False])
@pytest.mark.parametrize("is_connecting", [True, False])
def test_a_closed_sink_leaves_no_connection_behind(broker, listener, has_broker, is_connecting, monkeypatch):
    """Whether it was connected when it was closed, or about to be."""
    from edge.sinks.mqtt.bounded_client import BoundedClient

    if not has_broker:
        broker.stop()
    may_connect, connect = threading.Event(), BoundedClient._create_socket

    def connect_later(client):
        assert may_connect.wait(30)
        return connect(client)

    monkeypatch.setattr(BoundedClient, "_create_socket", connect_later)
    if not is_connecting:
        may_connect.set()
    with opened(broker) as group:
        connection = next(iter(group)).sink._connection
        client, thread = connection._client, connection._client._thread
        pair = client._sockpairR, client._sockpairW
        assert all(one_end.fileno() >= 0 for one_end in pair)
        if not is_connecting:
            assert connection.wait_for_answer(30)
    may_connect.set()
    thread.join(30)
    assert not thread.is_alive()
    assert all(one_end.fileno() == -1 for one_end in pair)
    if has_broker:
        assert read_back(broker.port).get(f"{TOPIC}/availability") != "online"


def test_each_of_two_cameras_is_a_device_with_a_state_of_its_own(broker, listener):
    """One URI for both: events, state and discovery of one do not touch those of the other."""
    sinks = {name: prepare_sink(address(broker), name) for name in ("hall", "kitchen")}
    with open_sink_group(list(sinks.values())) as group:
        group.set_model("m@1", FER2013_LABELS)
        cameras = {name: CameraSinks(group, [sink.name]) for name, sink in sinks.items()}
        for name, expression in (("hall", "happy"), ("kitchen", "sad")):
            cameras[name].put(dataclasses.replace(made_event(emotion=expression), source=name))

        def states():
            for name, camera in cameras.items():
                camera.put_frame(dataclasses.replace(made_report(), source=name))
            found = read_back(broker.port)
            return {
                name: json.loads(found.get(f"{TOPIC}/{name}/state", "{}")).get("expression")
                for name in ("hall", "kitchen")
            }

        wait_until(lambda: states() == {"hall": "happy", "kitchen": "sad"}, "both states")
        found = read_back(broker.port)
        devices = [json.loads(found[f"homeassistant/device/mien_test_{name}/config"])["device"] for name in sinks]
        assert [device["name"] for device in devices] == ["mien test hall", "mien test kitchen"]
        assert [json.loads(found[f"{TOPIC}/{name}/source"])["source"] for name in sinks] == ["hall", "kitchen"]
        assert [json.loads(text)["source"] for text in listener.payloads(f"{TOPIC}/hall/events")] == ["hall"]
        assert CONFIG not in found
    found = read_back(broker.port)
    assert {found[f"{TOPIC}/{name}/availability"] for name in sinks} == {"offline"}
