"""Writes a site: a folder, or one HTML file."""

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tlpipe.runs import places
from tlpipe.storage import atomic, leftovers
from tlpipe.website import built, site
from tlpipe.website.site import DEFAULTS, MARKER, Options, Site
from tlpipe_edge.console.interrupted import kept
from tlpipe_edge.console.text import printable
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.contract.files import load_json
from tlpipe_edge.errors import BadData, WrongUsage
from tlpipe_edge.images.walker import SYSTEM_FILES

SITES = Path("sites")
"""The default folder for sites."""

_MARK = b'<script type="application/json" id="site">{"schema":'
"""What tells a page of ours from other HTML files, in the first ``_HEAD_BYTES``: before it, there is only style."""
_HEAD_BYTES = 1 << 18
_PAGES = (".html", ".htm")
_OF_MACOS = (".ds_store", "._")
"""How the names of files begin that macOS leaves in a folder, in lower case."""


@dataclass(frozen=True)
class Published:
    """A site, and the folder or the file that it was written to."""

    path: Path
    site: Site = field(repr=False)

    def _repr_html_(self) -> str:
        return self.site._repr_html_()


@kept("The site was not written.")
def publish(
    bundle: Bundle,
    options: Options = DEFAULTS,
    *,
    out: Path | None = None,
    overwrite: bool = False,
) -> Published:
    """Write the site of a bundle to ``out``: sites/NAME, or sites/NAME.html, if it is None.

    Raise the errors of ``site.build``, and WrongUsage if ``out`` exists and ``overwrite`` is not set, if it is
    something else than such a site, or if such a folder holds other files as well: they would be deleted.
    """
    usual = SITES / (f"{bundle.path.absolute().name}.html" if options.single_file else bundle.path.absolute().name)
    target = out or places.free(usual, overwrite=overwrite)
    if target.is_symlink():  # what a host serves is what it leads to
        target = target.resolve()
    if options.single_file:
        _refuse_file(target, overwrite=overwrite)
    else:
        _refuse_folder(target, overwrite=overwrite)
    found = site.build(bundle, options)
    if options.single_file:
        target.parent.mkdir(parents=True, exist_ok=True)
        _refuse_file(target, overwrite=overwrite)
        atomic.write_bytes(target, found.files[built.INDEX])
    else:
        _write_folder(target, found, overwrite=overwrite)
    return Published(target, found)


def _is_page(file: Path) -> bool:
    with file.open("rb") as stream:
        return _MARK in stream.read(_HEAD_BYTES)


def _write_folder(target: Path, found: Site, *, overwrite: bool) -> None:
    with atomic.directory(target, overwrite=overwrite, marker=MARKER) as partial:
        for name, content in found.files.items():
            (partial / name).parent.mkdir(exist_ok=True)
            (partial / name).write_bytes(content)
        _refuse_others(target)  # what came meanwhile


def _refuse_folder(folder: Path, *, overwrite: bool) -> None:
    """Raise WrongUsage, Unavailable or Busy if a site cannot be written to ``folder``."""
    if folder.is_file() or folder.suffix.lower() in _PAGES:
        raise WrongUsage("the name of a file, not of a folder", "Name a folder, or add --single-file.", where=folder)
    atomic.refuse_existing(folder, overwrite=overwrite, marker=MARKER)
    _refuse_others(folder)


def _refuse_others(folder: Path) -> None:
    """Raise WrongUsage if a folder of a site holds other files, which would be deleted."""
    if others := sorted(_others(folder)):
        more = f" and {len(others) - 1} more" if others[1:] else ""
        advice = "Name another path, such as a folder inside it, or move them away."
        raise WrongUsage(f"not replaced: it also holds {printable(others[0])}{more}", advice, where=folder)


def _others(folder: Path) -> set[str]:
    """What a folder of a site holds besides the files of the site. Raise BadData if its list of them is damaged."""
    if not (folder / MARKER).is_file():
        return set()
    listed = load_json(folder / MARKER).get("files")
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise BadData("no list of files", "Delete the folder, or name another path.", where=folder / MARKER)
    ours = {str(each.get("file")) for each in listed} | {MARKER}
    held = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_symlink() or not file.is_dir()}
    return {name for name in held - ours if not _is_of_the_system(PurePosixPath(name).name.lower())}


def _is_of_the_system(name: str) -> bool:
    return name in SYSTEM_FILES or name.startswith(_OF_MACOS)


def _refuse_file(file: Path, *, overwrite: bool) -> None:
    """Raise WrongUsage or Unavailable if a page cannot be written to ``file``."""
    leftovers.sweep(file.absolute().parent)
    atomic.check_name(file)
    if file.is_dir():
        raise WrongUsage("a folder", f"Name a file, such as {file / 'page.html'}.", where=file)
    if file.suffix.lower() not in _PAGES:
        raise WrongUsage("not the name of a page", f"Name it {file.name}.html.", where=file)
    if file.exists() and not overwrite:
        raise WrongUsage("exists already", "Name another path, or pass --overwrite to replace it.", where=file)
    if file.exists() and not _is_page(file):
        raise WrongUsage("not replaced: it is no page of tlpipe web", "Name another path.", where=file)
    for parent in file.absolute().parents:
        if parent.exists() and not parent.is_dir():
            raise WrongUsage("is a file, not a folder", "Name another path.", where=parent)
    atomic.check_writable(next(parent for parent in file.absolute().parents if parent.exists()))
