"""The text that ``info`` prints: a description of a bundle or of a single .tflite file."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tlpipe_edge.classify.classifier import Model as ClassifierModel
from tlpipe_edge.classify.classifier import of_file, opened
from tlpipe_edge.classify.model_file import NO_OPTIONS, FileOptions
from tlpipe_edge.console.text import printable, table, wrapped
from tlpipe_edge.contract import kinds
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.contract.files import read
from tlpipe_edge.contract.manifest import Artifact, Tensor
from tlpipe_edge.errors import TlpipeError
from tlpipe_edge.tflite import graph, metadata, verify
from tlpipe_edge.tflite.graph import MAX_SHOWN, Graph
from tlpipe_edge.tflite.verify import Unsuitable

MAX_NAMED = 100
"""Maximum number of classes that are named."""
LAST = 3
"""Number of operators at the end that are shown."""


def model(path: Path, options: FileOptions = NO_OPTIONS, *, width: int | None = None) -> Iterator[str]:
    """Texts of one or more lines; what is wider than ``width`` is folded or wrapped.

    Of a single file, all is described that is sound, whether it is a classifier or not. Raise MissingInput if there is
    no model, BadData if it is damaged, and at the end the errors of the runtime that cannot run a classifier.
    """
    if path.is_file():
        kinds.refuse_other_file(path)
        yield from _file(path, options, width)
        return
    if not path.exists():
        raise kinds.no_model(path)
    options.refuse(path)
    yield _bundle(Bundle.open(path), width)


def _bundle(bundle: Bundle, width: int | None) -> str:
    manifest, origin = bundle.manifest, bundle.manifest.provenance
    checked = bundle.check()
    elsewhere = f"trained elsewhere ({printable(origin.adopted.file)})" if origin.adopted else ""
    network = elsewhere or f"{origin.backbone} x {origin.alpha:g}"
    lines = [
        wrapped(f"{printable(manifest.name)}: {_classes(manifest.labels)}", width),
        f"image: {manifest.image.size} x {manifest.image.size} RGB, {manifest.image.crop}",
        f"from: {printable(origin.run)}, {origin.stage}; {network}; {origin.created}",
    ]
    if manifest.calibration:
        lines.append(f"calibration: {len(manifest.calibration.images)} images, {manifest.calibration.method}")
    lines += [
        "",
        table(("format", "size", "input", "output", "file"), map(_row, manifest.artifacts), width=width),
        wrapped(printable(str(checked)), width),
    ]
    lines += [wrapped(f"{each.recipe}: {note}", width) for each in manifest.artifacts for note in each.notes]
    return "\n".join(lines)


def _classes(labels: tuple[str, ...]) -> str:
    more = f" and {len(labels) - MAX_NAMED:,} more" if len(labels) > MAX_NAMED else ""
    return f"{len(labels)} classes: {', '.join(map(printable, labels[:MAX_NAMED]))}{more}"


def _row(artifact: Artifact) -> tuple[str, ...]:
    size = f"{artifact.bytes / 1e6:.2f} MB"
    return artifact.recipe, size, _tensor(artifact.input), _tensor(artifact.output), artifact.file


def _tensor(tensor: Tensor) -> str:
    return f"{tensor.dtype} {'x'.join(map(str, tensor.shape))}" + (
        f" ({tensor.scale:g}, {tensor.zero_point})" if tensor.scale else ""
    )


def _file(path: Path, options: FileOptions, width: int | None) -> Iterator[str]:
    content, where = read(path), str(path)
    graphs = graph.read(content, where=where)
    described = metadata.read(content, where=where)
    title = f"TFLite Metadata of {described.name!r}" if described else "no TFLite Metadata"
    yield printable(f"{path.name}: {len(content) / 1e6:.2f} MB, {title}")
    yield from _graph(graphs[0], width)
    if len(graphs) > 1:
        yield f"graphs: {len(graphs)}; this is the first"
    if names := graph.signatures(content, where=where):
        yield wrapped(f"signatures: {', '.join(map(printable, names))}", width)
    found = _classifier(path, content, options)
    if isinstance(found, TlpipeError):
        place = "" if found.where == str(path) else f"{found.where}: "
        yield printable(f"no classifier for tlpipe-edge: {place}{found.reason.removeprefix('refused: ')}")
        yield printable(found.advice)
        return
    yield wrapped(f"{printable(found.name)}: {_classes(found.labels)}", width)
    yield from map(printable, found.notes)
    yield "no manifest: its provenance is unknown"
    opened(found, where, threads=1, runtime="auto")


def _graph(found: Graph, width: int | None) -> Iterator[str]:
    for name, numbers in (("input", found.inputs), ("output", found.outputs)):
        for number in numbers[:MAX_SHOWN]:
            yield printable(f"{name}: {_tensor(found.tensor(number))} {found.name(number)}".rstrip())
        if len(numbers) > MAX_SHOWN:
            yield f"and {len(numbers) - MAX_SHOWN} more"
    counted = Counter(step.name for step in found.steps).most_common()
    counts = ", ".join(f"{count} {printable(name)}" for name, count in counted)
    yield wrapped(f"operators: {len(found.steps)}: {counts}", width)
    yield wrapped(f"last operators: {', '.join(printable(step.name) for step in found.steps[-LAST:])}", width)


def _classifier(path: Path, content: bytes, options: FileOptions) -> ClassifierModel | TlpipeError:
    """The file as a classifier, or why a sound file is none. Raise BadData if it is damaged, and the errors about what
    the user named."""
    try:
        verify.check(content, where=str(path))
    except Unsuitable as error:
        return error
    try:
        return of_file(path, options)
    except TlpipeError as error:
        if options.labels is not None and not isinstance(error, Unsuitable):
            raise
        return error
