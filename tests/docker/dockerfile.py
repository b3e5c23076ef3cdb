"""A Dockerfile as values, and the files that its build may copy. An instruction that is not known here is an error."""

import json
import re
import shlex
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

KNOWN = {
    *("FROM", "ENV", "WORKDIR", "COPY", "RUN", "LABEL"),
    *("VOLUME", "USER", "STOPSIGNAL", "ENTRYPOINT", "CMD"),
}


PATH = "/usr/local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""That of the base image."""


@dataclass(frozen=True)
class Instruction:
    """Such as ``COPY --from=build /a /b``: its keyword, its flags, and the rest as it is written."""

    keyword: str
    flags: Mapping[str, str]
    text: str

    @property
    def words(self) -> tuple[str, ...]:
        """The arguments in the exec form (JSON) or separated by spaces."""
        return tuple(json.loads(self.text) if self.text.startswith("[") else shlex.split(self.text))


@dataclass(frozen=True)
class Stage:
    """From one FROM to the next. ``name`` is empty if it has none."""

    base: str
    name: str
    instructions: tuple[Instruction, ...]

    def last(self, keyword: str) -> Instruction:
        """The one that holds. Raise IndexError if there is none."""
        return [each for each in self.instructions if each.keyword == keyword][-1]


@dataclass
class Variables:
    """What ENV has set so far; before it, that of the base image."""

    values: dict[str, str] = field(default_factory=lambda: {"PATH": PATH})

    def set(self, instruction: Instruction) -> None:
        for word in instruction.words:
            name, equals, value = word.partition("=")
            assert equals, f"ENV {instruction.text}: the old form, without ="
            self.values[name] = self.expanded(value)

    def expanded(self, text: str) -> str:
        """Raise KeyError if a variable in it is not set."""
        return string.Template(text).substitute(self.values)


def read(path: Path) -> tuple[Stage, ...]:
    """The stages. Raise ValueError if a line is no instruction, or one that is not known here."""
    lines = [
        line for line in path.read_text("utf-8").splitlines() if line.strip() and not line.lstrip().startswith("#")
    ]
    stages: list[tuple[str, str, list[Instruction]]] = []
    for line in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        instruction = _instruction(line)
        if instruction.keyword == "FROM":
            base, _, name = instruction.text.partition(" AS ")
            stages.append((base, name, []))
        else:
            stages[-1][2].append(instruction)
    return tuple(Stage(base, name, tuple(instructions)) for base, name, instructions in stages)


def _instruction(line: str) -> Instruction:
    keyword, *rest = line.split(maxsplit=1)
    if keyword not in KNOWN or not rest:
        raise ValueError(f"not known here: {line}")
    text, flags = rest[0].strip(), {}
    while match := re.match(r"--([a-z]+)=(\S+)\s+", text):
        flags[match[1]] = match[2]
        text = text[match.end() :]
    return Instruction(keyword, flags, text)


def context(root: Path) -> tuple[Path, ...]:
    """The files below ``root`` that its .dockerignore lets through, relative to it, sorted.

    As Docker has it: a pattern is that of a path from the root, ``**/`` any folders before; the last that matches the
    file or a folder of it decides, and ``!`` lets it through.
    """
    lines = (root / ".dockerignore").read_text("utf-8").splitlines()
    patterns = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    tops = [root / line[1:] for line in patterns if line.startswith("!")]  # for nothing else can be let through
    files = {file for top in tops for file in (top.rglob("*") if top.is_dir() else [top]) if file.is_file()}
    relative = (file.relative_to(root) for file in files)
    return tuple(sorted(file for file in relative if not _ignored(file, patterns)))


def _ignored(file: Path, patterns: list[str]) -> bool:
    paths = [file, *file.parents][:-1]
    ignored = False
    for pattern in patterns:
        text = pattern.removeprefix("!")
        if any(_matches(path, text) for path in paths):
            ignored = not pattern.startswith("!")
    return ignored


def _matches(path: Path, pattern: str) -> bool:
    parts = pattern.removeprefix("**/").split("/")
    found = path.parts[-len(parts) :] if pattern.startswith("**/") else path.parts
    return len(found) == len(parts) and all(map(fnmatchcase, found, parts))
