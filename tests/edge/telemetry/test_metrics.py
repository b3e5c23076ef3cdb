"""The metrics of a camera, read by the parser of Prometheus's own client."""

import threading
import time
from dataclasses import replace

import pytest
from brokers import answer
from prometheus_client.parser import text_string_to_metric_families

from tlpipe_edge import Classifier
from tlpipe_edge.camera.answer import UNKNOWN
from tlpipe_edge.camera.collecting import Status
from tlpipe_edge.machine import device
from tlpipe_edge.telemetry import metrics
from tlpipe_edge.telemetry.metrics import Metrics

Labels = tuple[tuple[str, str], ...]


def read(counted: Metrics) -> dict[tuple[str, Labels], float]:
    """Each sample, by its name and its labels."""
    families = text_string_to_metric_families(counted.text().decode())
    return {(each.name, tuple(sorted(each.labels.items()))): each.value for one in families for each in one.samples}


def value(counted: Metrics, name: str, **labels: str) -> float:
    return read(counted)[name, tuple(sorted(labels.items()))]


def test_a_new_camera_has_counted_nothing(classifier: Classifier) -> None:
    samples = read(Metrics(classifier))

    assert samples["tlpipe_frames_classified_total", ()] == 0 and samples["tlpipe_camera_up", ()] == 0
    for label in (*classifier.labels, UNKNOWN):
        assert samples["tlpipe_predictions_total", (("label", label),)] == 0
    about = {
        "model": "drawn",
        "recipe": "int8",
        "sha256": classifier.sha256,
        "runtime": f"{classifier.session.runtime} {classifier.session.version}",
    }
    assert samples["tlpipe_model_info", tuple(sorted(about.items()))] == 1
    assert not [name for name, _ in samples if name.endswith("_created")]


def test_what_a_frame_counts(classifier: Classifier) -> None:
    counted = Metrics(classifier)
    counted.observe(answer("red ring", score=0.75, dropped=2))
    counted.observe(answer(UNKNOWN, score=0.3, dropped=5))

    assert value(counted, "tlpipe_frames_classified_total") == 2 and value(counted, "tlpipe_frames_dropped_total") == 5
    assert value(counted, "tlpipe_predictions_total", label="red ring") == 1
    assert value(counted, "tlpipe_predictions_total", label=UNKNOWN) == 1
    buckets = [value(counted, "tlpipe_prediction_score_bucket", le=f"0.{tenth}") for tenth in range(1, 10)]
    assert buckets == [0, 0, 1, 1, 1, 1, 1, 2, 2]
    assert value(counted, "tlpipe_prediction_score_sum") == pytest.approx(1.05)
    invoke = {
        le: value(counted, "tlpipe_stage_duration_seconds_bucket", stage="invoke", le=le) for le in ("0.002", "0.005")
    }
    assert invoke == {"0.002": 0, "0.005": 2}  # 2.5 ms
    assert value(counted, "tlpipe_stage_duration_seconds_sum", stage="resize") == pytest.approx(0.001)


def test_an_outage_is_counted_once(classifier: Classifier) -> None:
    """After it, an answer counts its dropped frames from 0."""
    counted = Metrics(classifier)
    counted.observe(answer(dropped=7))
    assert value(counted, "tlpipe_camera_up") == 1
    for _ in range(3):
        counted.outage()
    assert value(counted, "tlpipe_camera_up") == 0 and value(counted, "tlpipe_camera_outages_total") == 1
    counted.observe(answer(dropped=2))
    counted.outage()

    assert value(counted, "tlpipe_frames_dropped_total") == 9 and value(counted, "tlpipe_camera_outages_total") == 2


def test_labels_of_any_characters(classifier: Classifier) -> None:
    strange = 'a "b" \\n\\\nc {d="e"} é,'
    counted = Metrics(classifier)
    counted.observe(replace(answer(), label=strange))

    assert value(counted, "tlpipe_predictions_total", label=strange) == 1


def test_of_many_classes_those_seen_first_are_counted_one_by_one(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classifier, "labels", tuple(map(str, range(1001))))
    counted = Metrics(classifier)
    for number in (*range(1001), 0, 1000):
        counted.observe(answer(str(number)))

    by_label = {labels: n for (name, labels), n in read(counted).items() if name == "tlpipe_predictions_total"}
    assert len(by_label) == metrics.MAX_LABELS + 1 and sum(by_label.values()) == 1003
    assert by_label[("label", "0"),] == 2
    assert by_label[("label", metrics.OTHER),] == 1003 - 100


def test_the_state_of_the_board_and_of_the_process(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "temperature", lambda: 48.25)
    counted = Metrics(classifier)

    assert value(counted, "tlpipe_device_temperature_celsius") == 48.25
    assert 0 < value(counted, "process_start_time_seconds") <= time.time()
    assert value(counted, "process_resident_memory_bytes") > 1e6


def test_a_board_without_a_thermometer(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "temperature", lambda: None)

    assert "celsius" not in Metrics(classifier).text().decode()


def test_the_images_that_are_kept(classifier: Classifier) -> None:
    assert "kept" not in Metrics(classifier).text().decode()
    now = Status(kept=3, bytes=1_500_000, dropped=0)
    counted = Metrics(classifier, kept=lambda: now)
    assert value(counted, "tlpipe_kept_images") == 3 and value(counted, "tlpipe_kept_dropped_total") == 0
    now = Status(kept=2, bytes=1_000_000, dropped=7)
    assert value(counted, "tlpipe_kept_images") == 2 and value(counted, "tlpipe_kept_bytes") == 1e6
    assert value(counted, "tlpipe_kept_dropped_total") == 7


def test_two_cameras_in_one_process_count_apart(classifier: Classifier) -> None:
    one, other = Metrics(classifier), Metrics(classifier)
    one.observe(answer())

    assert value(one, "tlpipe_frames_classified_total") == 1 and value(other, "tlpipe_frames_classified_total") == 0


def test_threads_count_together(classifier: Classifier) -> None:
    counted = Metrics(classifier)

    def observe() -> None:
        for _ in range(500):
            counted.observe(answer(dropped=1))
            counted.text()

    threads = [threading.Thread(target=observe) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert value(counted, "tlpipe_frames_classified_total") == 2000
    assert value(counted, "tlpipe_frames_dropped_total") == 1
    assert value(counted, "tlpipe_predictions_total", label="red ring") == 2000
