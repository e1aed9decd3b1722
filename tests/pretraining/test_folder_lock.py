"""One pretraining at a time in a folder, and none where nothing can be written."""

import errno
import os
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest

from labkit.pretraining.folder_lock import LOCK_FILE, lock_folder

HOLD = "import sys, pathlib\nfrom labkit.pretraining.folder_lock import lock_folder\n"
HOLD += "with lock_folder(pathlib.Path(sys.argv[1])):\n    print('inside', flush=True)\n    sys.stdin.read()\n"


def test_a_second_process_is_refused_until_the_first_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "encoder"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdin=pipe, stdout=pipe, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "inside\n"
        with pytest.raises(ValueError, match=r"another pretraining is at work in .*encoder"), lock_folder(folder):
            pass
        first.kill()
        first.wait()
    assert (folder / LOCK_FILE).exists()
    (folder / ".pretraining.safetensors.0123456789abcdef.part").touch()
    with lock_folder(folder):
        (folder / "state").touch()
    assert [path.name for path in folder.iterdir()] == ["state"]


def test_a_folder_that_stays_empty_is_not_left_behind(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), lock_folder(tmp_path / "encoder"):
        raise RuntimeError("too little text")
    with lock_folder(tmp_path / "encoder"):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="other systems lock in another way")
@pytest.mark.parametrize("error", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_where_nothing_can_be_locked_pretraining_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    monkeypatch.setattr("fcntl.flock", Mock(side_effect=OSError(error, os.strerror(error))))
    with lock_folder(tmp_path / "encoder"):
        (tmp_path / "encoder" / "state").touch()
    assert [path.name for path in (tmp_path / "encoder").iterdir()] == ["state"]


def test_a_folder_that_cannot_be_written_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    place = tmp_path / "file" / "encoder"
    with pytest.raises(ValueError, match=r"nothing can be written into .*encoder: Not a directory"), lock_folder(place):
        pass
