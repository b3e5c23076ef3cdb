"""``python -m tlpipe_edge`` is ``tlpipe-edge``."""

from tlpipe_edge.cli.commands import main

main()
