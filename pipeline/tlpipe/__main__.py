"""The command ``tlpipe``, and ``python -m tlpipe``."""

from tlpipe_edge.console import streams
from tlpipe_edge.console.interrupted import ends_at_once


def main() -> None:
    """Import the commands, and run the one that the user named."""
    streams.settle()
    with ends_at_once():
        from tlpipe.cli import commands
    commands.main()


if __name__ == "__main__":
    main()
