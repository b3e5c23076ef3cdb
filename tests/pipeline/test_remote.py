"""tlpipe-edge on another machine, through a real sshd: what arrives, what is said where it cannot be, what stays."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import loopback
import pytest
from loopback import Device, wait_until

from tlpipe import remote, ssh
from tlpipe.address import Address
from tlpipe.dataset import Example
from tlpipe_edge import Bundle
from tlpipe_edge.errors import (
    BadConfiguration,
    BadData,
    Busy,
    MissingInput,
    TlpipeError,
    Unavailable,
    WrongUsage,
)

DRAWN = Path(__file__).parents[1] / "data" / "bundle"
GOLDEN = sorted(file for file in (DRAWN / "golden").iterdir() if file.suffix != ".npz")
CLASSIFY = ("classify", "bundle", "images", "--json")
FOR_EVER = ("camera", "bundle", "--source", "images", "--loop", "--threshold", "0")
CLIENT = """
import sys
from pathlib import Path
from tlpipe import remote
from tlpipe.address import Address
from tlpipe_edge import terminal

address, folder, *arguments = sys.argv[1:]
files = {str(file.relative_to(folder)): file for file in Path(folder).rglob("*") if file.is_file()}
terminal.run(lambda: print(remote.run_edge(Address.parse(address), files, arguments)))
"""

pytestmark = [
    pytest.mark.skipif(loopback.SSHD is None, reason="there is no sshd: apt-get install openssh-server"),
    pytest.mark.skipif(
        not Path("/proc/self/environ").exists(), reason="what runs on the device is looked for in /proc"
    ),
]


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All that tlpipe-edge needs."""
    return loopback.wheelhouse(tmp_path_factory.mktemp("wheels") / "house")


