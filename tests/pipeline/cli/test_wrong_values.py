"""A wrong value of an option, on the command line or in a file, is said in plain words, without TensorFlow."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
import wrong_values

from tlpipe.cli import configuration
from tlpipe.cli.commands import app

Command = Callable[..., Any]


@pytest.mark.parametrize(("command", "option"), wrong_values.options(app))
def test_every_wrong_value_is_said_in_plain_words(
    tlpipe: Command, monkeypatch: pytest.MonkeyPatch, command: str, option: str
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    refused = wrong_values.refused(app, command, option)
    for value in wrong_values.WRONG:
        done = tlpipe(*wrong_values.command_line(app, command, option, value))
        assert done.stdout == ""
        if done.code not in (66, 69) or value in refused:  # else the value is fine, and something is missing
            assert done.code == 2, (value, done.stderr)
            wrong_values.check(done.stderr, f" {command} {option}")


NO_VALUE = ("''", "' '", "['many', '']", "{a = 3}", "[{a = true}]", "[[false]]", "12:30:00", "2020-01-01T12:30:00")
NO_NUMBER = ("-1", "1e30", "nan", "inf", "true", "false", "'many'", "'3'")


@pytest.mark.parametrize("value", [*NO_VALUE, *NO_NUMBER, "1.5"])
def test_every_wrong_value_in_a_file_is_said_in_plain_words(tlpipe: Command, value: str) -> None:
    group: Any = typer.main.get_command(app)
    root = group.make_context("tlpipe", [], resilient_parsing=True)
    wrong = 0
    for command, keys in configuration.tables(root).items():
        for key, parameter in keys.items():
            is_number = parameter.type_descriptor.annotation in (int, float)
            Path("tlpipe.toml").write_text(f"[{command}]\n{key} = {value}\n")
            done = tlpipe("evaluate", "gone")
            if done.code != 66 or value in NO_VALUE or (is_number and value in NO_NUMBER):
                assert (done.code, done.stdout) == (78, ""), (command, key)
                wrong_values.check(done.stderr, f"tlpipe.toml: [{command}] {key}")
                wrong += 1
    assert wrong > 20


URL = "https://me:pw@example.org/photos.zip?token=pw"


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (("train", URL), "train DATA"),
        (("train", "photos", "--weights", URL), "train --weights"),
        (("train", "photos", "--config", URL), "train --config"),
        (("evaluate", "gone", "--data", URL), "evaluate --data"),
        (("report", "gone", URL, "--out", "report"), "report BUNDLE|FILE"),
        (("adopt", URL, "--labels", "l.txt", "--data", "photos"), "adopt MODEL"),
    ],
)
def test_a_url_is_no_path(tlpipe: Command, words: tuple[str, ...], place: str) -> None:
    done = tlpipe(*words)

    assert done.code == 2 and "pw" not in done.stderr
    assert f"{place}: a URL, not a path: https://example.org\nDownload it" in done.stderr


@pytest.mark.parametrize("key", ["data", "weights"])
def test_a_url_in_a_file_is_no_path(tlpipe: Command, key: str) -> None:
    Path("tlpipe.toml").write_text(f"[train]\n{key} = '{URL}'\n")
    done = tlpipe("train", "photos")

    assert (done.code, done.stdout) == (78, "") and "pw" not in done.stderr
    assert f"[train] {key}: a URL, not a path: https://example.org\n" in done.stderr
