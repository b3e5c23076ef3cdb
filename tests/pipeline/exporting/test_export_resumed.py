"""An export and an evaluation that were stopped: nothing is computed twice, and the result is the same."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tlpipe.conversion import convert, recipes
from tlpipe.evaluation import evaluate, per_image
from tlpipe.exporting import assemble
from tlpipe.features import chunks
from tlpipe.runs.run_folder import Run
from tlpipe.storage.checkpoint import Checkpoint
from tlpipe.storage.resume import Resume
from tlpipe_edge.console.interrupted import told
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.contract.limits import Limits

FORMATS = ("float32", "float16", "int8")


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Interrupt after so many saves; 0: not any more."""
    saves, save = [0], Checkpoint.save

    def saved(self: Checkpoint, *arguments: Any, **options: Any) -> None:
        save(self, *arguments, **options)
        saves[0] -= 1
        if saves[0] == 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "save", saved)
    monkeypatch.setattr(Checkpoint, "due", lambda _: True)

    def after(number: int) -> None:
        saves[0] = number

    return after


def contents(bundle: Bundle) -> dict[str, str]:
    """The hashes of the files of a bundle; of the manifest, without the time and the checksum that depends on it."""
    files = {file.name: file.read_bytes() for file in bundle.path.rglob("*") if file.suffix in (".tflite", ".jpg")}
    manifest = json.loads((bundle.path / "manifest.json").read_text())
    del manifest["provenance"], manifest["checksum"]
    for quantization in filter(None, (artifact["quantization"] for artifact in manifest["artifacts"])):
        for attempt in quantization["attempts"]:
            del attempt["seconds"]
    files["manifest.json"] = json.dumps(manifest).encode()
    with np.load(bundle.path / "reference.npz") as arrays:
        files |= {name: array.tobytes() for name, array in arrays.items()}
    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


def test_what_was_converted_is_not_converted_again(
    tiny_run: Run, tmp_path: Path, stopped: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = recipes.parse(FORMATS)
    whole = assemble.export(tiny_run, chosen, tmp_path / "whole/few")
    out, converted, to_tflite = tmp_path / "stopped/few", [], convert.to_tflite

    def noted(function: Any, recipe: recipes.Recipe, **options: Any) -> bytes:
        converted.append(recipe.name)
        return to_tflite(function, recipe, **options)

    monkeypatch.setattr(convert, "to_tflite", noted)
    calls = []
    ends = (
        (2, "after the conversion to float16"),
        (1, "after int8 with rounded kernels"),
        (1, "after the conversion to"),
    )
    for saves, end in (*ends, (1, "after the")):
        stopped(saves)
        converted.clear()
        with pytest.raises(KeyboardInterrupt) as ended:
            assemble.export(tiny_run, chosen, out)
        assert f"The same command continues {end}" in told(ended.value)
        calls.append(list(dict.fromkeys(converted)))
    converted.clear()
    stopped(0)
    bundle = assemble.export(tiny_run, chosen, out)

    assert calls == [["float32", "float16"], ["int8"], [], []] and converted == []
    assert contents(bundle) == contents(whole)
    assert [each.name for each in out.parent.iterdir()] == ["few"]
    with pytest.raises(KeyboardInterrupt):
        stopped(1)
        assemble.export(tiny_run, chosen, tmp_path / "again/few", resume=Resume(restart=True))
    assert converted == ["float32"]


def test_an_evaluation_goes_on_where_it_stopped(
    tiny_run: Run, tmp_path: Path, stopped: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = assemble.export(tiny_run, recipes.parse(("float32",)), tmp_path / "few")
    monkeypatch.setattr(chunks, "CHUNK", 4)
    whole = evaluate.evaluate(bundle).to_json()
    predictions = per_image.read(bundle)
    scored: list[int] = []
    scored_chunks = chunks.scored_chunks

    def noted(work: Any, examples: Any, **options: Any) -> Iterator[chunks.Chunk]:
        scored.append(len(examples))
        return scored_chunks(work, examples, **options)

    monkeypatch.setattr(evaluate, "scored_chunks", noted)
    for saves in (1, 2):
        stopped(saves)
        with pytest.raises(KeyboardInterrupt) as ended:
            evaluate.evaluate(bundle)
    assert "The same command continues after 12 of 15 images." in told(ended.value)
    stopped(0)
    again = evaluate.evaluate(bundle, limits=Limits(min_agreement=0.5))

    assert scored == [15, 11, 3]
    assert dataclasses.replace(again, gate=None).to_json() == whole and again.gate is not None
    for name in ("images", "true_labels", "keras"):
        np.testing.assert_array_equal(getattr(per_image.read(bundle), name), getattr(predictions, name))
    assert not list(bundle.path.glob(".*unfinished*"))

    stopped(1)
    with pytest.raises(KeyboardInterrupt):
        evaluate.evaluate(bundle)
    stopped(0)
    evaluate.evaluate(bundle, resume=Resume(restart=True))
    assert scored[3:] == [15, 15]
