"""What a device says is checked before it is shown: each field in turn is another thing, or is not there."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tlpipe", reason="the device has no tlpipe")

from tlpipe.benchmark.measure import with_keras
from tlpipe.remote.device_bench import bench_of
from tlpipe_edge.bench import table
from tlpipe_edge.contract.benchmark import KerasResult, to_json
from tlpipe_edge.errors import BadData

BEFORE = Path(__file__).parents[1] / "data/before_rooms"
OTHER_THINGS: tuple[Any, ...] = (None, True, -1, 10**400, "text", [], [1], {}, {"a": 1})
MAX_ITEMS = 2
"""Of a list, the others are alike."""

Place = tuple[str | int, ...]


def document() -> Any:
    """A sound document of a device, with few samples."""
    found = json.loads((BEFORE / "bench-edge.json").read_text())
    found["results"] = found["results"][:1]
    samples = found["results"][0]["samples_ms"]
    found["results"][0]["samples_ms"] = samples and {name: each[:3] for name, each in samples.items()}
    return found


def places(part: Any, place: Place = ()) -> Iterator[Place]:
    """Where values lie, from the outside in."""
    if isinstance(part, dict):
        inside: list[tuple[str | int, Any]] = list(part.items())
    else:
        inside = list(enumerate(part[:MAX_ITEMS])) if isinstance(part, list) else []
    for key, value in inside:
        yield (*place, key)
        yield from places(value, (*place, key))


def shown(text: str) -> str:
    """What a workstation does with the answer of a device. Raises BadData."""
    bench = bench_of(text.encode(), "there")
    return table.render(bench, with_keras(bench, KerasResult())) + to_json([bench])


def test_a_sound_document_is_shown() -> None:
    assert "int8" in shown(json.dumps(document()))


@pytest.mark.parametrize(
    "other", [*OTHER_THINGS, ...], ids=lambda other: "missing" if other is ... else repr(other)[:9]
)
def test_whatever_a_field_is_there_is_one_clear_error_or_none(other: Any) -> None:
    refused = 0
    for place in places(document()):
        damaged = document()
        part = damaged
        for key in place[:-1]:
            part = part[key]
        if other is ...:
            del part[place[-1]]
        else:
            part[place[-1]] = copy.deepcopy(other)
        try:
            shown(json.dumps(damaged))
        except BadData as error:
            refused += 1
            assert error.what.startswith("there: ") and len(str(error).splitlines()) == 2, (place, str(error))
    assert refused > 10


@pytest.mark.parametrize(
    ("place", "other"),
    [
        (("valid",), True),  # with reasons
        (("results", 0, "valid"), True),
        (("results", 0, "invoke_ms", "p50"), -1.0),
        (("results", 0, "invoke_ms", "p50"), 10**400),
        (("results", 0, "stages_ms", "decode"), {}),
        (("results", 0, "cold_start_ms", "total"), "1 s"),
        (("results", 0, "samples_ms", "invoke"), []),
        (("results", 0, "frequency_mhz"), {"before": -200.0, "after": 600.0}),
        (("results", 0, "sha256"), "text"),
        (("results", 0, "bytes"), 0),
        (("results", 0, "threads"), -1),
        (("results", 0, "top1"), 1.01),
        (("results", 0, "per_class"), {"no class": {"images": 1, "correct": 1}}),
        (("conditions", "temperature_c"), {"before": -300.0}),
        (("conditions", "frequency_mhz"), {"after": -1.0}),
        (("images", "labelled"), 10**6),
        (("model", "labels"), ["one"]),
        (("device", "cores"), 0),
        (("schema",), 2),
    ],
)
def test_what_cannot_be_is_refused(place: Place, other: Any) -> None:
    damaged = document()
    part = damaged
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = other

    with pytest.raises(BadData):
        shown(json.dumps(damaged))
