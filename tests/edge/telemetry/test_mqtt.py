"""What a camera publishes to a real broker, and that it does not wait for one that is away."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from brokers import Broker, answer, broker, free_port, listening
from waiting import wait_until

from tlpipe_edge import Bundle, Classifier, Unavailable, __version__
from tlpipe_edge.machine import device
from tlpipe_edge.telemetry import mqtt
from tlpipe_edge.telemetry.mqtt import Publisher

Port = Callable[[], AbstractContextManager[int]]


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Broker]:
    with broker(tmp_path) as one:
        yield one


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts without waits."""
    pytest.importorskip("paho.mqtt", reason="paho-mqtt, the extra mqtt, is not installed")
    monkeypatch.setattr(mqtt, "RETRY", (0.05, 0.1))
    monkeypatch.setattr(mqtt, "FLICKER", 0.0)
    monkeypatch.setattr(mqtt, "CLOSING", 0.2)


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without news, nothing is published as long as a test takes."""
    monkeypatch.setattr(mqtt, "EVERY", 3600.0)


def test_the_broker_keeps_the_newest_state(started: Broker, classifier: Classifier) -> None:
    with Publisher(f"mqtt://127.0.0.1:{started.port}/home/door", classifier) as publisher:
        publisher.show(answer("red ring"))
        with listening(started.port) as early:
            early.wait_for("home/door/availability", "online")
        with listening(started.port) as late:
            late.wait_for_label("home/door", "red ring")
            state = late.state("home/door")
            late.wait_for("home/door/availability", "online")

            publisher.outage("camera 0: cannot be opened")
            late.wait_for_label("home/door", None)
            outage = late.state("home/door")

    heat = state.pop("temperature_celsius")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", state.pop("time"))
    assert (heat is None) == (device.temperature() is None)
    assert state == {
        "schema": 1,
        "label": "red ring",
        "best": "red ring",
        "score": 0.75,
        "frames_per_second": 24.6,
        "outage": None,
    }
    assert outage["outage"] == "camera 0: cannot be opened" and outage["score"] is None


def test_home_assistant_is_told_of_each_value(
    started: Broker, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "temperature", lambda: 48.25)
    with Publisher(f"mqtt://127.0.0.1:{started.port}/home/door", classifier) as publisher:
        publisher.show(answer())
        with listening(started.port) as early:
            early.wait_for("home/door/availability", "online")
        with listening(started.port) as late:  # all of it is retained
            late.wait_for("home/door/availability", "online")
            wait_until(lambda: len({topic for topic, _ in late.heard}) == 7)
            configs = {topic: json.loads(text) for topic, text in late.heard if topic.endswith("/config")}
            state = late.state("home/door")

    assert state["temperature_celsius"] == 48.2
    (identity,) = {topic.split("/")[2] for topic in configs}
    assert re.fullmatch(r"tlpipe_[0-9a-f]{16}", identity)
    assert sorted(topic.replace(identity, "ID") for topic in configs) == [
        "homeassistant/binary_sensor/ID/outage/config",
        "homeassistant/sensor/ID/frames_per_second/config",
        "homeassistant/sensor/ID/label/config",
        "homeassistant/sensor/ID/score/config",
        "homeassistant/sensor/ID/temperature/config",
    ]
    for topic, config in configs.items():
        assert config["unique_id"] == f"{identity}_{topic.split('/')[3]}"
        assert config["state_topic"] == "home/door/state" and config["availability_topic"] == "home/door/availability"
        assert config["device"] == {
            "identifiers": [identity],
            "name": "door",
            "manufacturer": "tlpipe-edge",
            "model": "drawn (int8)",
            "sw_version": __version__,
        }


def test_the_end_is_the_last_state_and_offline(started: Broker, classifier: Classifier) -> None:
    with listening(started.port) as listener:
        with Publisher(f"mqtt://127.0.0.1:{started.port}/door", classifier) as publisher:
            publisher.show(answer("red ring"))
            listener.wait_for("door/availability", "online")
            publisher.show(answer("blue cross"))
        listener.wait_for("door/availability", "offline")
        assert listener.state("door")["label"] == "blue cross"


@pytest.mark.usefixtures("quick", "unhurried")
def test_frames_with_the_same_label_are_not_published_one_by_one(
    started: Broker, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt, "EVERY", 1000)
    with listening(started.port) as listener:
        with Publisher(f"mqtt://127.0.0.1:{started.port}/door", classifier) as publisher:
            publisher.show(answer("red ring"))
            listener.wait_for("door/availability", "online")
            wait_until(lambda: not publisher._wake.is_set())
            for number in range(1000):
                publisher.show(answer("red ring", score=number / 1000))
            publisher.show(answer("blue cross"))
            listener.wait_for_label("door", "blue cross")
        listener.wait_for("door/availability", "offline")
        states = [json.loads(message)["label"] for topic, message in listener.heard if topic == "door/state"]

    assert states == ["red ring", "blue cross"]


@pytest.mark.usefixtures("quick")
def test_the_score_follows_without_a_change_of_the_label(
    started: Broker, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt, "EVERY", 0.05)
    with Publisher(f"mqtt://127.0.0.1:{started.port}/door", classifier) as publisher:
        publisher.show(answer(score=0.5))
        with listening(started.port) as listener:
            listener.wait_for("door/availability", "online")
            publisher.show(answer(score=0.875))
            wait_until(lambda: listener.state("door")["score"] == 0.875)


@pytest.mark.usefixtures("quick", "unhurried")
def test_after_the_broker_was_away_the_state_is_right(
    started: Broker, classifier: Classifier, capsys: pytest.CaptureFixture[str]
) -> None:
    with Publisher(f"mqtt://127.0.0.1:{started.port}/door", classifier) as publisher:
        publisher.show(answer("red ring"))
        with listening(started.port) as listener:
            listener.wait_for("door/availability", "online")
        started.stop()
        said = ""

        def heard(words: str) -> bool:
            nonlocal said
            said += capsys.readouterr().err
            return words in said

        wait_until(lambda: heard("the connection was lost"))
        publisher.show(answer("blue cross"))
        started.start()
        with listening(started.port) as listener:
            listener.wait_for_label("door", "blue cross")
            listener.wait_for("door/availability", "online")
            wait_until(lambda: heard("connected; the topics begin with door") and said.count("connected;") == 2)

    shown = f"MQTT broker mqtt://127.0.0.1:{started.port}"
    assert " ".join(said.split()) == (
        f"{shown}: connected; the topics begin with door warning: {shown}: the connection was lost; trying again "
        f"{shown}: connected; the topics begin with door"
    )


@pytest.mark.usefixtures("quick", "unhurried")
def test_nothing_is_kept_for_a_broker_that_is_away(classifier: Classifier) -> None:
    """When it comes, its first state is the newest one, and the only one."""
    port = free_port()
    with Publisher(f"mqtt://127.0.0.1:{port}/door", classifier) as publisher:
        for number in range(1000):
            publisher.show(answer(f"label {number}"))
        with socket.create_server(("127.0.0.1", port)) as server:
            server.settimeout(30)
            connection, _ = server.accept()
            with connection:
                connection.settimeout(30)
                assert connection.recv(1000)[0] == 0x10  # CONNECT
                connection.sendall(b"\x20\x02\x00\x00")  # CONNACK: accepted
                heard = b""
                while b"online" not in heard:
                    heard += connection.recv(65536) or pytest.fail(f"the end, after {heard!r}")

    topic = b"\x00\x0adoor/state"  # with its length before it, as in a PUBLISH of any QoS
    assert heard.count(topic) == 1 and b'"label": "label 999"' in heard


@contextmanager
def silent() -> Iterator[int]:
    """A port on which connections are accepted, and nothing answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@contextmanager
