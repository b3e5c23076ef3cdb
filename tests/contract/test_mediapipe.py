"""A client that nobody here wrote, MediaPipe Tasks, reads an exported bundle and answers as we do.

Runs where MediaPipe, tlpipe-edge and LiteRT are installed, without TensorFlow (`constraints-mediapipe.txt`), on the
bundle that the environment variable TLPIPE_BUNDLE names: float32, float16 and int8, with golden images.
"""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from tlpipe_edge import Bundle, Classifier

mediapipe = pytest.importorskip("mediapipe", reason="MediaPipe is not installed")
vision = pytest.importorskip("mediapipe.tasks.python.vision")
BaseOptions = pytest.importorskip("mediapipe.tasks.python").BaseOptions

if "TLPIPE_BUNDLE" not in os.environ:
    pytest.skip("TLPIPE_BUNDLE names no exported bundle", allow_module_level=True)
BUNDLE = Bundle.open(os.environ["TLPIPE_BUNDLE"])

# MediaPipe brings another build of the same kernels, which may add in another order; int8 results are steps of 1/256.
TOLERANCE = {"float32": 1e-3, "float16": 1e-3, "int8": 1 / 256 + 1e-6}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """PNG files of the model's own input size, so that no resize comes between: golden images, and colour gradients."""
    size = BUNDLE.manifest.image.size
    chance = np.random.default_rng(0)
    patches = chance.integers(0, 256, (12, 3, 3, 3), dtype=np.uint8)
    gradients = [cv2.resize(patch, (size, size), interpolation=cv2.INTER_CUBIC) for patch in patches]
    folder = tmp_path_factory.mktemp("pictures")
    files = []
    for index, pixels in enumerate([*BUNDLE.golden().pixels, *gradients]):
        files.append(folder / f"{index}.png")
        assert cv2.imwrite(str(files[-1]), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    return files


@pytest.mark.parametrize("recipe", ["float32", "float16", "int8"])
def test_mediapipe_names_the_same_class(recipe: str, pictures: list[Path]) -> None:
    ours = Classifier.open(BUNDLE.path, recipe=recipe)
    file = BUNDLE.path / BUNDLE.artifact(recipe).file
    options = vision.ImageClassifierOptions(base_options=BaseOptions(model_asset_path=str(file)))
    with vision.ImageClassifier.create_from_options(options) as theirs:
        for picture in pictures:
            (answer,) = theirs.classify(mediapipe.Image.create_from_file(str(picture))).classifications
            expected = ours(picture).scores

            labels = {category.index: category.category_name for category in answer.categories}
            assert labels == dict(enumerate(ours.labels))
            scores = np.zeros_like(expected)
            for category in answer.categories:
                scores[category.index] = category.score
            np.testing.assert_allclose(scores, expected, rtol=0, atol=TOLERANCE[recipe], err_msg=picture.name)
            best = answer.categories[0].index
            assert expected[best] >= expected.max() - TOLERANCE[recipe], f"{picture.name}: another class, and no tie"
