"""Locks between processes on files."""

import fcntl
import os
import threading
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from labkit.file_lock import hold_lock, is_locked


@pytest.mark.skipif(os.name != "posix", reason="other systems have other rights")
def test_whoever_may_use_the_folder_may_lock_it_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        with hold_lock(tmp_path / ".lock"):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / ".lock").stat().st_mode & 0o777 == 0o666


def test_a_lock_keeps_other_threads_out_until_it_is_released(tmp_path: Path) -> None:
    inside = threading.Event()

    def enter() -> None:
        with hold_lock(tmp_path / ".lock"):
            inside.set()

    other = threading.Thread(target=enter)
    with hold_lock(tmp_path / ".lock"):
        other.start()
        assert not inside.wait(0.2)
    assert inside.wait(30)
    other.join()
    with pytest.raises(Timeout), hold_lock(tmp_path / ".lock"), hold_lock(tmp_path / ".lock", timeout_s=0.05):
        pass


def test_a_reentrant_lock_is_free_when_its_last_holder_has_left(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    assert is_locked(path) is None
    with hold_lock(path, is_reentrant=True):
        with hold_lock(path, is_reentrant=True):
            assert is_locked(path)
        assert is_locked(path)
    assert is_locked(path) is False


def test_many_who_look_do_not_take_each_other_for_holders(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    path.touch()
    found: list[bool | None] = []
    looking = [threading.Thread(target=lambda: found.extend(is_locked(path) for _ in range(50))) for _ in range(4)]
    for thread in looking:
        thread.start()
    with hold_lock(path, timeout_s=10.0):  # a start is not kept out by them either
        pass
    for thread in looking:
        thread.join()
    assert found.count(None) == 0
    assert found.count(False) >= 150


def test_a_file_system_without_locks_keeps_nobody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(self: FileLock | None) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(FileLock, "_acquire", refuse)
    with hold_lock(tmp_path / ".lock"):
        pass
    assert "No locks available" in caplog.text
    (tmp_path / ".lock").touch()
    monkeypatch.setattr(fcntl, "flock", lambda *_: refuse(None))
    assert is_locked(tmp_path / ".lock") is None


def test_a_folder_that_may_not_be_written_to_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: FileLock | None) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(FileLock, "_acquire", refuse)
    with pytest.raises(PermissionError), hold_lock(tmp_path / ".lock"):
        pass
