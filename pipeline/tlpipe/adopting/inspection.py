"""Whether a configuration names nothing but known, built-in parts of Keras; told from the JSON, before any is made.

It is an allow-list: what Keras may add, and what carries code or reads files (Lambda, TFSMLayer, TorchModuleWrapper,
the lookups of texts), is refused until it is listed.
"""

from collections.abc import Iterator
from functools import cache

from tlpipe.adopting.model_file import Json
from tlpipe_edge.errors import BadData

_LAYERS = (
    *("activations", "attention", "convolutional", "core", "merging", "normalization", "pooling", "regularization"),
    *(
        "reshaping",
        "rnn",
        "preprocessing.image_preprocessing",
        "preprocessing.normalization",
        "preprocessing.rescaling",
    ),
)
"""The modules of keras.src.layers whose classes are allowed, but for ``_CODE``."""
_CODE = {"Lambda"}
_PARTS = ("initializers", "regularizers", "constraints")
_MODELS = {"Functional", "Model", "Sequential"}
_OTHERS = {
    ("keras", "DTypePolicy"),
    ("keras.dtype_policies", "DTypePolicy"),
    ("keras.random", "SeedGenerator"),
    ("keras.src.applications.convnext", "LayerScale"),
}
_OPERATIONS = ("keras.src.ops.numpy", "keras.src.ops.nn")
"""The modules of the operations that functional code such as ``x / 127.5 - 1`` puts into a model."""
_VALUES = {"__tensor__", "__numpy__", "__keras_tensor__", "__ellipsis__", "__slice__", "__tuple__", "TensorShape"}
"""Names of classes that stand for plain values."""
_KERAS_2 = {"TFOpLambda": "an operation of TensorFlow", "SlicingOpLambda": "an operation of TensorFlow"}

_BUILT_IN = "Only models of built-in Keras layers can be adopted: replace it, and save the model again."


def check(config: dict[str, Json]) -> None:
    """Raise BadData, which names the layer, for the first part that is not allowed."""
    for part, layer in _parts(config):
        reason = _refused(part)
        if reason:
            raise BadData(f"layer {layer[:60]!r} {reason}" if layer else f"the model {reason}", _BUILT_IN)


def _parts(config: Json) -> Iterator[tuple[dict[str, Json], str]]:
    """Every object that says its class, each with the name of the nearest layer around it."""
    waiting: list[tuple[Json, str]] = [(config, "")]
    while waiting:
        value, layer = waiting.pop()
        if isinstance(value, dict):
            inner = value.get("config")
            if "class_name" in value:
                named = inner.get("name") if isinstance(inner, dict) else value.get("name")
                layer = named if isinstance(named, str) and not _is_value(value) else layer
                yield value, layer
            waiting += [(each, layer) for each in value.values()]
        elif isinstance(value, list):
            waiting += [(each, layer) for each in reversed(value)]


def _is_value(part: dict[str, Json]) -> bool:
    name = str(part.get("class_name"))
    return name in _VALUES or name.endswith("Policy")


def _refused(part: dict[str, Json]) -> str:
    """Why a part is not allowed; empty if it is."""
    name, module, registered = part.get("class_name"), part.get("module"), part.get("registered_name")
    if not isinstance(name, str) or not isinstance(module, str | None) or not isinstance(registered, str | None):
        return "has no valid class"
    shown = name[:60]
    if name in _VALUES:
        return ""
    if name in _CODE or name == "__lambda__":
        return "is a Lambda: it carries code, which is not run"
    if name == "function":
        return f"refers to a function ({str(part.get('config'))[:60]}), which is not looked up"
    if name in _KERAS_2:
        return f"is {_KERAS_2[name]} ({shown} of Keras 2), which Keras 3 does not read"
    if registered not in (None, name):
        return f"is of the custom class {registered[:60]}"
    if module is None and any(name == known for _, known in allowed()):
        return ""
    if (module, name) in allowed():
        return ""
    return f"is of the class {shown}{f' (module {module[:60]})' if module else ''}, which is not a known one of Keras"


@cache
def allowed() -> frozenset[tuple[str, str]]:
    """Module and name of every allowed class of the installed Keras."""
    from tlpipe.network.backend import keras

    modules = tuple(f"keras.src.layers.{name}" for name in _LAYERS)
    layers = {name for name, kind in _classes(keras.layers) if kind.__module__.startswith(modules)} - _CODE
    found = {("keras.layers", name) for name in layers}
    for part in _PARTS:
        found |= {(f"keras.{part}", name) for name, _ in _classes(getattr(keras, part))}
    for module in _OPERATIONS:
        found |= {(module, name) for name in _operations(module)}
    found |= {(module, name) for name in _MODELS for module in ("keras", "keras.models")}
    return frozenset(found | _OTHERS | {("keras.src.models.functional", "Functional")})


def _classes(module: object) -> Iterator[tuple[str, type]]:
    for name in dir(module):
        kind = getattr(module, name)
        if isinstance(kind, type):
            yield name, kind


def _operations(module: str) -> Iterator[str]:
    """The names of the operations that are defined in a module of Keras; their configurations are plain values."""
    import sys

    from tlpipe.network.backend import keras

    for name, kind in _classes(sys.modules[module]):
        if issubclass(kind, keras.Operation) and kind.__module__ == module:
            yield name
