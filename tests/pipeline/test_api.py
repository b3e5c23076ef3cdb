"""The commands from Python: the values that they print, and what a notebook shows of them."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import tlpipe
from tlpipe.runs.config import Finetuning, Head, Training
from tlpipe.runs.run_folder import Run
from tlpipe_edge.contract.benchmark import Bench, to_json
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.contract.manifest import Crop
from tlpipe_edge.errors import MissingInput, WrongUsage


def test_importing_it_is_quick_quiet_and_without_tensorflow(in_a_process: Callable[..., Any]) -> None:
    done = in_a_process(
        "import sys, tlpipe; heavy = {'tensorflow', 'keras', 'numpy', 'matplotlib', 'cv2'} & set(sys.modules);"
        "tlpipe.Training(image_size=224); print(sorted(heavy), 'tensorflow' in sys.modules)"
    )

    assert (done.stdout, done.stderr) == ("[] False\n", "")


def test_everything_it_offers_is_there() -> None:
    rooms = {room.stem for room in Path(tlpipe.__file__).parent.iterdir()}
    assert not rooms & set(tlpipe.__all__)
    for name in tlpipe.__all__:
        assert getattr(tlpipe, name) is not None
        assert not isinstance(getattr(tlpipe, name), ModuleType), "a room of that name would take its place"
    with pytest.raises(AttributeError, match="no attribute 'traim'"):
        _ = tlpipe.traim  # type: ignore[attr-defined]


def test_the_way_from_images_to_a_report(few: Path, brief: Training, tmp_path: Path) -> None:
    import keras

    epochs: list[int] = []
    seen = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, _: epochs.append(epoch))
    recipe = dataclasses.replace(brief, finetuning=Finetuning(epochs=1, top_layers=1))
    run = tlpipe.train(few, recipe, out=str(tmp_path / "run"), callbacks=[seen])
    assert isinstance(run, Run) and len(epochs) == 1
    tuned = tlpipe.finetune(run)
    assert Training.read(*(stage / "config.json" for stage in tuned.stages)).finetuning == recipe.finetuning
    bundle = tlpipe.export(run, ["float32"], out=tmp_path / "bundle")  # a value from before the second stage
    assert bundle.manifest.provenance.stage == tuned.best
    assert [artifact.recipe for artifact in bundle.manifest.artifacts] == ["float32"]
    evaluation = tlpipe.evaluate(bundle, max_drop=1.0)
    assert evaluation.gate is not None and evaluation.gate.passed
    assert json.loads((bundle.path / "evaluation.json").read_text()) == json.loads(evaluation.to_json())
    report = tlpipe.report(bundle.path, out=tmp_path / "report")
    assert report.verdict.text and (tmp_path / "report/report.html").is_file()

    assert "<th>1-frozen (best)</th>" in run._repr_html_()
    assert "<th>float32</th><td>bundle-float32.tflite</td>" in bundle._repr_html_()
    assert "<th>Keras</th>" in evaluation._repr_html_() and "<th>float32</th>" in evaluation._repr_html_()
    assert report._repr_html_().startswith("<p>")


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        (lambda: Training(batch_size=0), "Training: batch_size: 0 is not valid (expected: at least 1)"),
        (lambda: Training(image_size="64"), "Training: image_size: '64' is not valid (expected: an integer)"),  # type: ignore[arg-type]
        (lambda: Training(alpha=0.9), "alpha 0.9 is not a width multiplier of mobilenet_v2"),
        (lambda: Training(image_size=32), "invalid image size: 32"),
        (lambda: Training(backbone="nix"), "no backbone nix"),
        (lambda: Training(dropout=1.0), "Training: dropout: 1.0 is not valid (expected: less than 1)"),
        (lambda: Training(seed=-1), "Training: seed: -1 is not"),
        (lambda: Training(crop="auto"), "Training: crop: 'auto' is not valid (expected: one of center-crop"),  # type: ignore[arg-type]
        (lambda: Training(head=Finetuning()), "Training: head: Finetuning("),  # type: ignore[arg-type]
        (lambda: Head(learning_rate=-1.0), "Head: learning_rate: -1.0 is not"),
        (lambda: Finetuning(epochs=-1), "Finetuning: epochs: -1 is not"),
    ],
)
def test_a_recipe_outside_its_ranges_is_refused_when_it_is_made(recipe: Callable[[], object], said: str) -> None:
    with pytest.raises(WrongUsage) as refused:
        recipe()
    assert str(refused.value).startswith(said) and len(str(refused.value).splitlines()) == 2


def test_a_crop_and_weights_may_be_given_as_they_come() -> None:
    training = Training(crop="stretch", weights=Path("backbone.weights.h5"))  # type: ignore[arg-type]

    assert training.crop is Crop.STRETCH and training.weights == "backbone.weights.h5"
    (size,) = np.arange(64, 65)
    assert type(Training(image_size=size).image_size) is int


def test_a_benchmark_is_the_commands(
    bundle: Bundle, benchmark: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benches import bench as typed

    from tlpipe.benchmark import measure

    asked: list[Any] = []

    def measured(*given: Any, **named: Any) -> Bench:
        asked.append((given, named))
        return typed(benchmark)

    monkeypatch.setattr(measure, "bench", measured)
    monkeypatch.setattr(measure, "elsewhere", measured)
    found = tlpipe.bench(bundle.path, recipes=["int8"], threads=[1, 2], data="images")
    assert json.loads(to_json([found])) == benchmark and "<th>int8 (latency invalid)</th>" in found._repr_html_()
    (opened, options), named = asked[0]
    assert (opened.path, options.recipes, options.threads) == (bundle.path, ("int8",), (1, 2))
    assert named["data"] == Path("images") and named["command"].startswith("tlpipe.bench(")

    tlpipe.bench(bundle, device="ssh://pi@one")
    assert str(asked[1][0][0]) == "ssh://pi@one:22" or str(asked[1][0][0]) == "ssh://pi@one"
    tlpipe.bench(bundle, threads=2)
    assert asked[2][0][1].threads == (2,)
    for wrong, said in (
        ({"recipes": ["int4"]}, "no format int4"),
        ({"recipes": "int8"}, "recipes='int8': a string, not a list"),
        ({"threads": 0}, r"invalid numbers of threads: \[0\]"),
        ({"threads": ()}, r"invalid numbers of threads: \[\]"),
    ):
        with pytest.raises(WrongUsage, match=said):
            tlpipe.bench(bundle, **wrong)
    (tmp_path / "bench.json").write_text(to_json([found]))
    for name, source in (("values", found), ("files", str(tmp_path / "bench.json"))):
        report = tlpipe.report(bundle, source, out=tmp_path / name)
        assert [group.name for group in report.groups if group.device] == [found.device.board]


def test_run_gives_all_that_it_came_to(few: Path, brief: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    from tlpipe import full_run

    def run(job: Any, **given: Any) -> Any:
        return SimpleNamespace(job=job, **given)

    monkeypatch.setattr(full_run, "run", run)
    done: Any = tlpipe.run(str(few), brief, out="there", overwrite=True)
    assert (done.job.data, done.job.training, done.job.out, done.job.overwrite) == (few, brief, Path("there"), True)
    assert done.command == f"tlpipe.run({str(few)!r})"


def test_wrong_use_is_told_before_tensorflow_loads(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="no run here"):
        tlpipe.finetune(tmp_path)
    with pytest.raises(MissingInput, match="no bundle here"):
        tlpipe.evaluate(str(tmp_path))
    with pytest.raises(WrongUsage, match="formats='int8': a string, not a list"):
        tlpipe.export(tmp_path, "int8")
    with pytest.raises(WrongUsage, match="Training: not a Bundle"):
        tlpipe.evaluate(Training())  # type: ignore[arg-type]
    with pytest.raises(WrongUsage, match="training=224: not a Training"):
        tlpipe.train(tmp_path, 224)  # type: ignore[arg-type]
