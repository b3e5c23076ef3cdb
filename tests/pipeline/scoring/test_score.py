"""The rows of `tlpipe score`: in order, one for each image, with the scores of the device's classifier."""

import csv
import itertools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from results import rows
from spawned import Spawned

from tlpipe.engine.choice import using
from tlpipe.engine.work import OfThisMachine
from tlpipe.scoring.score import Options, Scored
from tlpipe.scoring.work import Item, Row, ScoreImages
from tlpipe_edge.classify.classifier import Classifier
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.errors import BadData, WrongUsage
from tlpipe_edge.images import walker

Run = Callable[..., Scored]


def test_the_rows_are_those_of_the_classifier_in_the_order_of_the_source(
    score: Run, stored: Bundle, photos: Path, tmp_path: Path
) -> None:
    done = score(photos, out="out.jsonl")

    classifier = Classifier.open(stored.path)
    expected = []
    for file in walker.walk(photos).images:
        top = [{"label": each.label, "score": each.score} for each in classifier(file).top_k(3)]
        expected.append({"source": str(file), **top[0], "top_k": top, "error": None})
    assert rows(tmp_path / "out.jsonl") == expected and len(expected) == 12
    assert (done.images, done.failed, done.continued, done.recipe) == (12, 0, 0, "int8")
    assert done.seconds > 0 and done.images_per_second > 0
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out.jsonl", "photos"]


def test_bytes_give_the_scores_of_their_file(stored: Bundle, photos: Path) -> None:
    file = walker.walk(photos).images[0]
    artifact = stored.artifact()
    work = ScoreImages(stored.read(artifact), stored.manifest.labels, stored.manifest.image, 3)
    row = work.start()

    assert row(Item("a", file)) == row(Item("a", file.read_bytes()))


def test_a_csv_has_the_same_numbers(score: Run, photos: Path, tmp_path: Path) -> None:
    score(photos, out="out.jsonl")
    score(photos, top_k=2)

    for cells, row in zip(rows(tmp_path / "out.csv"), rows(tmp_path / "out.jsonl"), strict=True):
        assert list(cells) == ["source", "label", "score", "label_2", "score_2", "error"]
        assert (cells["source"], cells["label"], float(cells["score"])) == (row["source"], row["label"], row["score"])
        assert {"label": cells["label_2"], "score": float(cells["score_2"])} == row["top_k"][1]
        assert cells["error"] == ""


def test_more_labels_than_there_are_give_all(score: Run, photos: Path, tmp_path: Path) -> None:
    score(photos, out="out.jsonl", top_k=50)

    assert [len(row["top_k"]) for row in rows(tmp_path / "out.jsonl")] == [3] * 12


