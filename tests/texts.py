"""The Markdown files that people read. Listed by folder: the tests also run where there is no git."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = (".", "benchmarks", "benchmarks/reference", "docs", "edge", "exported", "tests/data")
TEXTS = tuple(sorted(file for folder in FOLDERS for file in (ROOT / folder).glob("*.md")))
