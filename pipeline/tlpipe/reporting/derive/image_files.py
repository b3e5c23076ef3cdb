"""The files of the images that a report shows: their names, and their thumbnails."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tlpipe.reporting.derive import thumbnails
from tlpipe.reporting.inputs import Sources
from tlpipe_edge.contract.bundle import Bundle


@dataclass(frozen=True)
class ImageFiles:
    """``run``: sha256 -> file of each image of the run of the ``bundle``; paths in a benchmark are also searched for in
    ``folders``."""

    run: Mapping[str, Path]
    bundle: Bundle | None
    folders: tuple[Path, ...]

    def named(self, sha256: str) -> str:
        """The path of an image; if it is not in the run, the beginning of its sha256."""
        return str(self.run.get(sha256, f"sha256 {sha256[:12]}"))

    def thumbnails(self, wanted: Mapping[str, str]) -> dict[str, str]:
        """As ``thumbnails.thumbnails``."""
        return thumbnails.thumbnails(wanted, run_files=self.run, bundle=self.bundle, folders=self.folders)


def of_sources(sources: Sources) -> ImageFiles:
    folders = tuple(dict.fromkeys(Path(source.name).parent for source in sources.benches))
    return ImageFiles(thumbnails.files_of_run(sources.bundle), sources.bundle, folders)
