"""The sink `mqtt://...`: events, state and discovery messages for an MQTT broker and Home Assistant.

`MqttSink` sends messages over a `BrokerConnection`, to the broker that `BrokerSettings` describe. `RoomState`
collects the current state for a dashboard, and `home_assistant` makes the discovery message. This module exports
nothing: the sink is opened by its URI.
"""
