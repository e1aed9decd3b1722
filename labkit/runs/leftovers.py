"""What a kill leaves aside in a run folder: a checkpoint or a file that was still being written."""

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

from labkit.runs.folder import CHECKPOINTS, CONFIG, LABEL, PREDICTIONS, SUMMARY, age_s

_FILES = "|".join((CONFIG, SUMMARY, LABEL, PREDICTIONS.format(split=r"\w+"))).replace(".", r"\.")
_PARTIAL_CHECKPOINT = re.compile(rf"\.(?P<name>{'|'.join(CHECKPOINTS)})-(?P<old>old-)?(?P<pid>\d+)")
_PARTIAL_FILE = re.compile(rf"\.({_FILES})\.[\w.]+")
_DELETED_RUN = re.compile(r"\..+\.deleted\.\d+")
_WRITE_TIMEOUT_S = 60.0  # readers of any host write a summary aside, and label.json; it takes them milliseconds


def has_leftovers(folder: Path) -> bool:
    """Whether there is anything to remove, perhaps: looking costs some microseconds."""
    return bool(_list_hidden(folder))


def clear_leftovers(folder: Path) -> None:
    """Removes what was being written in the folder of a run whose process is gone for certain."""
    hidden = _list_hidden(folder)
    checkpoints = [(path, found) for path in hidden if (found := _PARTIAL_CHECKPOINT.fullmatch(path.name))]
    for path, found in checkpoints:
        if found["old"] and not (place := folder / found["name"]).exists():  # killed amid exchanging them
            new = folder / f".{found['name']}-{found['pid']}"  # whole, or the old one would still be in place
            with suppress(OSError):
                (new if new.is_dir() else path).rename(place)
    for path, _ in checkpoints:
        shutil.rmtree(path, ignore_errors=True)
    for path in hidden:
        if _PARTIAL_FILE.fullmatch(path.name) and age_s(path) > _WRITE_TIMEOUT_S:
            with suppress(OSError):
                path.unlink()


def clear_deleted_runs(runs: Path) -> None:
    """Removes what is left of run folders whose deletion was broken off."""
    for path in _list_hidden(runs):
        if _DELETED_RUN.fullmatch(path.name):
            shutil.rmtree(path, ignore_errors=True)


def _list_hidden(folder: Path) -> list[Path]:
    with suppress(OSError):
        return [folder / name for name in os.listdir(folder) if name.startswith(".")]
    return []
