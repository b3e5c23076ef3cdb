"""Keeps what was typed as a source or a token out of errors, which name what was typed, and end up in logs."""

import os
import re
import sys
from pathlib import Path

from tlpipe_edge.camera import address
from tlpipe_edge.console.text import printable

_TOKEN = "TLPIPE_PREVIEW_TOKEN"
_LOGIN = re.compile(r"://|:.*@", re.DOTALL)


def redact(text: str) -> str:
    """An error, with each URL of the command line as ``address.shown`` has it, and without the token."""
    hidden = {argument: address.shown(argument) for argument in _arguments() if _LOGIN.search(argument)}
    tokens = [os.environ.get(_TOKEN, ""), *(value for name, value in _options() if name == "--token")]
    for url, shown in hidden.items():
        for form in (url, str(Path(url)), printable(url)):
            text = text.replace(form, shown)
    for token in filter(str.strip, tokens):
        text = re.sub(rf"(?<!\w){re.escape(token)}(?!\w)", "...", text)
    if any(name in ("--source", "--token", "--mqtt") for name, _ in _options()):  # the value may have had a blank in it
        text = re.sub(r"(got unexpected extra argument(?:s|\(s\))?) \([^\n]*\)", r"\1", text, flags=re.IGNORECASE)
    return text


def _options() -> list[tuple[str, str]]:
    """Each option with the argument behind it, or behind its ``=``."""
    pairs = []
    for argument, following in zip(sys.argv[1:], [*sys.argv[2:], ""], strict=True):
        if argument.startswith("--"):
            name, equals, value = argument.partition("=")
            pairs.append((name, value if equals else following))
    return pairs


def _arguments() -> list[str]:
    """The values of options, and all else; the longest first, as one may be a part of another."""
    return sorted({*(value for _, value in _options()), *sys.argv[1:]}, key=len, reverse=True)
