"""The remedies that an export climbs until its int8 file is within the limits on validation."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tlpipe
from tlpipe.conversion import layer_rules, recipes, remedies
from tlpipe.exporting import assemble, ladder
from tlpipe.runs.run_folder import Run
from tlpipe_edge.classify.classifier import Classifier
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.contract.limits import NO_LIMITS, Limits
from tlpipe_edge.contract.quantization import Attempt, Quantization
from tlpipe_edge.tflite.interpreter import Session

INT8 = recipes.parse(["int8"])
CONVERTER, ROUNDED, CORRECTED = (each.name for each in (remedies.CONVERTER, *remedies.REMEDIES))
Command = Callable[..., Any]


def exported(run: Run, out: Path, limits: Limits = NO_LIMITS) -> tuple[Bundle, Quantization]:
    bundle = assemble.export(run, INT8, out, limits=limits)
    quantization = bundle.artifact("int8").quantization
    assert quantization is not None
    return bundle, quantization


@pytest.fixture
def always_the_last_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Session, "read_output", lambda _: np.array([0.0, 0.0, 1.0], np.float32))


@pytest.fixture
def without_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(layer_rules._RULES, layer_rules.layers.DepthwiseConv2D)


def test_without_limits_it_is_the_first_remedy(tiny_run: Run, tmp_path: Path) -> None:
    bundle, quantization = exported(tiny_run, tmp_path / "drawn")
    validation = json.loads((tiny_run.best_stage / "splits.json").read_text("utf-8"))["splits"]["validation"]

    assert [each.remedy for each in quantization.attempts] == [quantization.used] == [ROUNDED]
    assert (quantization.images, quantization.limits) == (len(validation), None)
    assert quantization.attempt.agreement > 0.8 and 0 < quantization.attempt.mean_probability_difference < 0.05
    (note,) = bundle.artifact("int8").notes
    assert note.startswith(f"{ROUNDED}; on {len(validation)} validation images: agreement ")
    assert bundle.manifest.calibration is not None
    assert len(bundle.manifest.calibration.images) <= remedies.CORRECTED_IMAGES


def test_the_first_one_within_the_limits_is_used(
    tiny_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, quantization = exported(tiny_run, tmp_path / "drawn", Limits(max_drop=1.0, min_agreement=0.0))

    assert [each.remedy for each in quantization.attempts] == [CONVERTER, ROUNDED]
    assert quantization.used == ROUNDED and quantization.failures == ()
    first, second = (line for line in capsys.readouterr().err.splitlines() if line.startswith("int8, "))
    assert first.startswith(f"int8, {CONVERTER}: agreement ") and first.endswith(" s")
    assert " points of agreement, mean difference x " in second


@pytest.mark.usefixtures("always_the_last_class")
def test_a_budget_that_nothing_meets_ends_with_1_and_the_best_is_written(
    tlpipe: Command, tiny_run: Run, tmp_path: Path
) -> None:
    done = tlpipe("export", tiny_run.path, "--out", "drawn", "--max-drop", "0.01", "--min-agreement", "0.999")
    bundle = Bundle.open(tmp_path / "drawn")
    quantization = bundle.artifact("int8").quantization
    assert quantization is not None

    assert done.code == 1 and done.stdout == "drawn\n"
    assert [each.remedy for each in quantization.attempts] == [CONVERTER, ROUNDED, CORRECTED]
    differences = {each.remedy: each.mean_probability_difference for each in quantization.attempts}
    assert differences[quantization.used] == min(differences.values())
    error, limits = done.stderr.splitlines()[-2:]
    assert error.startswith(f"error: drawn: the nearest file was written, int8 with {quantization.used}, but top-1 ")
    assert " with Keras" in error and "beyond a limit of the export: top-1 " in bundle.artifact("int8").notes[0]
    assert f"One validation image of {quantization.images} is" in limits
    assert limits.endswith(": more images are needed for such a limit.")


@pytest.mark.parametrize(
    ("agreements", "tried", "used", "code"),
    [
        ((0.98, 0.97, 0.99), 3, CORRECTED, 0),
        ((0.97, 0.99, 0.97), 2, ROUNDED, 0),
        ((0.99, 0.97, 0.97), 3, CONVERTER, 0),
        ((0.97, 0.97, 0.97), 3, ROUNDED, 1),
    ],
)
def test_which_file_is_used(
    tiny_run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    agreements: tuple[float, ...],
    tried: int,
    used: str,
    code: int,
) -> None:
    """The first remedy within the limits, else the converter if it is, else the nearest by the mean difference."""
    compared = ladder._Validation.compared
    distances = iter((0.003, 0.001, 0.002))
    left = iter(agreements)

    def told(self: Any, *given: Any) -> Attempt:
        attempt = compared(self, *given)
        return dataclasses.replace(attempt, agreement=next(left), mean_probability_difference=next(distances))

    monkeypatch.setattr(ladder._Validation, "compared", told)
    _, quantization = exported(tiny_run, tmp_path / "drawn", Limits(None, 0.985))

    assert len(quantization.attempts) == tried
    assert (quantization.used, len(quantization.failures)) == (used, code)


def test_a_budget_that_is_met_says_what_validation_can_tell(tlpipe: Command, tiny_run: Run) -> None:
    done = tlpipe("export", tiny_run.path, "--out", "drawn", "--max-drop", "1")
    assert done.code == 0 and f"int8: {ROUNDED} is within the limits; Keras has a top-1 of " in done.stderr
    assert "warning" not in done.stderr

    done = tlpipe("export", tiny_run.path, "--out", "few", "--max-drop", "0.01", "--min-agreement", "0", "-q")
    assert done.code in (0, 1) and ": more images are needed for such a limit" in done.stderr


@pytest.mark.usefixtures("without_rule")
@pytest.mark.parametrize("limits", [NO_LIMITS, Limits(max_drop=1.0)])
def test_a_layer_without_a_rule_leaves_it_to_the_converter_and_that_is_said(
    tiny_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], limits: Limits
) -> None:
    bundle, quantization = exported(tiny_run, tmp_path / "drawn", limits)

    assert [each.remedy for each in quantization.attempts] == [quantization.used] == [CONVERTER]
    assert quantization.left_out is not None and "no rule for DepthwiseConv2D" in quantization.left_out
    said = capsys.readouterr().err
    assert f"warning: int8: without remedies against rounding errors: {quantization.left_out}\n" in said
    assert quantization.left_out in bundle.artifact("int8").notes[0]
    assert Classifier.open(bundle.path)(bundle.golden().files[0]).label in bundle.manifest.labels
    assert bundle.manifest.calibration is not None
    assert len(bundle.manifest.calibration.images) > remedies.CORRECTED_IMAGES // 2


def test_limits_need_a_format_with_remedies(tlpipe: Command, tiny_run: Run, tmp_path: Path) -> None:
    done = tlpipe("export", tiny_run.path, "--quantize", "float16", "--out", "drawn", "--max-drop", "0.01")

    assert done.code == 2 and "the limits are for int8 alone" in done.stderr
    assert not (tmp_path / "drawn").exists()


def test_python_gets_the_result_of_the_budget(tiny_run: Run, tmp_path: Path) -> None:
    bundle = tlpipe.export(tiny_run, out=tmp_path / "drawn", min_agreement=0.0)
    quantization = bundle.artifact("int8").quantization

    assert quantization is not None and quantization.limits == Limits(None, 0.0)
    assert Bundle.open(bundle.path).artifact("int8").quantization == dataclasses.replace(quantization)
