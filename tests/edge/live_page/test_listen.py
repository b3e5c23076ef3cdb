"""Addresses as people type them."""

import pytest

from tlpipe_edge.errors import WrongUsage
from tlpipe_edge.live_page.listen import ListenAddress


@pytest.mark.parametrize(
    ("written", "host", "number"),
    [
        ("8080", "127.0.0.1", 8080),
        (":8080", "127.0.0.1", 8080),
        ("localhost:0", "127.0.0.1", 0),
        ("127.0.0.2:80", "127.0.0.2", 80),
        ("[::1]:8080", "::1", 8080),
        ("0.0.0.0:65535", "0.0.0.0", 65535),
    ],
)
def test_addresses(written: str, host: str, number: int) -> None:
    address = ListenAddress.parse(written)

    assert (address.host, address.port) == (host, number)


@pytest.mark.parametrize(
    "written", ["", "localhost", "1.2.3.4:", ":99999", "::1:80", "a b:80", "http://a:80", "-1", "٣"]
)
def test_what_is_no_address(written: str) -> None:
    with pytest.raises(WrongUsage, match="not an address"):
        ListenAddress.parse(written)


@pytest.mark.parametrize("name", ["nowhere.invalid", "a" * 70])
def test_a_host_that_nobody_knows(name: str) -> None:
    with pytest.raises(WrongUsage, match="unknown host"):
        ListenAddress.parse(f"{name}:80")
