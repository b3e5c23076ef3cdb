"""Check that both wheels hold the files of their packages and nothing else: python check_wheels.py SOURCE WHEELS.

SOURCE has the page of `tlpipe web` as well, which `make web-runtime` built there: git does not have it.
"""

import sys
from email import message_from_bytes
from pathlib import Path
from zipfile import ZipFile

NEEDED = (
    "tlpipe/evaluation/model_card.md.j2",
    "tlpipe/reporting/render/report.html.j2",
    "tlpipe/reporting/render/report.md.j2",
    "tlpipe/reporting/render/report.css",
    "tlpipe/remote/agent.py",
    "tlpipe/schemas/bench.schema.json",
    "tlpipe/schemas/report.schema.json",
    "tlpipe/website/readme.md.j2",
)
"""Files that are no modules, or are read as files."""
BUILT = "tlpipe/website/built/"
PAGE = (
    *("index.html", "page.css", "page.js", "worker.js", "service_worker.js", "site.webmanifest"),
    *("litert.js", "litert.wasm.bin", "icon-192.png", "icon-512.png", "maskable-512.png"),
    *("LICENSE-LiteRT.txt", "THIRD_PARTY_NOTICES.txt"),
)
"""The page of `tlpipe web` with LiteRT.js, its licence, and the notices of what its WebAssembly holds."""
MAX_PAGE_BYTES = 3_500_000
"""By how much the page may enlarge the wheel."""
METADATA = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "top_level.txt", "licenses/LICENSE", "licenses/NOTICE"}


def check(wheel: Path, package: Path) -> list[str]:
    """The names of the distributions that the wheel requires. Raises AssertionError for a file too many or too few."""
    expected = {str(file.relative_to(package.parent)) for file in package.rglob("*") if file.is_file()}
    assert f"{package.name}/py.typed" in expected
    with ZipFile(wheel) as archive:
        held = set(archive.namelist())
        (info,) = {name.partition("/")[0] for name in held if ".dist-info/" in name}
        expected |= {f"{info}/{name}" for name in METADATA}
        assert held == expected, f"{wheel.name}: too many {held - expected}, too few {expected - held}"
        print(f"{wheel.name}: {len(held)} files, {wheel.stat().st_size} bytes")
        return message_from_bytes(archive.read(f"{info}/METADATA")).get_all("Requires-Dist", [])


source, wheels = map(Path, sys.argv[1:])
(pipeline,) = wheels.glob("tlpipe-*.whl")
(edge,) = wheels.glob("tlpipe_edge-*.whl")

check(pipeline, source / "pipeline" / "tlpipe")
held = ZipFile(pipeline).infolist()
built = sum(file.compress_size for file in held if file.filename.startswith(BUILT))
assert built <= MAX_PAGE_BYTES, f"the page of tlpipe web: {built} bytes in {pipeline.name}"
print(f"{pipeline.name}: {built} bytes of it are the page of tlpipe web")
(weights,) = [file for file in held if file.filename.endswith(".weights.h5")]
assert weights.file_size <= 2_000_000, f"{weights.filename}: {weights.file_size} bytes"
missing = {*NEEDED, *(BUILT + name for name in PAGE)} - {file.filename for file in held}
assert not missing, f"{pipeline.name} lacks {missing}"
sources = (source / "edge" / "tlpipe_edge" / "live_page").iterdir()
page = {f"tlpipe_edge/live_page/{file.name}" for file in sources if file.suffix in (".html", ".css", ".js")}
assert page <= set(ZipFile(edge).namelist()), f"{edge.name} lacks files of the live page"

heavy = [name for name in check(edge, source / "edge" / "tlpipe_edge") if name.startswith(("tensorflow", "keras"))]
assert not heavy, f"{edge.name} requires {heavy}"
