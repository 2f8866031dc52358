"""The discovery message against Home Assistant's own schemas for MQTT sensors.

Home Assistant 2024.3 is the last one for Python 3.11. It discovers entities one by one; the keys of an entity are the
same where a whole device is discovered, which it has done since 2024.11.
"""

import json
import os
import subprocess
import sys

import pytest

from edge.inference.contract import FER2013_LABELS
from edge.sinks.mqtt.home_assistant import discovery_message

FOLDER = os.environ.get("MIEN_HOME_ASSISTANT")
CODE = """
import json, sys
from homeassistant.components.mqtt import binary_sensor, sensor
message = json.load(sys.stdin)
for entity in message["components"].values():
    platform = {"sensor": sensor, "binary_sensor": binary_sensor}[entity.pop("platform")]
    platform.DISCOVERY_SCHEMA({**entity, "device": message["device"], "origin": {"name": "mien"}})
print(len(message["components"]))
"""


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.real_part
@pytest.mark.skipif(
    not FOLDER,
    reason="no Home Assistant: pip install --target DIR homeassistant==2024.3.3 'paho-mqtt<2', MIEN_HOME_ASSISTANT=DIR",
)
def test_home_assistant_accepts_every_entity():
    message = discovery_message("mien/hall", FER2013_LABELS)
    done = subprocess.run(
        [sys.executable, "-P", "-W", "ignore", "-c", CODE],
        input=message,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(FOLDER)},
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len(json.loads(message)["components"]) == 22
