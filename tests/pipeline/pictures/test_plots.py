"""Pictures show what they are given: positions, signs and labels, checked on the figure before it is written."""

import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from tlpipe.pictures import confusions, plots
from tlpipe.pictures.epochs import accuracy_range
from tlpipe.runs.history import Epoch, History

HOSTILE = r"US$ \frac{ 5$"  # as mathtext this is a syntax error


def history(stage: str, accuracies: list[float], *, best: int) -> History:
    epochs = [
        Epoch(i, loss=2 - a, accuracy=a, val_loss=2.1 - a, val_accuracy=a - 0.1) for i, a in enumerate(accuracies)
    ]
    return History(stage, tuple(epochs), best)


FROZEN = history("frozen", [0.1, 0.5, 0.7, 0.6], best=2)
FINETUNED = history("finetuned", [0.7, 0.8, 0.9], best=1)


def lines(axes: Axes, label: str) -> list[list[tuple[float, float]]]:
    return [[(float(x), float(y)) for x, y in line.get_xydata()] for line in axes.lines if line.get_label() == label]


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def assert_png_with_clear_border(file: Path) -> None:
    """The outermost pixels are all white: no text or box runs out of the picture."""
    with Image.open(file) as picture:
        assert picture.format == "PNG"
        assert picture.info["dpi"] == pytest.approx((150, 150), abs=0.1)
        pixels = np.asarray(picture.convert("RGB"))
    border = np.concatenate([pixels[:5].ravel(), pixels[-5:].ravel(), pixels[:, :5].ravel(), pixels[:, -5:].ravel()])
    assert border.min() == 255
    assert pixels.min() < 128


def test_one_stage_starts_with_the_state_before_training() -> None:
    loss, accuracy = plots.draw_learning_curve([FROZEN]).axes

    assert lines(accuracy, "accuracy") == [[(0, 10), (1, 50), (2, 70), (3, 60)]]
    assert lines(loss, "loss")[0][0] == (0, 1.9)
    assert lines(accuracy, "best") == [[(2, pytest.approx(60))]]
    assert lines(accuracy, "start of fine-tuning") == []


def test_the_second_stage_continues_the_first() -> None:
    figure = plots.draw_learning_curve([FROZEN, FINETUNED])

    for axes, metric in zip(figure.axes, ("loss", "accuracy"), strict=True):
        assert [x for x, _ in lines(axes, metric)[1]] == [3, 4, 5]
        assert [x for x, _ in lines(axes, f"val_{metric}")[1]] == [3, 4, 5]
        assert lines(axes, "start of fine-tuning") == [[(3, 0), (3, 1)]]
        assert [point[0][0] for point in lines(axes, "best")] == [2, 4]
        (name,) = [text for text in axes.texts if text.get_text() == "fine-tuning"]
        assert name.xyann[1] > 0 and name.xy[1] == 1  # above the axes, where no curve is
    assert figure.axes[1].get_title(loc="right") == "kept: 60.0 % at epoch 2, 70.0 % at epoch 4"


def test_the_axes_have_room_for_the_epochs_and_say_where_they_start() -> None:
    """The head before training is no better than chance, and would press all epochs together."""
    loss, accuracy = plots.draw_learning_curve([history("frozen", [0.1, 0.85, 0.9, 0.95], best=3)]).axes

    low, high = accuracy.get_ylim()
    assert low == 75 and 95 < high <= 102  # 75 % on validation is the least
    assert accuracy.get_ylabel() == "top-1 (the axis starts at 75 %)"
    assert loss.get_ylim()[0] == 0 and 1.25 < loss.get_ylim()[1] < 1.5


def test_a_stage_that_brought_nothing_is_called_that() -> None:
    figure = plots.draw_learning_curve([FROZEN, history("finetuned", [0.7, 0.6], best=0)])

    assert figure.axes[1].get_title(loc="right") == "kept: 60.0 % at epoch 2, no epoch of fine-tuning"


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        ([0.1, 0.95], (0.1, 1.0)),
        ([0.52, 0.97], (0.5, 1.0)),
        ([0.83, 0.97], (0.8, 1.0)),
        ([0.981, 0.996], (0.96, 1.0)),
        ([0.9, 0.9], (0.88, 0.92)),
        ([0.0, 0.0], (0.0, 0.02)),
        ([1.0, 1.0], (0.98, 1.0)),
    ],
)
def test_an_axis_of_accuracy_fits_its_values(values: list[float], ends: tuple[float, float]) -> None:
    assert accuracy_range(values) == pytest.approx(ends)


