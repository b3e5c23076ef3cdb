"""Whether a command continues what it left unfinished. A value of the command line: it imports nothing heavy."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Resume:
    """How a command treats what it left unfinished: with ``restart``, it begins anew.

    If it is a step of another command, ``within`` is the KEY of that, and ``made`` is told the sha256 of the main file
    of the result just before that is in its place.
    """

    restart: bool = False
    within: str = ""
    made: Callable[[str], None] = lambda _: None


RESUME = Resume()
"""Of a command of its own: it continues."""
