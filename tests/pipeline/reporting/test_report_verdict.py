"""Which file the report takes, and by what it says so."""

from pathlib import Path

import benches
import pytest
import reports
from reports import changed, made

from tlpipe.reporting.derive import choice, groups
from tlpipe.reporting.document import Basis
from tlpipe.reporting.inputs import BenchSource
from tlpipe_edge.contract.bundle import Bundle

REASON = "disturbed: other processes used 1.12 of 2 cores"


def test_a_bundle_alone_is_reported_without_latency(tmp_path: Path) -> None:
    out = reports.write(tmp_path, bundle=reports.bundle(tmp_path))
    document = reports.read(out)

    assert document["verdict"]["text"] == (
        "Use int8: a file of 0.63 MB; top-1 is 90.0 % (95 % interval 76.9 to 96.0 %) on 40 images, 2.5 percentage "
        "points below Keras; it names the same class as Keras on 97.5 %; its latency is not measured yet."
    )
    assert [stage["best"] for stage in document["training"]] == [3, 2]
    assert "median latency" not in reports.page(out).text
    assert not list(reports.page(out).all("script"))


def test_the_verdict_names_file_device_speed_size_and_accuracy() -> None:
    document = made(benches.document())
    (choice,) = document["verdict"]["choices"]
    row = document["groups"][0]["rows"][choice["row"]]

    assert row["recipe"] == "int8"
    numbers: dict[str, list[float]] = {}
    for part in choice["sentence"]:
        numbers.setdefault(part["unit"], []).append(part["value"])
    assert numbers["ms"] == [row["invoke_ms"]["p50"]]
    assert numbers["times as"] == [row["speedup"], row["size_ratio"]]
    assert row["size_ratio"] == pytest.approx(benches.KERAS_BYTES / benches.SIZES["int8"])
    accuracy = row["accuracy"]
    assert numbers["percent"] == [accuracy["top1"], accuracy["top1_interval"][1], accuracy["agreement"]]
    assert numbers["at most points"] == [accuracy["drop_bound"]]
    assert document["verdict"]["text"].startswith("Use int8 on Raspberry Pi 5 Model B Rev 1.0: ")
    assert document["verdict"]["text"] == "".join(part["text"] for part in document["verdict"]["sentence"])


def test_the_fastest_file_is_taken_only_where_it_is_near_enough_to_keras() -> None:
    document = benches.document()
    far = changed(document, 3, top1=document["keras"]["top1"] - 0.03)

    assert made(document)["verdict"]["choices"][0]["row"] == 3
    assert made(far)["verdict"]["choices"][0]["row"] in (0, 1)


def test_of_files_equally_fast_the_smaller_one_is_taken() -> None:
    document = benches.document(recipes=("float32", "float16"))
    fast, slow = (each["invoke_ms"]["p50"] for each in document["results"])

    assert 1 < slow / fast < choice.AS_FAST
    assert made(document)["verdict"]["choices"][0]["row"] == 1


@pytest.mark.parametrize(("quicker", "threads"), [(1.04, 1), (1.06, 2)])
def test_another_thread_is_advised_only_where_it_gains_something(tmp_path: Path, quicker: float, threads: int) -> None:
    document = benches.document(recipes=("int8",), threads=(2, 1))
    two, one = (each["invoke_ms"] for each in document["results"])
    document = changed(document, 0, invoke_ms={key: one[key] / quicker for key in two} | {"runs": two["runs"]})
    out = reports.write(tmp_path, document)
    read = reports.read(out)
    (chosen,) = read["verdict"]["choices"]

    assert read["groups"][0]["rows"][chosen["row"]]["threads"] == threads
    assert (
        "If several are within 5 % of its median, it is the smallest of them, with the fewest threads."
        in reports.page(out).text
    )


def test_where_everything_is_invalid_nothing_is_chosen_by_latency() -> None:
    document = made(benches.invalid(benches.document(), REASON, rows=range(4)))
    (chosen,) = document["verdict"]["choices"]

    assert document["verdict"]["text"].startswith("Use int8 on Raspberry Pi 5 Model B Rev 1.0: 9.9 times smaller")
    assert document["verdict"]["text"].endswith("; no latency is valid yet.")
    assert chosen["basis"] == Basis.SIZE
    assert " ms" not in document["verdict"]["text"]


def test_accuracy_is_of_so_many_images_as_are_labelled() -> None:
    document = benches.document()
    document["images"] |= {"labelled": 100}

    assert "on 100 images" in made(document)["verdict"]["text"]


def test_the_evaluation_tells_what_a_bench_of_few_images_cannot(tmp_path: Path) -> None:
    """tlpipe-edge bench without --data scores the golden images alone."""
    bundle = reports.bundle(tmp_path)
    manifest = Bundle.open(bundle).manifest
    few = benches.document(labels=manifest.labels, recipes=("int8",), images=6, keras=False)
    few["model"]["keras_sha256"] = manifest.provenance.keras_sha256
    few = changed(few, 0, sha256=manifest.artifacts[0].sha256, disagreements=[], agreement=1.0)
    document = reports.read(reports.write(tmp_path, few, bundle=bundle))

    (choice,) = document["verdict"]["choices"]
    assert (choice["images"], choice["accuracy"]["top1"]) == (40, 0.9)
    assert [group["name"] for group in document["groups"]][1] == "Evaluation"


@pytest.mark.parametrize("way", ["compiled", "predict"])
def test_a_speed_up_over_an_invalid_latency_of_keras_is_not_in_the_verdict(way: str) -> None:
    keras = benches.document()["keras"] | ({} if way == "compiled" else {"compiled_ms": None})
    doubted = keras | {"valid": False, "invalid_reasons": ["throttled: frequency capped now"]}

    assert f"as fast as Keras ({way})" in made(benches.document() | {"keras": keras})["verdict"]["text"]
    assert "as fast as" not in made(benches.document() | {"keras": doubted})["verdict"]["text"]


def test_without_latency_the_manifest_ranks_the_files_also_of_formats_that_are_not_known() -> None:
    document = benches.invalid(benches.document(), REASON, rows=range(4))
    group = groups.of_bench(BenchSource("bench.json", benches.bench(document)), None)
    usual = group.rows[choice.choose(group.rows, [group], {})]
    ranks = {row.sha256: 0 if row.recipe == "float32" else 5 for row in group.rows}

    assert usual.recipe == "int8"
    assert group.rows[choice.choose(group.rows, [group], ranks)].recipe == "float32"