@pytest.mark.parametrize("histories", [[FROZEN], [FROZEN, FINETUNED], [history("frozen", [0.1], best=0)]])
def test_learning_curve_is_a_whole_picture(tmp_path: Path, histories: list[History]) -> None:
    plots.learning_curve(histories, tmp_path / "curve.png")

    assert_png_with_clear_border(tmp_path / "curve.png")


def test_predictions_tell_right_from_wrong_by_sign_and_colour() -> None:
    images = np.zeros((2, 8, 8, 3), np.uint8)
    scores = np.array([[0.9, 0.1, 0.0], [0.2, 0.4, 0.4]])

    right, wrong = plots.draw_predictions(
        images, np.array([0, 2]), scores, ["shirt", "hat", "skirt"], caption="test images"
    ).axes

    assert right.get_title(loc="left") == "✓ shirt"
    assert right.get_title(loc="right") == "90 %"
    assert right.get_xlabel() == ""
    assert wrong.get_title(loc="left") == "✗ hat"  # of two equal scores the lower index
    assert wrong.get_xlabel() == "true: skirt"
    assert right.spines["top"].get_edgecolor() != wrong.spines["top"].get_edgecolor()


def test_long_names_that_begin_and_end_alike_differ_in_the_picture(tmp_path: Path) -> None:
    labels = [f"species_{number:04}_of_a_very_long_name_in_the_catalogue" for number in range(20)]
    images = np.full((20, 8, 8, 3), 99, np.uint8)
    scores = np.eye(20)[[*range(10), *range(9, -1, -1)]]

    figure = plots.draw_predictions(images, np.arange(20), scores, labels, caption="test images")

    assert len({axes.get_title(loc="left") for axes in figure.axes[:10]}) == 10
    assert len({axes.get_xlabel() for axes in figure.axes[10:]}) == 10
    assert plots.in_two_lines("Toyota Camry Sedan", points=100, size=10) == "Toyota Camry\nSedan"
    plots.save(figure, tmp_path / "predictions.png")
    assert_png_with_clear_border(tmp_path / "predictions.png")


def test_predictions_show_the_first_twenty() -> None:
    images = np.arange(23, dtype=np.uint8).reshape(23, 1, 1, 1) * np.ones((1, 8, 8, 3), np.uint8)
    truth = np.zeros(23, int)
    scores = np.tile([0.7, 0.3], (23, 1))
    scores[[4, 21]] = [0.3, 0.7]

    figure = plots.draw_predictions(images, truth, scores, ["a", "b"], caption="test images")

    shown = [axes.images[0].get_array() for axes in figure.axes]
    assert [int(picture[0, 0, 0]) for picture in shown if picture is not None] == list(range(20))
    assert figure.get_suptitle() == "test images"


def cells(counts: np.ndarray) -> np.ndarray:
    """The cells of a matrix that are not 0."""
    places = np.argwhere(counts)
    return np.column_stack([places, counts[tuple(places.T)]])


def test_confusion_matrix_colours_by_the_row_and_counts_in_text() -> None:
    counts = np.array([[6, 2, 0], [0, 4, 0], [0, 0, 0]])

    figure = plots.draw_confusion_matrix(cells(counts), ["shirt", "hat", "skirt"], caption="test images", unreadable=2)

    axes = figure.axes[0]
    np.testing.assert_allclose(np.asarray(axes.images[0].get_array()), [[0.75, 0.25, 0], [0, 1, 0], [0, 0, 0]])
    texts = {text.get_position(): text.get_text() for text in axes.texts}
    assert texts == {(0, 0): "6", (1, 0): "2", (1, 1): "4", (2, 2): "0"}  # at (column, row): predicted, true
    assert axes.get_title() == "Top-1 71.4 %: 10 of 14 test images\n2 of them could not be read and count as wrong"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["shirt", "hat", "skirt"]


