"""What Home Assistant is told about the values in the state, so that it shows them without being configured.

https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery, with one message per component. Since release 2024.11,
Home Assistant also takes one message per device; the older way stays, and is the one that all its releases, openHAB
before 2026 and other programs understand.
"""

from dataclasses import dataclass

TOPICS = "homeassistant"
"""What the topics begin with, unless someone changed it in Home Assistant."""
EXPIRE_AFTER = 60
"""Seconds without a new state after which the values are unavailable, if the program hangs but its connection does not.
Opening a camera may take half a minute, in which there is none; systemd's watchdog has the same limit."""

Config = dict[str, object]


@dataclass(frozen=True)
class Device:
    """A camera with its model, and the topics of its state and of its availability."""

    id: str
    name: str
    model: str
    version: str
    state_topic: str
    availability_topic: str
    has_temperature: bool


_MEASURED: Config = {"state_class": "measurement"}
_DIAGNOSTIC: Config = {"entity_category": "diagnostic"}

_COMPONENTS: dict[str, Config] = {
    "sensor/label": {
        "name": "Label",
        "icon": "mdi:tag",
        "value_template": "{{ value_json.label or 'unknown' }}",  # none in an outage
        # Only what changes seldom: each change of an attribute is a row in Home Assistant's database.
        "json_attributes_template": "{{ {'best': value_json.best, 'outage': value_json.outage} | tojson }}",
    },
    "sensor/score": {
        **_MEASURED,
        "name": "Score",
        "icon": "mdi:percent",
        "value_template": "{{ value_json.score }}",
        "suggested_display_precision": 2,
    },
    "sensor/frames_per_second": {
        **_MEASURED,
        **_DIAGNOSTIC,
        "name": "Frames per second",
        "icon": "mdi:speedometer",
        "unit_of_measurement": "frames/s",
        "value_template": "{{ value_json.frames_per_second }}",
        "suggested_display_precision": 1,
    },
    "sensor/temperature": {
        **_MEASURED,
        **_DIAGNOSTIC,
        "name": "Temperature",
        "device_class": "temperature",
        "unit_of_measurement": "°C",
        "value_template": "{{ value_json.temperature_celsius }}",
        "suggested_display_precision": 1,
    },
    "binary_sensor/outage": {
        **_DIAGNOSTIC,
        "name": "Outage",
        "device_class": "problem",
        "value_template": "{{ 'ON' if value_json.outage else 'OFF' }}",
    },
}


def discovery(device: Device) -> dict[str, Config]:
    """The configuration of each component, by the topic of which it is the retained message."""
    shared: Config = {
        "state_topic": device.state_topic,
        "availability_topic": device.availability_topic,
        "expire_after": EXPIRE_AFTER,
        "device": {
            "identifiers": [device.id],
            "name": device.name,
            "manufacturer": "tlpipe-edge",
            "model": device.model,
            "sw_version": device.version,
        },
        "origin": {"name": "tlpipe-edge", "sw_version": device.version},
    }
    configs = {}
    for component, config in _COMPONENTS.items():
        kind, _, value = component.partition("/")
        if value == "temperature" and not device.has_temperature:
            continue
        attributes = {"json_attributes_topic": device.state_topic} if "json_attributes_template" in config else {}
        topic = f"{TOPICS}/{kind}/{device.id}/{value}/config"
        configs[topic] = {"unique_id": f"{device.id}_{value}", **config, **attributes, **shared}
    return configs
