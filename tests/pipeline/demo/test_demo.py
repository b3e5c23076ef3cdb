"""The demo proves something: its embedded backbone is better than a random one, and its job ends well, offline."""

import dataclasses
import functools
import json
import shlex
import statistics
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import benches
import h5py
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tlpipe.benchmark import measure
from tlpipe.data import loading
from tlpipe.data.augment import View
from tlpipe.demo import digits
from tlpipe.features import prefix
from tlpipe.features.extractor import Extractor
from tlpipe.features.prefix import Prefix
from tlpipe.network import build
from tlpipe.runs.config import Finetuning, Training
from tlpipe_edge.bench.target import BenchOptions
from tlpipe_edge.contract.benchmark import Bench
from tlpipe_edge.contract.bundle import Bundle

SEEDS = (0, 1, 2)
MAX_ERRORS = 0.6
"""Of those that a random backbone makes: the embedded one has learned something that carries over to digits."""


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A third of the digits of each class."""
    folder = digits.write_images(tmp_path_factory.mktemp("demo") / "digits")
    for number, file in enumerate(sorted(folder.rglob("*.png"))):
        if number % 3:
            file.unlink()
    return folder


def errors(weights: str, images: Path, seed: int) -> int:
    """Test errors of a linear classifier on the frozen features of a backbone, half of the digits held out."""
    photographs = loading.load(images, test_fraction=0.5, seed=seed)
    config = dataclasses.replace(digits.TRAINING, weights=weights, seed=seed)

    def converted() -> bytes:
        whole = build.build(
            config.backbone,
            alpha=config.alpha,
            size=config.image_size,
            weights=weights,
            labels=photographs.labels,
            dropout=0,
            seed=seed,
        )
        return prefix.to_tflite(whole, "pooling")

    key = weights if weights != "none" else f"random {seed}"
    pooled = Prefix(key, "pooling", functools.cache(converted))
    extractor = Extractor(pooled, config.spec, "float32")
    rows, labels = {}, {}
    for split, examples in photographs.splits.items():
        rows[split] = extractor.extract(examples, View(), what=split).rows.take(np.arange(len(examples)))
        labels[split] = np.array([example.label for example in examples])
    head = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(rows["train"], labels["train"])
    return int((head.predict(rows["test"]) != labels["test"]).sum())


def test_embedded_backbone_makes_fewer_errors_than_a_random_one(images: Path) -> None:
    ratios = [errors(str(digits.BACKBONE), images, seed) / errors("none", images, seed) for seed in SEEDS]
    assert statistics.median(ratios) <= MAX_ERRORS, ratios


def test_embedded_weights_are_small_half_floats() -> None:
    assert digits.BACKBONE.stat().st_size <= 2_000_000
    kinds = set()
    with h5py.File(digits.BACKBONE) as file:
        file.visititems(lambda _, item: kinds.add(item.dtype) if isinstance(item, h5py.Dataset) else None)
    assert kinds == {np.dtype(np.float16)}


def test_demo_ends_with_a_bundle_a_table_and_a_report(
    tlpipe: Callable[..., Any], brief: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the smallest network, some of the digits and a short benchmark; .ci/check_demo.py checks the accuracy of the
    demo as it is."""
    folder = digits.write_images(tmp_path / "runs" / "demo-images")
    for number, file in enumerate(sorted(folder.rglob("*.png"))):
        if number % 6:
            file.unlink()
    finetuning = Finetuning(top_layers=3, epochs=1)
    monkeypatch.setattr(digits, "TRAINING", dataclasses.replace(brief, finetuning=finetuning))
    bench = measure.bench

    def short(bundle: Bundle, options: BenchOptions, **named: Any) -> Bench:
        return bench(bundle, dataclasses.replace(options, rules=benches.SHORT), **named)

    monkeypatch.setattr(measure, "bench", short)
    done = tlpipe("demo")
    assert done.code == 0, done.stderr
    for name in ("Keras", "float32", "float16", "dynamic", "int8", "p50 latency", "tlpipe-edge classify"):
        assert name in done.stdout
    assert "\n\n\n" not in done.stdout
    verdict, page, *_, classify, _, bench_more = done.stdout.splitlines()[-7:]
    assert page == "reports/demo/report.html"
    assert bench_more.endswith("tlpipe bench exported/demo --out bench.json")
    words = shlex.split(classify.split("  ")[-1])
    ran = subprocess.run(words, check=True, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert ran.stdout.startswith("exported/demo/golden/")
    report = json.loads((tmp_path / "reports/demo/report.json").read_text())
    assert [stage["name"] for stage in report["training"]] == ["1-frozen", "2-finetuned"]
    (timed,) = [group for group in report["groups"] if group["device"]]
    assert len(timed["rows"]) == 1
    assert timed["keras"]["compiled_ms"] is not None and timed["keras"]["predict_ms"] is None
    assert "the benchmark took" in done.stderr
    assert report["verdict"]["text"] == verdict
    headings = [line for line in done.stderr.splitlines() if " of 6  " in line]
    assert [heading[0] for heading in headings] == list("123456") and "about " in done.stderr
