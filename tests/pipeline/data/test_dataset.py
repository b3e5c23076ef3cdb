"""From folders and lists to labels and splits; the images are only begun, as they are not decoded here."""

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from tlpipe.data import loading
from tlpipe.data.dataset import Dataset, Example
from tlpipe_edge.errors import BadData, MissingInput, TlpipeError, WrongUsage


def image(text: str) -> bytes:
    """The first bytes of a JPEG, and a text."""
    return b"\xff\xd8\xff" + text.encode()


def fill(folder: Path, *, count: int = 10, text: str = "") -> Path:
    """A class folder of ``count`` different files."""
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"{number:02}.jpg").write_bytes(image(f"{folder} {number} {text}"))
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two classes of 10 and 20."""
    fill(tmp_path / "data/cat")
    fill(tmp_path / "data/dog", count=20)
    return tmp_path / "data"


def sizes(found: Dataset) -> dict[str, int]:
    return {split: len(examples) for split, examples in found.splits.items()}


def files(examples: Iterable[Example]) -> list[str]:
    return [f"{example.file.parent.name}/{example.file.name}" for example in examples]


def refusal(kind: type[TlpipeError], data: Path, **options: float) -> str:
    with pytest.raises(kind) as caught:
        loading.load(data, **options)
    assert caught.value.advice
    return caught.value.what


def test_a_folder_per_class_is_cut_by_class(data: Path) -> None:
    found = loading.load(data, validation_fraction=0.2, test_fraction=0.1)

    assert found.labels == ("cat", "dog") and found.cut == ("test", "validation")
    assert sizes(found) == {"train": 21, "test": 3, "validation": 6}
    for split, counts in (("train", (7, 14)), ("validation", (2, 4)), ("test", (1, 2))):
        assert Counter(example.label for example in found.splits[split]) == dict(enumerate(counts))
    assert len({example.file for examples in found.splits.values() for example in examples}) == 30


def test_the_same_seed_cuts_the_same_and_another_one_otherwise(data: Path) -> None:
    assert loading.load(data, seed=3) == loading.load(data, seed=3)
    assert files(loading.load(data, seed=3).splits["test"]) != files(loading.load(data, seed=4).splits["test"])


def test_copies_of_a_file_are_never_on_both_sides(data: Path) -> None:
    for number in range(10):
        shutil.copy(data / f"cat/{number:02}.jpg", data / f"cat/copy-{number}.jpg")

    for seed in range(5):
        found = loading.load(data, validation_fraction=0.3, test_fraction=0.3, seed=seed)
        sides = [{example.sha256 for example in examples} for examples in found.splits.values()]
        assert not (sides[0] & sides[1] or sides[0] & sides[2] or sides[1] & sides[2])
        assert found.warnings == ()


def test_every_class_has_an_image_on_each_side(tmp_path: Path) -> None:
    fill(tmp_path / "data/rare", count=3)
    fill(tmp_path / "data/often", count=90)

    found = loading.load(tmp_path / "data")
    assert all({example.label for example in examples} == {0, 1} for examples in found.splits.values())


def test_two_images_cannot_fill_three_splits(tmp_path: Path) -> None:
    fill(tmp_path / "data/rare", count=2)
    fill(tmp_path / "data/often")

    assert "class 'rare': too few different images" in refusal(BadData, tmp_path / "data")


@pytest.mark.parametrize("train", ["train", "training", "Train"])
@pytest.mark.parametrize(("validation", "test"), [("val", "test"), ("valid", "testing"), ("validation", "TEST")])
def test_split_folders_have_synonyms(tmp_path: Path, train: str, validation: str, test: str) -> None:
    for count, split in enumerate((test, validation, train), start=1):
        for label in ("cat", "dog"):
            fill(tmp_path / "data" / split / label, count=count)

    found = loading.load(tmp_path / "data")
    assert sizes(found) == {"train": 6, "validation": 4, "test": 2}
    assert found.cut == () and found.evaluation_split == "test"


def test_only_the_split_that_is_missing_is_cut(tmp_path: Path) -> None:
    for label in ("cat", "dog"):
        fill(tmp_path / "data/train" / label)
        fill(tmp_path / "data/test" / label, count=3)

    found = loading.load(tmp_path / "data", validation_fraction=0.2)
    assert sizes(found) == {"train": 16, "test": 6, "validation": 4} and found.cut == ("validation",)


def test_a_fraction_of_0_cuts_no_test_and_validation_stands_in(data: Path) -> None:
    found = loading.load(data, test_fraction=0)

    assert "test" not in found.splits and found.evaluation_split == "validation"


@pytest.mark.parametrize("name", ["validation_fraction", "test_fraction"])
@pytest.mark.parametrize("fraction", [-0.1, 0.9, 1.0, float("nan"), float("inf")])
def test_a_fraction_out_of_range_is_wrong_usage(data: Path, name: str, fraction: float) -> None:
    assert "fraction" in refusal(WrongUsage, data, **{name: fraction})


def test_validation_is_needed(data: Path) -> None:
    assert "no validation images" in refusal(WrongUsage, data, validation_fraction=0)


def test_class_names_are_any_text(tmp_path: Path) -> None:
    names = ("-dash", "Größe 猫", "long sleeve", "日本")
    for name in names:
        fill(tmp_path / "data" / name)

    assert loading.load(tmp_path / "data").labels == names


def test_hidden_files_and_folders_are_not_seen(data: Path) -> None:
    (data / "cat/.DS_Store").write_text("x")
    fill(data / "cat/.thumbnails")
    fill(data / ".git")

    assert sum(sizes(loading.load(data)).values()) == 30


@pytest.mark.parametrize("split", ["", "train"])
def test_folders_inside_a_class_belong_to_it_and_are_named(data: Path, split: str) -> None:
    fill(data / "cat/more/still", count=4)
    if split:
        (data.parent / "splits").mkdir()
        data = data.rename(data.parent / "splits" / split).parent

    found = loading.load(data)
    assert sum(sizes(found).values()) == 34
    assert found.warnings == (
        f"{data}: 4 images are in folders inside the class folders (cat/more): the outer folder is the class",
    )


def test_a_linked_folder_inside_a_class_is_followed(data: Path, tmp_path: Path) -> None:
    fill(tmp_path / "elsewhere", count=4)
    (data / "cat/more").symlink_to(tmp_path / "elsewhere")
    fill(tmp_path / "bird")
    (data / "bird").symlink_to(tmp_path / "bird")

    found = loading.load(data)
    assert found.labels == ("bird", "cat", "dog") and sum(sizes(found).values()) == 44


def test_one_class_is_none(data: Path) -> None:
    shutil.rmtree(data / "dog")

    assert "only one class ('cat')" in refusal(BadData, data)


def test_an_empty_class_is_named(data: Path) -> None:
    (data / "bird").mkdir()

    assert refusal(BadData, data) == f"{data / 'bird'}: the class has no images"


def test_no_images_at_all(tmp_path: Path) -> None:
    assert refusal(BadData, tmp_path) == f"{tmp_path}: no images in class folders"


def test_no_such_folder(tmp_path: Path) -> None:
    assert refusal(MissingInput, tmp_path / "gone") == f"{tmp_path / 'gone'}: no such folder, list or archive"


def test_a_folder_beside_train_that_is_no_split_is_named(data: Path) -> None:
    fill(data / "train/cat")

    assert "a folder next to train/ that is not a split" in refusal(BadData, data)


def test_a_class_that_train_does_not_have_is_named(tmp_path: Path) -> None:
    for label in ("cat", "dog"):
        fill(tmp_path / "data/train" / label)
    fill(tmp_path / "data/validation/bird", count=1)

    assert "class 'bird' is in validation but not in train" in refusal(BadData, tmp_path / "data")


def test_a_photograph_in_two_splits_is_warned_of(tmp_path: Path) -> None:
    for split in ("train", "validation"):
        for label in ("cat", "dog"):
            fill(tmp_path / "data" / split / label)
    copy = tmp_path / "data/validation/cat/again.jpg"
    shutil.copy(tmp_path / "data/train/cat/03.jpg", copy)

    (warning,) = loading.load(tmp_path / "data", test_fraction=0).warnings
    assert warning.startswith(f"{copy}: the same image is in train (") and "train/cat/03.jpg" in warning


def test_a_photograph_in_two_classes_is_warned_of(data: Path) -> None:
    shutil.copy(data / "cat/03.jpg", data / "dog/other.jpg")

    warnings = loading.load(data).warnings
    assert any("the same image is in class" in warning for warning in warnings), warnings


def csv(data: Path, text: str) -> Path:
    file = data / "list.csv"
    file.write_text(text, encoding="utf-8")
    return file


def rows(label: str, split: str = "", *, of: range = range(10)) -> str:
    return "".join(f"{label}/{number:02}.jpg,{label}{split}\n" for number in of)


@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_a_csv_lists_paths_from_its_own_folder(data: Path, bom: str) -> None:
    found = loading.load(csv(data, bom + "path,label\n" + rows("cat") + rows("dog")))

    assert found.labels == ("cat", "dog") and sum(sizes(found).values()) == 20
    assert all(example.file.is_file() for example in found.splits["train"])


def test_a_csv_names_splits_by_the_same_synonyms(data: Path) -> None:
    text = "path,label,split\n" + rows("cat", ",train", of=range(4)) + rows("dog", ",", of=range(4))
    text += rows("cat", ",VAL", of=range(4, 6)) + rows("dog", ",testing", of=range(4, 7))

    found = loading.load(csv(data, text))
    assert sizes(found) == {"train": 8, "validation": 2, "test": 3} and found.cut == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,label,split\ncat/00.jpg,cat,test\n", "no training images"),
        ('path,label\ncat/00.jpg,"c\nat"\n', "is blank, has several lines or is not Unicode"),
    ],
)
def test_a_csv_without_a_usable_class_says_where(data: Path, text: str, said: str) -> None:
    file = csv(data, text)

    assert refusal(BadData, file).startswith(str(file))
    assert said in refusal(BadData, file)


def test_splits_survive_json(data: Path, tmp_path: Path) -> None:
    found = loading.load(data)
    first, *others = found.splits["train"]
    found = replace(found, splits={**found.splits, "train": (replace(first, problem="0 bytes"), *others)})
    (tmp_path / "splits.json").write_text(found.to_json())

    assert Dataset.read(tmp_path / "splits.json") == found
    document = json.loads((tmp_path / "splits.json").read_text())
    assert document["unreadable"] == [{"file": str(first.file), "reason": "0 bytes"}]
    assert set(document["splits"]["train"][0]) == {"file", "label", "sha256"}


def test_the_shares_of_held_out_splits_are_kept_if_they_are_known(data: Path, tmp_path: Path) -> None:
    document = json.loads(loading.load(data, test_fraction=0.2).to_json())
    assert document["fractions"] == {"test": 0.2, "validation": 0.1}

    del document["fractions"]  # as an earlier version wrote it
    (tmp_path / "splits.json").write_text(json.dumps(document))
    assert Dataset.read(tmp_path / "splits.json").fractions is None
    assert "fractions" not in json.loads(Dataset.read(tmp_path / "splits.json").to_json())


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"labels": 3}', '{"source": "x", "labels": [], "splits": []}'])
def test_damaged_splits_are_bad_data(tmp_path: Path, text: str) -> None:
    (tmp_path / "splits.json").write_text(text)

    with pytest.raises(BadData, match=r"splits\.json: not the splits of a run"):
        Dataset.read(tmp_path / "splits.json")


@pytest.mark.parametrize(
    "stored",
    [
        {"unpacked": {"sha256": "../../evil", "folder": "x"}},
        {"unpacked": {"sha256": 3, "folder": "x"}},
        {"unpacked": {"sha256": "a" * 64}},
        {"unpacked": []},
        {"format": "voc"},
        {"images": 3},
        {"source": "a\0b"},
        {"source": "x" * 5000},
        {"labels": ["cat", 3]},
        {"splits": {"train": []}},
        {"splits": {"train": [{"file": "a\0b", "label": "cat", "sha256": ""}], "validation": []}},
        {"splits": {"train": [{"file": "x" * 300, "label": "cat", "sha256": ""}], "validation": []}},
        {"splits": {"train": [{"file": "x", "label": "hen", "sha256": ""}], "validation": []}},
        {"splits": {"train": [{"file": "x", "label": "cat", "sha256": 3}], "validation": []}},
        {"cut_from_train": 3},
        {"cut_from_train": [[]]},
        {"unreadable": {"file": "x"}},
        {"fractions": {"test": 0.1}},
        {"fractions": {"test": "NaN", "validation": 0.1}},
    ],
)
def test_a_damaged_source_in_splits_is_bad_data(data: Path, tmp_path: Path, stored: dict[str, object]) -> None:
    (tmp_path / "splits.json").write_text(json.dumps(json.loads(loading.load(data).to_json()) | stored))

    with pytest.raises(BadData, match=r"splits\.json: not the splits of a run"):
        Dataset.read(tmp_path / "splits.json")


def test_a_class_without_readable_images_is_named(data: Path) -> None:
    found = loading.load(data)
    train = found.splits["train"]
    without = tuple(replace(each, problem="0 bytes") if each.label == 0 else each for each in train)

    with pytest.raises(BadData, match="no readable training image of class 'cat'"):
        replace(found, splits={**found.splits, "train": without}).check_trainable()
    validation = tuple(replace(each, problem="0 bytes") for each in found.splits["validation"])
    with pytest.raises(BadData, match="no readable validation image, as all 3 are damaged"):
        replace(found, splits={**found.splits, "validation": validation}).check_trainable()


def test_images_to_score_may_lack_a_class_and_those_of_another_do_not_count(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, examples = loading.labelled(data, ("bird", "cat", "dog"))
    assert name == "data" and Counter(example.label for example in examples) == {1: 10, 2: 20}

    _, examples = loading.labelled(data, ("bird", "dog"))
    assert Counter(example.label for example in examples) == {1: 20}
    foreign = "not a class of the model, so it does not count for accuracy: 'cat' (10 images)"
    assert f"warning: {data}: {foreign}\n" in capsys.readouterr().err
    with pytest.raises(BadData, match=r"no image is of a class of the model: 'cat' \(10 images\), 'dog' \(20 images\)"):
        loading.labelled(data, ("bird", "fish"))


def test_images_to_score_are_those_of_the_test_split(tmp_path: Path) -> None:
    for split, count in (("train", 3), ("val", 2), ("test", 1)):
        fill(tmp_path / "data" / split / "cat", count=count)

    assert [len(loading.labelled(tmp_path / "data", ("cat",))[1])] == [1]
    shutil.rmtree(tmp_path / "data/train")
    assert [len(loading.labelled(tmp_path / "data", ("cat",))[1])] == [1]
    shutil.rmtree(tmp_path / "data/test")
    name, examples = loading.labelled(tmp_path / "data", ("cat",))
    assert (name, len(examples)) == ("data", 2)


def test_an_unreadable_file_is_an_example_and_a_link_to_nothing_is_none(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "cat/broken.jpg").symlink_to("/proc/self/mem")  # which nobody reads
    (data / "cat/gone.jpg").symlink_to("gone.jpg")

    found = loading.load(data)
    assert "1 link to nothing (cat/gone.jpg)" in capsys.readouterr().err
    examples = [each for split in found.splits.values() for each in split]
    assert [(each.file.name, each.problem) for each in examples if each.problem] == [
        ("broken.jpg", "cannot be read (Input/output error)")
    ]


def test_photographs_beside_the_class_folders_are_warned_of(data: Path) -> None:
    (data / "loose.JPG").write_bytes(image("loose"))
    (data / "LICENSE").write_text("a text")

    assert loading.load(data).warnings == (f"{data}: 1 image outside of the class folders is not used",)


def test_images_beside_the_class_folders_of_a_split_are_warned_of(tmp_path: Path) -> None:
    fill(tmp_path / "train/cat", count=10)
    fill(tmp_path / "train/dog", count=10)
    (tmp_path / "train/loose.png").write_bytes(image("loose"))

    assert loading.load(tmp_path).warnings == (f"{tmp_path}/train: 1 image outside of the class folders is not used",)


def test_images_to_score_may_be_a_csv_of_test_rows(data: Path) -> None:
    file = csv(data, "path,label,split\n" + rows("cat", ",test", of=range(3)))

    assert len(loading.labelled(file, ("cat", "dog"))[1]) == 3


def test_without_a_train_folder_there_is_nothing_to_train_on(tmp_path: Path) -> None:
    fill(tmp_path / "data/test/cat")

    assert "no training images" in refusal(BadData, tmp_path / "data")


@pytest.mark.parametrize("name", [b" ", b"two\nlines", b"caf\xe9"])
def test_a_class_whose_name_is_no_label_is_refused(data: Path, name: bytes) -> None:
    (data / "cat").rename(data / os.fsdecode(name))

    assert "is blank, has several lines or is not Unicode" in refusal(BadData, data)
