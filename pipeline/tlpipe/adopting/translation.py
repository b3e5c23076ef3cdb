"""A configuration as the installed Keras reads it: files of Keras 2, and models that were trained in mixed precision.

Nothing that is computed in float32 changes.
"""

from collections.abc import Mapping

from tlpipe.adopting.model_file import Json

MODELS = ("Functional", "Model", "Sequential")
_POLICIES = ("Policy", "DTypePolicy", "PolicyV1")
_NARROW = ("mixed_float16", "mixed_bfloat16")


def translated(config: dict[str, Json]) -> dict[str, Json]:
    """The same model without what only training needs (how it was compiled, at any level), in float32."""
    found = _value(config)
    assert isinstance(found, dict)
    return found


def _value(value: Json) -> Json:
    if isinstance(value, list):
        return [_value(each) for each in value]
    if not isinstance(value, dict):
        return value
    found = {key: _value(each) for key, each in value.items() if key != "compile_config"}
    name, module, inner = found.get("class_name"), found.get("module"), found.get("config")
    if not isinstance(name, str) or not isinstance(inner, dict):
        return found
    if name in _POLICIES and inner.get("name") in (*_NARROW, "float32"):
        return "float32"
    if isinstance(inner.get("layers"), list):
        _renumber(inner)
        for key in ("input_layers", "output_layers"):
            ends = inner.get(key)
            if isinstance(ends, list) and len(ends) == 1 and isinstance(ends[0], list):
                inner[key] = ends[0]  # a tensor, not a list of one, which the next layer may not take
    if name == "DepthwiseConv2D" and inner.get("groups") == 1:  # of Keras 2; Keras 3 does not know it
        del inner["groups"]
    axis = inner.get("axis")
    if name == "BatchNormalization" and isinstance(axis, list) and len(axis) == 1:
        inner["axis"] = axis[0]
    if isinstance(module, str):
        module = module.replace("tf_keras.", "keras.", 1) if module.startswith("tf_keras.") else module
        if name == "Functional" and module in ("keras.src.engine.functional", "keras.engine.functional"):
            module = "keras.src.models.functional"
        found["module"] = module
    return found


def _renumber(graph: dict[str, Json]) -> None:
    """In Keras 2, the first call of a model inside a model has the number 1, as it was made in a call of its own; in
    Keras 3 it has 0, but Keras reads the old numbers as they are."""
    layers = [each for each in _listed(graph.get("layers")) if isinstance(each, dict)]
    models = {str(each.get("name")): each.get("class_name") for each in layers if each.get("class_name") in MODELS}
    for layer in layers:
        for node in _listed(layer.get("inbound_nodes")):
            for source in _listed(node):  # of Keras 3, a node is a dictionary
                _count_from_0(source, models)
    if any(isinstance(node, list) for layer in layers for node in _listed(layer.get("inbound_nodes"))):
        for output in _listed(graph.get("output_layers")):
            _count_from_0(output, {name: kind for name, kind in models.items() if kind == "Sequential"})


def _count_from_0(source: Json, models: Mapping[str, Json]) -> None:
    if isinstance(source, list) and len(source) >= 3 and isinstance(source[0], str) and source[0] in models:
        number = source[1]
        if isinstance(number, int) and number > 0:
            source[1] = number - 1


def _listed(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
