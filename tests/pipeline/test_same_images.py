"""The same folder gives the same images to every command, and the same line on what is passed over."""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import benches
import junk
import numpy as np
import pytest

import tlpipe
from tlpipe.benchmark import measure
from tlpipe.data import loading
from tlpipe.data.dataset import Dataset
from tlpipe.evaluation import per_image
from tlpipe.remote import device_bench
from tlpipe.remote.address import Address
from tlpipe.runs import run_folder
from tlpipe.runs.config import Training
from tlpipe.runs.run_folder import Run
from tlpipe_edge.bench import run as edge_bench
from tlpipe_edge.bench.target import BenchOptions, find_images, read_target
from tlpipe_edge.camera import sources
from tlpipe_edge.cli import commands as edge_commands
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.errors import Unavailable
from tlpipe_edge.images import decode, labelled

LABEL = "kryss"


@pytest.fixture
def strewn(few: Path) -> Path:
    """Eight images of each class, seven more by other names, and all kinds of what is no image."""
    junk.rename(few, LABEL, sorted((few / LABEL).iterdir())[:5])
    junk.strew(few, LABEL)
    return few


def images(folder: Path) -> list[Path]:
    """The images of ``strewn``, found without the walk, in the order of their names."""
    odd = [folder / LABEL / name for name in junk.NAMES]
    linked = [folder / LABEL / session / "linked.jpg" for session in ("session 2", "session 3")]
    numbered = [file for file in folder.glob("*/[0-9][0-9].*") if file.parent.name[0] not in "._@$"]
    return sorted((*numbered, *odd, *linked))


def contents(folder: Path) -> Counter[tuple[str, str]]:
    """How often each content is in each class."""
    return Counter(
        (hashlib.sha256(file.read_bytes()).hexdigest(), file.relative_to(folder).parts[0]) for file in images(folder)
    )


def assert_told(stderr: str, folder: Path) -> None:
    """What was passed over is said once, in one line."""
    (line,) = (line for line in stderr.splitlines() if "passed over" in line)
    counted, _, advice = line.removeprefix(f"warning: {folder}: passed over ").partition(". ")
    assert junk.counted(counted) == set(junk.PASSED_OVER)
    assert advice == "raw photographs: Develop it, and save it as JPEG. JPEG 2000 images: Convert it to JPEG"


def test_there_are_31(strewn: Path) -> None:
    assert len(images(strewn)) == 24 + 7


def test_train(strewn: Path, brief: Training, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tlpipe.train(strewn, brief, out=tmp_path / "run")
    kept = Dataset.read(run.best_stage / run_folder.SPLITS)

    found = [(each.file, kept.labels[each.label]) for examples in kept.splits.values() for each in examples]
    assert sorted(file for file, _ in found) == images(strewn)
    assert all(file.relative_to(strewn).parts[0] == label for file, label in found)
    assert_told(capsys.readouterr().err, strewn)


def test_evaluate(strewn: Path, bundle: Bundle, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = Path(shutil.copytree(bundle.path, tmp_path / "copy"))
    keras = run.path / run.best / run_folder.MODEL
    assert tlpipe.evaluate(copy, data=strewn, keras=keras).images == len(images(strewn))

    scored = per_image.read(Bundle.open(copy))
    labels = bundle.manifest.labels
    pairs = zip(scored.images, scored.true_labels, strict=True)
    assert Counter((bytes(each).hex(), labels[at]) for each, at in pairs) == contents(strewn)
    assert_told(capsys.readouterr().err, strewn)


def test_bench(strewn: Path, bundle: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    options = BenchOptions(("int8",), rules=benches.SHORT)
    here = measure.bench(bundle, options, command="tlpipe bench", data=strewn, keras_calls=())
    assert_told(capsys.readouterr().err, strewn)
    target = read_target(bundle.path, options)
    there = edge_bench.bench(target, find_images(target, strewn), options, command="tlpipe-edge bench")
    assert_told(capsys.readouterr().err, strewn)

    assert here.images is not None and there.images is not None
    assert here.images.count == here.images.labelled == len(images(strewn))
    assert (there.images.count, there.images.labelled, there.images.sha256) == (
        here.images.count,
        here.images.labelled,
        here.images.sha256,
    )
    assert here.results[0].top1 == there.results[0].top1


def test_bench_on_a_device(strewn: Path, bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = bundle.manifest.labels
    _, examples = loading.labelled(strewn, labels)
    assert_told(capsys.readouterr().err, strewn)
    for name, file in device_bench.in_folders(examples, labels).items():
        there = tmp_path / "device" / name
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, there)
    found = labelled.below(tmp_path / "device", labels=labels, reference=None)

    assert Counter((each.sha256, labels[each.label or 0]) for each in found.items) == contents(strewn)
    assert "passed over" not in capsys.readouterr().err


def test_bench_on_several_devices_says_it_once(
    strewn: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sent: list[int] = []

    def bench_on(_address: Address, _bundle: Bundle, files: Mapping[str, Path], **_: object) -> None:
        sent.append(len(files))
        raise Unavailable("out of reach")

    monkeypatch.setattr(device_bench, "bench_on", bench_on)
    devices = [Address.parse(f"ssh://pi@{name}") for name in ("one", "two")]
    with pytest.raises(Unavailable):
        measure.everywhere(devices, bundle, BenchOptions(), command="tlpipe bench", data=strewn)

    assert sent == [len(images(strewn))] * 2
    assert_told(capsys.readouterr().err, strewn)


def test_a_folder_that_is_no_class_is_said_alike(few: Path, bundle: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    (few / LABEL).rename(few / "Kryss")
    labels = bundle.manifest.labels
    _, examples = loading.labelled(few, labels)
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: ")]
    found = labelled.below(few, labels=labels, reference=None)

    assert len(examples) == sum(each.label is not None for each in found.items) == 16
    foreign = "'Kryss' (8 images; did you mean 'kryss'? They differ in case)"
    assert said == [f"warning: {few}: not a class of the model, so it does not count for accuracy: {foreign}"]
    assert capsys.readouterr().err.splitlines() == said


def test_classify(
    strewn: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["tlpipe-edge", "classify", str(bundle.path), str(strewn), "--json"])
    with pytest.raises(SystemExit) as ended:
        edge_commands.main()
    done = capfd.readouterr()

    assert ended.value.code in (0, None)
    assert [row["file"] for row in json.loads(done.out)["images"]] == [str(file) for file in images(strewn)]
    assert_told(done.err, strewn)


def test_camera(strewn: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sources, "IMAGE_SECONDS", 0.0)
    frames = list(sources.read(str(strewn)))

    assert len(frames) == len(images(strewn))
    for frame, file in zip(frames, images(strewn), strict=True):
        np.testing.assert_array_equal(frame, decode.decode(file))
    assert_told(capsys.readouterr().err, strewn)


def test_camera_tells_it_once_while_it_loops(
    strewn: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sources, "IMAGE_SECONDS", 0.0)
    frames = sources.read(str(strewn), loop=True)
    for _ in range(2 * len(images(strewn)) + 1):
        next(frames)

    assert_told(capsys.readouterr().err, strewn)
