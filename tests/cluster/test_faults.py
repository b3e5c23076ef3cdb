"""What is lost on a cluster costs time, and no results: an actor, a node, the command itself, the head."""

import itertools
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import heads
import pytest
import works

from tlpipe.engine.cluster.engine import Cluster
from tlpipe_edge.errors import Unavailable

DRAWN = Path(__file__).parents[1] / "data" / "bundle"
SLOW = works.Slow(0.01)


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """Two nodes with a core each, and a head without one."""
    from ray.cluster_utils import Cluster as Nodes

    monkeypatch.setenv("PYTHONPATH", str(Path(works.__file__).parent), prepend=os.pathsep)
    port = heads.free_port()
    started = Nodes(initialize_head=True, head_node_args={"num_cpus": 0, "ray_client_server_port": port})
    try:
        for _ in range(2):
            started.add_node(num_cpus=1)
        monkeypatch.setenv("RAY_ADDRESS", f"ray://127.0.0.1:{port}")
        yield started
    finally:
        started.shutdown()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Ray leaves its own logs open
def test_a_killed_actor_and_a_killed_node(nodes: object) -> None:
    with Cluster("ray") as cluster, closing(cluster.run(SLOW, range(1500))) as results:
        found = list(itertools.islice(results, 300))
        os.kill(found[-1][1], signal.SIGKILL)
        killed = {process for _, process in found}
        while len({process for _, process in found} - killed) == 0:
            found.append(next(results))
        nodes.remove_node(next(iter(nodes.worker_nodes)), allow_graceful=False)  # type: ignore[attr-defined]
        found += results
    assert [number for number, _ in found] == [2 * number for number in range(1500)]


@pytest.fixture
def head() -> Iterator[heads.Head]:
    with heads.started(Path(sys.executable), cores=1) as started:
        yield started


@pytest.fixture
def command(head: heads.Head, photos: Path, tmp_path: Path) -> list[object]:
    """One that takes some seconds: the images are in its list again and again."""
    paths = tmp_path / "list.txt"
    paths.write_text("".join(f"{file}\n" for file in sorted(photos.rglob("*.*"))) * 40, "utf-8")
    return ["score", DRAWN, paths, "--out", tmp_path / "scores.csv", "--engine", head.address]


def test_the_command_is_killed_and_given_again(command: list[object], tmp_path: Path) -> None:
    with heads.begun(*command) as first:
        _wait_for_saved_rows(tmp_path, first)
        first.kill()
    done = heads.tlpipe(*command)
    assert done.returncode == 0, done.stderr
    assert "continuing the unfinished " in done.stderr
    here = [*command[:-3], tmp_path / "here.csv"]
    assert heads.tlpipe(*here).returncode == 0
    assert (tmp_path / "scores.csv").read_bytes() == (tmp_path / "here.csv").read_bytes()


TWO_CHECKS = """
import sys
from tlpipe.engine.cluster.engine import Cluster
from tlpipe_edge.errors import Unavailable

with Cluster(sys.argv[1]) as cluster:
    cluster.check([])
    print("checked", flush=True)
    sys.stdin.readline()
    try:
        cluster.check([])
    except Unavailable as error:
        print(error.what)
"""


def test_the_head_is_lost_between_two_steps(head: heads.Head) -> None:
    environment = heads.environment(RAY_CLIENT_RECONNECT_GRACE_PERIOD="3")
    command = [sys.executable, "-c", TWO_CHECKS, head.address]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "checked\n"
        heads.end(head.process)
        said, _ = process.communicate("\n", timeout=heads.SECONDS)
    assert said.startswith(f"{head.address}: the connection to the cluster is lost ")


def test_the_head_is_lost(command: list[object], head: heads.Head, tmp_path: Path) -> None:
    with heads.begun(*command, RAY_CLIENT_RECONNECT_GRACE_PERIOD="3") as scoring:
        _wait_for_saved_rows(tmp_path, scoring)
        heads.end(head.process)
        _, said = scoring.communicate(timeout=heads.SECONDS)
    assert scoring.returncode == Unavailable.exit_code, said
    assert f"{head.address}: the connection to the cluster is lost" in said
    assert "what was scored is kept" in said
    assert "Traceback" not in said
    assert len(said.splitlines()) < 10, said


def _wait_for_saved_rows(folder: Path, scoring: "subprocess.Popen[str]") -> None:
    while scoring.poll() is None:
        if any(
            re.search(rb'"images": ?\d{3}', each.read_bytes())
            for each in folder.glob(".scores.csv.unfinished-*/*.part")
        ):
            return
        time.sleep(0.02)
    raise AssertionError(scoring.communicate())
