"""Keras models for adopt: the archive and the configuration in it, up to where Keras would build it."""

import json
from pathlib import Path

from fuzz import mutations
from fuzz.loop import Fuzzed
from fuzz.targets import weights
from tlpipe.adopting import inspection, model_file, translation


def layer(name: str, module: str = "keras.layers", **config: object) -> dict[str, object]:
    """A layer as Keras 3 writes it."""
    return {"module": module, "class_name": name, "registered_name": None, "config": {"name": name, **config}}


CONFIG = layer(
    "Sequential",
    "keras",
    dtype={"module": "keras", "class_name": "DTypePolicy", "config": {"name": "mixed_float16"}},
    layers=[
        layer("InputLayer", batch_shape=[None, 8, 8, 3], dtype="float32"),
        layer("Rescaling", scale=0.0039, offset=0.0),
        {"class_name": "Flatten", "config": {"dtype": {"class_name": "Policy", "config": {"name": "mixed_float16"}}}},
        layer("Dense", units=3, kernel_initializer=layer("GlorotUniform", "keras.initializers", seed=None)),
    ],
) | {"build_config": {"input_shape": [None, 8, 8, 3]}, "compile_config": {"optimizer": "adam"}}
ALLOWED = frozenset(
    [("keras.layers", name) for name in ("InputLayer", "Rescaling", "Flatten", "Dense")]
    + [("keras", "Sequential"), ("keras", "DTypePolicy"), ("keras.initializers", "GlorotUniform")]
)
"""For the real one, Keras is imported, which takes seconds."""


def prepare(folder: Path) -> Fuzzed:
    file = folder / "model.keras"
    inspection.allowed = lambda: ALLOWED  # type: ignore[assignment]

    def read(content: bytes) -> None:
        file.write_bytes(content)
        with model_file.unpacked(file) as found:
            translated = translation.translated(found.config)
            inspection.check(translated)

    seeds = [weights.archive(json.dumps(CONFIG))]
    return Fuzzed(read, seeds, mutations.members(mutations.values, of_archive=0.15))
