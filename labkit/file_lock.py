"""A lock between processes, held on a file."""

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
    """Waits until nobody else is inside, thread or process; a process that dies inside lets go.

    Where the file system has no locks, a warning is logged and nobody is kept out.
    """
    with _open_lock_file(path) as file:
        try:
            _acquire(file)
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
                raise
            _log.warning("%s cannot be locked (%s): start runs from one place at a time", path, error.strerror)
        yield  # closing the file lets go of the lock


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
            except PermissionError:  # taken
                time.sleep(0.01)

else:
    import fcntl

    def _open_lock_file(path: Path) -> IO[bytes]:
        """For writing, which NFS wants of who locks; where another user made it, for reading, which else is enough."""
        try:
            file = open(path, "ab")  # noqa: SIM115 (closed by locked)
        except PermissionError:
            if not path.exists():
                raise
            return open(path, "rb")
        with suppress(OSError):  # whoever may use the folder shares its lock, whatever the umask
            os.fchmod(file.fileno(), 0o666)
        return file

    def _acquire(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX)
