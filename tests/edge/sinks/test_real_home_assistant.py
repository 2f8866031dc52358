"""What a real Home Assistant makes of the MQTT sink's messages.

MIEN_HOME_ASSISTANT_PYTHON names the interpreter for which it is installed, with `pip install homeassistant==2025.2.*
'paho-mqtt<2'` on Python 3.13; it needs other versions of what mien needs. Only keys are checked in test_home_assistant.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

from edge.inference.contract import EIGHT_LABELS, FER2013_LABELS
from edge.sinks import open_sink_group, prepare_sink
from edge.types import UNCERTAIN_LABEL, Aggregate, SourceEvent
from tests.edge.made_events import made_event, made_report
from tests.edge.mosquitto import Mosquitto
from tests.edge.waiting import wait_until

PYTHON = os.environ.get("MIEN_HOME_ASSISTANT_PYTHON")
ANYBODY_HAPPY = "binary_sensor.mien_hall_anybody_happy"

pytest.importorskip("paho.mqtt.client", reason="no paho-mqtt: pip install 'mien[mqtt]'")
pytestmark = [
    pytest.mark.real_part,
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON, reason="MIEN_HOME_ASSISTANT_PYTHON names no Python with Home Assistant"),
]


class HomeAssistant:
    """The process; `states`, `disabled` and `problems` are those of the last `update`."""

    def __init__(self, port):
        script = Path(__file__).parents[1] / "home_assistant.py"
        command = [PYTHON, "-P", "-W", "ignore", script, str(port)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._read()

    def update(self):
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        self._read()
        return True

    def _read(self):
        line = self._process.stdout.readline()
        assert line, "Home Assistant ended; its error is above"
        for name, value in json.loads(line).items():
            setattr(self, name, value)

    def state(self, entity):
        """Return an entity's state; None where there is no such entity."""
        return self.update() and self.states.get(entity, [None])[0]

    def close(self):
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


@pytest.fixture
def broker(tmp_path):
    broker = Mosquitto(tmp_path)
    yield broker
    broker.stop()


@pytest.fixture
def hass(broker):
    hass = HomeAssistant(broker.port)
    yield hass
    hass.close()


def opened(broker, options=""):
    return open_sink_group([prepare_sink(f"mqtt://127.0.0.1:{broker.port}/mien/hall{options}")])


def test_a_room_of_two_faces(broker, hass):
    with opened(broker) as group:
        group.set_model("m@1", FER2013_LABELS)

        def state(entity, faces):
            group.put_frame(made_report(faces=faces))
            return hass.state(entity)

        group.put(made_event(0, "started", "happy", 1))
        group.put(made_event(0, "started", "sad", 2))
        wait_until(lambda: state(ANYBODY_HAPPY, 2) == "on", "anybody happy")
        wait_until(lambda: state("sensor.mien_hall_sad_faces", 2) == "1", "one sad face")
        assert hass.states["sensor.mien_hall_expression"][1]["options"] == [*FER2013_LABELS, UNCERTAIN_LABEL]
        assert hass.states["sensor.mien_hall_expression"][0] == "happy"
        assert hass.states["sensor.mien_hall_faces"][0] == "2"
        counts = {label: hass.states[f"sensor.mien_hall_{label}_faces"] for label in FER2013_LABELS}
        assert {label: state for label, (state, _) in counts.items() if state != "0"} == {"happy": "1", "sad": "1"}
        assert {attributes["state_class"] for _, attributes in counts.values()} == {"measurement"}
        assert {name for name in hass.states if name.startswith("binary_sensor")} == {ANYBODY_HAPPY}
        others = [label for label in (*FER2013_LABELS, UNCERTAIN_LABEL) if label != "happy"]
        assert hass.disabled == sorted(f"binary_sensor.mien_hall_anybody_{label}" for label in others)
        group.put(made_event(1, "ended", "happy", 1))
        wait_until(lambda: state(ANYBODY_HAPPY, 1) == "off", "nobody happy")
        group.put(made_event(2, "ended", "sad", 2))
        wait_until(lambda: state("sensor.mien_hall_expression", 0) == "unknown", "nobody")
        group.put(SourceEvent("camera:0", "offline", "no camera"))
        wait_until(lambda: hass.state(ANYBODY_HAPPY) == "unavailable", "the camera is away")
        assert hass.states["sensor.mien_hall_model"][0] == "m@1"
    wait_until(lambda: hass.state("sensor.mien_hall_model") == "unavailable", "the daemon has ended")
    assert hass.problems == []


def test_entities_follow_the_labels(broker, hass):
    odd = ('it\'s "odd" }}', "ärgerlich", "愤怒", "高兴")
    with opened(broker) as group:
        group.set_model("a@1", EIGHT_LABELS)
        group.put_frame(made_report())
        wait_until(lambda: hass.state("sensor.mien_hall_contempt_faces") == "0", "eight labels")
        group.set_model("b@1", FER2013_LABELS)
        wait_until(lambda: hass.state("sensor.mien_hall_contempt_faces") is None, "seven labels")
        assert "sensor.mien_hall_sad_faces" in hass.states
        group.set_model("c@1", odd)
        for number, label in enumerate(odd[:3], start=1):
            group.put(made_event(0, "started", label, number))

        def values():
            group.put_frame(made_report(faces=3))
            hass.update()
            return [state for name, (state, _) in hass.states.items() if name.endswith("_faces")]

        wait_until(lambda: sorted(values()) == ["0", "0", "1", "1", "1", "3"], "labels with other characters")
    assert hass.problems == []


def test_aggregates_leave_the_counts_unknown(broker, hass):
    shares = dict.fromkeys((*FER2013_LABELS, UNCERTAIN_LABEL), 0.0) | {"happy": 0.75, "sad": 0.25}
    with opened(broker) as group:
        group.set_model("m@1", FER2013_LABELS)
        group.put(Aggregate("clip", 60.0, 4, shares, "m@1"))

        def state(entity):
            group.put_frame(made_report(faces=None))
            return hass.state(entity)

        wait_until(lambda: state("sensor.mien_hall_faces") == "4", "an aggregate")
        assert hass.states["sensor.mien_hall_happy_faces"][0] == "unknown"
        assert hass.states[ANYBODY_HAPPY][0] == "unknown"
    assert hass.problems == []
