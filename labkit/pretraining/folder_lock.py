"""File lock that lets one pretraining at a time use a folder."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

LOCK_FILE = ".pretraining.lock"


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Locks a folder against other processes' pretrainings, and creates it.

    The lock of a process that dies is released. A folder that stays empty is removed. On a file system without locks
    nothing is locked. Raises ValueError at once if another process has the lock, or if the folder cannot be written:
    the first checkpoint would fail only minutes later.
    """
    lock = FileLock(folder / LOCK_FILE, blocking=False, fallback_to_soft=False)  # a soft lock outlives a killed process
    try:
        lock.acquire()
    except Timeout:
        raise ValueError(f"another pretraining is at work in {folder}; wait for it, or give another name") from None
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
            raise ValueError(f"nothing can be written into {folder}: {error.strerror or error}") from None
    try:
        for unfinished in folder.glob(".*.safetensors*.part"):  # by a process that was killed
            unfinished.unlink()
        yield
    finally:
        with suppress(OSError):  # the folder is not empty
            (folder / LOCK_FILE).unlink()
            folder.rmdir()
        lock.release()
