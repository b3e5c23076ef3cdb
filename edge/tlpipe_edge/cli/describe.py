"""The text that ``info`` prints: a description of a bundle or of a single .tflite file."""

from pathlib import Path

from tlpipe_edge.classify.classifier import Classifier
from tlpipe_edge.console.text import printable, table, wrapped
from tlpipe_edge.contract import kinds
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.contract.manifest import Artifact, Tensor


def model(path: Path, *, width: int | None = None) -> str:
    """A text of a few lines; what is wider than ``width`` is folded or wrapped.

    Raise MissingInput if there is no model, BadData if it is damaged.
    """
    if path.is_file():
        kinds.refuse_other_file(path)
        return _file(path, width)
    if not path.exists():
        raise kinds.no_model(path)
    return _bundle(Bundle.open(path), width)


def _bundle(bundle: Bundle, width: int | None) -> str:
    manifest, origin = bundle.manifest, bundle.manifest.provenance
    for artifact in manifest.artifacts:
        bundle.read(artifact)
    lines = [
        wrapped(f"{printable(manifest.name)}: {_classes(manifest.labels)}", width),
        f"image: {manifest.image.size} x {manifest.image.size} RGB, {manifest.image.crop}",
        f"from: {printable(origin.run)}, {origin.stage}; {origin.backbone} x {origin.alpha:g}; {origin.created}",
    ]
    if manifest.calibration:
        lines.append(f"calibration: {len(manifest.calibration.images)} images, {manifest.calibration.method}")
    lines += [
        "",
        table(("format", "size", "input", "output", "file"), map(_row, manifest.artifacts), width=width),
        "every file has the sha256 that the manifest names",
    ]
    lines += [wrapped(f"{each.recipe}: {note}", width) for each in manifest.artifacts for note in each.notes]
    return "\n".join(lines)


def _classes(labels: tuple[str, ...]) -> str:
    return f"{len(labels)} classes: {', '.join(map(printable, labels))}"


def _row(artifact: Artifact) -> tuple[str, ...]:
    size = f"{artifact.bytes / 1e6:.2f} MB"
    return artifact.recipe, size, _tensor(artifact.input), _tensor(artifact.output), artifact.file


def _tensor(tensor: Tensor) -> str:
    return f"{tensor.dtype} {'x'.join(map(str, tensor.shape))}" + (
        f" ({tensor.scale:g}, {tensor.zero_point})" if tensor.scale else ""
    )


def _file(path: Path, width: int | None) -> str:
    classifier = Classifier.open(path)
    return "\n".join(
        [
            wrapped(f"{printable(classifier.name)}: {_classes(classifier.labels)}", width),
            f"input: {_tensor(classifier.session.input)}",
            f"output: {_tensor(classifier.session.output)}",
            "no manifest: crop and provenance are unknown; center-crop is used",
        ]
    )
