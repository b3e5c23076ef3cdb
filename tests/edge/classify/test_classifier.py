"""From a photograph to a labelled answer, on the drawn bundle."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tlpipe_edge import Bundle, Classifier
from tlpipe_edge.classify.prediction import Prediction
from tlpipe_edge.contract.manifest import Tensor
from tlpipe_edge.errors import BadData, MissingInput, WrongUsage
from tlpipe_edge.images.decode import load
from tlpipe_edge.tflite.tensors import tensor_maker

pytestmark = pytest.mark.arm64

PIXELS = np.arange(4 * 4 * 3, dtype=np.uint8).reshape(4, 4, 3) * 5
SHAPE = (1, 4, 4, 3)


def test_a_path_its_bytes_and_its_pixels_have_one_answer(drawn: Bundle, classifier: Classifier) -> None:
    file = drawn.golden().files[-1]
    expected = classifier(file)

    for source in (str(file), file.read_bytes(), np.array(Image.open(file).convert("RGB"))):
        np.testing.assert_array_equal(classifier(source).scores, expected.scores)
    assert classifier.scores(load(file, classifier.image)).tolist() == expected.scores.tolist()


def test_the_answer_is_a_probability_for_every_label(drawn: Bundle, classifier: Classifier) -> None:
    prediction = classifier(drawn.golden().files[0])

    assert prediction.labels == drawn.manifest.labels
    assert prediction.scores.shape == (3,) and prediction.scores.dtype == np.float32
    assert prediction.scores.sum() == pytest.approx(1, abs=3 / 256)  # each score is rounded to a step of 1/256
    assert prediction.label in prediction.labels and prediction.score == prediction.scores.max()


def test_the_stages_of_the_time_add_up(drawn: Bundle, classifier: Classifier) -> None:
    times = classifier(drawn.golden().files[0]).timings_ms

    assert list(times) == ["decode", "resize", "invoke", "total"]
    assert times["decode"] + times["resize"] + times["invoke"] == pytest.approx(times["total"])
    assert list(classifier(np.zeros((9, 9, 3), np.uint8)).timings_ms) == list(times)


def test_top_k_goes_from_the_best_and_to_the_lower_index_where_scores_tie() -> None:
    prediction = Prediction(("a", "b", "c", "d"), np.array([0.1, 0.4, 0.1, 0.4], np.float32), {})

    assert [each.label for each in prediction.top_k(9)] == ["b", "d", "a", "c"]
    assert [each.label for each in prediction.top_k(2)] == ["b", "d"]
    assert (prediction.label, prediction.score) == ("b", pytest.approx(0.4))


def test_what_is_no_image_raises_and_the_next_one_is_classified(drawn: Bundle, classifier: Classifier) -> None:
    for source, kind in ((b"", BadData), (b"text", BadData), (Path("gone.jpg"), MissingInput)):
        with pytest.raises(kind):
            classifier(source)
    for array in (np.zeros((4, 4)), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)):
        with pytest.raises(BadData):
            classifier(array)
    assert classifier(drawn.golden().files[0]).label


def test_a_single_file_answers_as_the_bundle_does(drawn: Bundle, classifier: Classifier) -> None:
    file = drawn.path / drawn.artifact().file
    alone = Classifier.open(file)

    assert (alone.name, alone.recipe, alone.labels) == ("mobilenet_v2_0.35_64", "int8", classifier.labels)
    for picture in drawn.golden().files:
        np.testing.assert_array_equal(alone(picture).scores, classifier(picture).scores)
    with pytest.raises(WrongUsage, match="no format"):
        Classifier.open(file, recipe="int8")


def test_the_threads_do_not_change_the_answer(drawn: Bundle, classifier: Classifier) -> None:
    picture = drawn.golden().files[0]

    np.testing.assert_array_equal(Classifier.open(drawn.path, threads=2)(picture).scores, classifier(picture).scores)


def test_labels_that_do_not_fit_the_output_are_refused(copied: Path) -> None:
    file = copied / "manifest.json"
    file.write_text(file.read_text().replace('"red ring"', '"red ring", "a fourth"'))

    with pytest.raises(BadData, match=r"an output of shape \(1, 3\) for 4 labels"):
        Classifier.open(copied)


def test_a_model_that_is_not_there_says_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="no such bundle or model"):
        Classifier.open(tmp_path / "gone")
    with pytest.raises(MissingInput, match="no bundle here"):
        Classifier.open(tmp_path)


def test_uint8_pixels_are_the_tensor() -> None:
    make = tensor_maker(Tensor("uint8", SHAPE, 1.0, 0), mean=(0.0,), std=(1.0,))

    assert make(PIXELS).dtype == np.uint8
    assert np.shares_memory(make(PIXELS), PIXELS)


@pytest.mark.parametrize("mean", [(0.0,), (127.5,), (123.7, 116.3, 103.5)])
@pytest.mark.parametrize("std", [(1.0,), (127.5,), (58.4, 57.1, 57.4)])
def test_a_float_input_is_normalized(mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    tensor = tensor_maker(Tensor("float32", SHAPE), mean=mean, std=std)(PIXELS)

    assert tensor.shape == SHAPE and tensor.dtype == np.float32
    np.testing.assert_allclose(tensor[0], (PIXELS - np.float32(mean)) / np.float32(std), rtol=1e-6)


@pytest.mark.parametrize(
    ("dtype", "scale", "zero_point"), [("int8", 1.0, -128), ("int8", 1 / 127.5, 0), ("uint8", 0.0078, 128)]
)
def test_a_foreign_quantization_is_followed(dtype: str, scale: float, zero_point: int) -> None:
    """The channels differ, so that one taken for another shows; what leaves the range is clipped."""
    mean, std = (0.0, 100.0, 200.0), (1.0, 64.0, 127.5)
    tensor = tensor_maker(Tensor(dtype, SHAPE, scale, zero_point), mean=mean, std=std)(PIXELS)
    real = (PIXELS - np.float32(mean)) / np.float32(std)
    limits = np.iinfo(dtype)

    assert tensor.shape == SHAPE and tensor.dtype == dtype
    expected = np.clip(np.rint(real / np.float32(scale)) + zero_point, limits.min, limits.max)
    # One step: a real value half-way between two may be rounded either way.
    assert np.abs(tensor[0].astype(int) - expected).max() <= 1
    assert (tensor[0] == expected).mean() > 0.9


def test_an_image_larger_than_the_model_is_reduced_not_refused(classifier: Classifier) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (3000, 2000), "blue").save(buffer, "JPEG")

    assert classifier(buffer.getvalue()).scores.shape == (3,)
