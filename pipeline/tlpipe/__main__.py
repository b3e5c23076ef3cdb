"""``python -m tlpipe`` is ``tlpipe``."""

from tlpipe.cli import main

main()
