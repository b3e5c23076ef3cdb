"""Who may see the live page: the token, its cookie, and the Host header on the loopback address."""

from collections.abc import Iterator

import live_pages
import pytest
from raw_http import ask, port, status

from tlpipe_edge.errors import WrongUsage
from tlpipe_edge.live_page.server import Preview


@pytest.fixture
def preview() -> Iterator[Preview]:
    with live_pages.preview() as opened:
        yield opened


@pytest.fixture
def guarded() -> Iterator[Preview]:
    with live_pages.preview(token="the-token") as opened:
        yield opened


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9000", "127.0.0.1:80", "127.1.2.3", "[::1]:8080"])
def test_the_own_host_is_served(preview: Preview, host: str) -> None:
    assert status(preview, "/", Host=host) == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8080", ""])
def test_another_host_on_loopback_is_refused(preview: Preview, host: str) -> None:
    assert [status(preview, path, Host=host) for path in ("/", "/stream", "/events", "/nothing")] == [403] * 4


def test_without_the_token_nothing_is_told(guarded: Preview) -> None:
    for path in ("/", "/stream", "/events", "/nothing", "/?token=", "/?token=the-toke", "/?token=%C3%BC"):
        assert ask(guarded, path)[::2] == (403, b"Forbidden\n")
    assert status(guarded, "/", Cookie=f"tlpipe-preview-{port(guarded)}=wrong") == 403


def test_with_the_token_once_the_cookie_opens_the_rest(guarded: Preview) -> None:
    path = guarded.url.removeprefix(f"http://127.0.0.1:{port(guarded)}")
    code, headers, _ = ask(guarded, path)
    assert code == 200
    cookie, *attributes = headers["Set-Cookie"].split("; ")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} == set(attributes)

    assert [status(guarded, path, Cookie=f"a=b; {cookie}") for path in ("/", "/stream", "/events")] == [200] * 3
    assert status(guarded, "/nothing", Cookie=cookie) == 404


def test_on_an_address_that_others_reach_the_token_is_enough() -> None:
    with live_pages.preview("0.0.0.0:0", token="the-token") as opened:
        assert status(opened, "/?token=the-token", Host="camera.example") == 200
        assert status(opened, "/", Host="camera.example") == 403
        assert opened.url.endswith(f":{port(opened)}/?token=the-token") and "0.0.0.0" not in opened.url


@pytest.mark.parametrize("address", ["0.0.0.0:8080", "[::]:8080", "192.0.2.7:8080", "0:8080"])
def test_an_address_that_others_reach_needs_a_token(address: str) -> None:
    with pytest.raises(WrongUsage, match="other machines can reach this address"):
        live_pages.preview(address)


@pytest.mark.parametrize("token", ["", "two words", "a;b", "a\r\nb", "a&b", "ü"])
def test_a_token_that_no_cookie_can_hold_is_refused(token: str) -> None:
    with pytest.raises(WrongUsage, match="the token is empty or has invalid characters"):
        live_pages.preview("8080", token=token)
