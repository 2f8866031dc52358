"""The discovery message for Home Assistant: one device with sensors for the state of a room.

https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from edge import __version__
from edge.types import SOURCE_STATES, UNCERTAIN_LABEL

#: The topic, under the discovery prefix, where Home Assistant announces that it has started, and what it sends there.
BIRTH, BIRTH_PAYLOAD = "status", "online"
#: The expression whose binary sensor is enabled; the others can be enabled in Home Assistant.
ENABLED_LABEL = "happy"
_MEASURED, _DIAGNOSTIC = {"state_class": "measurement"}, {"entity_category": "diagnostic"}


def device_id(topic: str) -> str:
    """Return the device's identifier in Home Assistant: derived from the topic, which has to be unique as well."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", topic)


def device_name(topic: str) -> str:
    """Return the name under which Home Assistant shows the device."""
    return topic.replace("/", " ")


def discovery_topic(prefix: str, topic: str) -> str:
    """Return the topic of the discovery message, which is retained."""
    return f"{prefix}/device/{device_id(topic)}/config"


def discovery_message(topic: str, labels: Sequence[str], former: Sequence[str] = ()) -> str:
    """Return the discovery message, as JSON.

    The sensors that describe the picture are unavailable while the source is not online. The sensors for the source's
    state and the model are available as long as the daemon is.

    Args:
        topic: the prefix of all topics of this daemon.
        labels: the class names of the model.
        former: those of earlier models, whose sensors are removed where the model has no such label.
    """
    state, daemon = {"state_topic": f"{topic}/state"}, {"topic": f"{topic}/availability"}
    source = {
        "topic": f"{topic}/source",
        "value_template": "{{ 'online' if value_json.state == 'online' else 'offline' }}",
    }
    picture = {**state, "availability": [daemon, source], "availability_mode": "all"}
    expressions = [*labels, UNCERTAIN_LABEL]
    entities = {
        "expression": {
            "platform": "sensor",
            "name": "Expression",
            "icon": "mdi:emoticon-outline",
            "device_class": "enum",
            "options": expressions,
            "value_template": "{{ value_json.expression }}",
            **picture,
        },
        "faces": {
            "platform": "sensor",
            "name": "Faces",
            "icon": "mdi:face-recognition",
            "value_template": "{{ value_json.faces }}",
            **_MEASURED,
            **picture,
        },
        **{key: {**entity, **picture} for label in expressions for key, entity in _of_expression(label).items()},
        "fps": {
            "platform": "sensor",
            "name": "Frame rate",
            "unit_of_measurement": "fps",
            "icon": "mdi:filmstrip",
            "value_template": "{{ value_json.fps }}",
            **_MEASURED,
            **_DIAGNOSTIC,
            **picture,
        },
        "latency_ms": {
            "platform": "sensor",
            "name": "Latency",
            "unit_of_measurement": "ms",
            "device_class": "duration",
            "value_template": "{{ value_json.latency_ms }}",
            **_MEASURED,
            **_DIAGNOSTIC,
            **picture,
        },
        "source": {
            "platform": "sensor",
            "name": "Source",
            "icon": "mdi:camera",
            "device_class": "enum",
            "options": SOURCE_STATES,
            "state_topic": f"{topic}/source",
            "value_template": "{{ value_json.state }}",
            "json_attributes_topic": f"{topic}/source",
            "availability": [daemon],
            **_DIAGNOSTIC,
        },
        "model": {
            "platform": "sensor",
            "name": "Model",
            "icon": "mdi:graph-outline",
            "value_template": "{{ value_json.model }}",
            "json_attributes_topic": f"{topic}/state",
            # Only mien's version: an attribute that changes with each frame would fill Home Assistant's recorder.
            "json_attributes_template": "{{ {'version': value_json.version} | tojson }}",
            "availability": [daemon],
            **state,
            **_DIAGNOSTIC,
        },
    }
    unique = device_id(topic)
    components = {key: {**entity, "unique_id": f"{unique}_{key}"} for key, entity in entities.items()}
    # An entity of which only the platform is left is removed.
    removed = [_of_expression(label) for label in former if label not in expressions]
    components |= {key: {"platform": entity["platform"]} for each in removed for key, entity in each.items()}
    return json.dumps(
        {
            "device": {
                "identifiers": [unique],
                "name": device_name(topic),
                "manufacturer": "mien",
                "model": "Facial-expression recognition",
                "sw_version": __version__,
            },
            "origin": {"name": "mien", "sw_version": __version__},
            "components": components,
        }
    )


def _of_expression(label: str) -> dict[str, dict[str, Any]]:
    """Return the entities of one expression: how many faces show it, and whether anybody does."""
    name, key = label.replace("_", " ").capitalize(), re.sub(r"\W+", "_", label.lower())
    # Where only aggregates are published, there are no counts: the state is then unknown.
    count = f"value_json.counts[{label!r}]"
    return {
        f"faces_{key}": {
            "platform": "sensor",
            "name": f"{name} faces",
            "icon": "mdi:face-man-outline",
            "value_template": f"{{{{ {count} if value_json.counts else none }}}}",
            **_MEASURED,
        },
        f"anybody_{key}": {
            "platform": "binary_sensor",
            "name": f"Anybody {name.lower()}",
            "icon": "mdi:account-eye-outline",
            "value_template": f"{{{{ ('ON' if {count} else 'OFF') if value_json.counts else none }}}}",
            "enabled_by_default": label == ENABLED_LABEL,
        },
    }