@pytest.fixture(scope="session")
def installed(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The virtual environments of a device on which tlpipe-edge was truly installed, once."""
    device = Device(tmp_path_factory.mktemp("installed") / "device")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLPIPE_SSH_OPTIONS", f"-F {device.config}")
        remote.run_edge(device.address, {}, ["--version"], wheelhouse=wheels)
    device.stop()
    assert device.left() == [] and device.processes() == []
    return device.cache / "venvs"


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Device]:
    """A device that nobody has used. Whatever happens in a test, nothing runs there at its end, and nothing is half."""
    device = Device(tmp_path / "device")
    monkeypatch.setenv("TLPIPE_SSH_OPTIONS", f"-F {device.config}")
    yield device
    wait_until(lambda: device.processes() == [])
    device.stop()
    assert device.left() == []


@pytest.fixture
def device(bare: Device, installed: Path) -> Device:
    """A device with tlpipe-edge."""
    shutil.copytree(installed, bare.cache / "venvs", symlinks=True, copy_function=os.link)
    return bare


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """The bundle, and its golden photographs as the images, to change."""
    copied = Path(shutil.copytree(DRAWN, tmp_path / "drawn"))
    named = {f"bundle/{name}": file for name, file in remote.bundle_files(Bundle.open(copied)).items()}
    return named | {f"images/{file.name}": copied / "golden" / file.name for file in GOLDEN}


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file that takes its time."""
    file = tmp_path / "large"
    file.touch()
    os.truncate(file, 300_000_000)
    return file


def classified(device: Device, files: Mapping[str, Path], **options: Any) -> list[str]:
    """The files that were classified there, each without an error."""
    document = json.loads(remote.run_edge(device.address, files, CLASSIFY, **options))
    assert [row["error"] for row in document["images"]] == [None] * len(document["images"])
    return [row["file"] for row in document["images"]]


def refused(call: Callable[[], object], kind: type[TlpipeError], *said: str) -> TlpipeError:
    """The error, which is one or two lines and says this."""
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    lines = str(caught.value).splitlines()
    assert len(lines) <= 2 and all(part in str(caught.value) for part in said), lines
    return caught.value


class TestAnswers:
    def test_a_second_run_sends_and_installs_nothing(
        self, bare: Device, wheels: Path, files: dict[str, Path], capsys: pytest.CaptureFixture[str]
    ) -> None:
        expected = [f"images/{file.name}" for file in GOLDEN]
        assert classified(bare, files, wheelhouse=wheels) == expected
        said = capsys.readouterr().err
        assert "sending files" in said and "installing tlpipe-edge" in said
        assert len(list(bare.cache.glob("files/*"))) == len({file.read_bytes() for file in files.values()})  # no wheels
        assert list(bare.home.iterdir()) == [bare.home / ".cache"]

        assert classified(bare, files) == expected
        said = capsys.readouterr().err
        assert "nothing to send" in said and "installing" not in said

    def test_only_the_changed_file_is_sent(
        self, device: Device, files: dict[str, Path], capsys: pytest.CaptureFixture[str]
    ) -> None:
        classified(device, files)
        shutil.copy(files["images/1.png"], files["images/0.png"])
        with files["images/0.png"].open("ab") as stream:
            stream.write(b"\0")
        files["images/renamed.png"] = files.pop("images/3.png")
        capsys.readouterr()

        assert "images/renamed.png" in classified(device, files)
        assert "sending files, 0.0 MB (1)" in capsys.readouterr().err

    def test_a_file_that_was_damaged_there_is_sent_again(
        self, device: Device, files: dict[str, Path], capsys: pytest.CaptureFixture[str]
    ) -> None:
        classified(device, files)
        capsys.readouterr()
        max(device.cache.glob("files/*"), key=lambda file: file.stat().st_size).write_bytes(b"damaged")

        classified(device, files)
        assert "(1)" in capsys.readouterr().err

    def test_names_are_never_interpreted(self, device: Device, files: dict[str, Path], tmp_path: Path) -> None:
        names = ["a b", "'", '"', "new\nline", "$(touch X)", "`touch X`", "-rf", "--data", "; touch X", "\\n", "*", "é"]
        names += ["\udcff", "\u202e", "{}", "%s", "~", "!!", "a" * 250]
        folder = tmp_path / "named"
        folder.mkdir()
        for name in names:
            shutil.copy(GOLDEN[0], folder / f"{name}.png")
        named = {f"images/{name}.png": folder / f"{name}.png" for name in names}
        bundle = {name: file for name, file in files.items() if name.startswith("bundle/")}

        assert sorted(classified(device, bundle | named)) == sorted(named)
        assert not list(device.home.rglob("X"))

    def test_arguments_are_never_interpreted(self, device: Device) -> None:
        refused(
            lambda: remote.run_edge(device.address, {}, ["info", "$(touch X) 'a\nb"]),
            MissingInput,
            "$(touch X) 'a\\nb",
        )
        assert not list(device.home.rglob("X"))

    def test_a_shell_that_greets_does_not_matter(self, device: Device, files: dict[str, Path]) -> None:
        device.log_in_with(before="echo Welcome; printf 'no newline'; echo warning >&2")

        assert classified(device, files)

    @pytest.mark.parametrize("shell", ["bash", "dash", "zsh", "fish", "tcsh"])
    def test_any_usual_shell_will_do(self, device: Device, files: dict[str, Path], shell: str) -> None:
        found = shutil.which(shell)
        if found is None:
            pytest.skip(f"{shell} is not installed")
        device.log_in_with(shell=found)

        assert classified(device, files)

    def test_what_tlpipe_edge_says_there_is_said_here(self, device: Device, files: dict[str, Path]) -> None:
        error = refused(
            lambda: remote.run_edge(device.address, files, ["classify", "bundle", "images", "--recipe", "float16"]),
            WrongUsage,
            f"{device.address}: bundle: no recipe float16",
        )
        assert error.advice == "It holds int8."

    def test_old_ones_are_bounded(self, device: Device, files: dict[str, Path]) -> None:
        for number in range(5):
            files["images/0.png"].write_bytes(GOLDEN[0].read_bytes() + bytes(number))
            classified(device, files)

        trees = list(device.cache.glob("trees/*"))
        kept = {sha256 for tree in trees for _, sha256 in json.loads((tree / "listing.json").read_text())}
        assert len(trees) == 3
        assert {file.name for file in device.cache.glob("files/*")} == kept

    def test_a_bench_comes_back_with_its_address(self, device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
        """The device hears every second that somebody is there, and would give up after five without it."""
        impatient(monkeypatch, seconds=5.0)
        monkeypatch.setattr(ssh, "PULSE_SECONDS", 1.0)
        bundle = Bundle.open(DRAWN)
        known = dict(zip(bundle.reference().images, bundle.reference().truth, strict=True))
        examples = [
            Example(file, int(known[content.sha256]), content.sha256)
            for file, content in ((file, remote.Content.of(file)) for file in GOLDEN)
        ]
        document = remote.bench_on(
            device.address,
            bundle,
            remote.in_folders(examples, bundle.manifest.labels),
            images_name="test, cut from train",
            recipes=["int8"],
        )

        assert document["device"]["address"] == str(device.address)
        assert document["images"] | {"name": "test, cut from train", "count": len(GOLDEN)} == document["images"]
        (result,) = document["results"]
        assert (result["recipe"], result["threads"], result["agreement"]) == ("int8", 1, 1.0)
        assert sum(each["images"] for each in result["per_class"].values()) == len(GOLDEN)
        assert document["conditions"]["command"].startswith("tlpipe-edge bench bundle ")

    @pytest.mark.skipif(
        "TLPIPE_INDEX" not in os.environ, reason="TLPIPE_INDEX is not set: it takes wheels from an index"
    )
    def test_dependencies_come_from_the_devices_own_index(self, bare: Device, files: dict[str, Path]) -> None:
        own = "; ".join(f"export {key}='{value}'" for key, value in os.environ.items() if key.startswith("PIP_"))
        configuration = Path.home() / ".config/pip/pip.conf"
        if configuration.is_file():
            shutil.copytree(configuration.parent, bare.home / ".config/pip")
        bare.log_in_with(before=own)

        assert classified(bare, files)


class TestHostsAndLogins:
    def test_an_unknown_key(self, bare: Device, files: dict[str, Path]) -> None:
        """Although the configuration of this client says that it may be accepted."""
        bare.known_hosts.write_text("")
        error = refused(lambda: classified(bare, files), Unavailable, f"{bare.address}: its host key is not known here")

        assert f"ssh -p {bare.address.port} {bare.user}@127.0.0.1 once" in error.advice
        assert bare.known_hosts.read_text() == "" and not bare.cache.exists()

    def test_a_changed_key(self, bare: Device, files: dict[str, Path]) -> None:
        known = bare.known_hosts.read_text()
        bare.set_up_anew()
        error = refused(lambda: classified(bare, files), Unavailable, "its host key has changed, so nothing was sent")

        assert f"ssh-keygen -R '[127.0.0.1]:{bare.address.port}'" in error.advice
        assert bare.known_hosts.read_text() == known and not bare.cache.exists()

    def test_no_login(self, bare: Device, files: dict[str, Path]) -> None:
        bare.forget_logins()
        refused(lambda: classified(bare, files), Unavailable, "the login was refused", "ssh-copy-id")

    def test_nobody_there(self, bare: Device, files: dict[str, Path]) -> None:
        bare.stop()
        refused(lambda: classified(bare, files), Unavailable, "ssh cannot connect", "Connection refused")

    def test_a_host_that_nobody_knows(self) -> None:
        nowhere = Address("nowhere.invalid")
        refused(lambda: remote.run_edge(nowhere, {}, []), Unavailable, "ssh://nowhere.invalid: ssh cannot connect")

    def test_no_ssh_here(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        refused(lambda: remote.run_edge(Address("host"), {}, []), Unavailable, "ssh does not start here")

    def test_options_that_cannot_be_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TLPIPE_SSH_OPTIONS", "-F 'x")
        refused(lambda: remote.run_edge(Address("host"), {}, []), BadConfiguration, "$TLPIPE_SSH_OPTIONS: No closing")

    def test_options_do_not_make_it_less_strict(
        self, bare: Device, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bare.known_hosts.write_text("")
        monkeypatch.setenv("TLPIPE_SSH_OPTIONS", f"-F {bare.config} -o StrictHostKeyChecking=no")
        refused(lambda: classified(bare, files), Unavailable, "its host key is not known here")


class TestDevicesThatCannot:
    def test_no_python(self, bare: Device, files: dict[str, Path], tmp_path: Path) -> None:
        bare.log_in_with(path=tmp_path / "nothing")
        refused(lambda: classified(bare, files), Unavailable, "no Python 3.11, 3.12 or 3.13 there", "python3-venv")

    def test_a_python_that_is_too_old_is_passed_over(self, device: Device, files: dict[str, Path]) -> None:
        """As are those that are on the path and do not run."""
        for name in ("python3.13", "python3.12", "python3.11"):
            if not (device.bin / name).exists():
                program(device.bin / name, "exit 1")
        assert classified(device, files)

    def test_a_python_without_venv(self, bare: Device, files: dict[str, Path], tmp_path: Path) -> None:
        program(
            tmp_path / "without/python3.12",
            f'case "$*" in *ensurepip*) exit 1; esac; exec {next(bare.bin.iterdir())} "$@"',
        )
        bare.log_in_with(path=tmp_path / "without")
        refused(
            lambda: classified(bare, files),
            Unavailable,
            "python3.12 there cannot make virtual environments",
            "sudo apt",
        )

    def test_no_wheel_for_its_architecture(
        self, bare: Device, files: dict[str, Path], wheels: Path, tmp_path: Path
    ) -> None:
        other = tmp_path / "other"
        shutil.copytree(wheels, other, copy_function=os.link)
        (numpy,) = other.glob("numpy-*")
        numpy.rename(other / f"{'-'.join(numpy.name.split('-')[:4])}-linux_riscv64.whl")
        refused(
            lambda: classified(bare, files, wheelhouse=other), Unavailable, "no wheel of numpy", "on ", "--wheelhouse"
        )

        assert not list(bare.cache.glob("venvs/*"))
        assert classified(bare, files, wheelhouse=wheels)

    def test_an_index_that_cannot_be_reached(self, bare: Device, files: dict[str, Path]) -> None:
        bare.log_in_with(before="export PIP_INDEX_URL=http://user:secret@127.0.0.1:9/simple PIP_RETRIES=1")
        error = refused(lambda: classified(bare, files), Unavailable, "its package index cannot be reached")
        assert "secret" not in str(error)

    @pytest.mark.parametrize("there", [False, True])
    def test_no_wheelhouse(self, bare: Device, files: dict[str, Path], tmp_path: Path, there: bool) -> None:
        if there:
            (tmp_path / "house").mkdir()
        refused(lambda: classified(bare, files, wheelhouse=tmp_path / "house"), MissingInput, "house: no ")

    def test_a_windows_shell(self, bare: Device, files: dict[str, Path], tmp_path: Path) -> None:
        said = "'exec' is not recognized as an internal or external command,\noperable program or batch file."
        shell = program(tmp_path / "cmd", f'cat >&2 <<"EOF"\n{said}\nEOF\nexit 1')
        bare.log_in_with(shell=str(shell), path=Path("/usr/bin:/bin"))
        refused(lambda: classified(bare, files), Unavailable, "does not run /bin/sh", "not Windows")

    def test_a_shell_that_does_not_answer(
        self, bare: Device, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ssh, "START_SECONDS", 2.0)
        bare.log_in_with(before="read never")
        refused(lambda: classified(bare, files), Unavailable, "the shell there does not answer")

    def test_an_answer_that_is_no_document(self) -> None:
        for answer in (b"", b"[]", b"{}", b'{"schema": 2, "device": {}}', b'{"schema": 1, "device": null}', b"\xff"):
            refused(lambda answer=answer: remote.document_of(answer, "there"), BadData, "no bench document")  # type: ignore[misc]


class TestDisksThatAreFull:
    def test_in_the_middle_of_a_file(self, device: Device, files: dict[str, Path], tmp_path: Path) -> None:
        classified(device, files)
        before = sorted(device.cache.rglob("*"))
        device.log_in_with(before="ulimit -f 100")  # blocks of 512 or 1024 bytes: the system knows no smaller disk
        (tmp_path / "larger").write_bytes(os.urandom(1_000_000))
        refused(
            lambda: classified(device, files | {"images/larger": tmp_path / "larger"}),
            Unavailable,
            "no room left on its disk",
        )

        assert sorted(device.cache.rglob("*")) == before
        device.log_in_with()
        assert classified(device, files)

    def test_before_anything_is_sent(self, small_disk: Device, files: dict[str, Path], large: Path) -> None:
        error = refused(
            lambda: classified(small_disk, files | {"images/large": large}),
            Unavailable,
            "no room on its disk: 300.",
            "MB are free",
        )
        assert error.advice == "Make room there."

    def test_while_it_is_installed(self, small_disk: Device, files: dict[str, Path]) -> None:
        refused(lambda: classified(small_disk, files), Unavailable, "no room left on its disk")

    @pytest.fixture
    def small_disk(self, bare: Device) -> Iterator[Device]:
        """8 MB, on which no virtual environment has room."""
        mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(bare.home)]
        if os.getuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("no file system can be mounted here")
        try:
            yield bare
            assert bare.left() == []
        finally:
            wait_until(lambda: bare.processes() == [])
            subprocess.run(["umount", bare.home], check=True)


class TestLinksThatBreak:
    def test_while_a_file_is_sent(self, device: Device, files: dict[str, Path], large: Path) -> None:
        classified(device, files)
        before = sorted(device.cache.rglob("*"))
        with cutting(device, when=lambda: any(part.stat().st_size for part in device.cache.glob("temporary-*/part"))):
            refused(
                lambda: classified(device, files | {"images/large": large}),
                Unavailable,
                f"{device.address}: the connection was lost",
                "Run it again",
            )

        wait_until(lambda: device.processes() == [])
        assert sorted(device.cache.rglob("*")) == before
        assert classified(device, files)

    def test_while_it_is_installed(self, bare: Device, files: dict[str, Path], wheels: Path) -> None:
        def half_made() -> list[Path]:
            return list(bare.cache.glob("venvs/*/lib/*/site-packages/rich"))

        with cutting(bare, when=half_made):
            refused(lambda: classified(bare, files, wheelhouse=wheels), Unavailable, "the connection was lost")
        wait_until(lambda: bare.processes() == [])
        assert not list(bare.cache.glob("venvs/*"))

        assert classified(bare, files, wheelhouse=wheels)
        (environment,) = bare.cache.glob("venvs/*")
        (environment / "complete").unlink()  # as when power fails
        (environment / "junk").touch()
        assert classified(bare, files, wheelhouse=wheels)
        assert not (environment / "junk").exists()

    def test_while_tlpipe_edge_runs(self, device: Device, files: dict[str, Path]) -> None:
        with cutting(device, when=lambda: answers(device)):
            refused(lambda: remote.run_edge(device.address, files, FOR_EVER), Unavailable, "the connection was lost")
        wait_until(lambda: device.processes() == [])

        assert device.left() == []
        assert classified(device, files)

    def test_nobody_is_heard_of_any_more(
        self, device: Device, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As when the cable is pulled: no end of the connection is seen."""
        impatient(monkeypatch, seconds=3.0)
        monkeypatch.setattr(ssh, "PULSE_SECONDS", 1000.0)
        refused(lambda: remote.run_edge(device.address, files, FOR_EVER), Unavailable, "the connection was lost")

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
    @pytest.mark.parametrize("send", [os.kill, os.killpg], ids=["alone", "as a terminal does"])
    def test_the_command_here_is_ended(
        self, device: Device, files: dict[str, Path], tmp_path: Path, number: int, send: Callable[[int, int], None]
    ) -> None:
        with client(device, files, tmp_path) as process:
            wait_until(lambda: answers(device))
            refused(lambda: classified(device, files), Busy, "another run works there")
            send(process.pid, number)
            process.wait(timeout=loopback.LIMIT_SECONDS)
            wait_until(lambda: device.processes() == [])

        assert process.returncode != 0
        assert device.left() == []
        assert classified(device, files)

    def test_a_file_that_changes_meanwhile(
        self, device: Device, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        send = ssh.Connection.send_file

        def late(connection: ssh.Connection, file: Path, *, size: int) -> None:
            file.write_bytes(b"shorter")
            send(connection, file, size=size)

        monkeypatch.setattr(ssh.Connection, "send_file", late)
        refused(lambda: classified(device, files), BadData, "a file changed while it was sent")


class TestOneAtATime:
    def test_a_lock_that_somebody_holds(self, device: Device, files: dict[str, Path]) -> None:
        with (device.cache / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            refused(lambda: classified(device, files), Busy, f"{device.address}: another run works there")
        assert classified(device, files)

    def test_what_a_dead_run_left_goes(self, device: Device, files: dict[str, Path]) -> None:
        (device.cache / "temporary-old/tree").mkdir(parents=True)
        (device.cache / "lock").touch()
        classified(device, files)

        assert not (device.cache / "temporary-old").exists()


def test_photographs_are_in_a_folder_for_their_label() -> None:
    labels = ("a b", "x/y", "class 1", "..", "n" * 300)
    files = ("1/p.jpg", "2/p.jpg", "2/p.jpg", "p.jpg", "q.jpg", "-r.png", "s.jpg")
    kinds = (0, 0, 0, 1, 2, 3, 4)
    named = remote.in_folders([Example(Path(f), k, "") for f, k in zip(files, kinds, strict=True)], labels)

    assert list(named) == [
        *(
            "a b/p.jpg",
            "a b/p-2.jpg",
            "a b/p-3.jpg",
            "class 1_/p.jpg",
            "class 1/q.jpg",
            "class 3/-r.png",
            "class 4/s.jpg",
        )
    ]
    assert list(map(str, named.values())) == list(files)


def test_names_outside_are_refused() -> None:
    for name in ("/etc/passwd", "../x", "images/../../x", "a\0b"):
        refused(lambda name=name: remote.run_edge(Address("host"), {name: Path()}, []), BadData, "not a path below")  # type: ignore[misc]


def test_what_ssh_must_not_do() -> None:
    given = ssh.command(Address("host", "pi", 2222))

    assert {"-oStrictHostKeyChecking=yes", "-oBatchMode=yes", "-oControlPath=none", "-oForwardAgent=no"} <= set(given)
    assert given[-7:] == ["-l", "pi", "-p", "2222", "--", "host", ssh.COMMAND]
    assert not {"\n", "\\", "!"} & set(ssh.COMMAND) and ssh.COMMAND.count("'") == 2


def program(file: Path, script: str) -> Path:
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file


def answers(device: Device) -> bool:
    """Whether the camera that never ends has begun, with the process that reads its pictures."""
    lines = device.processes()
    return all(any(name in line for line in lines) for name in (" tlpipe_edge camera ", " tlpipe_edge.capture "))


def impatient(monkeypatch: pytest.MonkeyPatch, *, seconds: float) -> None:
    """The device gives up after so many seconds of silence."""
    source = ssh.agent().decode()
    assert source.count("SILENCE_SECONDS = 60.0") == 1
    changed = source.replace("SILENCE_SECONDS = 60.0", f"SILENCE_SECONDS = {seconds}").encode()
    monkeypatch.setattr(ssh, "agent", lambda: changed)


class cutting:
    """Cut the link as soon as something holds."""

    def __init__(self, device: Device, *, when: Callable[[], object]) -> None:
        self._device, self._when = device, when

    def __enter__(self) -> None:
        self._thread = threading.Thread(target=self._cut)
        self._thread.start()

    def _cut(self) -> None:
        try:
            wait_until(self._when)
        finally:
            self._device.cut()

    def __exit__(self, *_: object) -> None:
        self._thread.join()


def client(device: Device, files: dict[str, Path], tmp_path: Path) -> "subprocess.Popen[bytes]":
    """The same in a process of its own, for ever."""
    folder = tmp_path / "sent"
    for name, file in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, folder / name)
    command = [sys.executable, "-c", CLIENT, str(device.address), str(folder), *FOR_EVER]
    nothing = subprocess.DEVNULL
    return subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True)
