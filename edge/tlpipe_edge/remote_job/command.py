"""Runs ``tlpipe-edge`` for another machine, and writes the error that ends it to a file as JSON.

python -m tlpipe_edge.remote_job.command FILE ARGUMENT...
"""

import json
import sys
from pathlib import Path

from tlpipe_edge.cli.app import run_program
from tlpipe_edge.cli.commands import app
from tlpipe_edge.contract import codec
from tlpipe_edge.errors import TlpipeError
from tlpipe_edge.remote_job.messages import Failed


def main() -> None:
    """Run the command, with its exit code."""
    file = Path(sys.argv[1])
    sys.argv = ["tlpipe-edge", *sys.argv[2:]]

    def report(error: TlpipeError) -> None:
        file.write_text(json.dumps(codec.as_json(Failed.from_error(error))), encoding="utf-8")

    run_program(app, report=report)


if __name__ == "__main__":
    main()
