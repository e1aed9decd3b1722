"""The folder of run folders."""

import contextlib
import math
import os
import shutil
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from labkit import paths
from labkit.runs.folder import (
    CONFIG,
    LABEL,
    RunLabel,
    age_s,
    is_run_folder,
    read_label,
    record_number,
    write_label,
    write_summary,
)
from labkit.runs.run import NUM_COLOURS, Run

__all__ = ["NUM_COLOURS", "Run", "RunStore", "write_summary"]

INCOMPLETE_GRACE_S = (
    10.0  # a run folder without settings is listed when it is this old: until then somebody may be making it
)
MTIME_GRACE_S = 2.0  # after which a further change of a folder is sure to show in its time, whatever the file system

MAX_CACHED_CURVES = 16  # runs that have ended whose curves stay in memory, however long ago somebody asked for them
CURVES_USED_WITHIN_S = (
    60.0  # and those of any run that somebody asked for this lately, as a picture of many asks again and again
)

_FileStamp = tuple[int, int] | None  # tells one file of a name from the next: inode and time in ns


@dataclass
class _CachedRun:
    run: Run
    folder_stamp: _FileStamp  # None while it may change without another stamp
    config_stamp: _FileStamp
    label_stamp: _FileStamp


class RunStore:
    """All runs of a folder. Each run stays the same object from call to call; safe to share between threads."""

    def __init__(self, folder: str | Path | None = None) -> None:
        """By default the folder that `labkit.paths.runs` names. It need not exist yet."""
        self.folder = paths.runs() if folder is None else Path(folder)
        self._cached: dict[str, _CachedRun] = {}
        self._lock = threading.RLock()

    def runs(self) -> list[Run]:
        """Newest last, each as it is now. Folders that have no settings yet are left out for some seconds."""
        with self._lock:
            known = {name: self._load(name) for name in self._list_names()}
            self._cached = {name: entry for name, entry in known.items() if entry}
            runs = sorted((entry.run for entry in self._cached.values()), key=_creation_key)
            _drop_old_curves(runs)
            return runs

    def get(self, which: int | str | Path) -> Run:
        """A run by number, by the name a user gave it, by folder name, or by path; one outside this folder too.

        A number is that of a run before it is a name, or a run called 2 would hide the second one.

        Raises ValueError when there is none, or more than one of that name.
        """
        return self.get_all([which])[0]

    def get_all(self, which: Iterable[int | str | Path | Run]) -> list[Run]:
        """Several runs as `get` finds them, in the order asked for; runs stay what they are. Errors as there."""
        runs = self.runs()  # one look for all of them: a thousand folders take 10 ms
        return [one if isinstance(one, Run) else self._resolve(one, runs) for one in which]

    def _resolve(self, which: int | str | Path, runs: list[Run]) -> Run:
        numbered = [run for run in runs if run.number and str(run.number) == str(which).removeprefix("#")]
        found = numbered or [run for run in runs if _matches(run, which)]
        if len(found) > 1:  # a link and what it leads to
            found = [run for run in found if run.folder.absolute() == Path(str(which)).absolute()] or found
        if len(found) > 1:
            numbers = ", ".join(run.title for run in found)
            raise ValueError(f"run {which!r} could be any of {numbers}; give a number")
        if found:
            return found[0]
        if not isinstance(which, int) and str(which).strip() and is_run_folder(Path(which)):
            return Run(Path(which).resolve())
        there = f"there are {', '.join(run.title for run in runs[-10:])}" if runs else "there are none yet"
        raise ValueError(f"run {str(which)!r} is not in {self.folder}; {there}")

    def live(self) -> list[Run]:
        """Those that are starting or running."""
        return [run for run in self.runs() if run.is_live]

    def queued(self) -> list[Run]:
        """Those that wait for their turn, next one first."""
        return [run for run in self.runs() if run.state == "queued"]

    def rename(self, run: Run, name: str) -> None:
        """Gives a run a name of the user's; an empty one takes it away."""
        self._write_label(run, msgspec.structs.replace(read_label(run.folder), name=name.strip()))

    def annotate(self, run: Run, note: str) -> None:
        """Keeps a note of the user's with a run; an empty one takes it away."""
        self._write_label(run, msgspec.structs.replace(read_label(run.folder), note=note.strip()))

    def delete(self, run: Run, *, confirm: bool) -> None:
        """Removes a run's folder, weights and all; of one that is a link, the link alone.

        Raises ValueError unless confirmed, for a live run, and for one that is not in this folder.
        """
        is_stranger = os.path.isdir(run.folder) and not is_run_folder(run.folder)
        if is_stranger or run.folder.parent.resolve() != self.folder.resolve():
            raise ValueError(f"{run.folder} is no run of {self.folder}; delete it by hand, or by a store of its own")
        run.refresh()
        if run.is_live:
            raise ValueError(f"run {run.title} is {run.state}; stop it before deleting it")
        if not confirm:
            raise ValueError(f"deleting {run.title} cannot be undone; pass confirm=True")
        record_number(self.folder, run.number)
        aside = run.folder.with_name(f".{run.folder.name}.deleted.{os.getpid()}")
        with contextlib.suppress(FileNotFoundError):  # somebody else was first
            os.rename(run.folder, aside)  # gone at once for every reader, never seen half deleted
            if aside.is_symlink():
                aside.unlink()
            else:
                shutil.rmtree(aside)
        run.deleted = True

    def _write_label(self, run: Run, label: RunLabel) -> None:
        write_label(run.folder, label)
        run.label = msgspec.structs.replace(label, problem="")

    def _list_names(self) -> list[str]:
        try:
            names = [name for name in os.listdir(self.folder) if not name.startswith(".")]
            return [name for name in names if name == name.encode(errors="replace").decode()]  # others cannot be shown
        except FileNotFoundError:
            return []

    def _load(self, name: str) -> _CachedRun | None:
        """The run of that folder, brought up to date; None where there is none (yet, or any more)."""
        folder = f"{self.folder}/{name}"  # a Path costs more than the look itself, a thousand times over
        known, stamp = self._cached.get(name), _read_stamp(folder)
        if stamp is None:
            return None
        if known is None or known.folder_stamp is None or known.folder_stamp != stamp:
            known = self._reload(name, folder, known)
            if known:
                known.folder_stamp = stamp if _is_stable(stamp) else None
        if known:
            known.run.refresh()
        return known

    def _reload(self, name: str, folder: str, known: _CachedRun | None) -> _CachedRun | None:
        """Reads settings and label where they changed. Both are put in place whole, so their folder changes too."""
        config, label = _read_stamp(f"{folder}/{CONFIG}"), _read_stamp(f"{folder}/{LABEL}")
        if known is None and not (is_run_folder(Path(folder)) if config else _is_incomplete(folder)):
            return None
        if known is None or known.config_stamp != config:
            return _CachedRun(Run(self.folder / name), None, config, label)
        if known.label_stamp != label:
            known.run.label, known.label_stamp = read_label(known.run.folder), label
        return known


