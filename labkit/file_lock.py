"""Locks between processes on files, by the package filelock."""

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

_log = logging.getLogger(__name__)


@contextmanager
def hold_lock(path: Path, timeout_s: float = -1, is_reentrant: bool = False) -> Iterator[None]:
    """Holds an exclusive lock on a file, which the kernel releases if the holder dies. The file stays.

    Raises Timeout if it is held elsewhere for `timeout_s`; -1 waits for ever. A reentrant one
    may be held several times by this process. On a file system without locks, a warning
    is logged and nobody is kept out.
    """
    lock = _make_lock(path, timeout_s, is_reentrant)
    try:
        lock.acquire()
    except Timeout:
        raise
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
            raise
        _log.warning("%s cannot be locked (%s): start runs from one place at a time", path, error.strerror)
    try:
        yield
    finally:
        lock.release()


def is_locked(path: Path, patience_s: float = 0.0) -> bool | None:
    """True if a lock file is held. None if that cannot be told, as without such a file.

    Looking holds the lock for some microseconds, so that another who looks may find it held. With `patience_s` it is
    tried again.
    """
    if not path.exists():
        return None
    try:
        with _make_lock(path, patience_s):
            return False
    except Timeout:
        return True
    except OSError:  # not this user's file, or no locks here
        return None


def _make_lock(path: Path, timeout_s: float, is_reentrant: bool = False) -> FileLock:
    # 0o666: all who may use the folder share its locks, whatever the umask; a soft lock would outlive its holder
    options: dict[str, Any] = {"mode": 0o666, "poll_interval": 0.005, "fallback_to_soft": False}
    return FileLock(path, timeout_s, thread_local=False, is_singleton=is_reentrant, **options)
