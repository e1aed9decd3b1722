"""What a kill leaves aside in a run folder: a checkpoint or a file that was still being written."""

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

from labkit.runs.folder import age_s

_CHECKPOINT = re.compile(r"\.(?P<name>best|last)-(?P<old>old-)?(?P<pid>\d+)")
_FILE = re.compile(r"\.(predictions\.\w+\.jsonl|(summary|label|config)\.json)\.[\w.]+")
_DELETED = re.compile(r"\..+\.deleted\.\d+")
_WRITING_S = 60.0  # readers of any host write a summary aside, and label.json; it takes them milliseconds


def has_leftovers(folder: Path) -> bool:
    """Whether there is anything to remove, perhaps: looking costs some microseconds."""
    return bool(_hidden(folder))


def clear_leftovers(folder: Path) -> None:
    """Removes what was being written in the folder of a run whose process is gone for certain."""
    hidden = _hidden(folder)
    checkpoints = [(path, found) for path in hidden if (found := _CHECKPOINT.fullmatch(path.name))]
    for path, found in checkpoints:
        if found["old"] and not (place := folder / found["name"]).exists():  # killed amid exchanging them
            new = folder / f".{found['name']}-{found['pid']}"  # whole, or the old one would still be in place
            with suppress(OSError):
                (new if new.is_dir() else path).rename(place)
    for path, _ in checkpoints:
        shutil.rmtree(path, ignore_errors=True)
    for path in hidden:
        if _FILE.fullmatch(path.name) and age_s(path) > _WRITING_S:
            with suppress(OSError):
                path.unlink()


def clear_deleted(runs: Path) -> None:
    """Removes what is left of run folders whose deletion was broken off."""
    for path in _hidden(runs):
        if _DELETED.fullmatch(path.name):
            shutil.rmtree(path, ignore_errors=True)


def _hidden(folder: Path) -> list[Path]:
    with suppress(OSError):
        return [folder / name for name in os.listdir(folder) if name.startswith(".")]
    return []
