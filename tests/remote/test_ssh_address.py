"""Addresses of devices as people type them, and as attackers do."""

import pytest

from tlpipe.remote.address import Address, DeviceFolder
from tlpipe_edge.errors import WrongUsage


@pytest.mark.parametrize(
    ("written", "user", "host", "port"),
    [
        ("ssh://pi@raspberrypi.local", "pi", "raspberrypi.local", None),
        ("ssh://pi@raspberrypi.local/", "pi", "raspberrypi.local", None),
        ("SSH://pi-2@10.0.0.7:2222", "pi-2", "10.0.0.7", 2222),
        ("ssh://my_alias", None, "my_alias", None),
        ("ssh://pi@[fe80::1%eth0]:22", "pi", "fe80::1%eth0", 22),
        ("ssh://[::1]", None, "::1", None),
    ],
)
def test_addresses(written: str, user: str | None, host: str, port: int | None) -> None:
    address = Address.parse(written)

    assert (address.user, address.host, address.port) == (user, host, port)
    assert Address.parse(str(address)) == address


@pytest.mark.parametrize(
    "written",
    [
        *("", "pi@host", "host", "http://pi@host", "ssh:/host", "ssh://", "ssh://pi@", "ssh://@host", "ssh://pi@/"),
        *("ssh://-oProxyCommand=id", "ssh://pi@-oProxyCommand=id", "ssh://-l@host", "ssh://pi@host/path"),
        *("ssh://pi@host:", "ssh://pi@host:0", "ssh://pi@host:65536", "ssh://pi@host:٢٢", "ssh://pi@host:-1"),
        *(
            "ssh://pi@$(id)",
            "ssh://`id`@host",
            "ssh://pi@host;id",
            "ssh://pi@ho st",
            "ssh://pi@host\n",
            "ssh://a\n@host",
        ),
        *("ssh://pi@::1", "ssh://pi@[::1", "ssh://pi@[::1%;id]", "ssh://pi@[10.0.0.7]", "ssh://pi@[]", "ssh://pi@%h"),
    ],
)
def test_what_is_no_address(written: str) -> None:
    with pytest.raises(WrongUsage) as refused:
        Address.parse(written)
    assert refused.value.advice


@pytest.mark.parametrize(
    "written", ["ssh://pi:hunter2@host", "ssh://pi:hunter2", "ssh://pi:a@hunter2@host", "pi:hunter2@host", "x:hunter2"]
)
def test_a_password_is_refused_and_not_repeated(written: str) -> None:
    with pytest.raises(WrongUsage) as refused:
        Address.parse(written)
    assert "hunter2" not in str(refused.value)


def test_whoever_writes_a_password_is_told_that_ssh_asks() -> None:
    with pytest.raises(WrongUsage, match="ssh://host: a password does not belong in an address"):
        Address.parse("ssh://pi:hunter2@host")


def test_what_ssh_is_given() -> None:
    assert Address("host", "pi", 2222).arguments == ["-l", "pi", "-p", "2222", "--", "host"]
    assert Address("host").arguments == ["--", "host"]
    assert Address("host", "pi", 2222).command == "ssh -p 2222 pi@host"


@pytest.mark.parametrize(
    ("written", "address", "meant"),
    [
        ("ssh://pi@host/collected", "ssh://pi@host", ("~/collected", "/collected")),
        ("ssh://pi@host:22/var/kept/", "ssh://pi@host:22", ("~/var/kept", "/var/kept")),
        ("ssh://host/~/my photos", "ssh://host", ("~/my photos",)),
        ("ssh://[::1]//srv/kept", "ssh://[::1]", ("/srv/kept",)),
    ],
)
def test_folders_on_a_device(written: str, address: str, meant: tuple[str, ...]) -> None:
    folder = DeviceFolder.parse(written)

    assert (str(folder.address), folder.meant) == (address, meant)
    assert DeviceFolder.parse(str(folder)) == folder


@pytest.mark.parametrize(
    "written",
    [
        *("", "kept", "pi@host:kept", "http://host/kept", "ssh://", "ssh:///kept", "ssh://pi@/kept", "ssh://-o/kept"),
        *("ssh://pi@host", "ssh://pi@host/", "ssh://pi@host//", "ssh://pi@host:x/kept"),
        *("ssh://pi:hunter2@host/kept", "ssh://pi:hun/ter2@host/kept", "ssh://pi:22/hunter2@host/kept"),
    ],
)
def test_what_is_no_folder_on_a_device(written: str) -> None:
    with pytest.raises(WrongUsage) as refused:
        DeviceFolder.parse(written)
    assert refused.value.advice and not {"hunter2", "ter2"} & set(str(refused.value).replace("@", " ").split())
    assert "hunter2" not in str(refused.value) and "ter2" not in str(refused.value)
