"""File lock that lets one pretraining at a time use a folder."""

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

LOCK_FILE = ".pretraining.lock"


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Locks a folder against other processes' pretrainings, and creates it.

    The lock of a process that dies is released. A folder that stays empty is removed. On a file system without locks
    nothing is locked. Raises ValueError at once if another process has the lock, or if the folder cannot be written:
    the first checkpoint would fail only minutes later.
    """
    path = folder / LOCK_FILE
    with _open_lock_file(path) as file:
        if not _try_lock(file, path):
            raise ValueError(f"another pretraining is at work in {folder}; wait for it, or give another name")
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # the folder is not empty, or the system removes no open file
                path.unlink()
                folder.rmdir()


def _open_lock_file(path: Path) -> IO[bytes]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return open(path, "ab")
    except OSError as error:
        raise ValueError(f"nothing can be written into {path.parent}: {error.strerror or error}") from None


def _try_lock(file: IO[bytes], path: Path) -> bool:
    """True if the file is now locked and still at the path.

    The previous holder may have removed it between opening and locking.
    """
    try:
        _lock(file)
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except (BlockingIOError, PermissionError, FileNotFoundError):
        return False
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
            raise
        return True


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
