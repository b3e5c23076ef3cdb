"""``python -m tlpipe`` is ``tlpipe``."""

from tlpipe.cli.commands import main

main()
