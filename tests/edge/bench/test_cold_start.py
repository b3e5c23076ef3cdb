"""A model in a process that does nothing else."""

import resource
from pathlib import Path

import pytest

from tlpipe_edge import Bundle, Unavailable
from tlpipe_edge.bench import cold_start
from tlpipe_edge.bench.cold_start import ColdStart


def measured(drawn: Bundle, photograph: Path, *, recipe: str | None = "int8", processes: int = 2) -> ColdStart:
    return cold_start.measure(
        drawn.path, recipe=recipe, threads=1, runtime="auto", image=photograph, processes=processes
    )


def test_each_step_of_a_cold_start_has_its_time_and_all_make_the_total(drawn: Bundle) -> None:
    found = measured(drawn, drawn.golden().files[0], processes=1)

    steps = found.cold_start_ms
    assert steps is not None
    assert list(steps) == ["process", "import", "load", "first_invoke", "total"]
    assert all(milliseconds > 0 for milliseconds in steps.values())
    assert sum(steps.values()) == pytest.approx(2 * steps["total"], abs=0.01)
    assert steps["import"] > steps["first_invoke"]  # a runtime and OpenCV against a network of 0.1 ms


def test_memory_is_that_of_the_process_and_not_of_the_one_that_started_it(drawn: Bundle) -> None:
    ballast = bytearray(400_000_000)
    ballast[::4096] = b"x" * len(ballast[::4096])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 > len(ballast)
    memory = measured(drawn, drawn.golden().files[0]).peak_memory_mb

    assert memory is not None and 20 < memory < 300
    del ballast


def test_a_process_that_does_not_come_through_is_told_with_its_reason(drawn: Bundle) -> None:
    with pytest.raises(Unavailable, match="no format float16"):
        measured(drawn, drawn.golden().files[0], recipe="float16")
    with pytest.raises(Unavailable, match=r"gone\.png"):
        measured(drawn, Path("gone.png"))
