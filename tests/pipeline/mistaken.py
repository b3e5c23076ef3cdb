"""A program that makes mistakes: it runs commands and calls that must fail, and says how they do.

It reads a list of mistakes, each a command line or a call, from stdin, and writes a list of outcomes to stdout.
"""

import hashlib
import io
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

HEAVY = {"tensorflow", "keras"}
CLOSED = "closed"
"""Nothing may be written into folders of this name: the tests may run as root, who may write everywhere."""


class Watch:
    """What was imported of ``HEAVY``, which cannot be imported here, and which images were hashed."""

    def __init__(self) -> None:
        self.imported: list[str] = []
        self.hashed: list[str] = []
        self._digest, self._access = hashlib.file_digest, os.access

    def find_spec(self, name: str, *_: object) -> None:
        if name in HEAVY:
            self.imported.append(name)
            raise ImportError(f"{name} was imported")

    def file_digest(self, stream: Any, *rest: Any) -> Any:
        if not str(stream.name).endswith((".keras", ".h5", ".tflite", ".npz")):
            self.hashed.append(str(stream.name))
        return self._digest(stream, *rest)

    def access(self, path: Any, mode: int, **named: Any) -> bool:
        closed = mode & os.W_OK and CLOSED in Path(path).parts
        return not closed and self._access(path, mode, **named)


def called(name: str, *arguments: Any, **named: Any) -> None:
    """A function of the Python API; ``training`` and ``finetuning`` are the values of a recipe."""
    import tlpipe
    from tlpipe_edge.errors import TlpipeError

    try:
        for values in (named, named.get("training", {})):
            if "finetuning" in values:
                values["finetuning"] = tlpipe.Finetuning(**values["finetuning"])
        if "training" in named:
            named["training"] = tlpipe.Training(**named["training"])
        getattr(tlpipe, name)(*arguments, **named)
    except TlpipeError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


def commanded(*arguments: str) -> None:
    from tlpipe.cli.commands import main

    sys.argv = ["tlpipe", *arguments]
    main()


def outcome(mistake: Callable[..., None], arguments: Sequence[Any], named: dict[str, Any]) -> tuple[int, str, str]:
    """The exit code, stdout and stderr."""
    kept = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (io.TextIOWrapper(io.BytesIO(), write_through=True) for _ in range(2))
    code = 0
    try:
        mistake(*arguments, **named)
    except SystemExit as ended:
        code = int(ended.code or 0)
    except Exception:
        traceback.print_exc()
        code = 70
    finally:
        out, said = (stream.buffer.getvalue().decode() for stream in (sys.stdout, sys.stderr))  # type: ignore[attr-defined]
        sys.stdout, sys.stderr = kept
    return code, out, said


def main() -> None:
    watch = Watch()
    sys.meta_path.insert(0, watch)  # type: ignore[arg-type]
    hashlib.file_digest, os.access = watch.file_digest, watch.access  # type: ignore[assignment]
    found = []
    for arguments, named in json.load(sys.stdin):
        watch.imported, watch.hashed = [], []
        call = arguments[0] == "call"
        code, out, said = outcome(called if call else commanded, arguments[1:] if call else arguments, named)
        row = {"code": code, "out": out, "said": said, "imported": watch.imported, "hashed": watch.hashed}
        found.append(row)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
