"""Lists of images: CSV in any dialect, JSON Lines, and Hugging Face's metadata."""

import json
import os
import shutil
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import lists
import pytest
from lists import COUNT, images, label, paths

from tlpipe.data import dataset, listing, loading
from tlpipe.data.reading import Format, Reading, parse
from tlpipe_edge.errors import BadData, MissingInput, TlpipeError, WrongUsage

ALL = {"cat": COUNT, "dog": COUNT}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return images(tmp_path / "photos")


def rows(separator: str = ",", *, written: Callable[[str], str] = str) -> str:
    return "".join(f"{written(path)}{separator}{label(path)}\n" for path in paths())


def counts(data: Path, **given: object) -> dict[str, int]:
    """How many images of each label are found."""
    found = listing.read(data, Reading(**given))  # type: ignore[arg-type]
    assert all(file.is_file() for files in found.values() for file, _ in files)
    return dict(Counter(name for files in found.values() for _, name in files))


def refusal(kind: type[TlpipeError], data: Path, **given: object) -> str:
    with pytest.raises(TlpipeError) as caught:
        listing.read(data, Reading(**given))  # type: ignore[arg-type]
    assert isinstance(caught.value, kind), caught.value
    assert caught.value.advice and "\n" not in caught.value.what
    return caught.value.what


def written(folder: Path, text: str | bytes, name: str = "list.csv") -> Path:
    file = folder / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


