"""Run store: lists, finds, labels and deletes the runs of a folder."""

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
from labkit.messages import N_, Message
from labkit.runs.folder import (
    CONFIG,
    RunLabel,
    age_s,
    is_run_folder,
    read_label,
    record_number,
    write_label,
    write_summary,
)
from labkit.runs.run import NUM_COLOURS, Run
from labkit.runs.run_names import choose_name_settings

__all__ = ["NUM_COLOURS", "Run", "RunStore", "write_summary"]

INCOMPLETE_GRACE_S = 10.0  # a run folder without settings is listed from this age on: it may still be being created
MTIME_GRACE_S = 2.0  # age of a folder's time after which another change surely shows, on any file system

MAX_CACHED_CURVES = 16  # runs that have ended whose curves stay in memory, however long unused
CURVES_USED_WITHIN_S = 60.0  # curves used this recently stay as well: a plot of many runs uses them again and again

_FileStamp = tuple[int, int] | None  # inode and time in ns: identifies one version of a file; None if it is missing


@dataclass
class _CachedRun:
    run: Run
    folder_stamp: _FileStamp  # None while a change might not show in it
    config_stamp: _FileStamp


class RunStore:
    """All runs of a folder of runs, read from disk.

    Each run stays the same object from call to call. Safe to share between threads.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        """Opens `folder`, by default `labkit.paths.runs()`; it need not exist yet."""
        self.folder = paths.runs() if folder is None else Path(folder)
        self._cached: dict[str, _CachedRun] = {}
        self._lock = threading.RLock()

    def runs(self) -> list[Run]:
        """All runs as they are now, newest last.

        Folders without settings are left out for INCOMPLETE_GRACE_S seconds.
        """
        with self._lock:
            known = {name: self._load(name) for name in self._list_names()}
            self._cached = {name: entry for name, entry in known.items() if entry}
            runs = [entry.run for entry in self._cached.values()]
            runs.sort(key=lambda run: (run.created, run.number, run.folder.name))
            _keep_names(runs)
            _drop_old_curves(runs)
            return runs

    def get(self, which: int | str | Path) -> Run:
        """Finds a run by number, name, folder name or path.

        A path may lead outside this folder. Numbers come before names: a run named "2" does not hide run number 2.

        Raises ValueError if there is no such run, or more than one of that name.
        """
        return self.get_all([which])[0]

    def get_all(self, which: Iterable[int | str | Path | Run]) -> list[Run]:
        """Finds several runs like `get`, in the given order. Run objects are returned as they are."""
        runs = self.runs()  # listed once for all of them: a thousand folders take 10 ms
        return [one if isinstance(one, Run) else self._resolve(one, runs) for one in which]

    def _resolve(self, which: int | str | Path, runs: list[Run]) -> Run:
        numbered = [run for run in runs if run.number and str(run.number) == str(which).removeprefix("#")]
        found = numbered or [run for run in runs if _matches(run, which)]
        if len(found) > 1:  # a link and its target
            found = [run for run in found if run.folder.absolute() == Path(str(which)).absolute()] or found
        if len(found) > 1:
            numbers = ", ".join(run.title for run in found)
            raise ValueError(Message("run {run!r} could be any of {runs}; give a number", run=str(which), runs=numbers))
        if found:
            return found[0]
        if not isinstance(which, int) and str(which).strip() and is_run_folder(Path(which)):
            return Run(Path(which).resolve())
        names = {"run": str(which), "folder": str(self.folder)}
        if not runs:
            raise ValueError(Message("run {run!r} is not in {folder}; there are none yet", **names))
        listed = ", ".join(run.title for run in runs[-10:])
        raise ValueError(Message("run {run!r} is not in {folder}; there are {runs}", **names, runs=listed))

    def live(self) -> list[Run]:
        """Runs that are starting or running."""
        return [run for run in self.runs() if run.is_live]

    def queued(self) -> list[Run]:
        """Runs that wait in the queue, next one first."""
        return [run for run in self.runs() if run.state == "queued"]

    def rename(self, run: Run, name: str) -> None:
        """Sets the user's name of a run; an empty one removes it."""
        self._write_label(run, msgspec.structs.replace(read_label(run.folder), name=name.strip()))

    def annotate(self, run: Run, note: str) -> None:
        """Sets the user's note on a run; an empty one removes it."""
        self._write_label(run, msgspec.structs.replace(read_label(run.folder), note=note.strip()))

    def delete(self, run: Run, *, confirm: bool) -> None:
        """Deletes a run's folder with its weights. For a link to a folder, the link only.

        Raises ValueError unless `confirm` is true, for a live run, and for a run that is not in this folder.
        """
        is_other_folder = os.path.isdir(run.folder) and not is_run_folder(run.folder)
        if is_other_folder or run.folder.parent.resolve() != self.folder.resolve():
            text = N_("{folder} is not a run of {runs}; delete it by hand, or through the store of its own folder")
            raise ValueError(Message(text, folder=str(run.folder), runs=str(self.folder)))
        run.refresh()
        if run.is_live:
            text = N_("run {run} is {state}; stop it before deleting it")
            raise ValueError(Message(text, run=run.title, state=Message(run.state)))
        if not confirm:
            raise ValueError(Message("deleting {run} cannot be undone; pass confirm=True", run=run.title))
        record_number(self.folder, run.number)
        aside = run.folder.with_name(f".{run.folder.name}.deleted.{os.getpid()}")
        with contextlib.suppress(FileNotFoundError):  # another process was first
            os.rename(run.folder, aside)  # readers never see a folder that is half deleted
            if aside.is_symlink():
                aside.unlink()
            else:
                shutil.rmtree(aside)
        run.mark_deleted()

    def _write_label(self, run: Run, label: RunLabel) -> None:
        write_label(run.folder, label)
        run.relabel(msgspec.structs.replace(label, problem=Message("")))

    def _list_names(self) -> list[str]:
        try:
            names = [name for name in os.listdir(self.folder) if not name.startswith(".")]
            return [name for name in names if name == name.encode(errors="replace").decode()]  # others cannot be shown
        except FileNotFoundError:
            return []

    def _load(self, name: str) -> _CachedRun | None:
        """Run of a folder, brought up to date. None if there is none."""
        folder = f"{self.folder}/{name}"  # a Path would cost more than the stat, for each of a thousand runs
        known, stamp = self._cached.get(name), _read_stamp(folder)
        if stamp is None:
            return None
        if known is None or known.folder_stamp is None or known.folder_stamp != stamp:
            known = self._reload(name, folder, known)
            if known:
                is_stable = stamp[1] < (time.time() - MTIME_GRACE_S) * 1e9
                known.folder_stamp = stamp if is_stable else None
        if known:
            known.run.refresh()
        return known

    def _reload(self, name: str, folder: str, known: _CachedRun | None) -> _CachedRun | None:
        """Reads settings, if they changed, and label. Replacing either also changes the folder's time."""
        config = _read_stamp(f"{folder}/{CONFIG}")
        if known is None:
            is_listed = config is not None or age_s(Path(folder)) > INCOMPLETE_GRACE_S
            if not (is_listed and is_run_folder(Path(folder))):
                return None
        if known is None or known.config_stamp != config:
            return _CachedRun(Run(self.folder / name), None, config)
        known.run.relabel(read_label(known.run.folder))
        return known


