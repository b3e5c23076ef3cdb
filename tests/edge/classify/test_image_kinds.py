"""Whatever an image comes as, it gets the prediction of its file; what is no image is refused."""

import io
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from tlpipe_edge import Bundle, Classifier
from tlpipe_edge.classify.prediction import Prediction
from tlpipe_edge.errors import BadData, MissingInput, TlpipeError, WrongUsage
from tlpipe_edge.images.decode import decode
from tlpipe_edge.images.source import pixels_of

pytestmark = pytest.mark.arm64

COLOURED = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8))


@pytest.fixture
def file(drawn: Bundle) -> Path:
    """A PNG, which all decoders read alike."""
    return drawn.golden().files[0]


def entry(file: Path) -> "os.DirEntry[str]":
    with os.scandir(file.parent) as entries:
        return next(each for each in entries if each.name == file.name)


@pytest.mark.parametrize(
    "taken",
    [
        Image.open,
        lambda file: file.open("rb"),
        lambda file: io.BytesIO(file.read_bytes()),
        lambda file: bytearray(file.read_bytes()),
        lambda file: memoryview(file.read_bytes()),
        entry,
    ],
    ids=["PIL image", "open file", "BytesIO", "bytearray", "memoryview", "entry of a folder"],
)
def test_each_kind_has_the_prediction_of_the_file(
    classifier: Classifier, file: Path, taken: Callable[[Path], Any]
) -> None:
    given = taken(file)
    np.testing.assert_array_equal(classifier(given).scores, classifier(file).scores)
    if isinstance(given, io.BufferedReader):
        given.close()


def test_a_frame_of_opencv_is_bgr(classifier: Classifier, file: Path) -> None:
    frame = cv2.imread(str(file))
    assert frame is not None

    np.testing.assert_array_equal(classifier(frame, bgr=True).scores, classifier(file).scores)
    assert (pixels_of(np.asarray(frame, np.uint8)) != decode(file)).any()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "I;16"])
def test_a_pil_image_of_any_mode_has_the_pixels_of_its_file(mode: str) -> None:
    picture = COLOURED.convert("I").convert(mode) if mode == "I;16" else COLOURED.convert(mode)
    stream = io.BytesIO()
    picture.save(stream, "PNG")

    np.testing.assert_array_equal(pixels_of(picture), decode(stream.getvalue()))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_pil_image_is_turned_as_its_exif_says_and_once(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = io.BytesIO()
    COLOURED.save(stream, "PNG", exif=exif)
    picture = Image.open(stream)
    expected = decode(stream.getvalue())

    np.testing.assert_array_equal(pixels_of(picture), expected)
    np.testing.assert_array_equal(pixels_of(ImageOps.exif_transpose(picture)), expected)


def test_a_jpeg_that_pillow_opened_has_the_prediction_of_its_file(classifier: Classifier, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    COLOURED.resize((900, 600)).save(tmp_path / "turned.jpg", exif=exif)  # so large that it is read at a smaller size
    expected = classifier(tmp_path / "turned.jpg").scores

    with Image.open(tmp_path / "turned.jpg") as picture:
        np.testing.assert_array_equal(classifier(picture).scores, expected)
        np.testing.assert_array_equal(classifier(picture).scores, expected)  # it is left as it was
        picture.paste("red", (0, 0, 900, 600))
        assert (pixels_of(picture) == (255, 0, 0)).all()


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_an_image_may_be_in_a_list_twice(classifier: Classifier, kind: str) -> None:
    stream = io.BytesIO()
    COLOURED.resize((900, 600)).save(stream, kind)
    expected = classifier(stream.getvalue()).scores

    for prediction in classifier([Image.open(stream)] * 16):
        np.testing.assert_array_equal(prediction.scores, expected)


def test_a_list_is_answered_in_its_order(drawn: Bundle, classifier: Classifier) -> None:
    files = list(drawn.golden().files) * 4
    one_by_one = [classifier(each).scores for each in files]

    for sources in (files, tuple(map(str, files)), [*files[:-1], Image.open(files[-1])]):
        predictions = classifier(sources)
        assert isinstance(predictions, list)
        np.testing.assert_array_equal([each.scores for each in predictions], one_by_one)
    assert classifier([]) == []


def test_of_a_list_the_first_that_cannot_be_read_is_named(classifier: Classifier, file: Path) -> None:
    with pytest.raises(MissingInput, match=r"^images\[1\]: gone\.jpg: no such file"):
        classifier([file, Path("gone.jpg"), b"no image"])
    with pytest.raises(WrongUsage, match=r"^images\[0\]: bgr=True with str\n"):
        classifier(["a.jpg"], bgr=True)


def test_after_an_error_no_worker_goes_on(classifier: Classifier, file: Path) -> None:
    before = threading.active_count()

    with pytest.raises(MissingInput) as refused:  # whose traceback holds all that was under way
        classifier(["gone.jpg", *[file] * 2000])
    assert threading.active_count() == before and refused.value.where == "images[0]: gone.jpg"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (None, "image data: expected an image, got NoneType"),
        (7, "image data: expected an image, got int"),
        ((path for path in ()), "image data: expected an image, got generator"),
        ({"a.jpg"}, "image data: expected an image, got set"),
        (io.StringIO("text"), "image data: a file that gives str, not bytes"),
        (io.BytesIO(), "image data: the file is empty, or at its end"),
        (cv2.VideoCapture(), "image data: a file that gives tuple, not bytes"),
        ([["a.jpg"]], "images[0]: a list in a list"),
        (np.zeros((9, 9, 3), np.float32), "image data: float32 (9, 9, 3), expected uint8 (height, width, 3)"),
        (np.zeros((9, 9), np.uint8), "image data: uint8 (9, 9), expected"),
        (np.zeros((9, 9, 4), np.uint8), "image data: uint8 (9, 9, 4), expected"),
        (np.zeros((1, 9, 9, 3), np.uint8), "image data: uint8 (1, 9, 9, 3), expected"),
        (Image.new("F", (9, 9)), 'image data: an image of mode "F"'),
        (Image.new("I", (9, 9)), 'image data: an image of mode "I"'),
        (Image.new("La", (9, 9)), "image data: the PIL image cannot be loaded"),
        (Image.new("RGB", (0, 9)), "image data: uint8 (9, 0, 3), expected"),
        ("gone.jpg", "gone.jpg: no such file"),
    ],
)
def test_anything_else_is_refused_in_two_lines(classifier: Classifier, source: Any, said: str) -> None:
    with pytest.raises(TlpipeError) as refused:
        classifier(source)

    assert refused.value.what.startswith(said) and len(str(refused.value).splitlines()) == 2


