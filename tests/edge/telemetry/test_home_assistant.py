"""The discovery messages for Home Assistant, without it: their keys, and their templates rendered by Jinja."""

import json
import re

import pytest

from tlpipe_edge.telemetry.home_assistant import Device, discovery

DOOR = Device("tlpipe_1", "door", "clothing (int8)", "0.1.0", "home/state", "home/availability", True)
SEEN = {
    "label": "shirt",
    "best": "shirt",
    "score": 0.9,
    "frames_per_second": 24.6,
    "outage": None,
    "temperature_celsius": 48.2,
}
OUTAGE = dict.fromkeys(SEEN) | {"outage": 'camera "0": gone', "temperature_celsius": 48.2}


def test_topics_and_ids_are_of_the_characters_that_it_takes() -> None:
    configs = discovery(DOOR)
    ids = [config["unique_id"] for config in configs.values()]

    assert all(re.fullmatch(r"homeassistant/(binary_)?sensor/[\w-]+/[\w-]+/config", topic) for topic in configs)
    assert len(set(ids)) == len(configs) == 5
    assert all(config["expire_after"] == 60 and config["origin"] for config in configs.values())


def test_a_board_without_a_thermometer_has_no_temperature() -> None:
    configs = discovery(Device("tlpipe_1", "door", "m", "0.1.0", "s", "a", has_temperature=False))

    assert not [topic for topic in configs if "temperature" in topic] and len(configs) == 4


@pytest.mark.parametrize(
    ("state", "label", "score", "outage"), [(SEEN, "shirt", "0.9", "OFF"), (OUTAGE, "unknown", "None", "ON")]
)
def test_the_templates_give_the_values(state: dict[str, object], label: str, score: str, outage: str) -> None:
    """None is what Home Assistant calls unknown, of a number."""
    jinja2 = pytest.importorskip("jinja2", reason="Jinja is not installed")

    def rendered(template: object) -> str:
        return jinja2.Environment().from_string(template).render(value_json=state)

    configs = {topic.split("/")[3]: config for topic, config in discovery(DOOR).items()}
    values = {name: rendered(config["value_template"]) for name, config in configs.items()}
    assert (values["label"], values["score"], values["outage"]) == (label, score, outage)
    assert values["temperature"] == "48.2"
    attributes = json.loads(rendered(configs["label"]["json_attributes_template"]))
    assert attributes == {"best": state["best"], "outage": state["outage"]}
