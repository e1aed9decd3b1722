"""Lock between processes, held on a file (flock, or msvcrt on Windows)."""

import errno
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

_log = logging.getLogger(__name__)


@contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file, against other threads and processes.

    Waits for the lock. It is released when its holder leaves or dies. On a file system without locks, a warning is
    logged and nobody is kept out.
    """
    with _open_lock_file(path) as file:
        try:
            _acquire(file)
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
                raise
            _log.warning("%s cannot be locked (%s): start runs from one place at a time", path, error.strerror)
        yield  # closing the file releases the lock


if sys.platform == "win32":
    import msvcrt
    import time

    def _open_lock_file(path: Path) -> IO[bytes]:
        return open(path, "ab")

    def _acquire(file: IO[bytes]) -> None:
        file.seek(0)
        while True:
            try:
                return msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            except PermissionError:  # another process holds it
                time.sleep(0.01)

else:
    import fcntl

    def _open_lock_file(path: Path) -> IO[bytes]:
        """The file, open for writing. NFS wants that; another user's file is opened for reading."""
        try:
            file = open(path, "ab")  # noqa: SIM115 (closed by hold_lock)
        except PermissionError:
            if not path.exists():
                raise
            return open(path, "rb")
        with suppress(OSError):  # all who may use the folder share its lock, whatever the umask
            os.fchmod(file.fileno(), 0o666)
        return file

    def _acquire(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX)
