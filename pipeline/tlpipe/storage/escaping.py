"""Markdown with text from outside in it: what a renderer would act on is made inert."""

import re

import jinja2
from markupsafe import Markup

from tlpipe_edge.console.text import printable

_MARKUP = re.compile(r"[\\`*{}\[\]|$~]|(?<!\w)_+|_++(?!\w)|(?<!\S)#+(?!\S)|\A[+-](?!\S)")
"""In CommonMark and GFM a "_" inside a word is no emphasis, a "#" makes a heading where it stands alone, and "+" or "-"
begins an item of a list; parentheses make a link only behind brackets, and those are escaped. Braces are Liquid's."""
_ENTITY = re.compile(r"&(?=#?\w+;)")


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
