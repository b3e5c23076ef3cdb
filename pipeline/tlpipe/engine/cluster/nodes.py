"""What the nodes of a cluster have of what the work needs: packages and files. Looked at before any work."""

import importlib.metadata
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tlpipe_edge.errors import MissingInput, Unavailable

PINNED = ("ai-edge-litert", "opencv-python-headless", "pillow")
"""The packages on which pixels, features and scores depend: a node needs the versions of this machine."""

IF_HERE = ("pi-heif", "s3fs")
"""Packages without which fewer images can be read: a node needs them, in the same version, if this machine has them."""

NUMPY = "numpy>=1.24"
"""tlpipe-edge keeps NumPy 1 on Python 3.11, as devices have it; Ray Data brings NumPy 2, which gives the same bytes
(tests/cluster/test_bare_workers.py)."""

PIP = "virtualenv"
"""Ray needs it on a node to install packages there."""

SECONDS = 60.0
"""A node that has not answered after so long is out of order."""


def can_be_read(path: Path) -> bool:
    """Whether a file or folder is there, and this process may read it."""
    return os.access(path, os.R_OK)


@dataclass(frozen=True)
class File:
    """A file of so many bytes, or a folder (None)."""

    path: Path
    size: int | None

    @classmethod
    def here(cls, path: Path) -> "File | None":
        """As it is on this machine; None if it cannot be read here."""
        try:
            return cls(path.absolute(), None if path.is_dir() else path.stat().st_size) if can_be_read(path) else None
        except OSError:
            return None

    def is_there(self) -> bool:
        """Whether this machine has the same."""
        return self == File.here(self.path)


@dataclass(frozen=True)
class Node:
    """What the node ``name`` lacks: requirements, and files. ``installs``: Ray can install packages there."""

    name: str
    requirements: tuple[str, ...]
    files: tuple[Path, ...]
    installs: bool


def requirements() -> tuple[str, ...]:
    """What a worker needs, beside tlpipe and tlpipe_edge themselves."""
    from packaging.requirements import Requirement

    own = [Requirement(each) for each in importlib.metadata.requires("tlpipe-edge") or ()]
    usual = {each.name for each in own if "extra" not in str(each.marker)} - {
        "typer",
        "numpy",
        *PINNED,
        "tflite-runtime",
    }
    pinned = [name for name in (*PINNED, *IF_HERE) if _version(name)]
    ranges = [f"{each.name}{each.specifier}" for each in own if each.name in usual]
    return (NUMPY, *sorted(set(ranges)), *(f"{name}=={_version(name)}" for name in pinned))


def look(wanted: Sequence[str], files: Sequence[File]) -> Node:
    """On a node: what it lacks. This uses what Ray needs itself."""
    from packaging.requirements import Requirement

    lacks = []
    for each in map(Requirement, wanted):
        version = _version(each.name)
        if version is None or not each.specifier.contains(version, prereleases=True):
            lacks.append(str(each))
    unseen = tuple(file.path for file in files if not file.is_there())
    return Node(socket.gethostname(), tuple(lacks), unseen, _version(PIP) is not None)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def looked_at(wanted: Sequence[str], files: Sequence[File]) -> list[Node]:
    """What each node lacks on which work can run. Raise Unavailable if there is none, or if one does not answer."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    workers = [each for each in ray.nodes() if each["Alive"] and each["Resources"].get("CPU", 0) >= 1]
    if not workers:
        raise Unavailable("no node of the cluster has a core", "Start one: ray start --address=HEAD:6379")
    task = ray.remote(num_cpus=0, max_retries=1)(look)
    asked: dict[ray.ObjectRef, str] = {
        task.options(scheduling_strategy=NodeAffinitySchedulingStrategy(each["NodeID"], soft=False)).remote(
            list(wanted), list(files)
        ): each["NodeManagerHostname"]
        for each in workers
    }
    done, late = ray.wait(list(asked), num_returns=len(asked), timeout=SECONDS)
    if late:
        raise Unavailable(f"does not answer for {SECONDS:.0f} s", "Look at ray status.", where=f"node {asked[late[0]]}")
    found: list[Node] = ray.get(done)
    return found


def cores() -> int:
    """The number of cores of the connected cluster."""
    import ray

    return max(1, int(ray.cluster_resources().get("CPU", 1)))


def check_files(nodes: Sequence[Node]) -> None:
    """Raise MissingInput if a node does not see a file."""
    blind = [node for node in nodes if node.files]
    if blind:
        raise not_seen(blind[0].files[0], blind[0].name, nodes=len(blind))


def not_seen(file: Path, node: str, *, nodes: int = 1) -> MissingInput:
    """The error for a file that the workers cannot see."""
    others = f" and {nodes - 1:,} other nodes" if nodes > 2 else " and another node" if nodes == 2 else ""
    return MissingInput(
        f"node {node}{others} of the cluster cannot read it, or has another file there",
        "Put the images where each node reads them under the same path (as by NFS), or leave out --engine.",
        where=file,
    )


def to_install(nodes: Sequence[Node], wanted: Sequence[str]) -> tuple[str, ...]:
    """What Ray installs for the workers: nothing if no node lacks anything. Raise Unavailable if it cannot."""
    lacking = [node for node in nodes if node.requirements]
    for node in lacking:
        if not node.installs:
            raise Unavailable(
                f"it lacks {', '.join(node.requirements)}, and without {PIP}, Ray cannot install packages",
                f"Run there, in the Python of Ray: pip install {PIP}",
                where=f"node {node.name}",
            )
    return tuple(wanted) if lacking else ()
