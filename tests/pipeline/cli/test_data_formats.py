"""The commands with lists and archives in the place of folders, and what a run keeps of them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tlpipe as api
from tlpipe.reporting.derive import thumbnails
from tlpipe.runs.config import Training
from tlpipe.storage import cache
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.errors import WrongUsage

Command = Callable[..., Any]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def evict() -> None:
    shutil.rmtree(cache.folder() / cache.ARCHIVES)


def test_a_run_from_an_archive_goes_on_when_the_cache_has_lost_it(
    tlpipe: Command, few: Path, options: list[str], tmp_path: Path
) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "drawn"), "gztar", few.parent, few.name))
    shutil.rmtree(few)

    done = tlpipe("train", archive, *options)
    assert (done.code, done.stdout) == (0, "runs/drawn\n"), done.stderr
    assert "drawn.tar.gz: tar of class folders: 24 images of 3 classes\n" in done.stderr
    splits = json.loads(Path("runs/drawn/1-frozen/splits.json").read_text())
    assert splits["source"] == str(archive)

    evict()
    done = tlpipe("finetune", "--epochs", 1, "--top-layers", 2)
    assert done.code == 0 and "unpacking drawn.tar.gz" in done.stderr, done.stderr
    evict()
    done = tlpipe("export", "--quantize", "float16")
    assert done.code == 0 and "unpacking drawn.tar.gz" in done.stderr, done.stderr
    evict()
    done = tlpipe("evaluate", "--json")
    assert done.code == 0 and "unpacking drawn.tar.gz" in done.stderr, done.stderr
    assert json.loads(done.stdout)["images"] == 3
    evict()
    files = thumbnails.files_of_run(Bundle.open("exported/drawn"))
    assert len(files) == 24 and all(file.is_file() for file in files.values())

    evict()
    archive.rename(tmp_path / "elsewhere.tar.gz")
    for command in ("finetune", "export", "evaluate"):
        done = tlpipe(command, *(() if command == "evaluate" else ("--overwrite",)))
        assert done.code == 66 and "drawn.tar.gz: the archive with the images" in done.stderr, done.stderr
        assert "Move it back." in done.stderr
    assert thumbnails.files_of_run(Bundle.open("exported/drawn")) == {}


def test_options_say_how_a_list_is_read_and_are_repeated(
    tlpipe: Command, few: Path, options: list[str], tmp_path: Path
) -> None:
    (tmp_path / "lists").mkdir()
    file = tmp_path / "lists/labels.dat"
    images = sorted(few.rglob("*.*"))
    unique = [each.rename(each.with_stem(f"{each.parent.name}-{each.stem}")) for each in images]
    file.write_text("id;label\r\n" + "".join(f"{each.stem};{each.parent.name}\r\n" for each in unique), "utf-16")
    Path("tlpipe.toml").write_text('[train]\nformat = "csv"\nimages = "few"\n')

    done = tlpipe("train", file, *options)
    assert (done.code, done.stdout) == (0, "runs/labels\n"), done.stderr
    assert 'labels.dat: CSV, separated by ";", columns id and label: 24 images of 3 classes\n' in done.stderr

    Path("tlpipe.toml").unlink()
    done = tlpipe("config", "--run", "runs/labels")
    assert f'data = "{file}"' in done.stdout
    assert 'format = "csv"' in done.stdout and f'images = "{few}"' in done.stdout, done.stdout


@pytest.mark.parametrize("command", [("train", "few"), ("run", "few"), ("evaluate", "few", "--data", "few")])
def test_a_format_that_is_none_names_them_all(tlpipe: Command, command: tuple[str, ...]) -> None:
    done = tlpipe(*command, "--format", "voc")

    assert done.code == 2
    assert all(name in done.stderr for name in ("folders", "csv", "jsonl", "huggingface")), done.stderr


def test_other_images_to_score_may_be_a_list(tlpipe: Command, bundle: Bundle, few: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(bundle.path, tmp_path / "exported/drawn")
    keras = bundle.path / bundle.manifest.provenance.keras_file
    (tmp_path / "list.txt").write_text(
        "".join(json.dumps({"image": file.name, "label": file.parent.name}) + "\n" for file in few.glob("kryss/*"))
    )

    done = tlpipe(
        "evaluate",
        copy,
        "--keras",
        keras,
        "--data",
        "list.txt",
        "--format",
        "jsonl",
        "--images",
        few / "kryss",
        "--json",
    )
    assert done.code == 0, done.stderr
    assert json.loads(done.stdout)["images"] == 8
    assert "list.txt: JSON Lines, columns image and label: 8 images of 1 class\n" in done.stderr


def test_python_takes_the_same(few: Path, brief: Training, tmp_path: Path) -> None:
    (tmp_path / "names").write_text(
        "file|class\n" + "".join(f"{f.relative_to(few)}|{f.parent.name}\n" for f in few.rglob("*.*"))
    )

    run = api.train(tmp_path / "names", brief, format="csv", images=few, out=tmp_path / "run")
    assert run.path == tmp_path / "run"
    with pytest.raises(WrongUsage, match="no format 'voc'"):
        api.train(few, brief, format="voc", out=tmp_path / "other")
