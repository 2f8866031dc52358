"""A real Home Assistant that is connected to a broker: what it makes of mien's messages.

Run by the interpreter for which Home Assistant is installed; it needs nothing of mien. For each line on standard input
it prints a JSON object: `states`, entity to state and attributes; `disabled`, the entities that are not enabled; and
`problems`, what Home Assistant logged about MQTT and templates. Ends with the input.
"""

import asyncio
import json
import logging
import sys
import tempfile
from pathlib import Path

from homeassistant import loader
from homeassistant.auth import auth_manager_from_config
from homeassistant.bootstrap import async_load_base_functionality
from homeassistant.config_entries import ConfigEntries
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry
from homeassistant.setup import async_setup_component

_ABOUT = ("homeassistant.components.mqtt", "homeassistant.components.sensor", "homeassistant.helpers.template")


class Problems(logging.Handler):
    """Collects warnings and errors: Home Assistant logs what it rejects of a message."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.lines = []

    def emit(self, record):
        if record.name.startswith(_ABOUT):
            self.lines.append(record.getMessage())


async def main(port):
    problems = Problems()
    logging.getLogger().addHandler(problems)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "configuration.yaml").touch()
        hass = HomeAssistant(folder)
        loader.async_setup(hass)
        # Everything that is needed is installed.
        hass.config.skip_pip = True
        hass.config_entries = ConfigEntries(hass, {})
        await async_load_base_functionality(hass)
        hass.auth = await auth_manager_from_config(hass, [{"type": "homeassistant"}], [])
        # The integration asks for a web server, and works without one.
        hass.config.components.update({"http", "file_upload", "auth"})
        await async_setup_component(hass, "homeassistant", {})
        # As a user does in the dialog "Add integration".
        dialog = await hass.config_entries.flow.async_init("mqtt", context={"source": "user"})
        await hass.config_entries.flow.async_configure(dialog["flow_id"], {"broker": "127.0.0.1", "port": port})
        await hass.async_start()
        print(json.dumps({}), flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            await hass.async_block_till_done()
            print(json.dumps(found(hass, problems), default=str), flush=True)
        await hass.async_stop(force=True)


def found(hass, problems):
    entities = entity_registry.async_get(hass).entities.values()
    return {
        "states": {state.entity_id: [state.state, dict(state.attributes)] for state in hass.states.async_all()},
        "disabled": sorted(entity.entity_id for entity in entities if entity.disabled),
        "problems": problems.lines,
    }


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
