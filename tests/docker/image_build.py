"""Builds an image without Docker: its instructions are executed in order, below new folders, which become roots.

What is not the real thing: the base image, see base_image.py, and ``apt-get install``, which is ``--simulate``.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from base_image import apt_mounts, make_base, pip_mounts, pip_variables, python
from container import Image, below, execute, in_folder
from dockerfile import Instruction, Stage, Variables, context, read


def not_possible() -> str:
    """Why it cannot be done here, or an empty text."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        return "it needs root, and mounts"
    if not Path("/usr/share/base-passwd").exists():
        return "it needs Debian"
    needed = [*("setpriv", "ip"), *(f"{sys.base_prefix}/bin/{name}" for name in ("python", "pip"))]
    missing = [name for name in needed if not shutil.which(name)]
    return f"there is no {missing[0]} here" if missing else ""


def build(dockerfile: Path, root: Path, at: Path) -> Image:
    """Execute its stages below the empty folder ``at``, with ``root`` as the build context.

    Raise CalledProcessError if a RUN fails.
    """
    roots: dict[str, Path] = {}
    stages = read(dockerfile)
    for number, stage in enumerate(stages):
        assert stage.base == stages[0].base, "the stages have the same base"
        path = at / str(number)
        make_base(path)
        execute(path, [python()], {"PATH": Variables().values["PATH"]}, ["ldconfig"])
        roots[stage.name] = path
        variables = _execute(stage, path, root, roots)
    return Image(path, variables.values, stage)


def _execute(stage: Stage, path: Path, root: Path, roots: Mapping[str, Path]) -> Variables:
    variables, folder, user = Variables(), "/", "0:0"
    for each in stage.instructions:
        match each.keyword:
            case "ENV":
                variables.set(each)
            case "WORKDIR":
                folder = each.text
                below(path, folder).mkdir(parents=True, exist_ok=True)
            case "USER":
                user = each.text
            case "COPY":
                source = roots[each.flags["from"]] if "from" in each.flags else _context(root, path.parent)
                _copy(each, source, path, folder)
            case "RUN":
                _run(each, path, variables.values, folder, user)
    return variables


def _run(instruction: Instruction, path: Path, variables: Mapping[str, str], folder: str, user: str) -> None:
    command = instruction.words if instruction.text.startswith("[") else ("/bin/sh", "-c", instruction.text)
    mounts = [python(), *pip_mounts(), *apt_mounts(path.parent)]
    execute(path, mounts, {**variables, **pip_variables()}, [*in_folder(folder), *command], user=user)


def _context(root: Path, at: Path) -> Path:
    """The build context, as Docker sends it."""
    copy = at / "context"
    if not copy.exists():
        for file in context(root):
            (copy / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / file, copy / file)
    return copy


def _copy(instruction: Instruction, source: Path, path: Path, folder: str) -> None:
    *names, target = instruction.words
    goal = below(path, target if target.startswith("/") else f"{folder}/{target}")
    for name in names:
        found = below(source, name)
        if found.is_dir():
            subprocess.run(["cp", "--archive", f"{found}/.", _made(goal)], check=True)
        else:
            subprocess.run(["cp", "--archive", found, _made(goal) if target.endswith("/") else goal], check=True)
    subprocess.run(["chown", "--recursive", "0:0", goal], check=True)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
