"""Cleanup after killed processes: half-written checkpoints and files in run folders."""

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

from labkit.runs.folder import CHECKPOINTS, CONFIG, LABEL, PREDICTIONS, SUMMARY, age_s

_FILES = "|".join((CONFIG, SUMMARY, LABEL, PREDICTIONS.format(split=r"\w+"))).replace(".", r"\.")
_PARTIAL_CHECKPOINT = re.compile(rf"\.(?P<name>{'|'.join(CHECKPOINTS)})-(?P<old>old-)?(?P<pid>\d+)")
_PARTIAL_FILE = re.compile(rf"\.({_FILES})\.[\w.]+")  # by atomic_write, or by an earlier version
_DELETED_RUN = re.compile(r"\..+\.deleted\.\d+")
_WRITE_TIMEOUT_S = 60.0  # processes of any host may be writing a summary or a label, which takes milliseconds


def has_leftovers(folder: Path) -> bool:
    """True if there may be files to remove; takes some microseconds."""
    return bool(_list_hidden(folder))


def clear_leftovers(folder: Path) -> None:
    """Removes half-written files of a run whose process is certainly gone."""
    hidden = _list_hidden(folder)
    checkpoints = [(path, match) for path in hidden if (match := _PARTIAL_CHECKPOINT.fullmatch(path.name))]
    for path, match in checkpoints:
        if match["old"] and not (place := folder / match["name"]).exists():  # killed between two renames
            new = folder / f".{match['name']}-{match['pid']}"  # complete, or the old one would still be in place
            with suppress(OSError):
                (new if new.is_dir() else path).rename(place)
    for path, _ in checkpoints:
        shutil.rmtree(path, ignore_errors=True)
    for path in hidden:
        if _PARTIAL_FILE.fullmatch(path.name) and age_s(path) > _WRITE_TIMEOUT_S:
            with suppress(OSError):
                path.unlink()


def clear_deleted_runs(runs: Path) -> None:
    """Removes the rest of run folders whose deletion was interrupted."""
    for path in _list_hidden(runs):
        if _DELETED_RUN.fullmatch(path.name):
            shutil.rmtree(path, ignore_errors=True)


def _list_hidden(folder: Path) -> list[Path]:
    with suppress(OSError):
        return [folder / name for name in os.listdir(folder) if name.startswith(".")]
    return []