def _keep_names(runs: list[Run]) -> None:
    """Chooses what new runs are named after, and keeps it with them."""
    if not any(run.config and run.label.named_after is None for run in runs):
        return
    for run, fields in zip(runs, choose_name_settings(runs), strict=True):
        if run.config and run.label.named_after is None:
            label = msgspec.structs.replace(read_label(run.folder), named_after=fields)
            if not label.problem:
                with contextlib.suppress(OSError):  # another user's folder: chosen again by the next reader
                    write_label(run.folder, label)
            run.relabel(label)


def _drop_old_curves(runs: list[Run]) -> None:
    """Frees the least recently used curves. A kernel would otherwise keep those of every run it trained."""
    cached = [run for run in runs if run.finished and run.curves_used_at > -math.inf]
    cached.sort(key=lambda run: run.curves_used_at)
    for run in cached[:-MAX_CACHED_CURVES]:
        if run.curves_used_at < time.monotonic() - CURVES_USED_WITHIN_S:
            run.drop_curves()


def _matches(run: Run, which: int | str | Path) -> bool:
    if isinstance(which, int):
        return run.number == which
    if not str(which).strip():  # an empty string is neither a run without a name nor the current folder
        return False
    names = (run.name, run.folder.name, run.title)
    return str(which) in names or Path(which).resolve() == run.folder.resolve()


def _read_stamp(path: str) -> _FileStamp:
    try:
        status = os.stat(path)
    except OSError:  # missing, or a link to itself
        return None
    return status.st_ino, status.st_mtime_ns
