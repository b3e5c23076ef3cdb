"""The model card of a bundle, from measured numbers only."""

from importlib.resources import files
from typing import Any

from markupsafe import Markup

from tlpipe.evaluation import worst
from tlpipe.evaluation.worth import worth
from tlpipe.runs.metrics import Metrics
from tlpipe.storage.escaping import environment
from tlpipe_edge.console.text import at_most_worse, percent
from tlpipe_edge.contract.bundle import TRAINING, Bundle
from tlpipe_edge.contract.evaluation import Evaluation
from tlpipe_edge.contract.manifest import Crop

MAX_NAMED = 100
"""Maximum number of labels in a sentence."""
_SQUARE = {
    Crop.CENTER: "ImageOps.fit(upright, ({size}, {size}), Image.Resampling.BOX)",
    Crop.STRETCH: "upright.resize(({size}, {size}), Image.Resampling.BOX)",
    Crop.LETTERBOX: "ImageOps.pad(upright, ({size}, {size}), Image.Resampling.BOX, color=(128, 128, 128))",
}
"""How a client without our code does it with Pillow; its BOX filter is the closest to our resize."""


def render(bundle: Bundle, evaluation: Evaluation) -> str:
    """The card as Markdown."""
    template = environment().from_string((files("tlpipe.evaluation") / "model_card.md.j2").read_text("utf-8"))
    spec, labels = bundle.manifest.image, bundle.manifest.labels
    return template.render(
        manifest=bundle.manifest,
        evaluation=evaluation,
        worth=worth(evaluation.keras.per_class),
        percent=percent,
        at_most_worse=at_most_worse,
        square=Markup(_SQUARE[spec.crop].format(size=spec.size)),
        stages=_stages(bundle),
        max_named=MAX_NAMED,
        listed=worst.listed(labels, [each.per_class for each in (evaluation.keras, *evaluation.artifacts)]),
    )


def _stages(bundle: Bundle) -> list[dict[str, Any]]:
    """Name and metrics of the training stages whose results the bundle carries."""
    suffix = "-metrics.json"
    found = bundle.checked_in(TRAINING, f"[!.]*{suffix}")
    return [{"name": file.name.removesuffix(suffix), "metrics": Metrics.read(file)} for file in found]