def test_a_corrupt_image_is_a_row_with_its_error(
    score: Run, photos: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bad = photos / "bars/01.jpg"
    bad.write_bytes(b"\xff\xd8\xff and no more")
    done = score(photos)

    found = rows(tmp_path / "out.csv")
    assert (done.images, done.failed, len(found)) == (13, 1, 13)
    (row,) = (row for row in found if row["error"])
    assert row["source"] == str(bad) and row["label"] == row["score"] == row["score_3"] == ""
    assert "1 of 13 images cannot be read, and have an error in their row; the first: " in capfd.readouterr().err


def test_if_no_image_can_be_read_the_rows_say_why(score: Run, tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(b"\xff\xd8\xff no image")
    with pytest.raises(BadData, match=r"none of the 2 images can be read; the first: .*a\.jpg: "):
        score(tmp_path / "a.jpg", tmp_path / "b.jpg")

    assert [bool(row["error"]) for row in rows(tmp_path / "out.csv")] == [True, True]


def test_no_cell_is_a_formula(score: Run, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (photos / "bars/00.jpg").rename(tmp_path / '=cmd|"x"!a.jpg')
    monkeypatch.chdir(tmp_path)
    score(Path('=cmd|"x"!a.jpg'))

    with (tmp_path / "out.csv").open(newline="") as stream:
        assert list(csv.reader(stream))[1][0] == '\'=cmd|"x"!a.jpg'


@pytest.mark.parametrize("out", ["out.csv", "out.jsonl"])
def test_a_name_that_is_not_unicode_is_told(score: Run, photos: Path, tmp_path: Path, out: str) -> None:
    file = photos / "bars/\udcff.jpg"
    (photos / "bars/00.jpg").rename(file)
    score(file, out=out)

    assert rows(tmp_path / out)[0]["source"] == str(photos / r"bars/\udcff.jpg")


def test_workers_and_processes_give_the_same_bytes(score: Run, photos: Path, tmp_path: Path) -> None:
    (photos / "bars/text.jpg").write_bytes(b"text")
    results = []
    for workers in (1, 3):
        score(photos, workers=workers, overwrite=True)
        results.append((tmp_path / "out.csv").read_bytes())
    pool = Spawned()
    with using(pool):
        score(photos, overwrite=True)
    results.append((tmp_path / "out.csv").read_bytes())

    assert results[0] == results[1] == results[2]
    assert pool.runs == 13 and not pool.heavy


class Counting(OfThisMachine):
    """An engine that notes how many items were taken before the first result."""

    def __init__(self) -> None:
        self.most = 0

    def run(self, work: Any, items: Iterable[Any]) -> Any:
        function, waiting = work.start(), iter(items)
        while group := list(itertools.islice(waiting, 4)):
            self.most = max(self.most, len(group))
            yield from map(function, group)


def test_images_are_taken_when_there_is_room(score: Run, photos: Path) -> None:
    engine = Counting()
    with using(engine):
        assert score(photos).images == 12
    assert engine.most == 4


@pytest.mark.usefixtures("photos")
def test_a_worker_may_have_another_working_folder(score: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.txt").write_text("photos/bars/00.jpg\n")

    class Elsewhere(OfThisMachine):
        def run(self, work: Any, items: Iterable[Any]) -> Any:
            taken, function = list(items), work.start()
            monkeypatch.chdir("/")
            yield from map(function, taken)

    with using(Elsewhere()):
        assert score(Path("photos/rings"), Path("photos/bars/00.jpg"), Path("list.txt")).failed == 0
    assert rows(tmp_path / "out.csv")[-1]["source"] == "photos/bars/00.jpg"


def test_a_row_is_small() -> None:
    assert Row("a.jpg", error="gone") == Row("a.jpg", (), "gone", False)


@pytest.mark.parametrize("name", ["out", "out.txt", "out.csv.gz", "out.json"])
def test_an_unknown_format_is_refused(score: Run, photos: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(WrongUsage, match=r"unknown format of the result\nName a file that ends in \.csv, \.jsonl or"):
        score(photos, out=name)
    assert [each.name for each in tmp_path.iterdir()] == ["photos"]


def test_a_result_is_not_replaced_unless_asked(score: Run, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_text("mine")
    with pytest.raises(WrongUsage, match="exists already"):
        score(photos)
    assert (tmp_path / "out.csv").read_text() == "mine"

    score(photos, overwrite=True)
    assert len(rows(tmp_path / "out.csv")) == 12


@pytest.mark.usefixtures("photos")
def test_a_source_is_not_replaced(score: Run, tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_text("path\nphotos/bars/00.jpg\n")
    with pytest.raises(WrongUsage, match="is a source, which would be lost"):
        score(tmp_path / "out.csv", overwrite=True)


def test_folders_of_the_result_are_made(score: Run, photos: Path, tmp_path: Path) -> None:
    assert score(photos, out="new/folder/out.csv").file == tmp_path / "new/folder/out.csv"


@pytest.mark.parametrize("options", [{"top_k": 0}, {"workers": 0}])
def test_numbers_begin_at_one(options: dict[str, int]) -> None:
    with pytest.raises(WrongUsage, match="less than 1"):
        Options(**options)


def test_a_recipe_that_the_bundle_has_not(score: Run, photos: Path) -> None:
    with pytest.raises(WrongUsage, match="no format float16 in this bundle"):
        score(photos, recipe="float16")