@pytest.mark.parametrize(
    "text",
    [
        "path,label\n" + rows(),
        "path;label\n" + rows(";"),
        "path\tlabel\n" + rows("\t"),
        "path|label\n" + rows("|"),
        "sep=;\npath;label\n" + rows(";"),
        "sep=,\r\npath,label\r\n" + rows().replace("\n", "\r\n"),
        ("path,label\n" + rows()).replace("\n", "\r"),
        " Path , LABEL \n" + rows(" , "),
        '"path","label"\n' + rows('","').replace("\n", '"\n').replace("cat/", '"cat/').replace("dog/", '"dog/'),
        'Path;"Label"\n' + rows(';"').replace("\n", '"\n'),
        "path,label\n\n" + rows() + "\n,\n , \n\n",
        "path,label,,\n" + rows().replace("\n", ",,\n"),
        "path,label\n" + rows().replace("\n", ",,\n"),
        "label,note,path\n" + "".join(f'{label(path)},"a, b; c",{path}\n' for path in paths()),
        "File Name,Class\n" + rows(),
        "image_id,species\n" + rows(),
        "id,image,label\n" + "".join(f"7,{path},{label(path)}\n" for path in paths()),
        "path,label\n" + rows(written=lambda path: path.replace("/", "\\")),
        "path,label\n" + rows(written=lambda path: ".\\" + path.replace("/", "\\")),
        "path,label\n" + rows(written=lambda path: "C:\\Users\\me\\" + path.replace("/", "\\")),
        "path,label\n" + rows(written=lambda path: "\\\\server\\share\\" + path.replace("/", "\\")),
        "path,label\n" + rows(written=lambda path: "/content/drive/data/" + path),
        "path,label\n" + rows() + "\x1a",
        rows(),
        rows(";"),
        rows(" "),
        "path label\n" + rows("  "),
        "class id,filepaths,labels,data set\n" + "".join(f"7,{path},{label(path)},train\n" for path in paths()),
        "image,id,choice,annotator\n" + "".join(f"/data/upload/1/{path},7,{label(path)},1\n" for path in paths()),
        "filename, cat, dog, Unlabeled\n"
        + "".join(f"{path}, {label(path) == 'cat':d}, {label(path) == 'dog':d}, 0\n" for path in paths()),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_every_dialect_of_a_table_is_read(folder: Path, text: str, encoding: str) -> None:
    assert counts(written(folder, text.encode(encoding))) == ALL


@pytest.mark.parametrize(
    "name", ["path", "filename", "file", "file_name", "image", "image_path", "img", "id", "Image ID"]
)
@pytest.mark.parametrize("other", ["label", "class", "category", "target", "species", "label_name", "classname", "Y"])
def test_columns_have_synonyms(folder: Path, name: str, other: str) -> None:
    assert counts(written(folder, f"{name},{other}\n{rows()}")) == ALL


@pytest.mark.parametrize("name", ["split", "Set", "subset", "partition"])
def test_a_split_column_has_synonyms(folder: Path, name: str) -> None:
    splits = ("train", "Training", "VAL", "test") * 2
    lines = [f"{path};{label(path)};{split}" for path, split in zip(paths(), splits, strict=True)]
    file = written(folder, "\n".join([f"path;label;{name}", *lines]))

    assert {split: len(files) for split, files in listing.read(file).items()} == {
        "train": 4,
        "validation": 2,
        "test": 2,
    }


def test_what_was_recognized_is_said_in_one_line(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    counts(written(folder, "Path;Label\n" + rows(";"), "labels.csv"))
    said = f'labels.csv: CSV, separated by ";", columns Path and Label: {2 * COUNT} images of 2 classes\n'
    assert capfd.readouterr().err == said

    counts(written(folder, rows()))
    assert "list.csv: CSV, no header: 8 images" in capfd.readouterr().err


def test_another_encoding_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "café").mkdir()
    for number in range(COUNT):
        (tmp_path / f"café/{number}.jpg").write_bytes(lists.image(str(number)))
    text = "path,label\n" + "".join(f"café/{number}.jpg,café\n" for number in range(COUNT))

    assert counts(written(tmp_path, text.encode("cp1252"))) == {"café": COUNT}
    assert "not UTF-8 and so read as cp1252" in capfd.readouterr().err
    assert counts(written(tmp_path, text)) == {"café": COUNT}
    assert "cp1252" not in capfd.readouterr().err
    decomposed = text.replace("é", "e\u0301")
    assert set(counts(written(tmp_path, decomposed)).values()) == {COUNT}


def test_labels_that_are_numbers_are_texts(folder: Path) -> None:
    text = "path,label\n" + rows().replace(",cat", ",0").replace(",dog", ",1")

    assert loading.load(written(folder, text), test_fraction=0).labels == ("0", "1")


def json_rows(key: str = "path") -> str:
    return "".join(json.dumps({key: path, "label": label(path), "box": [1, 2]}) + "\n" for path in paths())


@pytest.mark.parametrize("name", ["list.jsonl", "list.NDJSON", "list"])
@pytest.mark.parametrize("key", ["path", "File_Name", "image"])
def test_json_lines_are_read(folder: Path, name: str, key: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert counts(written(folder, json_rows(key) + "\n", name)) == ALL
    assert f"{name}: JSON Lines, columns {key} and label: 8 images of 2 classes" in capfd.readouterr().err


def test_a_format_that_is_said_is_taken(folder: Path) -> None:
    assert counts(written(folder, "path;label\n" + rows(";"), "labels.txt"), format=Format.CSV) == ALL
    assert counts(written(folder, json_rows(), "labels.json"), format=Format.JSONL) == ALL
    assert "this is a JSON file" in refusal(BadData, folder / "labels.json")
    assert "not a JSON object" in refusal(BadData, written(folder, "7\n"), format=Format.JSONL)


def test_a_format_that_does_not_fit_is_wrong_usage(folder: Path) -> None:
    file = written(folder, rows())
    assert "a folder, not csv" in refusal(WrongUsage, folder, format=Format.CSV)
    assert "a file, not folders" in refusal(WrongUsage, file, format=Format.FOLDERS)
    assert "--images is for a list" in refusal(WrongUsage, folder, images=folder)
    assert "no such folder" in refusal(MissingInput, file, images=folder / "gone")
    with pytest.raises(WrongUsage, match=r"no format 'voc'\nUse folders, csv, jsonl or huggingface\."):
        parse("voc", None)


@pytest.mark.parametrize("inside", ["", "more/deep"])
@pytest.mark.parametrize("written_as", ["{stem}", "{stem}.jpg", "{folder}/{stem}.jpg"])
def test_ids_are_found_in_the_folder_that_is_said(tmp_path: Path, inside: str, written_as: str) -> None:
    folder = tmp_path / "elsewhere"
    (folder / inside).mkdir(parents=True)
    text = "id,label\n"
    for number in range(4):
        stem = f"a.b{number}"
        (folder / inside / f"{stem}.jpg").write_bytes(lists.image(stem))
        text += written_as.format(stem=stem, folder=inside or ".") + f",{'cat' if number % 2 else 'dog'}\n"
    file = written(tmp_path, text)

    assert counts(file, images=folder) == {"cat": 2, "dog": 2}
    if written_as == "{stem}":
        assert "4 of 4 images are not there: a.b0 (line 2), a.b1 (line 3), a.b2 (line 4), ..." in refusal(
            MissingInput, file
        )


def test_an_id_of_two_images_is_an_error(tmp_path: Path) -> None:
    for name in ("one/7.jpg", "two/7.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(lists.image(name))

    what = refusal(BadData, written(tmp_path, "id,label\n7,cat\n"), images=tmp_path)
    assert "list.csv, line 2: '7' could be" in what and "one/7.jpg" in what and "two/7.png" in what


def test_rows_that_repeat_another_one_are_counted_once(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = written(folder, "path,label\n" + rows() + "cat/0.jpg,cat\n./cat/1.jpg,cat\n")

    assert counts(file) == ALL
    assert "list.csv: 2 repeated rows are counted once" in capfd.readouterr().err


def test_an_image_with_two_labels_is_an_error(folder: Path) -> None:
    what = refusal(BadData, written(folder, "path,label\n" + rows() + "cat/0.jpg,dog\n"))
    assert what.endswith("list.csv, line 10: cat/0.jpg is 'dog', and 'cat' in line 2")


def test_files_that_are_no_images_are_passed_over(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "notes.txt").write_text("a text")

    assert counts(written(folder, "path,label\n" + rows() + "notes.txt,cat\n")) == ALL
    assert "list.csv: passed over 1 text file" in capfd.readouterr().err
    assert "no images, but 1 text file" in refusal(BadData, written(folder, "path,label\nnotes.txt,cat\n"))


def test_a_path_may_leave_the_folder_of_the_list(folder: Path) -> None:
    (folder.parent / "lists").mkdir()
    file = written(folder.parent / "lists", "path,label\n" + rows(written=lambda path: f"../photos/{path}"))
    assert counts(file) == ALL
    assert counts(written(folder, "path,label\n" + rows(written=lambda path: str(folder / path)))) == ALL


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("", BadData, "line 1: no column has the path of an image (it is empty)"),
        ("\n\n", BadData, "no column has the path of an image"),
        ("path,label\n", BadData, "no images"),
        ("name,label\ncat/0.jpg,cat\n", BadData, "line 1: no column has the path of an image (there is name, label)"),
        ("id,file_size\n1,2\n", BadData, "no column has the label, so these images have none (there is id, file_size)"),
        ('name,"label\ncat/0.jpg,cat\n', BadData, "(there is name, label cat/0.jpg,cat)"),
        ("path,class,species\ncat/0.jpg,a,b\n", BadData, "the columns class and species could both be the label"),
        ("path,Path,label\ncat/0.jpg,a,b\n", BadData, "the columns path and Path could both be the path"),
        ("path,label\ncat/0.jpg, \n", BadData, "line 2: no label"),
        ("path,label\n,cat\n", BadData, "line 2: no path"),
        ("path,label\ncat/0.jpg\n", BadData, "line 2: no label"),
        ("path,label\ncat/0.jpg,cat\n\n\ncat/a,b.jpg,cat\n", BadData, "line 5: 3 cells, but 2 columns"),
        ("path,label,split\ncat/0.jpg,cat,later\n", BadData, "line 2: no split 'later'"),
        ("path,label\ncat/0.jpg,\"['cat', 'dog']\"\n", BadData, "line 2: the label is a list"),
        ('path,label\n"cat/0.jpg,cat\ncat/1.jpg,cat\n', BadData, "line 2: a line break in a path"),
        ('label,path\ncat,"cat/0.jpg\ncat,cat/1.jpg\n', BadData, "line 2: a line break in a path"),
        ('path,label\n"' + "x" * 200_000, BadData, "not a CSV (field larger than field limit"),
        ("path,label\ncat/0.jpg,cat\ngone.jpg,cat\n", MissingInput, "1 of 2 images are not there: gone.jpg (line 3)"),
        (f"path,label\n{'x' * 300}.jpg,cat\n", MissingInput, "1 of 1 images are not there"),
        ("path,label\nD:\\gone\\1.jpg,cat\n", MissingInput, "D:\\gone\\1.jpg (line 2)"),
        ("path,cat,dog\ncat/0.jpg,1,0\ncat/1.jpg,1,1\n", BadData, "line 3: cat and dog are 1"),
        ("path,cat,dog\ncat/0.jpg,0,0\n", BadData, "line 2: no class is 1"),
        ("path,cat,dog\ncat/0.jpg,0.7,0.3\n", BadData, "no column has the label"),
        ("path,label\ncat,cat\n", MissingInput, "1 of 1 images are not there: cat (line 2)"),
    ],
)
def test_a_table_that_cannot_be_used_says_where(folder: Path, text: str, kind: type[TlpipeError], said: str) -> None:
    file = written(folder, text)

    assert refusal(kind, file).startswith(str(file))
    assert said in refusal(kind, file)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"path": "cat/0.jpg", "label": "cat"}\n{"path": "cat/1.jpg", "lab\n', "line 2: not JSON"),
        ('{"path": "cat/0.jpg", "label": "cat"}\n\n["cat/1.jpg", "cat"]\n', "line 3: not a JSON object"),
        ('{"path": "cat/0.jpg", "label": ["cat", "dog"]}\n', "line 1: label is a list"),
        ('{"path": "cat/0.jpg", "label": {"name": "cat"}}\n', "line 1: label is an object"),
        ('{"path": {"bytes": "x"}, "label": "cat"}\n', "line 1: path is an object"),
        ('{"path": "cat/0.jpg", "label": null}\n', "line 1: no label"),
        ('{"path": "cat/0.jpg", "label": "cat"}\n{"label": "cat"}\n', "line 2: no path"),
        ('{"path": "cat/0.jpg", "label": NaN}\n', "line 1: not JSON"),
        ('{"path": "cat/0.jpg"}\n', "line 1: no column has the label"),
        ("[" * 100_000, "line 1: not JSON"),
        ('\n [ {"path": "cat/0.jpg", "label": "cat"} ]', "a JSON array, not JSON Lines"),
        ("", "no images"),
    ],
)
def test_json_lines_that_cannot_be_used_say_where(folder: Path, text: str, said: str) -> None:
    file = written(folder, text, "list.jsonl")

    assert refusal(BadData, file).startswith(str(file))
    assert said in refusal(BadData, file)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"path,label\n\0\0", "a binary file"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a binary file"),
        ("path,label\n".encode("utf-16")[2:], "a binary file"),
        (b"\xff\xfepath", "no column has the path"),
        (b"\xff\xfep\0a\0t", "damaged UTF-16"),
        (b"\xfd7zXZ\0", "a damaged archive"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    ],
)
def test_what_is_no_text_is_no_table(folder: Path, content: bytes, said: str) -> None:
    with pytest.raises(BadData) as caught:
        loading.load(written(folder, content))
    assert said in caught.value.what


