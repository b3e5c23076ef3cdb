"""Publishes the newest state of a camera to an MQTT broker, and never lets the camera wait for it.

``show`` and ``outage`` only store the state. One thread publishes it. In another one, paho-mqtt (the extra ``mqtt``)
connects, and sends and receives. Without a connection nothing is published, and nothing is kept: when there is one
again, the newest state is the first message.
"""

import contextlib
import json
import ssl
import sys
import threading
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import Enum
from types import TracebackType
from typing import TYPE_CHECKING

from tlpipe_edge import __version__
from tlpipe_edge.camera.answer import Answer
from tlpipe_edge.classify.classifier import Classifier
from tlpipe_edge.console import progress
from tlpipe_edge.errors import Unavailable
from tlpipe_edge.machine import device
from tlpipe_edge.machine.identity import identity
from tlpipe_edge.telemetry import home_assistant
from tlpipe_edge.telemetry.broker_address import BrokerAddress

if TYPE_CHECKING:
    from paho.mqtt.client import Client
    from paho.mqtt.reasoncodes import ReasonCode

EVERY = 1.0
"""Seconds between two states with the same label: people see the score move, and a database gets a row a second."""
FLICKER = 0.2
"""Minimum seconds between two states, if the label changes with each frame."""
KEEPALIVE = 5
"""Seconds: after twice as many without a sign of the broker, the connection is given up, and the state goes over a new
one. By then at most 2 * KEEPALIVE / FLICKER messages are in its queue, which is emptied."""
CONNECT_SECONDS = 3.0
"""Time limit for each address of the broker."""
RETRY = (1, 2)
"""Minimum and maximum seconds between two attempts: with the limit above, the state is right 10 s after the broker is
back."""
CLOSING = 2.0
"""Maximum seconds to say goodbye to the broker when the program ends."""
QOS = 0
"""At most once: a message is lost only with its connection, and each new connection begins with the newest state. With
a higher QoS, paho-mqtt would keep old messages while there is no connection."""
WILL_QOS = 1
"""The broker itself sends the last will, once, to those who subscribed with at least this QoS."""


@dataclass(frozen=True)
class _State:
    """What is published: the values of an ``Answer``, or the reason of an outage."""

    label: str | None = None
    best: str | None = None
    score: float | None = None
    frames_per_second: float | None = None
    outage: str | None = None

    @property
    def news(self) -> tuple[str | None, str | None]:
        """What is published at once if it changes."""
        return self.label, self.outage


class _Link(Enum):
    """The connection to the broker; a message is printed when it changes."""

    NEW = "new"
    UP = "connected"
    REFUSED = "refused"
    DOWN = "down"


