"""Escapes text from outside in Markdown, so that it is never markup."""

import re

import jinja2
from markupsafe import Markup

from tlpipe_edge.console.text import printable

_MARKUP = re.compile(r"[\\`*{}\[\]|$~]|(?<!\w)_+|_++(?!\w)|(?<!\S)#+(?!\S)|\A[+-](?!\S)")
"""In CommonMark and GFM a "_" inside a word is not emphasis, a "#" alone makes a heading, and "+" or "-" begins a list
item. Parentheses make a link only after brackets, which are escaped. Braces are for Liquid."""
_ENTITY = re.compile(r"&(?=#?\w+;)")


def environment() -> jinja2.Environment:
    """The environment for Markdown templates: all text that is not Markup is made ``inert``."""
    return jinja2.Environment(
        # The escaping of jinja2 is for HTML, which is not enough for Markdown.
        autoescape=False,
        finalize=lambda value: inert(value) if isinstance(value, str) and not isinstance(value, Markup) else value,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )


def inert(text: str) -> str:
    """``text`` from outside with all Markdown, HTML and bare URLs escaped, and nothing else."""
    escaped = _MARKUP.sub(lambda found: "".join(map("\\{}".format, found[0])), printable(text))
    escaped = _ENTITY.sub("&amp;", escaped).replace("<", "&lt;").replace(">", "&gt;")
    return escaped.replace("://", ":\\//").replace("www.", "www\\.")
