"""The camera command with a live page: requests reach the metrics, the camera loop, and the folder of kept images."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tlpipe_edge.contract import review
from tlpipe_edge.contract.bundle import Bundle

TOKEN = "the-token"


@contextmanager
def running(bundle: Bundle, source: Path, kept: Path) -> Iterator[str]:
    """The address of the live page of `camera` on a folder that it shows over and over."""
    command = [sys.executable, "-m", "tlpipe_edge", "camera", str(bundle.path), "--source", str(source), "--loop"]
    command += ["--preview", "0", "--collect", str(kept), "--when", "every:3600"]
    environment = os.environ | {"TLPIPE_PREVIEW_TOKEN": TOKEN}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, encoding="utf-8"
    ) as process:
        assert process.stdout and process.stderr
        try:
            said = next(line for line in process.stderr if "live page: " in line)
            (address,) = re.findall(r"http://\S+/", said)
            while json.loads(ask(address, "answer"))["answer"] is None:
                process.stdout.readline()  # that of another frame
            yield address
        finally:
            process.terminate()
            process.communicate()


def ask(address: str, path: str, *, method: str = "GET") -> bytes:
    request = urllib.request.Request(address + path, method=method, headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request, timeout=60) as response:
        return response.read()


def metrics(address: str) -> dict[str, Sample]:
    """By their names; of several labels, one of them."""
    families = text_string_to_metric_families(ask(address, "metrics").decode())
    return {sample.name: sample for family in families for sample in family.samples}


@pytest.fixture
def images(drawn: Bundle, tmp_path: Path) -> Path:
    """A folder with one image of the bundle."""
    folder = tmp_path / "images"
    folder.mkdir()
    golden = sorted(file for file in (drawn.path / "golden").iterdir() if file.suffix == ".png")[0]
    (folder / golden.name).write_bytes(golden.read_bytes())
    return folder


def test_a_page_a_scraper_and_a_folder_hear_of_the_same_frames(drawn: Bundle, images: Path, tmp_path: Path) -> None:
    with running(drawn, images, tmp_path / "kept") as address:
        found = json.loads(ask(address, "answer"))
        assert found["model"]["name"] == drawn.manifest.name and found["keeps"] is True
        assert found["settings"] == {"threshold": 0.5, "smoothing": 0.0}, "images of a folder are not smoothed"
        assert found["answer"]["best"] == found["answer"]["top_k"][0]["label"]

        samples = metrics(address)
        assert samples["tlpipe_model_info"].labels["sha256"] == found["model"]["sha256"]
        assert samples["tlpipe_frames_classified_total"].value >= 1

        assert json.loads(ask(address, "settings?threshold=1&smoothing=0", method="POST"))["threshold"] == 1
        name = json.loads(ask(address, "keep", method="POST"))["kept"]
        image = tmp_path / "kept" / name
        kept = review.read(review.beside(image))
        assert (image.is_file(), kept.reason, kept.artifact_sha256) == (True, "asked", found["model"]["sha256"])
        samples = metrics(address)
        assert samples["tlpipe_kept_images"].value >= 1
        assert samples["tlpipe_kept_bytes"].value > image.stat().st_size
