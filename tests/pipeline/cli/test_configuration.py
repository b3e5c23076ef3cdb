"""tlpipe.toml and --config: which values a command gets, and what is refused."""

import dataclasses
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from tlpipe import full_run, workflow
from tlpipe.benchmark.timed import Timed
from tlpipe.cli import configuration
from tlpipe.cli.commands import app
from tlpipe.reporting.about import About
from tlpipe.runs.config import ClassWeights, Finetuning, Head
from tlpipe.workflow import TrainingJob
from tlpipe_edge.contract.manifest import Crop
from tlpipe_edge.errors import WrongUsage

Command = Callable[..., Any]

FILE = """
seed = 3
image-size = 96
class-weights = "balanced"

[train]
data = "photos"
weights = "weights/w.h5"
epochs = 4
crop = "auto"
deterministic = true

[finetune]
epochs = 2
top-layers = 7

[run]
epochs = 5
"""


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[TrainingJob]:
    """The jobs that ``train`` and ``run`` were given, which then end with an error."""
    found: list[TrainingJob] = []

    def caught(job: TrainingJob, **_: object) -> None:
        found.append(job)
        raise KeyboardInterrupt

    for module, name in ((workflow, "train"), (full_run, "run")):
        monkeypatch.setattr(module, name, caught)
    return found


def test_a_run_gets_the_values_of_the_file(tlpipe: Command, tmp_path: Path, jobs: list[TrainingJob]) -> None:
    (tmp_path / "tlpipe.toml").write_text(FILE)
    done = tlpipe("run")

    (job,) = jobs
    training = job.training
    assert (job.data, job.crop_auto, training.weights) == (Path("photos"), True, str(tmp_path / "weights/w.h5"))
    assert (training.seed, training.image_size, training.deterministic) == (3, 96, True)
    assert (training.class_weights, training.crop) == (ClassWeights.BALANCED, Crop.CENTER)
    assert training.head == Head(epochs=5)  # [run] before [train]
    assert training.finetuning == Finetuning(epochs=2, top_layers=7)
    assert done.stderr.splitlines()[0] == "using tlpipe.toml (tlpipe config run shows the values)"


