"""A lock that users of one folder share."""

import builtins
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from labkit import file_lock
from labkit.file_lock import hold_lock

pytestmark = pytest.mark.skipif(os.name != "posix", reason="other systems have other rights")


def test_whoever_may_use_the_folder_may_lock_it_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        with hold_lock(tmp_path / ".lock"):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / ".lock").stat().st_mode & 0o777 == 0o666


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lock that another user made and that may only be read; root would be let through by the system."""

    def refusing(path: Path, mode: str) -> Any:
        if mode != "rb":
            raise PermissionError(13, "Permission denied", str(path))
        return builtins.open(path, mode)

    monkeypatch.setattr(file_lock, "open", refusing, raising=False)
    return tmp_path / ".lock"


def test_a_lock_that_may_only_be_read_still_keeps_others_out(theirs: Path) -> None:
    theirs.touch()
    inside = threading.Event()

    def enter() -> None:
        with hold_lock(theirs):
            inside.set()

    other = threading.Thread(target=enter)
    with hold_lock(theirs):
        other.start()
        assert not inside.wait(0.2)
    assert inside.wait(30)
    other.join()


def test_a_folder_that_may_not_be_written_to_is_told(theirs: Path) -> None:
    with pytest.raises(PermissionError), hold_lock(theirs):
        pass
