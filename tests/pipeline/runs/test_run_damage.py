"""Damage of a run is found before it gives a wrong answer: one flipped bit anywhere, or a file that is gone."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flip
import older
import pytest

from tlpipe.evaluation import original, per_image
from tlpipe.remote import device_bench
from tlpipe.reporting import inputs
from tlpipe.runs import run_folder
from tlpipe.runs.exported import original as keras_original
from tlpipe.runs.run_folder import CONFIG, FROZEN, HISTORY, METRICS, MODEL, RUN_FILE, SPLITS, Run
from tlpipe_edge.contract import checksums
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.errors import BadData, Busy, MissingInput

SEEDS = range(8)
Command = Callable[..., Any]


@pytest.fixture
def copied(tiny_run: Run, tmp_path: Path) -> Run:
    return Run.open(shutil.copytree(tiny_run.path, tmp_path / "copy"))


def opened(run: Run) -> object:
    """What each command does first."""
    again = Run.open(run.path)
    return again.training, again.check()


READERS: dict[str, tuple[Callable[[Run], object], ...]] = {
    MODEL: (
        lambda run: run_folder.verify(run.best_stage),
        lambda run: run_folder.backbone_sha256(run.best_stage),
        lambda run: run_folder.checked(run.best_stage, MODEL),
    ),
    SPLITS: (lambda run: run_folder.verify(run.best_stage), lambda run: run_folder.checked(run.best_stage, SPLITS)),
    HISTORY: (lambda run: run_folder.verify(run.best_stage), lambda run: run_folder.checked(run.best_stage, HISTORY)),
    METRICS: (lambda run: run_folder.validation_top1(run.best_stage),),
}


@pytest.mark.parametrize("name", READERS)
def test_each_reader_finds_one_flipped_bit_in_a_file_of_a_stage(copied: Run, name: str) -> None:
    file = copied.best_stage / name
    for _ in flip.bits(file, SEEDS):
        for read in (opened, *READERS[name]):
            with pytest.raises(BadData, match="damaged: its sha256 is not that of when it was written") as caught:
                read(copied)
            assert caught.value.where == str(file) and "Copy the run again" in caught.value.advice
    for read in (opened, *READERS[name]):
        read(copied)
    file.unlink()
    for read in (opened, *READERS[name]):
        with pytest.raises((BadData, MissingInput)):
            read(copied)


@pytest.mark.parametrize("name", [f"{FROZEN}/{CONFIG}", RUN_FILE])
def test_a_flipped_bit_in_a_document_changes_nothing_unnoticed(copied: Run, name: str) -> None:
    file, sound = copied.path / name, copied.training
    refused, seeds = 0, range(200)
    for _ in flip.bits(file, seeds):
        try:
            again = Run.open(copied.path)
            assert again == copied and again.training == sound
        except BadData as error:
            refused += 1
            assert str(file) in error.where and error.advice
    assert refused > 0.9 * len(seeds)  # all but those in the word "checksum"


@pytest.mark.parametrize("name", [MODEL, SPLITS, HISTORY, METRICS, CONFIG])
def test_each_command_ends_with_65(tlpipe: Command, copied: Run, name: str) -> None:
    file = copied.best_stage / name
    at = file.read_bytes().index(b"0") if name == CONFIG else 99  # of a number
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)
    for arguments in (
        ["export", copied.path],
        ["finetune", copied.path, "--top-layers", "1"],
        ["config", "--run", copied.path],
    ):
        done = tlpipe(*arguments)
        assert (done.code, done.stdout) == (65, ""), arguments
        assert f"{file}: " in done.stderr and done.stderr.count("\n") == 2
    assert not (copied.path / run_folder.FINETUNED).exists() and not Path("exported").exists()


def test_config_says_what_was_checked(tlpipe: Command, copied: Run) -> None:
    assert "# files: 4 of 4 checked" in tlpipe("config", "--run", copied.path).stdout.splitlines()

    older.without_checksums(copied.path)
    said = tlpipe("config", "--run", copied.path).stdout.splitlines()
    assert "# files: 0 of 4 checked; not checked, as they have no checksum: 1-frozen/" in said


def test_a_run_of_an_earlier_version_opens_as_before(copied: Run) -> None:
    older.without_checksums(copied.path)
    run_folder.check(copied.best_stage)
    assert opened(copied) and run_folder.validation_top1(copied.best_stage) >= 0
    for name in (MODEL, HISTORY):  # what is damaged then is not seen, or by its reader
        flip.bit(copied.best_stage / name, seed=0)
        assert run_folder.checked(copied.best_stage, name) == copied.best_stage / name
    (copied.best_stage / MODEL).unlink()
    with pytest.raises(MissingInput, match="the Keras model was not found"):
        run_folder.check(copied.best_stage)


def test_a_stage_that_is_replaced_while_it_is_read_is_no_damage(copied: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    check = checksums.check

    def replaced(folder: Path, *rest: Any) -> None:
        (folder / METRICS).write_text("{}")
        run_folder.write_config(folder, {"schema": 1})
        check(folder, *rest)

    monkeypatch.setattr(checksums, "check", replaced)
    with pytest.raises(Busy, match="another tlpipe process has replaced this stage"):
        run_folder.checked(copied.best_stage, METRICS)


def test_both_stages_and_their_bundle_are_checked(run: Run, bundle: Bundle) -> None:
    assert str(run.check()) == "files: 8 of 8 checked"
    assert bundle.check().unlisted == () and {"labels.txt", "reference.npz", "golden/expected.npz"} < {
        each.file for each in bundle.manifest.files
    }


@pytest.fixture
def exported(bundle: Bundle, tmp_path: Path) -> Bundle:
    return Bundle.open(shutil.copytree(bundle.path, tmp_path / "bundle"))


@pytest.mark.parametrize("name", ["2-finetuned-metrics.json", "1-frozen-history.jsonl", "2-finetuned-history.jsonl"])
def test_a_report_finds_one_flipped_bit_in_what_was_copied_from_the_run(exported: Bundle, name: str) -> None:
    file = exported.path / "training" / name
    for _ in flip.bits(file, SEEDS):
        with pytest.raises(BadData, match="damaged: its sha256 is not") as caught:
            inputs.gather(exported, [])
        assert caught.value.where == str(file)
    file.unlink()
    with pytest.raises(BadData, match="missing: it was written with"):
        inputs.gather(exported, [])


def test_a_report_finds_one_flipped_bit_in_the_predictions(exported: Bundle) -> None:
    sound = per_image.read(exported)
    for _ in flip.bits(exported.path / per_image.PREDICTIONS, range(60)):
        try:
            found = per_image.read(exported)
        except BadData as error:
            assert error.where == str(exported.path / per_image.PREDICTIONS)
        else:  # a bit of the archive that says nothing, such as a date
            assert (found.keras == sound.keras).all() and found.artifacts.keys() == sound.artifacts.keys()


@pytest.mark.parametrize("name", ["labels.txt", "reference.npz", "golden/expected.npz", "golden/0.jpg"])
def test_what_is_damaged_is_not_sent_to_a_device(exported: Bundle, name: str) -> None:
    sent = device_bench.bundle_files(exported)
    for _ in flip.bits(exported.path / name, SEEDS):
        with pytest.raises(BadData, match="damaged: its sha256 is not"):
            device_bench.bundle_files(exported)
    (exported.path / name).unlink()  # if the device reads it, it says so
    assert device_bench.bundle_files(exported).keys() == sent.keys() - {name}


def test_evaluate_finds_one_flipped_bit_in_the_run(run: Run, bundle: Bundle, tmp_path: Path) -> None:
    stage = Run.open(shutil.copytree(run.path, tmp_path / "run")).best_stage
    original.images_of(bundle, stage / MODEL)
    for name, find in ((SPLITS, original.images_of), (MODEL, keras_original)):
        for _ in flip.bits(stage / name, SEEDS):
            with pytest.raises(BadData) as caught:
                find(bundle, stage / MODEL)
            assert caught.value.where == str(stage / name)
    (stage / SPLITS).unlink()
    with pytest.raises(BadData, match="missing: it was written with the other files"):
        original.images_of(bundle, stage / MODEL)
