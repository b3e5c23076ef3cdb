"""Code in a model file is refused before anything is built, wherever it hides; what real models have is allowed."""

import base64
import marshal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import foreign_models as foreign
import numpy as np
import pytest

from tlpipe.adopting import inspection, loading, model_file
from tlpipe.network.backend import keras
from tlpipe_edge.errors import BadData

Change = Callable[[dict[str, Any]], Any]


def loaded(file: Path) -> Any:
    with model_file.unpacked(file) as unpacked:
        return loading.load(unpacked)


def refused(file: Path) -> BadData:
    with pytest.raises(BadData) as caught:
        loaded(file)
    assert len(str(caught.value).splitlines()) == 2 and caught.value.where == str(file)
    return caught.value


def code(marker: Path) -> dict[str, Any]:
    """A Lambda that creates the file ``marker``, as Keras 3 saves it."""
    compiled = compile(f"lambda x: (open({str(marker)!r}, 'w').close(), x)[1]", "code", "eval").co_consts[0]
    text = base64.b64encode(marshal.dumps(compiled)).decode()
    function = {"class_name": "__lambda__", "config": {"code": text, "defaults": None, "closure": None}}
    config = {"name": "hidden", "trainable": True, "dtype": "float32", "function": function, "arguments": {}}
    return {"module": "keras.layers", "class_name": "Lambda", "config": config, "registered_name": None}


def code_of_keras_2(marker: Path) -> dict[str, Any]:
    compiled = marshal.dumps(compile(f"lambda x: open({str(marker)!r}, 'w') and x", "code", "eval").co_consts[0])
    function = [base64.b64encode(compiled).decode(), None, None]
    config = {"name": "hidden", "function": function, "function_type": "lambda", "arguments": {}}
    return {"class_name": "Lambda", "config": config}


def layer(name: str, **config: Any) -> dict[str, Any]:
    return {"module": "keras.layers", "class_name": name, "config": {"name": "around"} | config}


def of_layers(*layers: dict[str, Any]) -> dict[str, Any]:
    return {"module": "keras", "class_name": "Sequential", "config": {"name": "inner", "layers": list(layers)}}


PLACES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "a layer": lambda hidden: hidden,
    "TimeDistributed": lambda hidden: layer("TimeDistributed", layer=hidden),
    "Bidirectional": lambda hidden: layer("Bidirectional", layer=layer("LSTM", units=2), backward_layer=hidden),
    "a model inside": lambda hidden: of_layers(of_layers(hidden)),
    "an initializer": lambda hidden: layer("Dense", units=2, kernel_initializer=hidden),
    "an activation": lambda hidden: layer("Dense", units=2, activation={"deep": [[{"deeper": hidden}]]}),
    "an argument of a call": lambda hidden: layer("Dense", units=2) | {"inbound_nodes": [{"args": [hidden]}]},
    "build_config": lambda hidden: layer("Dense", units=2) | {"build_config": {"x": hidden}},
}


def put(part: dict[str, Any]) -> Change:
    """Put a part into the model, after its first layer."""
    return lambda config: config["config"]["layers"].insert(1, part)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.parametrize("made", [code, code_of_keras_2])
def test_code_is_refused_and_not_run(
    place: str, suffix: str, made: Callable[[Path], dict[str, Any]], tmp_path: Path
) -> None:
    marker = tmp_path / "executed"
    file = foreign.saved(foreign.simple(), tmp_path / f"model.{suffix}")
    foreign.with_config(file, put(PLACES[place](made(marker))))

    assert refused(file).reason == "layer 'hidden' is a Lambda: it carries code, which is not run"
    assert not marker.exists()


def test_the_hidden_code_would_run_elsewhere(tmp_path: Path) -> None:
    """So that the tests above show something."""
    marker = tmp_path / "executed"
    file = foreign.with_config(foreign.saved(foreign.simple(), tmp_path / "model.keras"), put(code(marker)))

    keras.models.load_model(file, safe_mode=False)
    assert marker.exists()


