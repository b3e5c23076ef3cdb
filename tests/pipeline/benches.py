"""Documents as ``tlpipe bench --json`` writes them, of machines that are not here: numbers are drawn, sums fit."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from tlpipe_edge.classify.accuracy import wilson

LABELS = ("dress", "hat", "longsleeve", "outwear", "pants", "shirt", "shoes", "shorts", "skirt", "t-shirt")
SIZES = {"float32": 8_924_266, "float16": 4_511_434, "dynamic": 2_528_074, "int8": 2_725_112}
KERAS_BYTES, KERAS_SHA256 = 27_102_445, "3c" * 32
INVOKE_MS = {"float32": 7.9, "float16": 8.1, "dynamic": 10.4, "int8": 4.3}
STAGES_MS = {"decode": 1.31, "resize": 0.34, "set_input": 0.02, "read_output": 0.01}
OTHER_ANSWERS = {"float32": 0, "float16": 0, "dynamic": 2, "int8": 5}
"""Images on which an artifact answers other than Keras."""

Document = dict[str, Any]


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
    seed: int = 0,
) -> Document:
    """A bench of ``images`` images. ``slower`` stretches every latency; ``keras`` is not on a device."""
    random = np.random.default_rng(seed)
    truth = np.sort(random.integers(0, len(labels), images))
    of_keras = np.where(random.random(images) < 0.06, random.integers(0, len(labels), images), truth)
    names = {"files": [f"{labels[each]}/{number:04}.jpg" for number, each in enumerate(truth)], "labels": labels}
    results = []
    for recipe in recipes:
        answers = of_keras.copy()
        others = random.choice(images, min(OTHER_ANSWERS[recipe], images), replace=False)
        wrong = np.flatnonzero(of_keras != truth)[: len(others) // 2]  # of these, the artifact is right
        others[: len(wrong)] = wrong
        answers[others] = np.where(of_keras[others] == truth[others], (truth[others] + 1) % len(labels), truth[others])
        for count in threads:
            timing = _timing(random, INVOKE_MS[recipe] * slower / count**0.8, slower)
            results.append(_result(recipe, count, timing, truth, of_keras, answers, names))
    machine = {
        **{"board": board, "cpu": "Cortex-A76", "cores": 4, "machine": "aarch64", "bits": 64},
        **{"os": "Debian GNU/Linux 13 (trixie)", "kernel": "6.12.25+rpt-rpi-2712", "governor": "ondemand"},
        **{"frequency_mhz": 2400.0, "temperature_c": 51.2, "throttling": [], "address": address},
    }
    return {
        "schema": 1,
        "model": {
            "name": "clothing",
            "labels": list(labels),
            "image": {"size": 224, "crop": "center-crop"},
            "keras_sha256": KERAS_SHA256,
        },
        "device": machine,
        "conditions": {
            "date": "2026-11-24T10:05:11+00:00",
            "command": "tlpipe bench exported/clothing --json",
            "python": "3.11.2",
            "versions": {"tlpipe-edge": "0.1.0", "numpy": "1.26.4", "opencv-python-headless": "4.11.0.86"},
            "governor": "ondemand",
            "frequency_mhz": {"before": 1500.0, "after": 2400.0},
            "temperature_c": {"before": 48.3, "after": 51.2},
            "throttling": {"before": [], "after": []},
            "load_average": {"before": [0.12, 0.2, 0.1], "after": [0.98, 0.4, 0.2]},
            "emulated": False,
        },
        "valid": True,
        "invalid_reasons": [],
        "images": {
            **{"name": "test, cut from train", "count": images, "labelled": images, "failed": []},
            "sha256": sha256("images"),
        },
        "skipped": [],
        "results": results,
        "keras": _keras(random, slower, truth, of_keras, labels) if keras else None,
    }


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


def latency(samples: np.ndarray) -> dict[str, float]:
    """The keys of a latency."""
    p50, p90, p95, p99 = map(float, np.percentile(samples, (50, 90, 95, 99)))
    ends = {"mean": samples.mean(), "std": samples.std(), "min": samples.min(), "max": samples.max()}
    return {
        "p50": p50,
        "p90": p90,
        "p95": p95,
        "p99": p99,
        **{k: float(v) for k, v in ends.items()},
        "runs": len(samples),
    }


def _samples(random: np.random.Generator, typical: float, runs: int = 400) -> np.ndarray:
    """Tight around ``typical``, with a tail of interruptions."""
    tail = np.where(random.random(runs) < 0.04, random.exponential(0.35, runs), 0)
    return typical * (1 + random.gamma(2, 0.012, runs) + tail)


def _timing(random: np.random.Generator, invoke: float, slower: float) -> Document:
    stages = {name: _samples(random, typical * slower) for name, typical in STAGES_MS.items()}
    stages["invoke"] = _samples(random, invoke)
    whole = sum(stages.values())
    alone = _samples(random, invoke)
    samples = stages | {"invoke_in_stages": stages["invoke"], "invoke": alone, "end_to_end": whole}
    return {
        "invoke_ms": latency(alone),
        "end_to_end_ms": latency(whole),
        "stages_ms": {name: latency(samples) for name, samples in stages.items()},
        "cold_start_ms": {"process": 41.0, "import": 212.0, "load": 9.1, "first_invoke": 11.9, "total": 274.0},
        "throughput_per_s": float(1000 / whole.mean()),
        **{"throughput_workers": 1, "other_load": 0.03, "frequency_mhz": {"before": 2400.0, "after": 2400.0}},
        "samples_ms": {name: samples.tolist() for name, samples in samples.items()},
    }


def _result(
    recipe: str,
    threads: int,
    timing: Document,
    truth: np.ndarray,
    of_keras: np.ndarray,
    answers: np.ndarray,
    names: Document,
) -> Document:
    labels, files = names["labels"], names["files"]
    return {
        **{"recipe": recipe, "file": f"clothing-{recipe}.tflite", "sha256": sha256(recipe), "bytes": SIZES[recipe]},
        **{"runtime": "ai-edge-litert", "runtime_version": "2.3.0", "delegate": "XNNPACK", "threads": threads},
        **{"valid": True, "invalid_reasons": [], "peak_memory_mb": 71.4, **timing},
        **_rates(truth, answers, labels),
        "agreement": float((answers == of_keras).mean()),
        "compared": len(truth),
        "confusion": _confusion(truth, answers, labels),
        "disagreements": [
            {
                "image": sha256(files[at]),
                "file": f"/home/pi/.cache/tlpipe/{files[at]}",
                "truth": labels[truth[at]],
                "keras": labels[of_keras[at]],
                "answer": labels[answers[at]],
                "keras_score": 0.5 + at % 40 / 100,
                "score": 0.4 + at % 30 / 100,
            }
            for at in map(int, np.flatnonzero(answers != of_keras))
        ],
    }


def _confusion(truth: np.ndarray, answers: np.ndarray, labels: Sequence[str]) -> list[list[int]]:
    places = range(len(labels))
    return [[int(((truth == row) & (answers == column)).sum()) for column in places] for row in places]


def _rates(truth: np.ndarray, answers: np.ndarray, labels: Sequence[str]) -> Document:
    right = answers == truth
    return {
        "top1": float(right.mean()),
        "top1_interval": list(wilson(int(right.sum()), len(truth))),
        "top5": min(1.0, float(right.mean()) + 0.06),
        "per_class": {
            label: {
                "images": int((truth == index).sum()),
                "correct": int(right[truth == index].sum()),
                "top1": float(right[truth == index].mean()) if (truth == index).any() else None,
            }
            for index, label in enumerate(labels)
        },
    }


def _keras(
    random: np.random.Generator, slower: float, truth: np.ndarray, of_keras: np.ndarray, labels: Sequence[str]
) -> Document:
    samples = {"predict": _samples(random, 96.0 * slower, 200), "compiled": _samples(random, 29.0 * slower, 200)}
    return {
        **{"sha256": KERAS_SHA256, "bytes": KERAS_BYTES, **_rates(truth, of_keras, labels)},
        **{f"{name}_ms": latency(values) for name, values in samples.items()},
        "samples_ms": {name: values.tolist() for name, values in samples.items()},
        "versions": {"tensorflow": "2.21.0", "keras": "3.15.1"},
        **{"valid": True, "invalid_reasons": [], "confusion": _confusion(truth, of_keras, labels)},
    }
