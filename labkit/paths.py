"""Paths of runs, corpora, encoders and caches. Environment variables move them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from platformdirs import user_cache_dir, user_data_dir

from labkit.messages import N_, Message

_PACKAGE = Path(__file__).resolve().parent


def is_checkout() -> bool:
    """True if labkit runs from its checkout; a wheel has a folder that no checkout has."""
    return not (_PACKAGE / "shipped").is_dir()


def shipped() -> Path:
    """The folder of `data/` and `notebooks/` that come with labkit: the checkout, or the wheel's copy."""
    return _PACKAGE.parent if is_checkout() else _PACKAGE / "shipped"


def home() -> Path:
    """The folder that holds `data/` and `runs/`.

    `LABKIT_HOME` if it is set, else the checkout, else the platform's folder for the user's data. In each case
    notebooks and terminals see the same runs from any working directory.
    """
    if folder := os.environ.get("LABKIT_HOME"):
        return Path(folder).expanduser().resolve()
    return _PACKAGE.parent if is_checkout() else Path(user_data_dir("labkit", appauthor=False))


def runs() -> Path:
    """The folder of run folders; `LABKIT_RUNS` moves it."""
    folder = os.environ.get("LABKIT_RUNS")
    return Path(folder).expanduser().resolve() if folder else home() / "runs"


def cache() -> Path:
    """The folder of files that can be recomputed; `LABKIT_CACHE` moves it."""
    if folder := os.environ.get("LABKIT_CACHE"):
        return Path(folder).expanduser().resolve()
    if is_checkout() or os.environ.get("LABKIT_HOME"):
        return home() / "cache"
    return Path(user_cache_dir("labkit", appauthor=False))


def data() -> Path:
    """The folder of corpora, one sub-folder each; `encoders/` holds fetched encoders."""
    return home() / "data"


def require_dir(folder: Path) -> None:
    """Raise FileNotFoundError if a folder in use is gone.

    Called before writing into it: a folder created again would lack all other files.
    """
    if not folder.is_dir():
        text = N_("the folder {folder} is gone; it was deleted or renamed while it was in use")
        raise FileNotFoundError(Message(text, folder=str(folder)))


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Temporary file beside `path`, renamed onto it at the end: no reader sees half a file.

    Removed on any error, such as a full disk.
    """
    temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}.part")
    try:
        temporary.touch()
        mode = temporary.stat().st_mode  # by the umask; safetensors makes files that only their owner can read
        yield temporary
        with suppress(OSError):
            temporary.chmod(mode)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
