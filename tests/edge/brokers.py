"""A real MQTT broker, mosquitto, and what it keeps; and answers of a camera to publish."""

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from waiting import wait_until

from tlpipe_edge.camera.answer import Answer

MOSQUITTO = shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")
PATIENCE = 30.0
"""Seconds for what takes a few."""


def answer(label: str = "red ring", *, score: float = 0.75, dropped: int = 0) -> Answer:
    """An answer of the camera; its frame is empty."""
    labels = ("blue cross", "green bars", "red ring")
    times = {"resize": 0.5, "invoke": 2.5, "total": 3.0}
    scores = np.full(3, score, np.float32)
    return Answer(label, "red ring", score, labels, scores, np.empty((0, 0, 3), np.uint8), times, dropped, 24.56)


def free_port() -> int:
    """A port on the loopback address that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        return nobody.getsockname()[1]


class Broker:
    """mosquitto on a port of this machine. It keeps nothing on the disk: stopped and started, it has forgotten all."""

    def __init__(self, folder: Path, settings: str = "allow_anonymous true\n") -> None:
        self.port, self._folder = free_port(), folder
        self.log = folder / "mosquitto.log"
        self._file = folder / "mosquitto.conf"
        user = "user root\n"  # else it leaves its rights, and cannot read the files of the tests
        self._file.write_text(f"listener {self.port} 127.0.0.1\n{user}log_dest stderr\n{settings}", encoding="utf-8")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return when it listens."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen([str(MOSQUITTO), "-c", str(self._file)], stderr=log)
        wait_until(self._listens)

    def stop(self) -> None:
        """End it, and its connections."""
        if self._process:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _listens(self) -> bool:
        with socket.socket() as asking:
            return asking.connect_ex(("127.0.0.1", self.port)) == 0


@contextmanager
def broker(folder: Path, settings: str = "allow_anonymous true\n") -> Iterator[Broker]:
    """One that is stopped at the end. Skip the test where mosquitto or paho-mqtt is not installed."""
    pytest.importorskip("paho.mqtt", reason="paho-mqtt, the extra mqtt, is not installed")
    if MOSQUITTO is None:
        pytest.skip("mosquitto is not installed")
    started = Broker(folder, settings)
    try:
        started.start()
        yield started
    finally:
        started.stop()


class Listener:
    """Another program that subscribes to all topics of a broker: ``heard`` are the messages with their topics."""

    def __init__(self, port: int, login: tuple[str, str] | None = None) -> None:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        self.heard: list[tuple[str, str]] = []
        self.client = Client(CallbackAPIVersion.VERSION2)
        if login:
            self.client.username_pw_set(*login)
        self.client.on_message = lambda _client, _data, message: self.heard.append(
            (message.topic, message.payload.decode())
        )
        self.client.connect("127.0.0.1", port)
        self.client.subscribe("#", qos=1)
        self.client.loop_start()

    def newest(self, topic: str) -> str | None:
        """The newest message of a topic."""
        return next((message for name, message in reversed(self.heard) if name == topic), None)

    def state(self, prefix: str) -> dict:
        """The newest state below a prefix; empty if there is none."""
        return json.loads(self.newest(f"{prefix}/state") or "{}")

    def wait_for(self, topic: str, message: str) -> None:
        """Until this is the newest message of the topic."""
        wait_until(lambda: self.newest(topic) == message)

    def wait_for_label(self, prefix: str, label: str | None) -> None:
        """Until the newest state has this label."""
        wait_until(lambda: self.state(prefix).get("label", "no state") == label)

    def close(self) -> None:
        """Disconnect."""
        self.client.disconnect()
        self.client.loop_stop()


@contextmanager
def listening(port: int, login: tuple[str, str] | None = None) -> Iterator[Listener]:
    """A listener, and first of all what the broker retained."""
    listener = Listener(port, login)
    try:
        yield listener
    finally:
        listener.close()
