"""tlpipe-edge on another machine, through a real sshd: what is sent, and what comes back."""

import json
import os
import shutil
from pathlib import Path

import pytest
from loopback import DRAWN, GOLDEN, Device, classified, impatient, refused

from tlpipe.data.dataset import Example
from tlpipe.remote import device_bench, ssh
from tlpipe.remote.address import Address
from tlpipe_edge import Bundle
from tlpipe_edge.errors import BadData, MissingInput, WrongUsage


def test_a_second_run_sends_and_installs_nothing(
    bare: Device, wheels: Path, files: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    expected = [f"images/{file.name}" for file in GOLDEN]
    assert classified(bare, files, wheelhouse=wheels) == expected
    said = capsys.readouterr().err
    assert "sending files" in said and "installing tlpipe-edge" in said
    assert len(list(bare.cache.glob("files/*"))) == len({file.read_bytes() for file in files.values()})  # no wheels
    assert list(bare.home.iterdir()) == [bare.home / ".cache"]

    assert classified(bare, files) == expected
    said = capsys.readouterr().err
    assert "nothing to send" in said and "installing" not in said


def test_only_the_changed_file_is_sent(
    device: Device, files: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    classified(device, files)
    shutil.copy(files["images/1.png"], files["images/0.png"])
    with files["images/0.png"].open("ab") as stream:
        stream.write(b"\0")
    files["images/renamed.png"] = files.pop("images/3.png")
    capsys.readouterr()

    assert "images/renamed.png" in classified(device, files)
    assert "sending files, 0.0 MB (1)" in capsys.readouterr().err


def test_a_file_that_was_damaged_there_is_sent_again(
    device: Device, files: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    classified(device, files)
    capsys.readouterr()
    max(device.cache.glob("files/*"), key=lambda file: file.stat().st_size).write_bytes(b"damaged")

    classified(device, files)
    assert "(1)" in capsys.readouterr().err


def test_names_are_never_interpreted(device: Device, files: dict[str, Path], tmp_path: Path) -> None:
    names = ["a b", "'", '"', "new\nline", "$(touch X)", "`touch X`", "-rf", "--data", "; touch X", "\\n", "*", "é"]
    names += ["\udcff", "\u202e", "{}", "%s", "~", "!!", "a" * 250]
    folder = tmp_path / "named"
    folder.mkdir()
    for name in names:
        shutil.copy(GOLDEN[0], folder / f"{name}.png")
    named = {f"images/{name}.png": folder / f"{name}.png" for name in names}
    bundle = {name: file for name, file in files.items() if name.startswith("bundle/")}

    assert sorted(classified(device, bundle | named)) == sorted(named)
    assert not list(device.home.rglob("X"))


def test_arguments_are_never_interpreted(device: Device) -> None:
    refused(
        lambda: device_bench.run_edge(device.address, {}, ["info", "$(touch X) 'a\nb"]),
        MissingInput,
        "$(touch X) 'a\\nb",
    )
    assert not list(device.home.rglob("X"))


def test_a_long_answer_is_whole(device: Device, files: dict[str, Path]) -> None:
    """Longer than a pipe holds."""
    copies = {f"images/{number:04} {'x' * 200}.png": files["images/0.png"] for number in range(300)}
    assert set(copies) <= set(classified(device, files | copies))


def test_a_shell_that_greets_does_not_matter(device: Device, files: dict[str, Path]) -> None:
    device.log_in_with(before="echo Welcome; printf 'no newline'; echo warning >&2")

    assert classified(device, files)


@pytest.mark.parametrize("shell", ["bash", "dash", "zsh", "fish", "tcsh"])
def test_any_usual_shell_will_do(device: Device, files: dict[str, Path], shell: str) -> None:
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"{shell} is not installed")
    device.log_in_with(shell=found)

    assert classified(device, files)


def test_what_tlpipe_edge_says_there_is_said_here(device: Device, files: dict[str, Path]) -> None:
    error = refused(
        lambda: device_bench.run_edge(device.address, files, ["classify", "bundle", "images", "--recipe", "float16"]),
        WrongUsage,
        f"{device.address}: bundle: no format float16",
    )
    assert error.advice == "It holds int8."


def test_old_ones_are_bounded(device: Device, files: dict[str, Path]) -> None:
    for number in range(5):
        files["images/0.png"].write_bytes(GOLDEN[0].read_bytes() + bytes(number))
        classified(device, files)

    trees = list(device.cache.glob("trees/*"))
    kept = {sha256 for tree in trees for _, sha256 in json.loads((tree / "listing.json").read_text())}
    assert len(trees) == 3
    assert {file.name for file in device.cache.glob("files/*")} == kept


def test_a_bench_comes_back_with_its_address(
    device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The device hears every second that somebody is there, and would give up after ten without it.

    It knows no label of one of the images, which is said.
    """
    impatient(monkeypatch, seconds=10.0)
    monkeypatch.setattr(ssh, "PULSE_SECONDS", 1.0)
    bundle = Bundle.open(DRAWN)
    known = dict(zip(bundle.reference().images, bundle.reference().true_labels, strict=True))
    examples = [
        Example(file, int(known[content.sha256]), content.sha256)
        for file, content in ((file, device_bench.Content.read(file)) for file in GOLDEN)
    ]
    (tmp_path / "new.png").write_bytes(GOLDEN[0].read_bytes() + b"\0")
    images = device_bench.in_folders(examples, bundle.manifest.labels) | {"class 1/new.png": tmp_path / "new.png"}
    count = len(GOLDEN) + 1
    bench = device_bench.bench_on(
        device.address, bundle, images, images_name="test, held out from train", recipes=["int8"]
    )

    assert bench.device.address == str(device.address)
    assert bench.images is not None
    assert (bench.images.name, bench.images.count) == ("test, held out from train", count)
    said = f"accuracy covers {len(GOLDEN)} of {count} images: the other labels cannot be names of folders"
    assert said in capsys.readouterr().err
    (result,) = bench.results
    assert (result.recipe, result.threads, result.agreement) == ("int8", 1, 1.0)
    assert sum(each.images for each in (result.per_class or {}).values()) == len(GOLDEN)
    assert (bench.conditions.command or "").startswith("tlpipe-edge bench bundle ")


@pytest.mark.skipif("TLPIPE_INDEX" not in os.environ, reason="TLPIPE_INDEX is not set: it takes wheels from an index")
def test_dependencies_come_from_the_devices_own_index(bare: Device, files: dict[str, Path]) -> None:
    own = "; ".join(f"export {key}='{value}'" for key, value in os.environ.items() if key.startswith("PIP_"))
    configuration = Path.home() / ".config/pip/pip.conf"
    if configuration.is_file():
        shutil.copytree(configuration.parent, bare.home / ".config/pip")
    bare.log_in_with(before=own)

    assert classified(bare, files)


def test_photographs_are_in_a_folder_for_their_label() -> None:
    labels = ("a b", "x/y", "class 1", "..", "n" * 300)
    files = ("1/p.jpg", "2/p.jpg", "2/p.jpg", "p.jpg", "q.jpg", "-r.png", "s.jpg", "t.jfif", "u", ".v.jpg", "Thumbs.db")
    kinds = (0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0)
    named = device_bench.in_folders([Example(Path(f), k, "") for f, k in zip(files, kinds, strict=True)], labels)

    assert list(named) == [
        *(
            "a b/p.jpg",
            "a b/p-2.jpg",
            "a b/p-3.jpg",
            "class 1_/p.jpg",
            "class 1/q.jpg",
            "class 3/-r.png",
            "class 4/s.jpg",
            "a b/t.jfif",
            "a b/u",
            "a b/image.jpg",
            "a b/image-2.jpg",
        )
    ]
    assert list(map(str, named.values())) == list(files)


def test_names_outside_are_refused() -> None:
    for name in ("/etc/passwd", "../x", "images/../../x", "a\0b"):
        refused(
            lambda name=name: device_bench.run_edge(Address("host"), {name: Path()}, []), BadData, "not a path below"
        )  # type: ignore[misc]