def test_a_run_gets_the_head_of_its_report(tlpipe: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heads: list[About] = []

    def caught(_: TrainingJob, *, about: About, **__: object) -> None:
        heads.append(about)
        raise KeyboardInterrupt

    monkeypatch.setattr(full_run, "run", caught)
    (tmp_path / "tlpipe.toml").write_text('[report]\ntitle = "Clothes"\nauthor = "Ada"\ndata-date = 2026-05-31\n')
    done = tlpipe("run", "photos")

    assert heads == [About(title="Clothes", author="Ada", data_date="2026-05-31")]
    assert done.stderr.splitlines()[0] == "using tlpipe.toml (tlpipe config run shows the values)"


def test_a_run_takes_nothing_else_from_the_table_of_the_report(
    tlpipe: Command, tmp_path: Path, jobs: list[TrainingJob]
) -> None:
    (tmp_path / "tlpipe.toml").write_text('[report]\nout = "reports/x"\n')
    done = tlpipe("run", "photos")

    assert jobs[0].out is None and "using tlpipe.toml" not in done.stderr


def test_train_reads_no_table_of_run_and_keeps_the_second_stage(
    tlpipe: Command, tmp_path: Path, jobs: list[TrainingJob]
) -> None:
    (tmp_path / "tlpipe.toml").write_text(FILE)
    tlpipe("train")

    assert jobs[0].training.head == Head(epochs=4)
    assert jobs[0].training.finetuning == Finetuning(epochs=2, top_layers=7)


@pytest.mark.parametrize(
    ("text", "trained", "run"),
    [
        ("image-size = 96", 96, 96),
        ("image-size = 96\n[train]\nimage-size = 128", 128, 128),
        ("image-size = 96\n[run]\nimage-size = 64", 96, 64),
        ("image-size = 96\n[train]\nimage-size = 128\n[run]\nimage-size = 64", 128, 64),
    ],
)
def test_a_table_wins_over_the_keys_above_all_tables(
    tlpipe: Command, tmp_path: Path, jobs: list[TrainingJob], text: str, trained: int, run: int
) -> None:
    (tmp_path / "tlpipe.toml").write_text(text)
    tlpipe("train", "photos")
    tlpipe("run", "photos")

    assert [job.training.image_size for job in jobs] == [trained, run]


def test_the_command_line_wins(tlpipe: Command, tmp_path: Path, jobs: list[TrainingJob]) -> None:
    (tmp_path / "tlpipe.toml").write_text(FILE)
    tlpipe("run", "others", "--seed", "8", "--epochs", "1", "--no-deterministic", "--crop", "stretch")

    (job,) = jobs
    assert (job.data, job.crop_auto, job.training.seed) == (Path("others"), False, 8)
    assert (job.training.crop, job.training.head.epochs, job.training.deterministic) == (Crop.STRETCH, 1, False)
    assert job.training.image_size == 96


@pytest.mark.parametrize(
    "arguments",
    [
        ("--config", "sub/x.toml", "run"),
        ("run", "--config", "sub/x.toml"),
        ("--config", "no", "run", "--config", "sub/x.toml"),
    ],
)
def test_a_named_file_replaces_the_usual_one(
    tlpipe: Command, tmp_path: Path, jobs: list[TrainingJob], arguments: tuple[str, ...]
) -> None:
    (tmp_path / "tlpipe.toml").write_text("[train]\nviews = 2")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/x.toml").write_text(FILE)
    done = tlpipe(*arguments)

    assert jobs[0].data == Path("sub/photos")  # relative to the file
    assert jobs[0].training.weights == str(tmp_path / "sub/weights/w.h5")
    assert jobs[0].training.views == 6
    assert "using" not in done.stderr  # the user has named it


@pytest.mark.parametrize("arguments", [("run", "-q"), ("-q", "run")])
def test_quiet_is_in_force_when_the_file_is_found(
    tlpipe: Command, tmp_path: Path, jobs: list[TrainingJob], arguments: tuple[str, ...]
) -> None:
    (tmp_path / "tlpipe.toml").write_text(FILE)
    assert "using" not in tlpipe(*arguments).stderr and jobs


@pytest.mark.parametrize("command", ["train", "run"])
@pytest.mark.parametrize(("text", "said"), [("epochs = 2", True), ('run = "runs/x"', False)])
def test_values_of_the_second_stage_are_mentioned(
    tlpipe: Command, tmp_path: Path, jobs: list[TrainingJob], command: str, text: str, said: bool
) -> None:
    (tmp_path / "tlpipe.toml").write_text(f"[finetune]\n{text}")

    assert ("using tlpipe.toml" in tlpipe(command, "photos").stderr) == said and jobs


def test_the_usual_file_is_not_mentioned_if_it_is_named(
    tlpipe: Command, tmp_path: Path, jobs: list[TrainingJob]
) -> None:
    (tmp_path / "tlpipe.toml").write_text(FILE)
    assert "using" not in tlpipe("run", "--config", "tlpipe.toml").stderr and jobs


def test_no_bench_undoes_a_file(tlpipe: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tlpipe.toml").write_text('[run]\nbench = "all"')
    found: list[object] = []

    def caught(_: TrainingJob, *, timed: Timed, **__: object) -> None:
        found.append(timed)
        raise KeyboardInterrupt

    monkeypatch.setattr(full_run, "run", caught)
    for arguments in ((), ("--no-bench",), ("--bench", "none", "--no-bench")):
        tlpipe("run", "photos", *arguments)

    assert found == [Timed.ALL, Timed.NONE, Timed.NONE]


def test_a_file_without_values_for_the_command_is_not_mentioned(
    tlpipe: Command, tmp_path: Path, jobs: list[TrainingJob]
) -> None:
    (tmp_path / "tlpipe.toml").write_text("[export]\nquantize = ['float16']")

    assert "using" not in tlpipe("run", "photos").stderr
    assert jobs[0].training.finetuning == Finetuning()


def test_names_of_weights_and_absolute_paths_stay_as_they_are(tlpipe: Command, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/x.toml").write_text('weights = "none"\n[report]\nsources = ["/a", "b"]\nout = "~/c"')
    written = tlpipe("config", "--config", "sub/x.toml").stdout
    values = tomllib.loads(written)

    assert values["train"]["weights"] == "none" and "weights" not in values["run"]
    assert values["report"]["sources"] == ["/a", "sub/b"]
    assert values["report"]["out"] == str(Path.home() / "c")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("image-sise = 3", "image-sise: no such option\nDid you mean image-size?"),
        ("image_size = 96", "image_size: no such option\nDid you mean image-size?"),
        ("[trian]\nseed = 3", "[trian]: no command trian\nDid you mean train?"),
        ("[train]\nsed = 3", "[train] sed: no such option of train\nDid you mean seed?"),
        ("[train]\ntop-layers = 3", "[train] top-layers: not an option of train\nWrite it into [finetune]."),
        (
            "epochs = 3",
            "epochs: its meaning depends on the command\nWrite it into a table: [train], [finetune], [run].",
        ),
        ('data = "test"', "data: its meaning depends on the command"),
        ("zzz = 1", "zzz: no such option\ntlpipe config shows all keys."),
        ("train = 1", "train: a command, so this must be a table\nWrite [train]."),
        ("overwrite = true", "overwrite: cannot be set in a file\nPass --overwrite on the command line"),
        ("[export]\noverwrite = false", "[export] overwrite: cannot be set in a file"),
        ("[pull]\nfree = true", "[pull] free: cannot be set in a file\nPass --free on the command line"),
        ("[run]\nno-bench = true", '[run] no-bench: cannot be set in a file\nWrite bench = "none".'),
        ('config = "x"', "config: cannot be set in a file\nPass --config on the command line."),
        ("help = true", "help: cannot be set in a file\nPass --help"),
        ("version = 1", "version: cannot be set in a file\nPass --version"),
        ("[config]\nrun = 1", "[config]: cannot be set in a file"),
        ("session = 1", "session: no such option\ntlpipe config shows all keys."),
        ('seed = "3"', 'seed: "3" is not a whole number'),
        ("seed = true", "seed: true is not a whole number"),
        ("seed = -1", "seed: -1 is too low\nGive a whole number of at least 0."),
        ("seed = 2020-01-01", "seed: 2020-01-01 is not a whole number"),
        ("[train]\nviews = false", "[train] views: false is not a whole number\nGive a whole number, for example"),
        ("[train]\nepochs = 1.5", "[train] epochs: 1.5 is not a whole number"),
        ("[train]\nepochs = {a = 3}", "[train] epochs: a table is not a whole number"),
        (f"[train]\nepochs = 1{400 * '0'}", f"[train] epochs: 1{400 * '0'} is too high"),
        ('[train]\nout = " "', "[train] out: an empty value\nGive one, or remove the key."),
        ('[export]\nquantize = ["int8", "\\t"]', "[export] quantize: an empty value"),
        ("[train]\nlearning-rate = nan", "[train] learning-rate: "),
        ("[train]\nlearning-rate = inf", "[train] learning-rate: inf is too high\nGive a number of at most 9"),
        ('[report]\ndata-date = "31.5.2026"', "[report] data-date: not a date: 31.5.2026\nWrite YEAR-MONTH-DAY"),
        ("[report]\ndata-date = 2026", "[report] data-date: 2026 is not text"),
        ("[report]\ntitle = 2026-05-31", "[report] title: 2026-05-31 is not text"),
        (f'[report]\ntitle = "{"x" * 121}"', "[report] title: the title has 121 characters\nGive one of at most 120."),
        ('[report]\npurpose = ""', "[report] purpose: an empty value"),
        ("[finetune]\nlearning-rate = 1e400", "[finetune] learning-rate: inf is too high"),
        (
            "[finetune]\ntop-layers = 9999",
            "[finetune] top-layers: the number of top layers is 9999, but the backbone has",
        ),
        ("[evaluate]\nmax-drop = 2", "[evaluate] max-drop: 2 is too high\nGive a number of at most 1."),
        ("[bench]\nmax-drop = 2", "[bench] max-drop: 2 is too high\nGive a number of at most 1."),
        ("[bench]\nmax-slowdown = inf", "[bench] max-slowdown: inf is too high"),
        ("alpha = inf", "alpha: alpha inf is not a width multiplier"),
        ("alpha = 0.4", "alpha: alpha 0.4 is not a width multiplier"),
        ("image-size = 5", "image-size: invalid image size: 5"),
        ("test-fraction = 0.95", "test-fraction: invalid test fraction: 0.95"),
        (
            'crop = "squeeze"',
            "crop: squeeze is not one of the choices\nChoose center-crop, stretch, letterbox or auto.",
        ),
        ("deterministic = 1", "deterministic: neither true nor false"),
        ("weights = 1", "weights: "),
        ("[train]\ndata = 1", "[train] data: 1 is not text"),
        ('quantize = "int8"', "quantize: not a list of values"),
        ("quantize = []", "quantize: not a list of values"),
        ('quantize = ["int4"]', "quantize: unknown number format int4"),
        ("[bench]\nthreads = 4", "[bench] threads: 4 is not text"),
        ('[bench]\nthreads = "many"', "[bench] threads: many: not numbers of threads"),
        ('[bench]\nruntime = "fast"', "[bench] runtime: no runtime fast"),
        ('[bench]\ndevice = ["pi"]', "[bench] device: pi: not an ssh address"),
        ("\nseed = \n", "not valid TOML: Invalid value (at line 2, column 8)"),
        ("seed = 1\nseed = 2", "not valid TOML: Cannot overwrite a value ("),
    ],
)
def test_a_mistake_names_the_file_and_the_key(tlpipe: Command, tmp_path: Path, text: str, said: str) -> None:
    """Whatever the command is: the whole file is checked."""
    (tmp_path / "tlpipe.toml").write_text(text)
    done = tlpipe("evaluate")

    assert done.code == 78 and done.stderr.startswith(f"error: tlpipe.toml: {said}")
    assert len(done.stderr.splitlines()) <= 2


def test_a_file_that_cannot_be_read_is_refused(tlpipe: Command, tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b'weights = "\xe9"')

    assert tlpipe("config", "--config", "gone.toml").code == 66
    done = tlpipe("config", "--config", ".")
    assert (done.code, done.stderr.splitlines()[0]) == (78, "error: .: cannot be read (Is a directory)")
    done = tlpipe("config", "--config", "latin.toml")
    assert (done.code, done.stderr.splitlines()[0]) == (78, "error: latin.toml: not UTF-8")


def test_the_byte_order_mark_of_an_editor_is_no_mistake(tlpipe: Command, tmp_path: Path) -> None:
    (tmp_path / "tlpipe.toml").write_text("seed = 3\r\n", "utf-8-sig")

    assert "seed = 3  # tlpipe.toml" in tlpipe("config", "train").stdout


def test_help_does_not_need_a_valid_file(tlpipe: Command, tmp_path: Path) -> None:
    (tmp_path / "tlpipe.toml").write_text("?")

    assert tlpipe("train", "--help").code == 0


def test_every_option_is_a_key_and_can_be_overridden() -> None:
    """A flag that a file sets can be unset on the command line."""
    group: Any = typer.main.get_command(app)
    known = configuration.tables(group.make_context("tlpipe", [], resilient_parsing=True))
    options = {
        name: {configuration.key_of(each): each for each in command.params} for name, command in group.commands.items()
    }

    assert known.keys() == options.keys() - {"config", "adopt", "cache"}
    assert {key for name in known for key in options[name].keys() - known[name].keys()} == {
        "config",
        "cache",
        "overwrite",
        "free",
        "restart",
        "no-bench",
        "quiet",
        "verbose",
    }
    flags = [each for parameters in known.values() for each in parameters.values() if getattr(each, "is_flag", False)]
    assert flags and all(each.secondary_opts for each in flags)


@pytest.mark.parametrize("value", ["-1", "1" + 30 * "0", "inf", "nan"])
def test_every_number_has_bounds(value: str) -> None:
    """Where it is read, on the command line and in a file: none reaches a check that talks of Python."""
    group: Any = typer.main.get_command(app)
    root = group.make_context("tlpipe", [], resilient_parsing=True)
    numbers = [
        (command, each)
        for command, keys in configuration.tables(root).items()
        for each in keys.values()
        if each.type_descriptor.annotation in (int, float)
    ]

    assert len(numbers) > 20
    for command, each in numbers:
        context = group.commands[command].make_context(command, [], parent=root, resilient_parsing=True)
        with pytest.raises((typer.BadParameter, WrongUsage)) as raised:
            each.process_value(context, value)
        assert "tlpipe." not in str(raised.value), each.name


def test_a_run_takes_its_second_stage_from_each_option_of_finetune() -> None:
    """A new option of ``finetune`` also has to reach ``run``."""
    group: Any = typer.main.get_command(app)
    known = configuration.tables(group.make_context("tlpipe", [], resilient_parsing=True))

    assert {each.name for each in known["finetune"].values()} - {"run", "engine"} == {
        "top_layers",
        "epochs",
        "learning_rate",
    }
    assert {"top_layers", "epochs", "learning_rate"} <= {field.name for field in dataclasses.fields(Finetuning)}


def test_a_key_above_all_tables_means_what_it_did_before_adopt(tlpipe: Command, tmp_path: Path) -> None:
    """Its --image-size, --data and --crop are others: a file with such keys still works."""
    (tmp_path / "tlpipe.toml").write_text('image-size = 96\ncrop = "center-crop"\n')
    done = tlpipe("config", "train")

    assert done.code == 0 and "image-size = 96  # tlpipe.toml" in done.stdout