def full() -> Iterator[int]:
    """A port that takes no more connections: an attempt waits."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        waiting = [socket.socket() for _ in range(2)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(server.getsockname())
        yield server.getsockname()[1]
        for each in waiting:
            each.close()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("away", [silent, full])
def test_the_camera_does_not_wait_for_a_broker_that_does_not_answer(away: Port, classifier: Classifier) -> None:
    """If it waited, this test would not end."""
    with away() as port, Publisher(f"mqtt://127.0.0.1:{port}", classifier) as publisher:
        for _ in range(1000):
            publisher.show(answer())
            publisher.outage("none")


@pytest.mark.usefixtures("quick")
def test_the_camera_does_not_wait_for_a_name_server(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """If it waited, while it runs or at its end, this test would not end."""
    asked, answered = threading.Event(), threading.Event()

    def unanswered(*_: object, **__: object) -> list[object]:
        asked.set()
        answered.wait()
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unanswered)
    with Publisher("mqtt://broker.invalid", classifier) as publisher:
        for _ in range(1000):
            publisher.show(answer())
        assert asked.wait(30)
        publisher.show(answer())
    answered.set()
    publisher._thread.join(30)
    assert not publisher._thread.is_alive()


@pytest.mark.usefixtures("quick")
def test_a_wrong_password_is_said_once_and_not_shown(
    tmp_path: Path, classifier: Classifier, capsys: pytest.CaptureFixture[str]
) -> None:
    passwords = tmp_path / "passwords"
    passwords.write_text("camera:right p@ss/word\n", encoding="utf-8")
    with broker(tmp_path, f"allow_anonymous false\npassword_file {passwords}\n") as strict:
        subprocess.run(["mosquitto_passwd", "-U", str(passwords)], check=True, timeout=60)
        strict.stop()
        strict.start()
        refused = f"mqtt://camera:Secret1@127.0.0.1:{strict.port}/door"
        with Publisher(refused, classifier):
            wait_until(lambda: strict.log.read_text("utf-8").count("not authorised") >= 3)
        said = " ".join(capsys.readouterr().err.split())
        right = f"mqtt://camera:right%20p%40ss%2Fword@127.0.0.1:{strict.port}/door"
        with (
            Publisher(right, classifier) as publisher,
            listening(strict.port, ("camera", "right p@ss/word")) as listener,
        ):
            publisher.show(answer())
            listener.wait_for("door/availability", "online")

    shown = f"MQTT broker mqtt://127.0.0.1:{strict.port}"
    assert said == f"warning: {shown}: refuses the connection: Not authorized; trying again"
    assert "p@ss" not in repr(publisher.address) and "Secret1" not in capsys.readouterr().err


# paho-mqtt leaves a socket whose handshake failed to be closed with its last reference.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("quick")
def test_mqtts_is_tls_with_the_authorities_of_the_system(
    tmp_path: Path, classifier: Classifier, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trustme = pytest.importorskip("trustme", reason="trustme, which makes certificates, is not installed")
    authority = trustme.CA()
    own = authority.issue_cert("localhost")
    own.private_key_pem.write_to_path(tmp_path / "key.pem")
    own.cert_chain_pems[0].write_to_path(tmp_path / "certificate.pem")
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    settings = f"allow_anonymous true\ncertfile {tmp_path}/certificate.pem\nkeyfile {tmp_path}/key.pem\n"
    said = ""

    def heard(words: str) -> bool:
        nonlocal said
        said += capsys.readouterr().err
        return words in " ".join(said.split())

    with broker(tmp_path, settings) as encrypted:
        url = f"mqtts://localhost:{encrypted.port}/door"
        with Publisher(url, classifier):
            wait_until(lambda: heard("certificate verify failed"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
        with Publisher(url, classifier):
            wait_until(lambda: heard("connected; the topics begin with door"))


def test_without_paho_there_is_a_command_to_install_it(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "paho.mqtt.client", None)
    with pytest.raises(Unavailable, match=r"MQTT needs paho-mqtt .*\npip install 'tlpipe-edge\[mqtt\]'"):
        Publisher("mqtt://localhost", classifier)


@contextmanager
def running(drawn: Bundle, *arguments: str, **environment: str) -> Iterator["subprocess.Popen[str]"]:
    """The command on one of the drawn images, while it runs."""
    image = str(drawn.path / "golden/0.png")
    command = [sys.executable, "-m", "tlpipe_edge", "camera", str(drawn.path), "--source", image, *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | environment
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_the_broker_says_that_a_killed_camera_is_offline(started: Broker, drawn: Bundle) -> None:
    url = f"mqtt://owner:Secret1@127.0.0.1:{started.port}/door"
    with running(drawn, "--loop", TLPIPE_MQTT=url) as process, listening(started.port) as listener:
        assert process.stdout
        threading.Thread(target=process.stdout.read, daemon=True).start()
        listener.wait_for("door/availability", "online")
        assert listener.state("door")["best"] in drawn.manifest.labels
        command_line = Path(f"/proc/{process.pid}/cmdline").read_text("utf-8")
        process.send_signal(signal.SIGKILL)
        listener.wait_for("door/availability", "offline")
        assert process.stderr
        assert "Secret1" not in process.stderr.read() + command_line


def test_the_command_classifies_and_ends_without_a_broker(drawn: Bundle) -> None:
    pytest.importorskip("paho.mqtt", reason="paho-mqtt, the extra mqtt, is not installed")
    with silent() as port, running(drawn, "--json", "--mqtt", f"mqtt://127.0.0.1:{port}") as process:
        out, said = process.communicate(timeout=60)

    assert process.returncode == 0 and "Traceback" not in said, said
    assert json.loads(out)["label"]
