"""What the Dockerfiles say, what their build copies, and the commands of docs/docker.md; nothing is built here."""

import argparse
import json
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from dockerfile import Stage, context, read
from texts import ROOT

DOCKERFILES = {"tlpipe": Path("Dockerfile"), "tlpipe-edge": Path("edge/Dockerfile")}
PROJECTS = {"tlpipe": Path("pyproject.toml"), "tlpipe-edge": Path("edge/pyproject.toml")}
PAGE = (ROOT / "docs/docker.md").read_text("utf-8")
CLI = (ROOT / "docs/cli.md").read_text("utf-8")

images = pytest.mark.parametrize("image", DOCKERFILES)


def last_stage(image: str) -> Stage:
    return read(ROOT / DOCKERFILES[image])[-1]


@images
def test_a_container_is_not_root_and_writes_to_its_volume_and_its_folder(image: str) -> None:
    stage = last_stage(image)
    variables = [word for each in stage.instructions if each.keyword == "ENV" for word in each.words]

    assert re.fullmatch(r"[1-9]\d{4}:[1-9]\d{4}", stage.last("USER").text)
    assert stage.last("VOLUME").words == ("/cache",) and "TLPIPE_CACHE=/cache" in variables
    assert stage.last("WORKDIR").text == "/work"


@images
def test_the_command_is_the_first_process_and_gets_the_signals(image: str) -> None:
    """A shell in between would not pass them on."""
    stage = last_stage(image)

    assert json.loads(stage.last("ENTRYPOINT").text) == [image]
    assert json.loads(stage.last("CMD").text) == ["--help"]
    assert stage.last("STOPSIGNAL").text == "SIGINT"


@images
def test_both_stages_have_one_base_with_a_version_that_the_project_takes(image: str) -> None:
    bases = {stage.base for stage in read(ROOT / DOCKERFILES[image])}

    assert bases == {"python:3.11-slim-bookworm"}


@images
def test_the_labels_are_those_of_the_project(image: str) -> None:
    project = tomllib.loads((ROOT / PROJECTS[image]).read_text("utf-8"))["project"]
    labels = dict(word.split("=", 1) for word in last_stage(image).last("LABEL").words)

    assert {name.removeprefix("org.opencontainers.image."): label for name, label in labels.items()} == {
        "title": project["name"],
        "description": labels["org.opencontainers.image.description"],
        "version": project["version"],
        "licenses": project["license"],
    }


def test_the_build_gets_the_sources_and_nothing_else() -> None:
    sent = {str(file) for file in context(ROOT)}
    files = [file for room in ("pipeline/tlpipe", "edge/tlpipe_edge") for file in (ROOT / room).rglob("*.*")]
    sources = {str(file.relative_to(ROOT)) for file in files if file.is_file() and file.suffix != ".pyc"}
    beside = {file for file in sent - sources if not file.startswith(("edge/examples/", "edge/systemd/"))}

    assert sources <= sent
    assert beside == {
        *("constraints.txt", "pyproject.toml", "README.md", "LICENSE", "NOTICE"),
        *("edge/pyproject.toml", "edge/README.md", "edge/LICENSE", "edge/NOTICE", "edge/Dockerfile"),
    }


@pytest.mark.parametrize(
    ("file", "sent"),
    [
        ("edge/tlpipe_edge/a.py", True),
        ("edge/tlpipe_edge/__pycache__/a.pyc", False),
        ("edge/tlpipe_edge.egg-info/PKG-INFO", False),
        ("edge/build/lib/a.py", False),
        ("pipeline/tlpipe/build/a.py", True),
        (".git/config", False),
        ("runs/photos/run.json", False),
    ],
)
def test_what_is_made_while_working_is_not_sent(file: str, sent: bool, tmp_path: Path) -> None:
    shutil.copy(ROOT / ".dockerignore", tmp_path)
    for name in ("pyproject.toml", "constraints.txt", "README.md", "LICENSE", "NOTICE", file):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    assert (Path(file) in context(tmp_path)) == sent


