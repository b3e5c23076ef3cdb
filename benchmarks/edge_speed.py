"""The device's code against the usual script (`usual.py`) and MediaPipe Tasks: bytes to tensor, to label, a folder.

python benchmarks/edge_speed.py BUNDLE_224 BUNDLE_160 IMAGES [ROUNDS]: the int8 files of both, one thread. For each
image the contestants take turns, in another order each time. MediaPipe is left out if it is not installed.
"""

import importlib.util
import io
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import harness
import usual
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from tlpipe_edge import Bundle, Classifier
from tlpipe_edge.classify import batch
from tlpipe_edge.images import decode

MAX_IMAGES, MAX_LARGE = 200, 12
LARGE_SIZE = (4000, 3000)
Contestant = Callable[[bytes], object]


def main() -> None:
    """Measure, and publish medians and their ratios."""
    bundles = {224: Path(sys.argv[1]), 160: Path(sys.argv[2])}
    rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 3
    files = sorted(Path(sys.argv[3]).rglob("*.jpg"))
    files = files[:: max(1, len(files) // MAX_IMAGES)][:MAX_IMAGES]
    contents = [file.read_bytes() for file in files]
    results: dict[str, Any] = {}
    for size, bundle in bundles.items():
        results[f"bytes to tensor, {size} px"] = _to_tensor(bundle, contents * rounds)
        results[f"bytes to label, {size} px"] = _to_label(bundle, contents * rounds)
        if importlib.util.find_spec("mediapipe"):
            results[f"pixels to label, {size} px"] = _against_mediapipe(bundle, contents * rounds)
    large = [_enlarged(content) for content in contents[:MAX_LARGE]]
    results["bytes to label, 12 megapixels, 224 px"] = _to_label(bundles[224], large * rounds)
    results[f"a folder of {len(files)}, all cores, 224 px"] = _folder(bundles[224], files, rounds)
    results["one photograph, whole process, 224 px"] = _process(bundles[224], files[0], rounds)
    harness.publish("edge_speed", {"photographs": len(files), "rounds": rounds, "results": results})


def _classifier(bundle: Path) -> Classifier:
    return Classifier.open(bundle, recipe="int8", threads=1)


def _file(bundle: Path) -> Path:
    return bundle / Bundle.open(bundle).artifact("int8").file


def _interpreter(bundle: Path) -> Any:
    interpreter = Interpreter(model_path=str(_file(bundle)), num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


def _to_tensor(bundle: Path, contents: Sequence[bytes]) -> dict[str, Any]:
    spec = Bundle.open(bundle).manifest.image
    return _alternate(
        contents,
        usual=lambda content: usual.tensor(content, spec.size),
        ours=lambda content: decode.load(content, spec),
    )


def _to_label(bundle: Path, contents: Sequence[bytes]) -> dict[str, Any]:
    ours, theirs = _classifier(bundle), _interpreter(bundle)
    return _alternate(
        contents,
        usual=lambda content: usual.classify(theirs, usual.tensor(content, ours.image.size)),
        ours=lambda content: ours(content).label,
    )


def _alternate(contents: Sequence[Any], **contestants: Contestant) -> dict[str, Any]:
    """Median milliseconds of each contestant, and its ratio to ours."""
    for work in contestants.values():
        for content in contents[:5]:
            work(content)
    samples = harness.alternate(contents, {name: harness.seconds(work) for name, work in contestants.items()})
    return _compared({name: 1e3 * harness.median(values) for name, values in samples.items()}, "median_ms")


def _compared(figures: dict[str, float], unit: str) -> dict[str, Any]:
    return {unit: figures, "times_ours": {name: value / figures["ours"] for name, value in figures.items()}}


def _against_mediapipe(bundle: Path, contents: Sequence[bytes]) -> dict[str, Any]:
    """The same file and the same pixels, from Python, one thread (off a phone MediaPipe's default for XNNPACK)."""
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

    ours = _classifier(bundle)
    options = vision.ImageClassifierOptions(base_options=BaseOptions(model_asset_path=str(_file(bundle))))
    with vision.ImageClassifier.create_from_options(options) as theirs:
        return _alternate(
            [decode.load(content, ours.image) for content in contents],
            mediapipe=lambda pixels: theirs.classify(mediapipe.Image(mediapipe.ImageFormat.SRGB, pixels)),
            ours=lambda pixels: ours(pixels).label,
        )


def _enlarged(content: bytes) -> bytes:
    """The image as a camera of 12 megapixels would store it."""
    with Image.open(io.BytesIO(content)) as image:
        large = image.convert("RGB").resize(LARGE_SIZE, Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    large.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _folder(bundle: Path, files: Sequence[Path], rounds: int) -> dict[str, Any]:
    """Seconds for all images: the usual loop, two workers with one thread each, one classifier with two threads."""
    theirs, two_threads = _interpreter(bundle), Classifier.open(bundle, recipe="int8", threads=2)

    def workers(_: int) -> None:
        for _prediction in batch.classify(
            lambda: _classifier(bundle), files, workers=batch.workers(len(files), threads=1)
        ):
            pass

    contestants: dict[str, Callable[[int], object]] = {
        "usual": lambda _: [usual.classify(theirs, usual.tensor(file.read_bytes(), 224)) for file in files],
        "ours": workers,
        "one classifier of two threads": lambda _: [two_threads(file) for file in files],
    }
    samples = harness.alternate(range(rounds), {name: harness.seconds(work) for name, work in contestants.items()})
    return _compared({name: harness.median(values) for name, values in samples.items()}, "median_s")


def _process(bundle: Path, photo: Path, rounds: int) -> dict[str, Any]:
    """Process start to prediction, against the usual script with the interpreter of TensorFlow."""
    commands = {
        "usual": [sys.executable, str(Path(usual.__file__)), str(_file(bundle)), str(photo)],
        "ours": [sys.executable, "-m", "tlpipe_edge", "classify", str(bundle), str(photo), "--recipe", "int8"],
    }
    samples = harness.alternate(range(rounds), {name: partial(_run, command) for name, command in commands.items()})
    return _compared({name: harness.median(values) for name, values in samples.items()}, "median_s")


def _run(command: Sequence[str], _: int) -> float:
    return harness.run(command, environment={"TF_CPP_MIN_LOG_LEVEL": "3"}).seconds


if __name__ == "__main__":
    main()
