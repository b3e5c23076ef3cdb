"""Objects of a store are fetched by the workers of a cluster, where the images are scored."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import stores

from tlpipe.data import object_store
from tlpipe.data.location import located
from tlpipe.engine.choice import using
from tlpipe.engine.cluster.engine import Cluster
from tlpipe.scoring.score import score
from tlpipe_edge.contract.bundle import Bundle

DRAWN = Path(__file__).parents[1] / "data" / "bundle"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[stores.Bucket]:
    with stores.running() as store:
        stores.use(store, monkeypatch)
        yield store.bucket()


def test_workers_fetch_objects(
    bucket: stores.Bucket, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = bucket.put_all(photos, "photographs")
    score(Bundle.open(DRAWN), [located(url)], tmp_path / "here.csv")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(object_store, "head", None)  # what fetches, in this process
    with Cluster("ray", workers=2) as cluster, using(cluster):
        score(Bundle.open(DRAWN), [located(url)], tmp_path / "there.csv")
    assert (tmp_path / "there.csv").read_bytes() == (tmp_path / "here.csv").read_bytes()