@images
def test_debian_has_the_packages(image: str) -> None:
    runs = [
        each.text for stage in read(ROOT / DOCKERFILES[image]) for each in stage.instructions if each.keyword == "RUN"
    ]
    installed = [shlex.split(part)[2:] for run in runs for part in run.split("&&") if "apt-get install" in part]
    packages = [word for words in installed for word in words if not word.startswith("-")]
    assert (len(packages) > 0) == any("apt-get" in run for run in runs)
    if not shutil.which("apt-get") or not any(Path("/var/lib/apt/lists").glob("*_Packages*")):
        pytest.skip("there is no apt-get here with lists of packages")

    for package in packages:
        found = subprocess.run(
            ["apt-get", "install", "--simulate", package], capture_output=True, text=True, check=False
        )
        assert found.returncode == 0, found.stderr


def test_the_tensorflow_without_gpus_has_the_pinned_version(tmp_path: Path) -> None:
    """A constraint of tensorflow does not hold for tensorflow-cpu: the build would take the newest one."""
    (change,) = [
        each.text for stage in read(ROOT / "Dockerfile") for each in stage.instructions if "uname -m" in each.text
    ]
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    subprocess.run(["sh", "-c", f"uname() {{ echo x86_64; }}; {change}"], cwd=tmp_path, check=True)
    required = tomllib.loads((tmp_path / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    names = {re.split(r"[><=\[; ]", each)[0] for each in required}
    pinned = dict(
        line.split("==") for line in (tmp_path / "constraints.txt").read_text("utf-8").split() if "==" in line
    )

    assert "tensorflow-cpu" in names and "tensorflow" not in names
    before = re.search(r"^tensorflow==(\S+)$", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE)
    assert before and pinned["tensorflow-cpu"] == before[1]


def commands() -> list[list[str]]:
    """Those of the page, without what a pipe gives on."""
    blocks = "\n".join(line[4:] for line in PAGE.splitlines() if line.startswith("    "))
    lines = re.sub(r"\\\n", " ", blocks).splitlines()
    return [shlex.split(line.split(" | ")[0]) for line in lines if line.startswith("docker ")]


def docker() -> argparse.ArgumentParser:
    """The options of Docker that the page uses, each as in Docker's reference."""
    parser = argparse.ArgumentParser(allow_abbrev=False, exit_on_error=False)
    command = parser.add_subparsers(dest="command")
    run = command.add_parser("run", allow_abbrev=False)
    for name in ("--rm", "--detach", "--read-only"):
        run.add_argument(name, action="store_true")
    for name in ("--name", "--restart", "--user"):
        run.add_argument(name)
    for name in ("--volume", "--device", "--group-add", "--cap-drop", "--env", "--publish"):
        run.add_argument(name, action="append", default=[])
    run.add_argument("image", choices=DOCKERFILES)
    run.add_argument("words", nargs=argparse.REMAINDER)
    build = command.add_parser("build", allow_abbrev=False)
    for name in ("--tag", "--file", "--platform"):
        build.add_argument(name)
    build.add_argument("--load", action="store_true")
    build.add_argument("context")
    return parser


def parsed(command: str) -> list[argparse.Namespace]:
    words = [[word for word in each[1:] if word != "buildx"] for each in commands()]
    return [docker().parse_args(each) for each in words if each[0] == command]


def test_the_page_builds_both_images_from_the_root() -> None:
    for build in parsed("build"):
        assert Path(build.file or "Dockerfile") == DOCKERFILES[build.tag] and build.context == "."
    assert {build.tag for build in parsed("build")} == set(DOCKERFILES)
    for image, path in DOCKERFILES.items():  # the first lines of the file say the same
        head = (ROOT / path).read_text("utf-8").partition("FROM")[0]
        assert f"docker build --tag {image} " in head


def test_the_page_runs_commands_that_there_are_with_folders_that_there_are() -> None:
    runs = parsed("run")
    assert {run.image for run in runs} == set(DOCKERFILES)
    for run in runs:
        name, *words = run.words
        section = CLI.partition(f"### {run.image} {name}\n")[2].partition("\n###")[0]
        assert section, name
        for word in words:
            assert not word.startswith("--") or f"`{word} " in section or f"`{word}`" in section, word
        targets = {volume.split(":")[1] for volume in run.volume}
        assert {"/work", "/cache"} <= targets <= {"/work", "/cache", "/etc/passwd", "$HOME/.ssh"}
        cache = [volume for volume in run.volume if ":/cache" in volume]
        assert cache == ["tlpipe-cache:/cache"]
