"""Parquet files with images, and Parquet as the format of the result."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from results import rows

from tlpipe.scoring.score import Scored
from tlpipe_edge.errors import BadData, Unavailable

pa = pytest.importorskip("pyarrow", reason="pyarrow comes with the extra parquet")
pq = pytest.importorskip("pyarrow.parquet")
Run = Callable[..., Scored]


def table(file: Path, columns: dict[str, Any], *, rows_in_group: int = 3) -> Path:
    pq.write_table(pa.table(columns), file, row_group_size=rows_in_group)
    return file


@pytest.fixture
def contents(photos: Path) -> list[bytes]:
    return [file.read_bytes() for file in sorted(photos.rglob("*.*"))]


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
def test_a_column_of_bytes(score: Run, contents: list[bytes], tmp_path: Path, kind: Any) -> None:
    file = table(tmp_path / "a.parquet", {"id": list(range(12)), "jpeg_of_it": pa.array(contents, kind)})
    done = score(file)

    assert [row["source"] for row in rows(tmp_path / "out.csv")] == [f"{file}/row {number}" for number in range(12)]
    assert (done.images, done.failed) == (12, 0)


def test_the_structs_of_hugging_face(score: Run, photos: Path, contents: list[bytes], tmp_path: Path) -> None:
    structs = [{"bytes": content, "path": "a.jpg"} for content in contents]
    structs[4] = {"bytes": None, "path": "gone.jpg"}
    structs[5] = None  # type: ignore[call-overload]
    file = table(tmp_path / "a.parquet", {"image": structs, "mask": contents, "label": [1] * 12})
    score(file)
    found = rows(tmp_path / "out.csv")
    score(photos, overwrite=True)

    assert [row["error"] for row in found if row["error"]] == [
        "no bytes, only the path gone.jpg",
        "no image in this row",
    ]
    for here, there in zip(found, rows(tmp_path / "out.csv"), strict=True):
        assert here["error"] or here["score_3"] == there["score_3"]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"label": [1], "name": ["a"]}, "no column has images: there is label (int64), name (string)"),
        ({"a": [b"1"], "b": [b"2"]}, "several columns could have the images: a, b"),
        ({"image": pa.array([], pa.binary())}, "no rows"),
    ],
)
def test_no_images(score: Run, tmp_path: Path, columns: dict[str, Any], said: str) -> None:
    with pytest.raises(BadData) as raised:
        score(table(tmp_path / "a.parquet", columns))
    assert said in str(raised.value)


def test_a_damaged_file_keeps_the_rows_before(
    score: Run, contents: list[bytes], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = table(tmp_path / "a.parquet", {"image": contents})
    whole = file.read_bytes()
    start = pq.ParquetFile(file).metadata.row_group(2).column(0).data_page_offset
    file.write_bytes(whole[:start] + b"\xff" * 200 + whole[start + 200 :])
    with pytest.raises(BadData, match="a damaged Parquet file"):
        score(file)

    assert "what was scored is kept. The same command continues after 6 images." in capfd.readouterr().err


def test_a_file_that_is_cut(score: Run, contents: list[bytes], tmp_path: Path) -> None:
    file = table(tmp_path / "a.parquet", {"image": contents})
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(BadData, match="a damaged Parquet file"):
        score(file)
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []


def test_the_result_has_types(score: Run, photos: Path, tmp_path: Path) -> None:
    (photos / "bars/00.jpg").write_bytes(b"no image")
    (photos / "bars/01.png").rename(photos / "bars/\udcff.png")
    score(photos, out="out.parquet")
    score(photos, out="out.jsonl")

    found = pq.read_table(tmp_path / "out.parquet")
    assert [str(field.type) for field in found.schema] == [
        *("string", "string", "float", "list<element: struct<label: string, score: float>>", "string"),
    ]
    assert found.to_pylist() == rows(tmp_path / "out.jsonl")
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []


@pytest.mark.parametrize("of_result", [True, False])
def test_without_pyarrow_the_extra_is_named(
    score: Run, photos: Path, contents: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, of_result: bool
) -> None:
    file = table(tmp_path / "a.parquet", {"image": contents})
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(Unavailable, match=r"pyarrow.*\npip install 'tlpipe\[parquet\]'"):
        score(photos if of_result else file, out="out.parquet" if of_result else "out.csv")