def test_a_closed_file_and_a_closed_image_are_refused(classifier: Classifier, file: Path) -> None:
    stream = file.open("rb")
    stream.close()
    picture = Image.open(file)
    picture.close()

    with file.open("rb") as under_it:
        orphan = Image.open(under_it)
    jpeg = io.BytesIO()
    COLOURED.save(jpeg, "JPEG")
    lazy = Image.open(jpeg)
    jpeg.close()
    for closed in (stream, picture, orphan, lazy):
        with pytest.raises(BadData, match="Open it again"):
            classifier(closed)


def test_a_stream_without_end_is_refused(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tlpipe_edge.images.source.MAX_BYTES", 5_000_000)

    with Path("/dev/zero").open("rb") as endless, pytest.raises(BadData, match="more than 5 MB"):
        classifier(endless)


def test_a_file_that_fails_in_its_own_way_is_refused(classifier: Classifier) -> None:
    class Upload(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise KeyError(f"lost {size} bytes")

    with pytest.raises(BadData, match="the file cannot be read"):
        classifier(Upload())


def test_only_an_array_can_be_bgr(classifier: Classifier, file: Path) -> None:
    with pytest.raises(BadData, match="expected an image, got NoneType"):
        classifier(cv2.imread("gone.jpg"), bgr=True)
    with pytest.raises(WrongUsage, match="bgr=True with PosixPath"):
        classifier(file, bgr=True)
    with pytest.raises(BadData, match=r"uint8 \(9, 9, 4\)"):
        classifier(np.zeros((9, 9, 4), np.uint8), bgr=True)


def test_a_classifier_says_what_it_is(classifier: Classifier) -> None:
    said = repr(classifier)

    assert said.startswith("<Classifier 'drawn', int8: 3 classes, 64x64 center-crop, on ") and "1 thread>" in said
    assert "<th>recipe</th><td>int8</td>" in classifier._repr_html_()


def test_a_notebook_shows_the_best_labels_and_runs_none_of_them() -> None:
    scores = np.array([0.1, 0.6, 0.05, 0.05, 0.1, 0.1], np.float32)
    shown = Prediction(("a", "<b>", "c", "d", "e", "f"), scores, {})._repr_html_()

    assert "<th>&lt;b&gt;</th><td>0.600</td>" in shown and "<b>" not in shown and shown.count("<tr>") == 6
