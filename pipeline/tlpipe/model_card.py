"""The model card of a bundle, from measured numbers only."""

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from tlpipe_edge.bundle import Bundle
from tlpipe_edge.errors import BadData
from tlpipe_edge.manifest import Crop
from tlpipe_edge.terminal import printable

_SQUARE = {
    Crop.CENTER: "ImageOps.fit(upright, ({size}, {size}), Image.Resampling.BOX)",
    Crop.STRETCH: "upright.resize(({size}, {size}), Image.Resampling.BOX)",
    Crop.LETTERBOX: "ImageOps.pad(upright, ({size}, {size}), Image.Resampling.BOX, color=(128, 128, 128))",
}
"""What a client without our code does in Pillow's words; its BOX comes closest to ours."""

_MARKUP = re.compile(r"[\\`*{}\[\]|$~]|(?<!\w)_+|_++(?!\w)|(?<!\S)#+(?!\S)|\A[+-](?!\S)")
"""In CommonMark and GFM a "_" inside a word is no emphasis, a "#" makes a heading where it stands alone, and "+" or "-"
begins an item of a list; parentheses make a link only behind brackets, and those are escaped. Braces are Liquid's."""
_ENTITY = re.compile(r"&(?=#?\w+;)")


def render(bundle: Bundle, evaluation: dict[str, Any]) -> str:
    """The card as Markdown. ``evaluation`` is the document of ``evaluate``."""
    template = environment().from_string((files("tlpipe") / "assets" / "model_card.md.j2").read_text("utf-8"))
    spec = bundle.manifest.image
    return template.render(
        manifest=bundle.manifest,
        evaluation=evaluation,
        square=Markup(_SQUARE[spec.crop].format(size=spec.size)),
        stages=_stages(bundle),
    )


def environment() -> jinja2.Environment:
    """For templates of Markdown: all text that is not Markup is made ``inert``."""
    return jinja2.Environment(
        # Markdown, not HTML: what jinja2 would escape is not all that Markdown acts on.
        autoescape=False,
        finalize=lambda value: inert(value) if isinstance(value, str) and not isinstance(value, Markup) else value,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def inert(text: str) -> str:
    """``text`` from outside with what Markdown or HTML would act on escaped, bare addresses too, and nothing else."""
    escaped = _MARKUP.sub(lambda found: "".join(map("\\{}".format, found[0])), printable(text))
    escaped = _ENTITY.sub("&amp;", escaped).replace("<", "&lt;").replace(">", "&gt;")
    return escaped.replace("://", ":\\//").replace("www.", "www\\.")


def _stages(bundle: Bundle) -> list[dict[str, Any]]:
    """Name and metrics of the training stages whose results the bundle carries."""
    suffix = "-metrics.json"
    found = sorted((bundle.path / "training").glob(f"*{suffix}"))
    return [{"name": file.name.removesuffix(suffix), "metrics": _read(file)} for file in found]


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text())
    except ValueError as error:
        raise BadData(f"{file}: damaged ({error})", "Export the run again.") from None