def without(**changed: Any) -> dict[str, Any]:
    return {
        "module": "keras.layers",
        "class_name": "Dense",
        "registered_name": None,
        "config": {"name": "it"},
    } | changed


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (
            without(module="evil", class_name="Evil"),
            "of the class Evil (module evil), which is not",
        ),
        (without(module="os", class_name="system"), "of the class system (module os)"),
        (without(module="builtins", class_name="eval"), "of the class eval (module builtins)"),
        (without(registered_name="mine>Dense"), "of the custom class mine>Dense"),
        (without(class_name="Custom>Mine", module=None), "of the class Custom>Mine"),
        (without(class_name="function", config="get_file", module="keras.utils"), "refers to a function (get_file)"),
        (without(class_name="TFSMLayer"), "of the class TFSMLayer"),
        (without(class_name="TorchModuleWrapper"), "of the class TorchModuleWrapper"),
        (without(class_name="StringLookup"), "of the class StringLookup"),
        (without(class_name="TFOpLambda", module=None), "TFOpLambda of Keras 2"),
        (without(class_name="__typespec__"), "of the class __typespec__"),
        (without(class_name=["Dense"]), "has no valid class"),
        (without(module=7), "has no valid class"),
        (without(module="keras.src.ops.core", class_name="Map"), "of the class Map"),
        (without(module="keras.utils", class_name="get_file"), "of the class get_file"),
    ],
)
def test_another_class_is_refused(
    part: dict[str, Any], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = tmp_path / "executed"
    (tmp_path / "evil.py").write_text(f"open({str(marker)!r}, 'w').close()\nclass Evil: pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    file = foreign.with_config(foreign.saved(foreign.simple(), tmp_path / "model.keras"), put(of_layers(part)))

    assert reason in refused(file).reason
    assert not marker.exists()


def test_a_long_name_stays_short_in_the_error(tmp_path: Path) -> None:
    part = without(class_name="A" * 10_000, config={"name": "b" * 10_000})
    file = foreign.with_config(foreign.saved(foreign.simple(), tmp_path / "model.keras"), put(part))

    assert len(refused(file).reason) < 250


def test_a_part_of_keras_that_keras_cannot_build_is_refused(tmp_path: Path) -> None:
    file = foreign.with_config(
        foreign.saved(foreign.simple(), tmp_path / "model.keras"), put(without(config={"name": "x", "units": "many"}))
    )

    assert refused(file).reason.startswith("Keras cannot build this model")


def functional_code() -> Any:
    """What people write: operators, slices, functions of keras.ops, an activation as a layer."""
    image = keras.Input((foreign.SIZE, foreign.SIZE, 3))
    pixels = image[..., ::-1] / 127.5 - 1.0
    features = keras.ops.relu(keras.layers.Conv2D(4, 3, kernel_regularizer="l2", padding="same")(pixels))
    both = keras.ops.concatenate([features, keras.layers.ReLU(6.0)(features)], axis=-1)
    pooled = keras.ops.mean(both * 0.5 + 1.0, axis=(1, 2))
    return keras.Model(image, keras.layers.Activation("softmax")(keras.layers.Dense(3)(pooled)))


def augmented() -> Any:
    """With random layers, a Normalization that has seen data, and wrappers."""
    normalization = keras.layers.Normalization()
    normalization.adapt(np.random.default_rng(0).uniform(0, 255, (4, 8, 8, 3)))
    first = [keras.layers.RandomFlip(), keras.layers.RandomRotation(0.1), normalization]
    return foreign.simple(first=first)


def own_loss(true: Any, predicted: Any) -> Any:
    return keras.ops.mean(predicted - true)


def compiled() -> Any:
    """A model inside that was compiled with a loss of its own, as Keras saves it with the model."""
    inner = foreign.simple(activation=None)
    inner.compile("adam", loss=own_loss)
    return foreign.classifier(inner, keras.layers.Softmax())


@pytest.mark.parametrize("made", [functional_code, augmented, compiled, foreign.simple])
def test_a_real_model_is_read_and_gives_the_same(made: Callable[[], Any], tmp_path: Path) -> None:
    model = made()
    pixels = np.random.default_rng(1).uniform(0, 255, (4, foreign.SIZE, foreign.SIZE, 3)).astype(np.float32)

    found = loaded(foreign.saved(model, tmp_path / "model.keras"))
    assert np.array_equal(foreign.scores(found, pixels), foreign.scores(model, pixels))


def test_mixed_precision_becomes_float32(tmp_path: Path) -> None:
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        file = foreign.saved(foreign.simple(), tmp_path / "model.keras")
    finally:
        keras.mixed_precision.set_global_policy("float32")

    assert {each.compute_dtype for each in loaded(file).layers} == {"float32"}


def test_no_allowed_class_carries_code_or_reads_files() -> None:
    names = {name for _, name in inspection.allowed()}

    assert {"Dense", "Conv2D", "Rescaling", "GlorotUniform", "L2", "TrueDivide", "GetItem", "Functional"} <= names
    assert not names & {"Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "StringLookup"}
    assert not names & {"TextVectorization", "IntegerLookup", "Hashing", "Layer", "Map", "Cond", "VectorizedMap"}