def _drop_old_curves(runs: list[Run]) -> None:
    """Or a kernel that trains again and again would keep the curves of all runs that it followed."""
    kept = [run for run in runs if run.finished and run.curves_used_at > -math.inf]
    kept.sort(key=lambda run: run.curves_used_at)
    for run in kept[:-MAX_CACHED_CURVES]:
        if run.curves_used_at < time.monotonic() - CURVES_USED_WITHIN_S:
            run.drop_curves()


def _creation_key(run: Run) -> tuple[float, int, str]:
    return run.created, run.number, run.folder.name


def _is_incomplete(folder: str) -> bool:
    """Whether a folder without settings is a run's, and has been left so."""
    return is_run_folder(Path(folder)) and age_s(Path(folder)) > INCOMPLETE_GRACE_S


def _matches(run: Run, which: int | str | Path) -> bool:
    if isinstance(which, int):
        return run.number == which
    if not str(which).strip():  # a run without a name, and the current folder, are not meant by nothing
        return False
    names = (run.name, run.folder.name, run.title)
    return str(which) in names or Path(which).resolve() == run.folder.resolve()


def _read_stamp(path: str) -> _FileStamp:
    try:
        status = os.stat(path)
    except OSError:  # not there, or no more than a link to itself
        return None
    return status.st_ino, status.st_mtime_ns


def _is_stable(stamp: _FileStamp) -> bool:
    return stamp is not None and stamp[1] < (time.time() - MTIME_GRACE_S) * 1e9
