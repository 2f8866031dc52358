"""How Home Assistant is told what it will find: one device, six sensors.

https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload
"""

from __future__ import annotations

import json
import re
from typing import Any

from edge import __version__
from edge.inference.contract import EIGHT_LABELS
from edge.types import SOURCE_STATES, UNCERTAIN_LABEL

#: Where Home Assistant says `online` when it has started, under its discovery prefix.
BIRTH, BIRTH_PAYLOAD = "status", "online"


def device_id(topic: str) -> str:
    """What stands for this device in Home Assistant's registry: the topic, for that has to be unique as well."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", topic)


def discovery_topic(prefix: str, topic: str) -> str:
    """Where the discovery message goes, retained."""
    return f"{prefix}/device/{device_id(topic)}/config"


def discovery_message(topic: str) -> str:
    """The discovery message, as JSON.

    The sensors of the picture are unavailable while the source is not online; the source's state is available as long
    as the daemon is.

    Args:
        topic: what all of mien's topics begin with.
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
        "fps": {"name": "Frames a second", "unit_of_measurement": "fps", "icon": "mdi:filmstrip"}
        | measured
        | diagnostic,
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
        # mien's own version alone: whatever else changes with each frame would fill the recorder.
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
