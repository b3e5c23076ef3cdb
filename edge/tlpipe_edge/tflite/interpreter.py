"""The only module that imports a TFLite runtime: it makes a session, for one image at a time, from a model's bytes."""

import contextlib
import importlib
import importlib.metadata
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tlpipe_edge.contract.manifest import Tensor
from tlpipe_edge.errors import BadData, Unavailable, WrongUsage, listed

RUNTIMES = {
    "ai-edge-litert": "ai_edge_litert.interpreter",
    "tflite-runtime": "tflite_runtime.interpreter",
}
"""Distribution -> module, in the order in which ``auto`` tries them."""

_STDERR = threading.Lock()


class Session:
    """A model in memory with its tensors allocated; one input, one output, batch 1.

    ``input`` and ``output`` describe the tensors, ``runtime`` and ``version`` the runtime. Do not share a session
    between threads: give each thread its own.
    """

    def __init__(self, model: bytes, *, threads: int = 1, runtime: str = "auto", keep_tensors: bool = False) -> None:
        """Load and allocate. ``keep_tensors``: so that ``read_tensor`` can read them, without a delegate.

        Raise Unavailable if there is no runtime, BadData if the runtime refuses the model.
        """
        if threads < 1:
            raise WrongUsage(f"invalid number of threads: {threads}", "Use 1 or more.")
        self.runtime, self.version = find(runtime)
        module = importlib.import_module(RUNTIMES[self.runtime])
        self.threads = threads
        try:
            with _stderr_silenced():
                kept: dict[str, Any] = {}
                if keep_tensors:
                    without = module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
                    kept = {"experimental_preserve_all_tensors": True, "experimental_op_resolver_type": without}
                self._interpreter = module.Interpreter(model_content=model, num_threads=threads, **kept)
                self._interpreter.allocate_tensors()
            (input_details,) = self._interpreter.get_input_details()
            (output_details,) = self._interpreter.get_output_details()
        except (ValueError, RuntimeError) as error:
            reason = str(error).splitlines()[0] if str(error) else "no reason given"
            advice = "Export it again."
            if "Didn't find op" in reason:  # the operator is newer than the runtime: FULLY_CONNECTED 12, in `dynamic`
                advice = "Use another format, float16 or int8, or install ai-edge-litert."
            raise BadData(f"{self.runtime} {self.version} cannot run this model: {reason}", advice) from error
        self.input, self._input_index = _tensor(input_details), input_details["index"]
        self.output, self._output_index = _tensor(output_details), output_details["index"]

    @property
    def delegate(self) -> str | None:
        """XNNPACK if the runtime delegated operators to it; None if not, or if that is unknown.

        The runtimes have no public function for it. A delegate appears as additional operators of the model.
        """
        operators: list[dict[str, Any]] = getattr(self._interpreter, "_get_ops_details", list)()
        return "XNNPACK" if any(operator["op_name"] == "DELEGATE" for operator in operators) else None

    def set_input(self, tensor: np.ndarray) -> None:
        """Copy a tensor of ``input``'s dtype and shape into the model."""
        self._interpreter.set_tensor(self._input_index, tensor)

    def invoke(self) -> None:
        """Run the model once. Raise BadData if the runtime fails, which can depend on the image."""
        try:
            self._interpreter.invoke()
        except RuntimeError as error:
            reason = " ".join(str(error).split()) or "no reason given"
            what = f"{self.runtime} {self.version} fails while the model runs: {reason}"
            raise BadData(what, "Use another model, or export it again.") from error

    def read_output(self) -> np.ndarray:
        """A copy of the output as float32, without its batch axis if it has one, dequantized if it is an integer."""
        raw = self._interpreter.get_tensor(self._output_index)
        raw = raw[0] if raw.ndim > 1 and len(raw) == 1 else raw
        if self.output.scale:
            return np.float32(self.output.scale) * (raw.astype(np.float32) - np.float32(self.output.zero_point))
        return np.asarray(raw, np.float32)

    def read_tensor(self, number: int) -> np.ndarray:
        """A copy of a tensor by its number in the graph, as it is stored. Only for a session that keeps them."""
        return np.asarray(self._interpreter.get_tensor(number))

    def run(self, tensor: np.ndarray) -> np.ndarray:
        """``set_input``, ``invoke`` and ``read_output`` in one."""
        self.set_input(tensor)
        self.invoke()
        return self.read_output()


@contextlib.contextmanager
def _stderr_silenced() -> Iterator[None]:
    """The C++ code of the runtimes always prints its delegate on stderr; its errors come as exceptions."""
    with _STDERR, Path(os.devnull).open("wb") as nowhere:
        sys.stderr.flush()
        saved = os.dup(2)
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)


def check_name(wanted: str) -> None:
    """Raise WrongUsage if the name is neither "auto" nor that of a runtime, installed or not."""
    if wanted != "auto" and wanted not in RUNTIMES:
        raise WrongUsage(f"no runtime {wanted}", f"Choose {listed(('auto', *RUNTIMES))}.")


def find(wanted: str) -> tuple[str, str]:
    """Distribution and version of the runtime ``wanted``, or with "auto" of the first that is installed.

    Raise WrongUsage if the name is unknown, Unavailable if the runtime is not installed or cannot be loaded.
    """
    check_name(wanted)
    for distribution in RUNTIMES if wanted == "auto" else [wanted]:
        try:
            importlib.import_module(RUNTIMES[distribution])
            return distribution, importlib.metadata.version(distribution)
        except ImportError:
            continue
    missing = "ai-edge-litert or tflite-runtime" if wanted == "auto" else wanted
    raise Unavailable(f"the TFLite runtime is not installed ({missing})", f"pip install {missing.split()[0]}")


def _tensor(details: dict[str, Any]) -> Tensor:
    scale, zero_point = details["quantization"]
    shape = tuple(int(length) for length in details["shape"])
    return Tensor(np.dtype(details["dtype"]).name, shape, float(scale), int(zero_point))
