"""The URL of a broker, and what an error says of it."""

import re
import socket

import pytest

from tlpipe_edge import WrongUsage
from tlpipe_edge.telemetry.broker_address import BrokerAddress


@pytest.mark.parametrize(
    ("url", "host", "port", "tls", "user", "password", "prefix"),
    [
        ("mqtt://broker/home", "broker", 1883, False, None, None, "home"),
        ("mqtts://broker.local/home/door/", "broker.local", 8883, True, None, None, "home/door"),
        ("MQTT://Broker:1884/home", "broker", 1884, False, None, None, "home"),
        ("mqtt://me:a%40b%2Fc%20d@192.0.2.1/home", "192.0.2.1", 1883, False, "me", "a@b/c d", "home"),
        ("mqtt://me@[::1]:1885/T%C3%BCr", "::1", 1885, False, "me", None, "Tür"),
    ],
)
def test_a_url_says_all(
    url: str, host: str, port: int, tls: bool, user: str | None, password: str | None, prefix: str
) -> None:
    parsed = BrokerAddress.parse(url)

    assert (parsed.host, parsed.port, parsed.tls) == (host, port, tls)
    assert (parsed.user, parsed.password, parsed.prefix) == (user, password, prefix)


@pytest.mark.parametrize("url", ["mqtt://broker", "mqtt://broker/"])
def test_without_a_prefix_it_is_that_of_this_machine(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "raspberry+pi")

    assert BrokerAddress.parse(url).prefix == "tlpipe/raspberry_pi"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "broker",
        "mqtt:owner:Secret1@broker",
        "owner:Secret1@broker",
        "http://owner:Secret1@broker",
        "mqtt://",
        "mqtt://owner:Secret1@",
        "mqtt://owner:Secret1@broker:port/home",
        "mqtt://owner:Secret1@broker:65536/home",
        "mqtt://owner:Secret1@broker:0/home",
        "mqtt://owner:Secret1@broker/\udcff",
        "mqtt://owner:Sec/ret1@broker/home",
        "mqtt://owner:12/Secret1@broker",
        "mqtt://owner:Sec?ret1@broker/home",
        "mqtt://owner:Sec#ret1@broker/home",
        "mqtt://owner:Sec ret1@broker/home",
        "mqtt://owner:Secret1@broker[/home",
        f"mqtt://owner:Secret1@{'b' * 64}/home",
        "mqtt://broker/home/#",
        "mqtt://broker/home?Secret1=1",
    ],
)
def test_any_other_url_is_refused_without_its_secrets(url: str) -> None:
    with pytest.raises(WrongUsage, match="not an address of an MQTT broker") as caught:
        BrokerAddress.parse(url)

    assert not re.search("ret1|owner", str(caught.value), re.IGNORECASE), caught.value


@pytest.mark.parametrize("prefix", ["a/%2B/b", "%23", "$SYS", "a%00b", "a" * 201])
def test_a_prefix_that_no_topic_can_have_is_refused(prefix: str) -> None:
    with pytest.raises(WrongUsage, match="not a prefix of topics"):
        BrokerAddress.parse(f"mqtt://broker/{prefix}")


def test_the_password_is_not_in_its_description() -> None:
    parsed = BrokerAddress.parse("mqtt://owner:Secret1@broker.local:1884/home")

    assert "Secret1" not in repr(parsed) and parsed.shown == "mqtt://broker.local:1884"
