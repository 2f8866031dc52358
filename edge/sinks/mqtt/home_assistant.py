"""The discovery message for Home Assistant: one device with six sensors.

https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload
"""

from __future__ import annotations

import json
import re
from typing import Any

from edge import __version__
from edge.inference.contract import EIGHT_LABELS
from edge.types import SOURCE_STATES, UNCERTAIN_LABEL

#: The topic, under the discovery prefix, where Home Assistant announces that it has started, and what it sends there.
BIRTH, BIRTH_PAYLOAD = "status", "online"


def device_id(topic: str) -> str:
    """Return the device's identifier in Home Assistant: derived from the topic, which has to be unique as well."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", topic)


def discovery_topic(prefix: str, topic: str) -> str:
    """Return the topic of the discovery message, which is retained."""
    return f"{prefix}/device/{device_id(topic)}/config"


def discovery_message(topic: str) -> str:
    """Return the discovery message, as JSON.

    The sensors that describe the picture are unavailable while the source is not online. The sensors for the source's
    state and the model are available as long as the daemon is.

    Args:
        topic: the prefix of all topics of this daemon.
    """
    daemon = {"topic": f"{topic}/availability"}
    source = {
        "topic": f"{topic}/source",
        "value_template": "{{ 'online' if value_json.state == 'online' else 'offline' }}",
    }
    measured = {"state_class": "measurement"}
    diagnostic = {"entity_category": "diagnostic"}
    picture: dict[str, dict[str, Any]] = {
        "expression": {
            "name": "Expression",
            "icon": "mdi:emoticon-outline",
            "device_class": "enum",
            "options": [*EIGHT_LABELS, UNCERTAIN_LABEL],
        },
        "faces": {"name": "Faces", "icon": "mdi:face-recognition", **measured},
        "fps": {"name": "Frame rate", "unit_of_measurement": "fps", "icon": "mdi:filmstrip"} | measured | diagnostic,
        "latency_ms": {"name": "Latency", "unit_of_measurement": "ms", "device_class": "duration"}
        | measured
        | diagnostic,
    }
    sensors = {
        key: {
            "state_topic": f"{topic}/state",
            "value_template": f"{{{{ value_json.{key} }}}}",
            "availability": [daemon, source],
            "availability_mode": "all",
            **options,
        }
        for key, options in picture.items()
    }
    sensors["source"] = {
        "name": "Source",
        "icon": "mdi:camera",
        "device_class": "enum",
        "options": SOURCE_STATES,
        "state_topic": f"{topic}/source",
        "value_template": "{{ value_json.state }}",
        "json_attributes_topic": f"{topic}/source",
        "availability": [daemon],
        **diagnostic,
    }
    unique = device_id(topic)
    sensors["model"] = {
        "name": "Model",
        "icon": "mdi:graph-outline",
        "state_topic": f"{topic}/state",
        "value_template": "{{ value_json.model }}",
        "json_attributes_topic": f"{topic}/state",
        # Only mien's version: an attribute that changes with each frame would fill Home Assistant's recorder.
        "json_attributes_template": "{{ {'version': value_json.version} | tojson }}",
        "availability": [daemon],
        **diagnostic,
    }
    return json.dumps(
        {
            "device": {
                "identifiers": [unique],
                "name": topic.replace("/", " "),
                "manufacturer": "mien",
                "model": "Facial-expression recognition",
                "sw_version": __version__,
            },
            "origin": {"name": "mien", "sw_version": __version__},
            "components": {
                key: {"platform": "sensor", "unique_id": f"{unique}_{key}", **sensor} for key, sensor in sensors.items()
            },
        }
    )
