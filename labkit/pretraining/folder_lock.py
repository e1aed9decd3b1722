"""File lock that lets one pretraining at a time use a folder."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from labkit.file_lock import hold_lock
from labkit.messages import N_, Message

LOCK_FILE = ".pretraining.lock"


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Locks a folder against other processes' pretrainings, and creates it.

    A folder that stays empty is removed. Raises ValueError at once if another process has the lock, or if the folder
    cannot be written: the first checkpoint would fail only minutes later.
    """
    with ExitStack() as lock:
        try:
            lock.enter_context(hold_lock(folder / LOCK_FILE, timeout_s=0))
        except TimeoutError:
            text = N_("another pretraining is at work in {folder}; wait for it, or give another name")
            raise ValueError(Message(text, folder=str(folder))) from None
        except OSError as error:
            why = error.strerror or str(error)
            raise ValueError(
                Message("nothing can be written into {folder}: {why}", folder=str(folder), why=why)
            ) from None
        try:
            for unfinished in folder.glob(".*.safetensors*.part"):  # by a process that was killed
                unfinished.unlink()
            yield
        finally:
            with suppress(OSError):  # the folder is not empty
                (folder / LOCK_FILE).unlink()
                folder.rmdir()
