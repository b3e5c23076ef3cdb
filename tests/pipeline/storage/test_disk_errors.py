"""An error of the disk names the result that is written, not a temporary file."""

import errno
import os
from pathlib import Path

import pytest

from tlpipe.storage import disk_errors


@pytest.mark.parametrize("name", [None, ".drawn.abcdefgh/reference.npz", ".drawn.lock", 3])
def test_an_error_of_a_temporary_file_names_the_result(tmp_path: Path, name: str | int | None) -> None:
    given = tmp_path / name if isinstance(name, str) else name
    with pytest.raises(OSError) as raised, disk_errors.naming(tmp_path / "drawn"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), given)

    assert raised.value.filename == str(tmp_path / "drawn")


def test_an_error_of_another_file_names_that(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised, disk_errors.naming(tmp_path / "drawn"):
        (tmp_path / ".drawn-photos").read_bytes()

    assert raised.value.filename == str(tmp_path / ".drawn-photos")
