"""``--engine ray`` on this machine: commands give the same bytes as with threads, and the engine keeps its word."""

import itertools
import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import works

import tlpipe
from tlpipe.data.augment import View
from tlpipe.data.dataset import Example
from tlpipe.engine.choice import engine, using, using_engine
from tlpipe.engine.cluster import driven
from tlpipe.engine.cluster.driven import AHEAD, BATCH
from tlpipe.engine.cluster.engine import Cluster
from tlpipe.engine.threads import Threads
from tlpipe.features.work import ComputeFeatures
from tlpipe.runs.config import Finetuning, Head, Training
from tlpipe.scoring.work import Item, ScoreImages, of_file
from tlpipe_edge import errors
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.images.walker import Passing, images

DRAWN = Path(__file__).parents[1] / "data" / "bundle"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        patch.setenv("PYTHONPATH", str(Path(works.__file__).parent), prepend=os.pathsep)
        with Cluster("ray", workers=2) as started:
            yield started


@pytest.fixture
def scoring() -> ScoreImages:
    drawn = Bundle.open(DRAWN)
    return ScoreImages(drawn.read(drawn.artifact(None)), drawn.manifest.labels, drawn.manifest.image, 3)


@pytest.fixture
def items(photos: Path) -> list[Item]:
    return [of_file(file) for file in images(Passing(photos))]


def test_scores_have_the_same_bytes(cluster: Cluster, scoring: ScoreImages, items: list[Item]) -> None:
    assert list(cluster.run(scoring, items)) == list(Threads(2).run(scoring, items))


def test_features_have_the_same_bytes(cluster: Cluster, scoring: ScoreImages, items: list[Item]) -> None:
    examples = [Example(Path(item.name), 0, "") for item in items]
    for view in (View(), View(1, seed=3)):
        work = ComputeFeatures(scoring.model, scoring.spec, view, "float16")
        there, here = ([pickle.dumps(row) for row in engine.run(work, examples)] for engine in (cluster, Threads(2)))
        assert there == here


def test_every_step_gives_the_same_bytes(
    cluster: Cluster, photos: Path, tmp_path: Path, steps: Callable[..., Any]
) -> None:
    with using(cluster):
        there = steps(photos, tmp_path / "ray")
    assert there == steps(photos, tmp_path / "threads")


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """All commands that compute features or scores, on the engine in use and with an empty cache; their results."""
    from tlpipe.demo.digits import BACKBONE

    head = Head(epochs=2, learning_rate=3e-3)
    training = Training(
        weights=str(BACKBONE), alpha=0.35, image_size=64, views=2, batch_size=8, head=head, deterministic=True
    )

    def results(photos: Path, out: Path) -> list[object]:
        monkeypatch.setenv("TLPIPE_CACHE", str(out / "cache"))
        run = tlpipe.train(photos, training, out=out / "run", test_fraction=0.25)
        run = tlpipe.finetune(run, Finetuning(top_layers=20, epochs=1, learning_rate=2e-4))
        bundle = tlpipe.export(run, ["float16"], out=out / "bundle")
        evaluation = tlpipe.evaluate(bundle)
        scored = tlpipe.score(bundle, photos, out=out / "scores.csv")
        return [
            [artifact.sha256 for artifact in bundle.manifest.artifacts],
            evaluation.to_json(),
            scored.file.read_bytes(),
            (bundle.path / "reference.npz").read_bytes(),
        ]

    return results


def test_a_file_that_is_gone_is_as_with_threads(
    cluster: Cluster, scoring: ScoreImages, items: list[Item], tmp_path: Path
) -> None:
    gone = [*items[:3], of_file(tmp_path / "gone.jpg")]
    assert list(cluster.run(scoring, gone)) == list(Threads(1).run(scoring, gone))


@pytest.mark.parametrize("kind", [errors.BadData, errors.MissingInput, ZeroDivisionError])
def test_errors_of_the_work_are_raised_after_the_results_before(cluster: Cluster, kind: type[Exception]) -> None:
    results = cluster.run(works.Refusing(30, kind), range(1000))
    assert list(itertools.islice(results, 30)) == [*range(30)]
    with pytest.raises(kind, match="no 30"):
        next(results)
    assert [*cluster.run(works.Refusing(-1), range(5))] == [*range(5)]


def test_items_are_taken_when_there_is_room(cluster: Cluster) -> None:
    taken = itertools.count()
    with closing(cluster.run(works.Slow(0), (next(taken) for _ in itertools.count()))) as endless:
        assert [next(endless)[0] for _ in range(500)] == [2 * number for number in range(500)]
    assert next(taken) < 500 + (2 * AHEAD + 1) * BATCH


def test_two_works_take_turns(cluster: Cluster) -> None:
    first, second = (cluster.run(works.Slow(seconds), range(300)) for seconds in (0.001, 0))
    pairs = [(one[0], other[0]) for one, other in zip(first, second, strict=True)]
    assert pairs == [(2 * number, 2 * number) for number in range(300)]


def test_a_batch_that_kills_its_workers_is_an_error(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(driven, "MAX_REMADE", 1)
    with pytest.raises(errors.Unavailable, match="again and again"):
        list(cluster.run(works.Deadly(3), range(10)))
    assert "a part of the cluster was lost" in capfd.readouterr().err
    assert [*cluster.run(works.Deadly(-1), range(5))] == [*range(5)]


def test_the_engine_of_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    before = engine()
    with using_engine("ray"):
        assert isinstance(engine(), Cluster)
    assert engine() == before


def test_fewer_workers(cluster: Cluster) -> None:
    cluster.limited(1).check([])
    assert len({process for _, process in cluster.run(works.Slow(0.001), range(500))}) == 1
    cluster.check([])
    seen: set[int] = set()
    with closing(cluster.run(works.Slow(0.001), itertools.count())) as endless:
        while len(seen) < 2:
            seen.add(next(endless)[1])


def test_what_is_given_up_is_not_computed(cluster: Cluster, tmp_path: Path) -> None:
    with closing(cluster.run(works.Noting(tmp_path / "noted"), range(10_000))) as results:
        next(results)
    assert [*cluster.run(works.Refusing(-1), range(1000))] == [*range(1000)]
    assert (tmp_path / "noted").stat().st_size < 2 * 2 * BATCH  # what two workers had in work


def test_a_file_that_is_gone_here_is_not_asked_for(cluster: Cluster, tmp_path: Path) -> None:
    cluster.check([tmp_path / "gone.jpg", tmp_path])


def test_a_process_is_connected_once(cluster: Cluster) -> None:
    with pytest.raises(errors.WrongUsage, match="already"), using_engine("ray"):
        engine().check([])
    assert [*cluster.run(works.Refusing(-1), range(5))] == [*range(5)]
