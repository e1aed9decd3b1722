"""A folder for one pretraining at a time."""

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
    """Keeps other processes' pretrainings out of a folder, which is made; one that dies inside lets go.

    Raises ValueError at once where another one is inside, or where nothing can be written: the first saving would be
    minutes too late to find out. A folder that stays empty is removed. Where the file system has no locks, nobody is
    kept out.
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
    """Whether the lock is ours, and on the file of that name: whoever had it before may have removed it meanwhile."""
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