class Publisher:
    """Publishes what one camera sees, a context manager. ``show`` and ``outage`` return at once.

    ``address.prefix`` is what its topics begin with. Below it, each retained, are ``state``, a JSON document, and
    ``availability``: ``online``, or ``offline`` after the end, which is the last will. Home Assistant is told about
    both. What happens to the connection is said on stderr, once per change.

    Raise WrongUsage if the URL is invalid (see ``BrokerAddress``), Unavailable without paho-mqtt.
    """

    def __init__(self, url: str, classifier: Classifier) -> None:
        self.address = BrokerAddress.parse(url)
        self._topic = f"{self.address.prefix}/state"
        self._availability = f"{self.address.prefix}/availability"
        self._device = home_assistant.Device(
            id=f"tlpipe_{identity(f'mqtt {self.address.prefix}')}",
            name=self.address.prefix.rpartition("/")[2],
            model=f"{classifier.name} ({classifier.recipe})",
            version=__version__,
            state_topic=self._topic,
            availability_topic=self._availability,
            has_temperature=device.temperature() is not None,
        )
        self._client = self._new_client()
        self._link = _Link.NEW
        self._newest: _State | None = None
        self._greets = False
        self._wake, self._closing = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)

    def _new_client(self) -> "Client":
        try:
            from paho.mqtt.client import Client
            from paho.mqtt.enums import CallbackAPIVersion
        except ImportError as error:
            raise Unavailable(f"MQTT needs paho-mqtt ({error})", "pip install 'tlpipe-edge[mqtt]'") from error
        # The broker ends the old connection of the same id before it takes the new one; else the last will of one that
        # is lost could follow the first message of the new one.
        client = Client(CallbackAPIVersion.VERSION2, client_id=self._device.id)
        if self.address.user is not None:
            client.username_pw_set(self.address.user, self.address.password)
        if self.address.tls:
            client.tls_set_context(ssl.create_default_context())
        client.will_set(self._availability, "offline", qos=WILL_QOS, retain=True)
        client.connect_timeout = CONNECT_SECONDS
        client.reconnect_delay_set(*RETRY)
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        return client

    def __enter__(self) -> "Publisher":
        self._client.connect_async(self.address.host, self.address.port, keepalive=KEEPALIVE)
        self._client.loop_start()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closing.set()
        self._wake.set()
        self._thread.join(CLOSING)

    def show(self, answer: Answer) -> None:
        """Publish these values, soon."""
        self._put(_State(answer.label, answer.best, round(answer.score, 3), round(answer.frames_per_second, 1)))

    def outage(self, reason: str) -> None:
        """Publish that the camera gives no frames, and why."""
        self._put(_State(outage=reason))

    def _put(self, state: _State) -> None:
        last, self._newest = self._newest, state
        if last is None or last.news != state.news:
            self._wake.set()

    def _run(self) -> None:
        """Publish the newest state, the last one, too; then close the connection."""
        published: _State | None = None
        closing = False
        while not closing:
            self._wake.wait(EVERY)
            self._wake.clear()
            closing, newest = self._closing.is_set(), self._newest
            if newest is not None and self._client.is_connected():
                if self._greets:
                    self._greets = False
                    self._greet(newest)
                elif newest is not published:
                    self._publish(newest)
                published = newest
            self._closing.wait(FLICKER)
        if self._client.is_connected():
            self._send(self._availability, "offline")
        self._client.disconnect()
        self._client.loop_stop()  # which waits for what is still connecting; ``__exit__`` does not

    def _greet(self, newest: _State) -> None:
        """The first messages of a connection. ``online`` is the last: what is there until then may be years old."""
        for topic, config in home_assistant.discovery(self._device).items():
            self._send(topic, json.dumps(config))
        self._publish(newest)
        self._send(self._availability, "online")

    def _publish(self, state: _State) -> None:
        heat = device.temperature()
        document = {
            "schema": 1,
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            **asdict(state),
            "temperature_celsius": None if heat is None else round(heat, 1),
        }
        self._send(self._topic, json.dumps(document))

    def _send(self, topic: str, message: str) -> None:
        self._client.publish(topic, message, qos=QOS, retain=True)

    def _on_connect(self, _client: object, _data: object, _flags: object, code: "ReasonCode", _more: object) -> None:
        if code.is_failure:
            self._say(_Link.REFUSED, f"refuses the connection: {code}")
        else:
            self._greets = True
            self._say(_Link.UP, f"connected; the topics begin with {self.address.prefix}")
            self._wake.set()

    def _on_connect_fail(self, _client: object, _data: object) -> None:
        error = sys.exception()  # paho-mqtt calls this while it handles it
        self._say(_Link.DOWN, getattr(error, "strerror", None) or str(error))

    def _on_disconnect(self, *_: object) -> None:
        if self._link is not _Link.REFUSED and not self._closing.is_set():
            self._say(_Link.DOWN, "the connection was lost" if self._link is _Link.UP else "does not answer")

    def _say(self, link: _Link, what: str) -> None:
        if link is not self._link:
            say = progress.say if link is _Link.UP else progress.warn
            with contextlib.suppress(OSError):  # nobody reads stderr
                say(f"MQTT broker {self.address.shown}: {what}" + "; trying again" * (link is not _Link.UP))
        self._link = link
