"""What Prometheus is told of a camera: counters, histograms and gauges in its text format.

https://prometheus.io/docs/instrumenting/exposition_formats/ by prometheus-client, in a registry of its own.
"""

import math
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tlpipe_edge.camera.answer import UNKNOWN, Answer
from tlpipe_edge.classify.classifier import Classifier
from tlpipe_edge.machine import device

if TYPE_CHECKING:
    from tlpipe_edge.camera.collecting import Status

MAX_LABELS = 100
"""Maximum number of labels that are counted one by one. Of a model with more, those that are seen first are; the others
are counted together, as ``OTHER``: each label is a time series that Prometheus keeps."""
OTHER = "(other)"
SCORES = tuple(tenth / 10 for tenth in range(1, 11))
"""Upper bounds of the scores in each bucket."""
SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
"""The same of the durations: a small network takes 2 ms on a workstation, a large one 0.5 s on an old Raspberry Pi."""
STAGES = ("resize", "invoke")


class Metrics:
    """The metrics of one camera. Any thread may call its methods.

    Those of this process, such as its memory and its start, are ``process_...``, as in all programs.
    """

    def __init__(self, classifier: Classifier, *, kept: "Callable[[], Status] | None" = None) -> None:
        """``kept`` says how many images are kept; None if none are."""
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, of when it began
        self._registry = registry = CollectorRegistry()
        Info("tlpipe_model", "The model in use.", registry=registry).info(
            {
                "model": classifier.name,
                "recipe": classifier.recipe,
                "sha256": classifier.sha256,
                "runtime": f"{classifier.session.runtime} {classifier.session.version}",
            }
        )
        self._frames = Counter("tlpipe_frames_classified", "Frames that were classified.", registry=registry)
        self._dropped = Counter(
            "tlpipe_frames_dropped", "Frames that were not classified, as a newer one came.", registry=registry
        )
        self._predictions = Counter(
            "tlpipe_predictions", "Predictions by label; unknown if below the threshold.", ["label"], registry=registry
        )
        self._score = Histogram(
            "tlpipe_prediction_score", "Scores of the best class.", buckets=SCORES, registry=registry
        )
        self._stages = Histogram(
            "tlpipe_stage_duration_seconds", "Time per frame by stage.", ["stage"], buckets=SECONDS, registry=registry
        )
        self._outages = Counter("tlpipe_camera_outages", "How often the frames stopped.", registry=registry)
        self._up = Gauge("tlpipe_camera_up", "1 if the camera gives frames, 0 if not.", registry=registry)
        if device.temperature() is not None:
            heat = Gauge("tlpipe_device_temperature_celsius", "Temperature of the processor.", registry=registry)
            heat.set_function(_temperature)
        if kept is not None:
            registry.register(_KeptImages(kept))
        ProcessCollector(registry=registry)
        few = classifier.labels if len(classifier.labels) <= MAX_LABELS else ()
        self._by_label = {label: self._predictions.labels(label) for label in (*few, UNKNOWN)}
        self._by_stage = {stage: self._stages.labels(stage) for stage in STAGES}
        self._lock = threading.Lock()
        self._last_dropped, self._is_out = 0, False

    def observe(self, answer: Answer) -> None:
        """Count a classified frame."""
        with self._lock:
            self._is_out = False
            self._up.set(1)
            self._frames.inc()
            self._dropped.inc(answer.dropped - self._last_dropped)
            self._last_dropped = answer.dropped
            self._counter(answer.label).inc()
            self._score.observe(answer.score)
            for stage, series in self._by_stage.items():
                series.observe(answer.timings_ms[stage] / 1e3)

    def outage(self) -> None:
        """Note that the camera gives no frames; until the next ``observe``, it is the same outage."""
        with self._lock:
            if not self._is_out:
                self._outages.inc()
            self._is_out = True
            self._last_dropped = 0  # an answer counts from when the camera was opened
            self._up.set(0)

    def text(self) -> bytes:
        """All metrics in text format 0.0.4, UTF-8."""
        return generate_latest(self._registry)

    def _counter(self, label: str) -> Counter:
        """The counter of a label, or that of ``OTHER``."""
        if label not in self._by_label:
            key = label if len(self._by_label) < MAX_LABELS else OTHER
            self._by_label[key] = self._predictions.labels(key)
            return self._by_label[key]
        return self._by_label[label]


class _KeptImages(Collector):
    """The images that the camera keeps, at the time of each request."""

    def __init__(self, kept: "Callable[[], Status]") -> None:
        self._kept = kept

    def collect(self) -> Iterator[Metric]:
        now = self._kept()
        yield GaugeMetricFamily("tlpipe_kept_images", "Images that are kept for the next training.", now.kept)
        yield GaugeMetricFamily("tlpipe_kept_bytes", "Bytes of these images, with their descriptions.", now.bytes)
        yield CounterMetricFamily(
            "tlpipe_kept_dropped", "Frames that were not kept, as the disk was too slow.", now.dropped
        )


def _temperature() -> float:
    heat = device.temperature()
    return math.nan if heat is None else heat