def test_of_many_classes_the_most_confused_are_large() -> None:
    labels = [f"class {index}" for index in range(60)]
    counts = np.eye(60, dtype=int) * 40
    counts[[50, 7, 31], [7, 31, 8]] = 9, 5, 1
    counts[50, 20:26] = 1  # rarer than the others, and of more classes than there is room for

    axes = plots.draw_confusion_matrix(cells(counts), labels, caption="test images").axes[0]

    named = [label.get_text() for label in axes.get_yticklabels()]
    assert len(named) == confusions.MOST_CONFUSED and named == sorted(named, key=labels.index)
    assert {labels[index] for index in (7, 8, 31, 50)} <= {*named}
    assert [label.get_text() for label in axes.get_xticklabels()] == [*named, "all other classes"]
    row = {
        text.get_position()[0]: int(text.get_text())
        for text in axes.texts
        if text.get_position()[1] == named.index("class 50")
    }
    assert row[named.index("class 7")] == 9 and sum(row.values()) == 55
    assert min(text.get_size() for text in axes.texts) >= 10
    most = "the 15 most confused of 60 classes, with 21 of the 21 confusions"
    assert axes.get_title() == f"Top-1 99.1 %: 2,400 of 2,421 test images\n{most}"


def test_among_rare_confusions_those_of_the_most_confused_classes_are_shown() -> None:
    """With an image of each class, every confusion occurs once; the class that many are taken for is what matters."""
    truth = np.arange(1_000)
    predicted = np.where(truth % 2, (truth + 1) % 1_000, truth)
    predicted[600:900:20] = 777
    found = np.column_stack([truth, predicted, np.ones(1_000, int)])
    shown = confusions.shown(found, 1_000)

    assert 777 in shown.classes and len(shown.classes) == 15
    assert shown.counts[:, list(shown.classes).index(777)].sum() == 14
    title = plots.draw_confusion_matrix(found, list(map(str, truth)), caption="images").axes[0].get_title()
    assert title.endswith("the 15 most confused of 1,000 classes, with 15 of the 515 confusions")


@pytest.mark.parametrize("classes", [3, 25, 26, 300])
def test_the_shown_confusions_add_up(classes: int) -> None:
    counts = np.random.default_rng(0).integers(0, 3, (classes, classes))
    shown = confusions.shown(cells(counts), classes)

    assert len(shown.classes) == (classes if classes <= 25 else 15)
    np.testing.assert_array_equal(shown.counts.sum(axis=1) + shown.others, counts[shown.classes].sum(axis=1))
    np.testing.assert_array_equal(shown.counts, counts[np.ix_(shown.classes, shown.classes)])


@pytest.mark.parametrize("classes", [2, 10, 60])
def test_labels_are_literal_and_never_cut(tmp_path: Path, classes: int) -> None:
    labels = [HOSTILE, "衬衫 " + "x" * 250] + [f"class {index}" for index in range(classes - 2)]
    counts = np.eye(classes, dtype=int) * 7
    images = np.full((4, 16, 16, 3), 99, np.uint8)
    scores = np.eye(classes)[[0, 1, 0, 1]]

    plots.confusion_matrix(cells(counts), labels, tmp_path / "confusion.png", caption="test images")
    plots.predictions(
        images, np.array([0, 1, 1, 0]), scores, labels, tmp_path / "predictions.png", caption="test images"
    )

    assert_png_with_clear_border(tmp_path / "confusion.png")
    assert_png_with_clear_border(tmp_path / "predictions.png")
    assert HOSTILE in words(plots.draw_confusion_matrix(cells(counts), labels, caption="test images"))
    assert f"✓ {HOSTILE}" in words(
        plots.draw_predictions(images, np.zeros(4, int), scores, labels, caption="test images")
    )


def test_a_name_that_is_too_wide_loses_its_middle() -> None:
    short = plots.fitted("WWWW" * 20 + "_left", points=100, size=10)

    assert short.startswith("WW")
    assert "…" in short
    assert short.endswith("_left")
    assert plots.fitted("W shirt", points=100, size=10) == "W shirt"


def test_the_users_matplotlib_settings_neither_matter_nor_change() -> None:
    with matplotlib.rc_context({"text.parse_math": True, "text.usetex": True, "text.color": "red"}):
        figure = plots.draw_learning_curve([FROZEN])

        assert not any(text.get_usetex() or text.get_color() == "red" for text in figure.findobj(Text))
        assert matplotlib.rcParams["text.color"] == "red"


def test_importing_the_pictures_imports_neither_tensorflow_nor_pyplot() -> None:
    heavy = "{'tensorflow', 'keras', 'matplotlib.pyplot'}"
    code = "import sys, tlpipe.pictures.plots, tlpipe.pictures.architecture; "
    code += f"sys.exit(repr({heavy} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.stderr.strip() == "set()"