@pytest.mark.parametrize(
    ("written_as", "said"),
    [
        ("CAT/0.JPG", "There is {}/cat/0.jpg."),
        ("./cat/0.jpeg", "There is {}/cat/0.jpg."),
        ("cat\\0", "There is {}/cat/0.jpg."),
        ("cat%2F0.jpg", "There is {}/cat/0.jpg."),
        ("https://images.example/cat/0.jpg", "Download the images"),
        ("cat/9.jpg", "--images DIR"),
        ("/cat/9.jpg", "--images DIR"),
    ],
)
def test_a_path_that_is_written_otherwise_is_explained(folder: Path, written_as: str, said: str) -> None:
    file = written(folder, f"path,label\n{written_as},cat\n")

    with pytest.raises(MissingInput) as caught:
        listing.read(file)
    assert said.format(folder) in caught.value.advice


@pytest.mark.parametrize("value", ["NA", "nan"])
def test_a_label_that_may_be_none_is_warned_of(folder: Path, value: str, capfd: pytest.CaptureFixture[str]) -> None:
    file = written(folder, "path,label\n" + rows().replace(",dog", f",{value}"))

    assert counts(file) == {"cat": COUNT, value: COUNT}
    line = COUNT + 2
    said = f"warning: {file}: the label {value!r} may stand for no label ({COUNT} of 8 rows, the first in line {line})"
    assert said in capfd.readouterr().err


