"""EfficientNet-Lite0: its features are those of the PyTorch network of the same weights."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tlpipe.network import build, weights
from tlpipe.network.backbones import EFFICIENTNET_LITE0, ONE_WIDTH, POOLING
from tlpipe.network.backend import keras
from tlpipe_edge.errors import BadData

WEIGHTS = Path(__file__).parents[4] / "shared/data/weights"
needs_weights = pytest.mark.skipif(
    not (WEIGHTS / "efficientnet_lite0.npz").is_file(), reason="no weights in shared/data beside the checkout"
)
LABELS = ("a", "b", "c")


def built(file: Path | str, *, size: int = 64) -> Any:
    common: dict[str, Any] = {"labels": LABELS, "dropout": 0.0, "seed": 0}
    return build.build("efficientnet_lite0", alpha=1.0, size=size, weights=str(file), **common)


def stored(folder: Path, **changes: np.ndarray) -> Path:
    """A file of random weights, as scripts/convert_efficientnet_lite.py names them."""
    chance, arrays = np.random.default_rng(0), {}
    base = EFFICIENTNET_LITE0.build(alpha=1.0, weights=None, input_shape=(64, 64, 3))
    from tlpipe.network.efficientnet_lite import _stored_names

    for name, convolution, normalization in _stored_names():
        height, width, inside, outside = base.get_layer(f"{name}_conv").kernel.shape
        shape = (inside, 1, height, width) if outside == 1 else (outside, inside, height, width)
        arrays[f"{convolution}.weight"] = chance.normal(0, 0.1, shape).astype(np.float32)
        channels = shape[0]
        for kind in ("weight", "bias", "running_mean", "running_var"):
            arrays[f"{normalization}.{kind}"] = chance.uniform(0.5, 1.5, channels).astype(np.float32)
    arrays |= {"_fc.weight": np.zeros((1000, 1280), np.float32), "_fc.bias": np.zeros(1000, np.float32), **changes}
    np.savez(folder / "weights.npz", **arrays)
    return folder / "weights.npz"


@needs_weights
def test_its_features_are_those_of_pytorch() -> None:
    with np.load(WEIGHTS / "efficientnet_lite0_reference.npz") as reference:
        image, expected = reference["image"], reference["pooled"]
    model = built(WEIGHTS / "efficientnet_lite0.npz", size=224)
    features = keras.Model(model.input, model.get_layer(POOLING).output)

    found = features.predict(image[None].astype(np.float32), verbose=0)[0]
    assert np.abs(found - expected).max() < 1e-4 < np.abs(expected).max() / 1000


def test_each_array_goes_to_its_layer(tmp_path: Path) -> None:
    file = stored(tmp_path)
    weights.check(EFFICIENTNET_LITE0, ONE_WIDTH, str(file))
    model = built(file)
    with np.load(file) as arrays:
        project = arrays["_blocks.4._project_conv.weight"]
        depthwise = arrays["_blocks.4._depthwise_conv.weight"]
        variance = arrays["_blocks.0._bn1.running_var"]
    np.testing.assert_array_equal(model.get_layer("block3b_project_conv").get_weights()[0][0, 0], project[:, :, 0, 0].T)
    found = model.get_layer("block3b_depthwise_conv").get_weights()[0]
    np.testing.assert_array_equal(found[..., 0], depthwise[:, 0].transpose(1, 2, 0))
    np.testing.assert_array_equal(model.get_layer("block1a_depthwise_bn").get_weights()[3], variance)


def test_another_file_is_refused_before_tensorflow_and_after(tmp_path: Path) -> None:
    other = stored(tmp_path, more=np.zeros(3, np.float32))
    with pytest.raises(BadData, match="not the weights of efficientnet_lite0"):
        weights.check(EFFICIENTNET_LITE0, ONE_WIDTH, str(other))
    swapped = stored(tmp_path, **{"_conv_head.weight": np.zeros((320, 1280, 1, 1), np.float32)})
    weights.check(EFFICIENTNET_LITE0, ONE_WIDTH, str(swapped))  # as many values
    with pytest.raises(BadData, match=r"not the weights of efficientnet_lite0: .*\nName a \.npz of scripts"):
        built(swapped)
