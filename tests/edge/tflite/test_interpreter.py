"""A session of the runtime: what it says of a model, and what it says when it cannot have one."""

import sys

import numpy as np
import pytest

from tlpipe_edge import Bundle
from tlpipe_edge.contract.manifest import Tensor
from tlpipe_edge.errors import BadData, Unavailable, WrongUsage
from tlpipe_edge.tflite.interpreter import RUNTIMES, Session

pytestmark = pytest.mark.arm64


@pytest.fixture(scope="module")
def model(drawn: Bundle) -> bytes:
    return drawn.read(drawn.artifact())


def test_a_session_says_what_it_is(model: bytes, drawn: Bundle) -> None:
    session = Session(model, threads=2)

    assert session.runtime in RUNTIMES and session.version[0].isdigit() and session.threads == 2
    assert session.input == drawn.artifact().input == Tensor("uint8", (1, 64, 64, 3), 1.0, 0)
    assert session.output == drawn.artifact().output


def test_an_integer_output_is_dequantized(model: bytes) -> None:
    scores = Session(model).run(np.full((1, 64, 64, 3), 200, np.uint8))

    assert scores.dtype == np.float32 and scores.shape == (3,)
    np.testing.assert_array_equal(scores * 256, np.rint(scores * 256))


def test_two_sessions_do_not_share_state(model: bytes) -> None:
    one, other = Session(model), Session(model)
    one.set_input(np.zeros((1, 64, 64, 3), np.uint8))
    one.invoke()
    black = one.read_output()
    other.run(np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), dtype=np.uint8))

    np.testing.assert_array_equal(one.read_output(), black)


@pytest.mark.parametrize("content", [b"", b"no model", b"\0\0\0\0TFL3"])
def test_what_is_no_model_is_bad_data(content: bytes) -> None:
    with pytest.raises(BadData) as caught:
        Session(content)
    assert len(str(caught.value).splitlines()) == 2


def test_an_unknown_runtime_names_the_known(model: bytes) -> None:
    with pytest.raises(WrongUsage, match="no runtime onnx\nChoose auto, ai-edge-litert or tflite-runtime"):
        Session(model, runtime="onnx")


def test_no_thread_is_wrong_usage(model: bytes) -> None:
    with pytest.raises(WrongUsage, match="invalid number of threads: 0"):
        Session(model, threads=0)


@pytest.mark.parametrize("runtime", ["auto", *RUNTIMES])
def test_a_runtime_that_is_not_installed_says_how_to(
    model: bytes, runtime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in RUNTIMES.values():
        monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(Unavailable) as caught:
        Session(model, runtime=runtime)
    assert caught.value.advice == f"pip install {'ai-edge-litert' if runtime == 'auto' else runtime}"
