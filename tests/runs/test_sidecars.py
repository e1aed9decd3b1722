"""The small files beside a log: replaced whole, or not at all."""

import errno
from pathlib import Path

import pytest

from labkit.runs.folder import RunLabel, read_label, write_label


def test_a_full_disk_leaves_the_old_file_and_no_half_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_label(tmp_path, RunLabel("before"))

    def half(path: Path, content: bytes) -> int:
        with open(path, "wb") as file:
            file.write(content[:3])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OSError, match="No space left"):
        write_label(tmp_path, RunLabel("after"))
    assert [path.name for path in tmp_path.iterdir()] == ["label.json"]
    assert read_label(tmp_path) == RunLabel("before")
