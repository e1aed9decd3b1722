"""Locks between processes on files, by the package filelock."""

import errno
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from filelock import FileLock, Timeout, lock_descriptor

_log = logging.getLogger(__name__)
# Who looks holds the lock for some microseconds, so that two who look at once could take each other for the holder.
_LOOKS, _LOOK_INTERVAL_S = 2, 0.001


@contextmanager
def hold_lock(path: Path, timeout_s: float = -1, is_reentrant: bool = False) -> Iterator[None]:
    """Holds an exclusive lock on a file. The kernel releases it if the holder dies; the file stays.

    A reentrant one may be held several times by this process. Raises TimeoutError if it is held elsewhere for
    `timeout_s`; -1 waits for ever. On a file system without locks, a warning is logged and nobody is kept out.
    """
    # 0o666: all who may use the folder share its locks, whatever the umask; a soft lock would outlive its holder
    options: dict[str, Any] = {"mode": 0o666, "poll_interval": 0.005, "fallback_to_soft": False}
    lock = FileLock(path, timeout_s, thread_local=False, is_singleton=is_reentrant, **options)
    try:
        lock.acquire()
    except Timeout:
        raise
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
            raise
        _log.warning("%s cannot be locked (%s): use its folder from one process at a time", path, error.strerror)
    try:
        yield
    finally:
        lock.release()


def is_locked(path: Path) -> bool | None:
    """True if a lock file is held. None if that cannot be told, or there is no such file."""
    for _ in range(_LOOKS):
        try:
            with _open_to_look(path) as file:
                if lock_descriptor(file.fileno(), blocking=False):
                    return False  # closing the file releases it
        except OSError:  # also where there are no locks
            return None
        time.sleep(_LOOK_INTERVAL_S)
    return True


def _open_to_look(path: Path) -> IO[bytes]:
    try:
        return open(path, "r+b")  # as NFS wants
    except PermissionError:  # another user's
        return open(path, "rb")