def test_files_that_programs_write_in_other_formats_are_named(folder: Path) -> None:
    with zipfile.ZipFile(folder / "a.xlsx", "w") as file:  # as a spreadsheet with a picture
        file.writestr("xl/media/1.png", lists.image("1"))
    assert "a spreadsheet" in refusal(BadData, folder / "a.xlsx")


@pytest.mark.parametrize(
    ("text", "said", "not_said"),
    [
        ('\ufeff[{"path": "cat/0.jpg"}]', "jq -c '.[]'", ".jsonl"),
        ('{"path": "cat/0.jpg", "label": "cat"}\n', "Name such a file .jsonl", "jq"),
        ('{\n  "images": []\n}\n', "an object on each line", ".jsonl"),
    ],
)
def test_what_to_do_with_json_depends_on_what_is_in_it(folder: Path, text: str, said: str, not_said: str) -> None:
    with pytest.raises(BadData) as caught:
        listing.read(written(folder, text, "a.json"))
    assert said in caught.value.advice and not_said not in caught.value.advice


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PAR1\x15\x04\x15", "a Parquet file, not a list"),
        (b"SQLite format 3\0" + bytes(100), "an SQLite database, not a list"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "an old Excel file, not a list"),
    ],
)
@pytest.mark.parametrize("name", ["data.parquet", "data.csv"])
def test_a_table_in_binary_is_to_be_exported(folder: Path, name: str, content: bytes, said: str) -> None:
    with pytest.raises(BadData) as caught:
        listing.read(written(folder, content, name))
    assert caught.value.reason.startswith(said) and caught.value.advice.startswith("Export it as CSV or JSON Lines")


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("a.csv", "path,label\ncat/0.jpg, \n", "label"),
        ("a.csv", "path,label\n,cat\n", "path"),
        ("a.jsonl", '{"path": "cat/0.jpg", "label": null}\n', "label"),
    ],
)
def test_an_empty_cell_is_to_be_filled(folder: Path, name: str, text: str, what: str) -> None:
    with pytest.raises(BadData) as caught:
        listing.read(written(folder, text, name))
    assert caught.value.advice == f"Write the {what}, or remove the line."


