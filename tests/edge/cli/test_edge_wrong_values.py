"""A wrong value of an option of the device's command is said in plain words."""

import sys

import pytest
import wrong_values

from tlpipe_edge.cli import commands


@pytest.mark.parametrize(("command", "option"), wrong_values.options(commands.app))
def test_every_wrong_value_is_said_in_plain_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str, option: str
) -> None:
    refused = wrong_values.refused(commands.app, command, option)
    for value in wrong_values.WRONG:
        words = wrong_values.command_line(commands.app, command, option, value)
        monkeypatch.setattr(sys, "argv", ["tlpipe-edge", *words])
        with pytest.raises(SystemExit) as ended:
            commands.main()
        said = capsys.readouterr().err
        if ended.value.code != 66 or value in refused:  # else the value is fine, and then the model is missing
            assert ended.value.code == 2, (value, said)
            wrong_values.check(said, f" {command} {option}")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["classify", "gone", ""], 2, " classify IMAGE: an empty value\nGive one"),
        (["info", "\t", "-v"], 2, " info MODEL: an empty value"),
        (["classify", "gone", "--json", "--", "--odd=", "--", " a"], 66, "gone: no such bundle"),
    ],
)
def test_an_empty_value_is_that_of_its_argument(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["tlpipe-edge", *words])
    with pytest.raises(SystemExit) as ended:
        commands.main()

    assert ended.value.code == code and said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["info", "HTTPS://me:pw@example.org/m.tflite?t=pw"], " info MODEL: a URL, not a path: https://example.org\n"),
        (["classify", "gone", "a.jpg", "http://example.org/pw.jpg"], " classify IMAGE: a URL, not a path: http://exam"),
        (["bench", "gone", "--data", "s3://pw/photos"], " bench --data: a URL, not a path\nDownload it, and name"),
        (
            ["info", "gone", "--labels", "file:///pw/l.txt"],
            " --labels: a URL, not a path\nWrite the path without",
        ),
    ],
)
def test_a_url_is_no_path(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["tlpipe-edge", *words])
    with pytest.raises(SystemExit) as ended:
        commands.main()

    told = capsys.readouterr().err
    assert ended.value.code == 2 and said in told and "pw" not in told


def test_the_help_is_printed_beside_an_empty_value(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["tlpipe-edge", "info", "", "--help"])
    with pytest.raises(SystemExit) as ended:
        commands.main()

    assert ended.value.code == 0 and " info [OPTIONS] MODEL" in capsys.readouterr().out


def test_an_empty_value_from_the_environment_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TLPIPE_PREVIEW_TOKEN", " ")
    monkeypatch.setattr(sys, "argv", ["tlpipe-edge", "camera", "gone"])
    with pytest.raises(SystemExit) as ended:
        commands.main()

    assert ended.value.code == 2 and " camera --token: an empty value\n" in capsys.readouterr().err
