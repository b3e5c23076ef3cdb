"""The child process: what crashes there is an error here, and what came through is not tried again."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import hostile
import pytest

from tlpipe_edge.errors import BadData, Unavailable
from tlpipe_edge.machine import cache
from tlpipe_edge.tflite import sandbox


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands of the child processes that were started."""
    started: list[list[str]] = []
    popen = subprocess.Popen

    def counted(command: list[str], **options: object) -> "subprocess.Popen[bytes]":
        started.append(command)
        return popen(command, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", counted)
    return started


@pytest.mark.arm64
def test_a_crash_of_the_runtime_is_an_error_here() -> None:
    """``verify`` refuses this one; were it not for that, the child would be what dies."""
    with pytest.raises(BadData, match=r"^m\.tflite: refused: ") as caught:
        sandbox.prove(hostile.far_buffer(), where="m.tflite")
    assert "crashes on it (SIG" in caught.value.what or "cannot run this model" in caught.value.what


@pytest.mark.arm64
def test_a_proven_model_is_not_tried_again(children: list[list[str]]) -> None:
    sandbox.prove(hostile.SOUND, where="m.tflite")
    sandbox.prove(hostile.SOUND, where="m.tflite")

    assert len(children) == 1


def test_another_version_of_the_runtime_proves_anew(children: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.prove(hostile.SOUND, where="m.tflite")
    find = sandbox.interpreter.find
    monkeypatch.setattr(sandbox.interpreter, "find", lambda runtime: (find(runtime)[0], "99"))
    sandbox.prove(hostile.SOUND, where="m.tflite")

    assert len(children) == 2


def test_a_refused_model_is_tried_again(children: list[list[str]]) -> None:
    broken = hostile.MUTATIONS["stride of nothing"][0]()
    for _ in range(2):
        with pytest.raises(BadData):
            sandbox.prove(broken, where="m.tflite")

    assert len(children) == 2


def test_without_a_place_to_write_the_proof_is_taken_each_time(
    own_cache: Path, children: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nowhere(**_: object) -> str:
        raise FileNotFoundError("no usable temporary folder")

    monkeypatch.setattr(cache.tempfile, "mkdtemp", nowhere)
    own_cache.write_text("a file where a folder should be")
    sandbox.prove(hostile.SOUND, where="m.tflite")
    sandbox.prove(hostile.SOUND, where="m.tflite")

    assert len(children) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("warning: no cache and no temporary folder can be written to")


@pytest.mark.arm64
def test_a_model_that_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "MIN_SECONDS", 0.0)
    monkeypatch.setattr(sandbox, "TIMES_START", 0.0)

    with pytest.raises(BadData, match="takes more than 0 s for one image"):
        sandbox.prove(hostile.SOUND, where="m.tflite")


def test_a_runtime_that_does_not_start_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")

    with pytest.raises(Unavailable, match="does not start in a child process"):
        sandbox.prove(hostile.SOUND, where="m.tflite")


@pytest.fixture
def child() -> Callable[[str, bytes], "subprocess.CompletedProcess[bytes]"]:
    """Run the child's own code, after some lines that change it."""

    def run(change: str, model: bytes) -> "subprocess.CompletedProcess[bytes]":
        program = f"import sys, numpy as np\nfrom tlpipe_edge.tflite import interpreter, sandbox\n{change}\n"
        program += "sandbox._child(interpreter.find('auto')[0])"
        return subprocess.run([sys.executable, "-c", program], input=model, capture_output=True, check=False)

    return run


def test_what_eats_memory_is_stopped(child: Callable[[str, bytes], "subprocess.CompletedProcess[bytes]"]) -> None:
    hungry = "interpreter.Session = lambda *_, **__: np.ones(1 << 30)"
    done = child(f"sandbox.MAX_MEMORY = 100_000_000\n{hungry}", hostile.SOUND)

    assert b"it needs more than 100 MB of memory" in done.stdout


@pytest.mark.arm64
def test_scores_that_are_no_numbers_are_refused(
    child: Callable[[str, bytes], "subprocess.CompletedProcess[bytes]"],
) -> None:
    done = child("interpreter.Session.read_output = lambda _: np.array([np.nan])", hostile.SOUND)

    assert b"its scores are not finite" in done.stdout
