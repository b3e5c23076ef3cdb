"""Documents as ``tlpipe bench --json`` writes them, of machines that are not here: numbers are drawn, sums fit."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tlpipe_edge.bench import scoring
from tlpipe_edge.bench.latency import Latency, Rules
from tlpipe_edge.contract.benchmark import Bench, BenchResult, ImageSet, KerasResult, ModelDescription, benches, to_json
from tlpipe_edge.contract.conditions import Conditions, DeviceDescription, Flags, Loads, Span, Temperatures
from tlpipe_edge.contract.latency import Timing
from tlpipe_edge.contract.manifest import ImageSpec
from tlpipe_edge.images.labelled import LabelledImage

LABELS = ("dress", "hat", "longsleeve", "outwear", "pants", "shirt", "shoes", "shorts", "skirt", "t-shirt")
SIZES = {"float32": 8_924_266, "float16": 4_511_434, "dynamic": 2_528_074, "int8": 2_725_112}
KERAS_BYTES, KERAS_SHA256 = 27_102_445, "3c" * 32
INVOKE_MS = {"float32": 7.9, "float16": 8.1, "dynamic": 10.4, "int8": 4.3}
STAGES_MS = {"decode": 1.31, "resize": 0.34, "set_input": 0.02, "read_output": 0.01}
OTHER_ANSWERS = {"float32": 0, "float16": 0, "dynamic": 2, "int8": 5}
"""Images on which an artifact answers other than Keras."""
SHORT = Rules(window_runs=2, window_seconds=0, runs=20, seconds=0, processes=1, full_seconds=0.1)
"""So short that a benchmark says it is invalid."""

Document = dict[str, Any]


def bench(document: Document) -> Bench:
    """The document of one device, as what reads it sees it."""
    (found,) = benches(document, "the test's")
    return found


def document_of(*measured: Bench) -> Document:
    """The document as a program that reads JSON sees it."""
    return dict(json.loads(to_json(measured)))


def sha256(text: str) -> str:
    """Some sum, the same for the same text."""
    return hashlib.sha256(text.encode()).hexdigest()


def document(
    *,
    board: str = "Raspberry Pi 5 Model B Rev 1.0",
    labels: Sequence[str] = LABELS,
    recipes: Sequence[str] = tuple(SIZES),
    threads: Sequence[int] = (1,),
    slower: float = 1.0,
    keras: bool = True,
    address: str | None = None,
    images: int = 307,
    shares: Sequence[float] | None = None,
    wrong: float = 0.06,
    others: Mapping[str, int] = OTHER_ANSWERS,
    seed: int = 0,
) -> Document:
    """A bench of ``images`` images. ``slower`` stretches every latency; ``keras`` is not on a device.

    ``shares`` are those of the classes, ``wrong`` is the share of images on which Keras draws its answer, and
    ``others`` the numbers of images on which a file answers something else.
    """
    random = np.random.default_rng(seed)

    def drawn() -> np.ndarray:
        return (
            random.integers(0, len(labels), images) if shares is None else random.choice(len(labels), images, p=shares)
        )

    truth = np.sort(drawn())
    of_keras = np.where(random.random(images) < wrong, drawn(), truth)
    items = [
        LabelledImage(Path(f"/home/pi/.cache/tlpipe/{name}"), sha256(name), int(each))
        for name, each in ((f"{labels[each]}/{number:04}.jpg", each) for number, each in enumerate(truth))
    ]
    theirs = _scores(of_keras, len(labels), certain=0.5)
    results = []
    for recipe in recipes:
        answers = of_keras.copy()
        places = random.choice(images, min(others[recipe], images), replace=False)
        wins = np.flatnonzero(of_keras != truth)[: len(places) // 2]  # of these, the artifact is right
        places[: len(wins)] = wins
        answers[places] = np.where(of_keras[places] == truth[places], (truth[places] + 1) % len(labels), truth[places])
        ours = _scores(answers, len(labels), certain=0.4)
        for count in threads:
            results.append(
                BenchResult(
                    recipe=recipe,
                    file=f"clothing-{recipe}.tflite",
                    sha256=sha256(recipe),
                    bytes=SIZES[recipe],
                    runtime="ai-edge-litert",
                    runtime_version="2.3.0",
                    delegate="XNNPACK",
                    threads=count,
                    valid=True,
                    invalid_reasons=(),
                    **vars(_timing(random, INVOKE_MS[recipe] * slower / count**0.8, slower)),
                    **vars(scoring.rates(ours, items, labels=labels)),
                    **vars(scoring.against_keras(ours, theirs, items, labels=labels)),
                )
            )
    return document_of(
        Bench(
            model=ModelDescription("clothing", tuple(labels), ImageSpec(224), KERAS_SHA256),
            device=DeviceDescription(
                board=board,
                cpu="Cortex-A76",
                cores=4,
                machine="aarch64",
                bits=64,
                os="Debian GNU/Linux 13 (trixie)",
                kernel="6.12.25+rpt-rpi-2712",
                governor="ondemand",
                frequency_mhz=2400.0,
                temperature_c=51.2,
                throttling=(),
                address=address,
            ),
            conditions=Conditions(
                date="2026-11-24T10:05:11+00:00",
                command="tlpipe bench exported/clothing --json",
                python="3.11.2",
                versions={"tlpipe-edge": "0.1.0", "numpy": "1.26.4", "opencv-python-headless": "4.11.0.86"},
                governor="ondemand",
                frequency_mhz=Span(1500.0, 2400.0),
                temperature_c=Temperatures(48.3, 51.2),
                throttling=Flags((), ()),
                load_average=Loads((0.12, 0.2, 0.1), (0.98, 0.4, 0.2)),
                emulated=False,
            ),
            valid=True,
            invalid_reasons=(),
            images=ImageSet("test, held out from train", images, (), images, sha256("images")),
            results=tuple(results),
            keras=_keras(random, slower, theirs, items, labels) if keras else None,
        )
    )


def invalid(document: Document, reason: str, *, rows: Sequence[int]) -> Document:
    """The same, some of its results marked invalid."""
    results = [
        each | {"valid": False, "invalid_reasons": [reason]} if number in rows else each
        for number, each in enumerate(document["results"])
    ]
    reasons = [f"{results[number]['recipe']}, {results[number]['threads']} thread: {reason}" for number in rows]
    return document | {"valid": False, "invalid_reasons": reasons, "results": results}


def emulated(document: Document) -> Document:
    """The same, without latency."""
    nothing = dict.fromkeys(
        ("invoke_ms", "end_to_end_ms", "stages_ms", "cold_start_ms", "throughput_per_s", "samples_ms", "peak_memory_mb")
    )
    conditions = document["conditions"] | {"emulated": True}
    return document | {"conditions": conditions, "results": [each | nothing for each in document["results"]]}


def latency(samples: np.ndarray) -> Document:
    """The keys of a latency."""
    return vars(Latency(tuple(map(float, samples))).figures())


def _samples(random: np.random.Generator, typical: float, runs: int = 400) -> np.ndarray:
    """Tight around ``typical``, with a tail of interruptions."""
    tail = np.where(random.random(runs) < 0.04, random.exponential(0.35, runs), 0)
    return typical * (1 + random.gamma(2, 0.012, runs) + tail)


def _timing(random: np.random.Generator, invoke: float, slower: float) -> Timing:
    stages = {name: _samples(random, typical * slower) for name, typical in STAGES_MS.items()}
    stages["invoke"] = _samples(random, invoke)
    alone = _samples(random, invoke)
    whole = np.sum(list(stages.values()), axis=0)
    samples = stages | {"invoke_in_stages": stages["invoke"], "invoke": alone, "end_to_end": whole}
    timed = {name: Latency(tuple(map(float, each))) for name, each in samples.items()}
    return Timing(
        invoke_ms=timed["invoke"].figures(),
        end_to_end_ms=timed["end_to_end"].figures(),
        stages_ms={name: Latency(tuple(map(float, each))).figures() for name, each in stages.items()},
        cold_start_ms={"process": 41.0, "import": 212.0, "load": 9.1, "first_invoke": 11.9, "total": 274.0},
        peak_memory_mb=71.4,
        throughput_per_s=float(1000 / whole.mean()),
        throughput_workers=1,
        frequency_mhz=Span(2400.0, 2400.0),
        other_load=0.03,
        samples_ms={name: each.samples_ms for name, each in timed.items()},
    )


def _scores(answers: np.ndarray, classes: int, *, certain: float) -> np.ndarray:
    """(N, classes) float32 of which the best is the answer, with ``certain`` to ``certain`` + 0.39."""
    places = np.arange(len(answers))
    scores = np.zeros((len(answers), classes), np.float32)
    scores[places, answers] = certain + places % 40 / 100
    return scores


def _keras(
    random: np.random.Generator,
    slower: float,
    scores: np.ndarray,
    items: Sequence[LabelledImage],
    labels: Sequence[str],
) -> KerasResult:
    predict, compiled = (
        Latency(tuple(map(float, _samples(random, typical * slower, 200)))) for typical in (96.0, 29.0)
    )
    return KerasResult(
        sha256=KERAS_SHA256,
        bytes=KERAS_BYTES,
        **vars(scoring.rates(scores, items, labels=labels)),
        predict_ms=predict.figures(),
        compiled_ms=compiled.figures(),
        samples_ms={"predict": predict.samples_ms, "compiled": compiled.samples_ms},
        versions={"tensorflow": "2.21.0", "keras": "3.15.1"},
    )
