"""The report's files are there whole or not at all, and what the command says of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import benches
import pytest
import reports

from tlpipe.reporting import publish
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.errors import WrongUsage

Command = Callable[..., Any]
DEVICE = benches.document(keras=False)


def test_only_a_report_is_replaced_and_only_when_told_so(tmp_path: Path) -> None:
    out = reports.write(tmp_path, DEVICE)
    bench, before = tmp_path / "out-0.json", (out / "report.json").read_bytes()

    with pytest.raises(WrongUsage, match="exists already"):
        publish.of_paths([bench], out)
    assert (out / "report.json").read_bytes() == before
    (out / "left.txt").write_text("")
    publish.of_paths([bench], out, overwrite=True)
    assert not (out / "left.txt").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("years")
    with pytest.raises(WrongUsage, match=r"it holds something else \(no report\.json\)"):
        publish.of_paths([bench], tmp_path / "mine", overwrite=True)
    assert (tmp_path / "mine/thesis.txt").read_text() == "years"


def test_a_failure_in_the_middle_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = reports.write(tmp_path, DEVICE)
    before = {file.name: file.read_bytes() for file in out.iterdir()}

    def fail(_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(publish.sheet, "render", fail)
    for place in (out, tmp_path / "new"):
        with pytest.raises(OSError, match="No space left"):
            publish.of_paths([tmp_path / "out-0.json"], place, overwrite=True)
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out", "out-0.json"]


def test_the_command_prints_the_verdict_and_the_page(tlpipe: Command, tmp_path: Path) -> None:
    (tmp_path / "bench.json").write_text(json.dumps(DEVICE))
    done = tlpipe("report", "bench.json", "--out", "reports/pi")

    assert done.code == 0 and "Traceback" not in done.stderr
    verdict, *warnings, page = done.stdout.splitlines()
    assert verdict == reports.read(tmp_path / "reports/pi")["verdict"]["text"]
    assert (tmp_path / page).is_file() and all(line.startswith("! ") for line in warnings)


def test_the_command_prints_the_warnings_below_the_verdict(tlpipe: Command, tmp_path: Path) -> None:
    (tmp_path / "bench.json").write_text(json.dumps(DEVICE | {"images": DEVICE["images"] | {"trained_on": 7}}))
    done = tlpipe("report", "bench.json", "--out", "reports/pi")

    _, *warnings, _ = done.stdout.splitlines()
    assert any("accuracy is too high: 7 of these images were used for training" in each for each in warnings)
    assert len(warnings) == len(reports.read(tmp_path / "reports/pi")["warnings"])


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["gone.json", "--out", "out"], 66, "no such file or bundle"),
        (["bad.json", "--out", "out"], 65, "bad.json: not valid JSON"),
        (["bench.json"], 2, "--out"),
        (["--out", "out"], 2, "BUNDLE|FILE"),
        (["bench.json", "--out", "bench.json", "--overwrite"], 2, "it holds something else"),
        (["bench.json", "--out", "bench.json/out"], 2, "is a file, not a folder"),
    ],
)
def test_what_a_user_gets_wrong_is_said(
    tlpipe: Command, tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    (tmp_path / "bench.json").write_text(json.dumps(DEVICE))
    (tmp_path / "bad.json").write_text("{")
    done = tlpipe("report", *arguments)

    assert done.code == code and said in done.stderr and done.stdout == ""
    assert "Traceback" not in done.stderr and not (tmp_path / "out").exists()


def test_the_command_does_not_wait_for_tensorflow(in_a_process: Command, tmp_path: Path) -> None:
    bundle = reports.bundle(tmp_path)
    done = in_a_process(
        "import atexit, sys; import tlpipe.cli.commands\n"
        "atexit.register(lambda: print({'tensorflow', 'keras', 'sklearn', 'matplotlib'} & set(sys.modules)))\n"
        "sys.argv[0] = 'tlpipe'; tlpipe.cli.commands.main()",
        *("report", bundle, "--out", tmp_path / "out"),
    )

    assert done.returncode == 0 and done.stdout.endswith("set()\n"), done.stderr


def test_run_ends_with_what_it_measured(tmp_path: Path) -> None:
    """The seam of ``tlpipe run``: a benchmark that was never written."""
    bundle = Bundle.open(reports.bundle(tmp_path))
    document = benches.document(labels=bundle.manifest.labels, recipes=("int8",))
    document["model"]["keras_sha256"] = bundle.manifest.provenance.keras_sha256
    made = publish.of_run(bundle, [benches.bench(document)], tmp_path / "out")

    page = reports.page(tmp_path / "out").text
    assert made.groups[0].rows[0].invoke_ms is not None
    assert made.groups[0].source == "tlpipe bench exported/clothing --json" and page.count(made.groups[0].source) == 1