@pytest.mark.parametrize(
    "text", ["path,label\n{},cat\n{},dog\n", "{},cat\n{},dog\n", '{{"path": "{}", "label": "cat"}}\n']
)
def test_a_url_in_a_list_is_named_without_its_password(folder: Path, text: str) -> None:
    url = "https://owner:Secret1@images.example.org/1.jpg?token=Secret1"
    name = "a.jsonl" if text.startswith("{{") else "a.csv"
    with pytest.raises(TlpipeError) as caught:
        listing.read(written(folder, text.format(url, url), name))

    assert "https://images.example.org" in caught.value.reason
    assert "Secret1" not in str(caught.value) and "owner" not in str(caught.value)


@pytest.mark.parametrize("packed", [False, True])
def test_images_that_metadata_does_not_list_are_counted(
    tmp_path: Path, folder: Path, packed: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    rest = "".join(f"{path},{label(path)}\n" for path in paths() if path not in ("cat/0.jpg", "dog/0.jpg"))
    written(folder, f"file_name,label\n{rest}", "metadata.csv")
    data = folder
    if packed:
        data = Path(shutil.make_archive(str(tmp_path / "photos"), "zip", folder))
    found = loading.load(data)

    said = f"{data}/metadata.csv: 2 images are not in it (the first: 0.jpg), so not used"
    assert said in (capfd.readouterr().err if packed else found.warnings)


def test_a_plain_list_may_be_of_some_images_only(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = loading.load(written(folder, "path,label\n" + "".join(rows().splitlines(keepends=True)[:-1])))

    assert not found.warnings and "not in it" not in capfd.readouterr().err


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/null")])
def test_pipes_and_devices_are_not_read(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "list.csv")

    assert "neither a file nor a folder" in refusal(BadData, tmp_path / "list.csv")


def test_a_list_that_is_too_large_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tlpipe.data.rows.MAX_BYTES", 20)

    assert "more than" in refusal(BadData, written(folder, "path,label\n" + rows()))


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl"])
@pytest.mark.parametrize("place", ["", "train/", "both"])
def test_metadata_of_hugging_face_is_recognized(
    tmp_path: Path, name: str, place: str, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "set"
    for split in ("train", "test"):
        lines = []
        for path in paths():
            flat = path.replace("/", "-")
            file = folder / split / flat
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(lists.image(f"{split} {path}"))
            lines.append({"file_name": flat if place else f"{split}/{flat}", "text": "a, b", "label": label(path)})
        where = folder / split if place else folder
        with (where / name).open("a") as stream:
            for number, row in enumerate(lines):
                header = "file_name,text,label\n" if not number and not stream.tell() else ""
                as_csv = f'{header}{row["file_name"]},"{row["text"]}",{row["label"]}\n'
                stream.write(as_csv if name.endswith("csv") else json.dumps(row) + "\n")
        if place == "train/":
            break

    found = listing.read(folder)
    splits = {"train"} if place == "train/" else {"train", "test"}
    assert {split: len(files) for split, files in found.items()} == dict.fromkeys(splits, 2 * COUNT)
    err = capfd.readouterr().err
    assert f"set: Hugging Face {name}, " in err and "columns file_name and label: " in err


def test_metadata_with_labels_wins_over_class_folders(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    metadata = written(folder, "file_name,label\n" + rows().replace(",cat", ",lion"), "metadata.csv")
    assert counts(folder) == {"lion": COUNT, "dog": COUNT}
    assert f"{metadata}: has labels, so the names of folders are not read as labels" in capfd.readouterr().err
    assert counts(folder, format=Format.FOLDERS) == ALL

    written(folder, "file_name,text\ncat/0.jpg,a cat\n", "metadata.csv")
    capfd.readouterr()
    assert counts(folder) == ALL
    assert f"{metadata}: has no labels, so the names of the folders are the labels" in capfd.readouterr().err
    assert "no column has the label" in refusal(BadData, folder, format=Format.HUGGINGFACE)


def test_a_split_whose_metadata_has_no_labels_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for split, header, row in (("train", "file_name,label", "0.jpg,cat"), ("test", "file_name", "0.jpg")):
        (tmp_path / split).mkdir()
        (tmp_path / split / "0.jpg").write_bytes(lists.image(split))
        (tmp_path / split / "metadata.csv").write_text(f"{header}\n{row}\n")

    assert {split: len(files) for split, files in listing.read(tmp_path).items()} == {"train": 1}
    assert f"warning: {tmp_path}/test/metadata.csv: has no labels" in capfd.readouterr().err


def test_a_split_without_metadata_beside_one_that_has_it_is_said(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    images(tmp_path / "val")
    (tmp_path / "train").mkdir()
    for number in range(4):
        (tmp_path / "train" / f"{number}.jpg").write_bytes(lists.image(str(number)))
    written(tmp_path / "train", "file_name,label\n0.jpg,cat\n1.jpg,dog\n", "metadata.csv")

    assert set(listing.read(tmp_path)) == {"train"}
    assert f"warning: {tmp_path}/val: has no metadata.csv, so its images are not used" in capfd.readouterr().err


def test_an_image_of_the_metadata_that_is_missing_is_not_looked_for_elsewhere(folder: Path) -> None:
    written(folder, "file_name,label\ncat/0.jpg,cat\ngone.jpg,dog\n", "metadata.csv")

    with pytest.raises(MissingInput) as caught:
        listing.read(folder)
    assert caught.value.advice == f"They are not below {folder}."


def test_metadata_that_is_missing_or_there_twice_is_an_error(folder: Path) -> None:
    assert "no metadata.csv or metadata.jsonl" in refusal(BadData, folder, format=Format.HUGGINGFACE)
    for name in ("metadata.csv", "metadata.jsonl"):
        written(folder, "", name)
    assert "both metadata.jsonl and metadata.csv are here" in refusal(BadData, folder)


def test_what_was_said_of_a_list_is_kept_with_the_splits(folder: Path) -> None:
    file = written(folder.parent, "id,label\n" + rows(written=lambda path: path.replace("/", "-")[:-4]))
    for path in paths():
        (folder / path).rename(folder / path.replace("/", "-"))
    given = parse("csv", folder)

    found = loading.load(file, reading=given, test_fraction=0)
    (folder / "splits.json").write_text(found.to_json())
    again = dataset.Dataset.read(folder / "splits.json")
    assert again == found and again.reading == given


def test_images_to_score_may_be_any_list(folder: Path) -> None:
    file = written(folder.parent, "file\tclass\n" + rows("\t"), "list.tsv")

    assert len(loading.labelled(file, ("cat", "dog"), Reading(images=folder))[1]) == 2 * COUNT
