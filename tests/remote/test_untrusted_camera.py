"""A device that says what it likes to ``tlpipe pull``, through a real sshd: nothing is written where it should not."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kept_images import files, sidecar
from loopback import Device, refused, saying

from tlpipe.remote import ssh
from tlpipe.remote.address import DeviceFolder
from tlpipe.remote.pull import pull
from tlpipe_edge.errors import BadData, TlpipeError, Unavailable, WrongUsage

IMAGE = b"\xff\xd8\xff an image"
SHA256 = hashlib.sha256(IMAGE).hexdigest()


def listing(*paths: str, sha256: object = SHA256) -> dict[str, Any]:
    images = [{"path": path, "sha256": sha256} for path in paths]
    return {"event": "listing", "folder": "/kept", "images": images, "others": 0, "bytes": 0}


def sent(content: bytes, *, size: int, path: str = "cat/1.jpg", **fields: object) -> list[bytes | dict[str, Any]]:
    return [{"event": "sent", "path": path, "sidecar": size, "bytes": len(content), **fields}, content]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    """A device for all of them: it keeps nothing."""
    device = Device(tmp_path_factory.mktemp("shared") / "device")
    yield device
    device.stop()


@pytest.fixture
def there(shared: Device, monkeypatch: pytest.MonkeyPatch) -> Device:
    monkeypatch.setenv("TLPIPE_SSH_OPTIONS", f"-F {shared.config}")
    return shared


@pytest.fixture
def into(tmp_path: Path) -> Path:
    return tmp_path / "kept"


def refused_pull(
    device: Device, monkeypatch: pytest.MonkeyPatch, into: Path, kind: type[TlpipeError], said: str, *lines: Any
) -> None:
    monkeypatch.setattr(ssh.Program, "source", saying(*lines, b"It would wait now."))
    refused(lambda: pull(DeviceFolder(device.address, "collected"), into, free=True), kind, said)
    assert not into.exists() or files(into) == {}


@pytest.mark.parametrize(
    "path",
    [
        *("../1.jpg", "cat/../1.jpg", "../../x/1.jpg", "/etc/1.jpg", "cat/../../1.jpg", "./1.jpg", "cat//1.jpg"),
        *("1.jpg", "a/b/1.jpg", "cat/.bashrc.jpg", ".ssh/1.jpg", "cat/1.png", "cat/authorized_keys", "", "cat/1\0.jpg"),
        "cat/" + "x" * 230 + ".jpg",
    ],
)
def test_a_path_that_is_none_of_an_image(there: Device, monkeypatch: pytest.MonkeyPatch, into: Path, path: str) -> None:
    refused_pull(there, monkeypatch, into, BadData, "listing: images[1].path: ", listing("cat/1.jpg", path))


@pytest.mark.parametrize(
    ("kind", "said", "line"),
    [
        (BadData, "a message that is not JSON", b"Welcome!"),
        (BadData, "images: a path occurs twice", listing("cat/1.jpg", "cat/1.jpg")),
        (BadData, "images[0].sha256: ", listing("cat/1.jpg", sha256="../" * 21 + "x")),
        (BadData, "images[0].sha256: ", listing("cat/1.jpg", sha256=None)),
        (BadData, "bytes: 1000000000000", {**listing(), "bytes": 10**12}),
        (BadData, "an unknown event 'busy'", {"event": "busy", "bytes": 0}),
        (BadData, "it sends what was not asked for", {"event": "freed", "path": "cat/1.jpg", "bytes": 0}),
        (
            Unavailable,
            r"/\x1b[2J: cannot be listed (\x1b[2J)",
            {"event": "not-listed", "folder": "/\x1b[2J", "reason": "\x1b[2J", "bytes": 0},
        ),
        (WrongUsage, r"it may be a or \x1b[2J", {"event": "no-folder", "there": ["a", "\x1b[2J"], "bytes": 0}),
    ],
)
def test_a_listing_that_is_none(
    there: Device, monkeypatch: pytest.MonkeyPatch, into: Path, kind: type[TlpipeError], said: str, line: Any
) -> None:
    refused_pull(there, monkeypatch, into, kind, said, line)


def test_a_listing_without_end(there: Device, monkeypatch: pytest.MonkeyPatch, into: Path) -> None:
    monkeypatch.setattr(ssh, "MAX_LINE", 1000)
    refused_pull(there, monkeypatch, into, BadData, "a message that is not JSON", b"x" * 1000)


@pytest.mark.parametrize(
    ("said", "lines"),
    [
        ("not asked for", sent(IMAGE, size=0, path="cat/2.jpg")),
        ("sent: path: ", sent(IMAGE, size=0, path="../../1.jpg")),
        ("sent: sidecar: ", sent(IMAGE, size=-1)),
        ("bytes: 1000000000000", sent(IMAGE, size=0, bytes=10**12)),
        ("not asked for", [listing("cat/1.jpg")]),
        ("not asked for", [{"event": "freed", "path": "cat/1.jpg", "bytes": 0}]),
    ],
)
def test_an_image_that_was_not_asked_for(
    there: Device, monkeypatch: pytest.MonkeyPatch, into: Path, said: str, lines: list[Any]
) -> None:
    refused_pull(there, monkeypatch, into, BadData, said, listing("cat/1.jpg"), *lines)


ABOUT = sidecar(IMAGE)
OTHER = sidecar(b"another image")


@pytest.mark.parametrize(
    ("reason", "content", "size"),
    [
        ("damaged: its sha256 is not that of when it was kept", ABOUT + IMAGE + b"!", len(ABOUT)),
        ("damaged: its sha256 is not that of when it was kept", IMAGE, 10**9),
        ("its .review.json is about another image", OTHER + IMAGE, len(OTHER)),
        ("its .review.json: not valid JSON (", b"[" * 100_000 + IMAGE, 100_000),
        ("its .review.json: not valid JSON (", b"" + IMAGE, 0),
    ],
)
def test_a_wrong_content_is_named_and_not_kept(
    there: Device, monkeypatch: pytest.MonkeyPatch, into: Path, reason: str, content: bytes, size: int
) -> None:
    monkeypatch.setattr(ssh.Program, "source", saying(listing("cat/1.jpg"), *sent(content, size=size)))

    pulled = pull(DeviceFolder(there.address, "collected"), into, free=True)
    (damaged,) = pulled.damaged
    assert damaged.path == "cat/1.jpg" and damaged.reason.startswith(reason)
    refused(pulled.check, BadData, f"1 image not fetched; the first: cat/1.jpg: {reason}")
    assert pulled.fetched == pulled.freed == 0 and files(into) == {}
