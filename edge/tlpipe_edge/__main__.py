"""``python -m tlpipe_edge`` is ``tlpipe-edge``."""

from tlpipe_edge.cli import main

main()
