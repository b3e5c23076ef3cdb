"""What a device says is checked before it is used: an event, or one clear error."""

import json
from typing import get_args

import pytest

from tlpipe_edge.errors import BadData
from tlpipe_edge.remote_job.messages import (
    KINDS,
    MAX_OUTPUT,
    AwaitsJob,
    Busy,
    Ended,
    Event,
    Failed,
    Missing,
    NotInstalled,
    Result,
    Said,
    line_of,
    read_event,
)


@pytest.mark.parametrize(
    "event",
    [
        Busy(),
        AwaitsJob(),
        Missing(("a" * 64,)),
        NotInstalled("ERROR: no", "3.11.2", "aarch64"),
        Said("\udcff \u202e \x1b[2J"),
        Failed(65, "bundle", "no format float16", "It holds int8."),
        Ended(-9, ""),
        Result(),
    ],
)
def test_an_event_is_read_as_it_was_written(event: Event) -> None:
    assert read_event(line_of(event, size=3), "there", KINDS) == (event, 3)
    assert line_of(event).count(b"\n") == 1


def test_every_event_has_a_name() -> None:
    assert set(KINDS.values()) == set(get_args(Event))


SAID = {"event": "said", "line": "", "bytes": 0}
FAILED = {"event": "failed", "code": 65, "where": "", "reason": "no", "advice": "", "bytes": 0}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (b"Traceback (most recent call last):\n", "not JSON"),
        (b"\xff\n", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"null", "an object"),
        (b"[]", "an object"),
        ({}, "no event, bytes"),
        ({"event": "said", "line": ""}, "no bytes"),
        (SAID | {"bytes": -1}, "at least 0"),
        (SAID | {"bytes": "1"}, "an integer"),
        (SAID | {"bytes": True}, "an integer"),
        (SAID | {"bytes": MAX_OUTPUT + 1}, f"at most {MAX_OUTPUT}"),
        (SAID | {"event": 1}, "event: 1"),
        (SAID | {"event": "a\nb"}, r"unknown event 'a\\nb'"),
        ({"event": "said", "bytes": 0}, "said: no line"),
        (SAID | {"line": ["x"]}, "said: line: "),
        (SAID | {"line": "x" * 1_000_001}, "said: line: "),
        ({"event": "missing", "files": "abc", "bytes": 0}, "missing: files: 'abc'"),
        ({"event": "missing", "files": ["a", 3], "bytes": 0}, r"missing: files\[1\]: 3"),
        (FAILED | {"code": "65"}, "failed: code: "),
        (FAILED | {"code": 10**400}, "not JSON"),
        (FAILED | {"advice": None}, "failed: advice: None"),
        ({"event": "ended", "code": 1, "bytes": 0}, "ended: no said"),
    ],
)
def test_what_is_no_event_is_one_clear_error(said: bytes | dict[str, object], expected: str) -> None:
    line = said if isinstance(said, bytes) else json.dumps(said).encode()
    with pytest.raises(BadData, match=expected) as caught:
        read_event(line, "ssh://pi@there", KINDS)

    assert str(caught.value).startswith("ssh://pi@there: ")
    assert caught.value.advice and len(str(caught.value).splitlines()) == 2
