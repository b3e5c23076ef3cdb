"""What scripts may rely on: the names of the device package, and the commands of both programs."""

import pytest
import typer

import tlpipe_edge
from tlpipe_edge.cli import commands

SURFACE = {
    *("Answer", "Bundle", "Classifier", "Outage", "Prediction", "watch"),
    *("BadConfiguration", "BadData", "Busy", "GateNotMet", "MissingInput", "TlpipeError", "Unavailable", "WrongUsage"),
}


def commands_of(app: typer.Typer) -> set[str]:
    return set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def test_the_surface_is_flat_and_whole() -> None:
    assert set(tlpipe_edge.__all__) == SURFACE
    assert all(getattr(tlpipe_edge, name).__name__ == name for name in SURFACE)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = tlpipe_edge.Nothing


def test_the_classifier_has_what_the_readme_shows() -> None:
    from inspect import signature

    parameters = ["model", "recipe", "threads", "runtime", "labels", "mean", "std"]
    assert list(signature(tlpipe_edge.Classifier.open).parameters) == parameters
    assert {"label", "score", "top_k"} <= set(dir(tlpipe_edge.Prediction))
    assert {"labels", "scores", "timings_ms"} <= set(tlpipe_edge.Prediction.__annotations__)


def test_the_commands_of_the_device() -> None:
    assert commands_of(commands.app) >= {"classify", "info", "doctor", "camera", "bench"}


def test_the_commands_of_the_workstation() -> None:
    cli = pytest.importorskip("tlpipe.cli.commands", reason="the device has no tlpipe")

    assert commands_of(cli.app) >= {
        *("train", "finetune", "export", "evaluate", "explain", "bench", "report", "run", "demo", "config", "adopt"),
        *("score", "web", "pull"),
    }
