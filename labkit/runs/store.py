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
    Label,
    age_s,
    is_run_folder,
    note_given,
    read_label,
    write_label,
    write_summary,
)
from labkit.runs.run import COLOURS, Run

__all__ = ["COLOURS", "Run", "RunStore", "write_summary"]

HALF_MADE_S = 10.0  # a run folder without settings is listed when it is this old: until then somebody may be making it
SETTLED_S = 2.0  # after which a further change of a folder is sure to show in its time, whatever the file system

CURVES_KEPT = 16  # runs that have ended whose curves stay in memory, however long ago somebody asked for them
ASKED_S = 60.0  # and those of any run that somebody asked for this lately, as a picture of many asks again and again

_Stamp = tuple[int, int] | None  # tells one file of a name from the next: inode and time in ns


@dataclass
class _Known:
    run: Run
    folder: _Stamp  # None while it may change without another stamp
    config: _Stamp
    label: _Stamp


class RunStore:
    """All runs of a folder. Each run stays the same object from call to call; safe to share between threads."""

    def __init__(self, folder: Path | None = None) -> None:
        """By default the folder that `labkit.paths.runs` names. It need not exist yet."""
        self.folder = paths.runs() if folder is None else Path(folder)
        self._known: dict[str, _Known] = {}
        self._lock = threading.RLock()

    def runs(self) -> list[Run]:
        """Newest last, each as it is now. Folders that have no settings yet are left out for some seconds."""
        with self._lock:
            known = {name: self._look(name) for name in self._names()}
            self._known = {name: entry for name, entry in known.items() if entry}
            runs = sorted((entry.run for entry in self._known.values()), key=_age)
            _let_old_curves_go(runs)
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
        return [one if isinstance(one, Run) else self._found(one, runs) for one in which]

    def _found(self, which: int | str | Path, runs: list[Run]) -> Run:
        numbered = [run for run in runs if run.number and str(run.number) == str(which).removeprefix("#")]
        found = numbered or [run for run in runs if _is(run, which)]
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
        note_given(self.folder, run.number)
        aside = run.folder.with_name(f".{run.folder.name}.deleted.{os.getpid()}")
        with contextlib.suppress(FileNotFoundError):  # somebody else was first
            os.rename(run.folder, aside)  # gone at once for every reader, never seen half deleted
            if aside.is_symlink():
                aside.unlink()
            else:
                shutil.rmtree(aside)
        run.deleted = True

    def _write_label(self, run: Run, label: Label) -> None:
        write_label(run.folder, label)
        run.label = msgspec.structs.replace(label, problem="")

    def _names(self) -> list[str]:
        try:
            names = [name for name in os.listdir(self.folder) if not name.startswith(".")]
            return [name for name in names if name == name.encode(errors="replace").decode()]  # others cannot be shown
        except FileNotFoundError:
            return []

    def _look(self, name: str) -> _Known | None:
        """The run of that folder, brought up to date; None where there is none (yet, or any more)."""
        folder = f"{self.folder}/{name}"  # a Path costs more than the look itself, a thousand times over
        known, stamp = self._known.get(name), _stamp(folder)
        if stamp is None:
            return None
        if known is None or known.folder is None or known.folder != stamp:
            known = self._look_inside(name, folder, known)
            if known:
                known.folder = stamp if _is_settled(stamp) else None
        if known:
            known.run.refresh()
        return known

    def _look_inside(self, name: str, folder: str, known: _Known | None) -> _Known | None:
        """Reads settings and label where they changed. Both are put in place whole, so their folder changes too."""
        config, label = _stamp(f"{folder}/{CONFIG}"), _stamp(f"{folder}/{LABEL}")
        if known is None and not (is_run_folder(Path(folder)) if config else _is_half_made(folder)):
            return None
        if known is None or known.config != config:
            return _Known(Run(self.folder / name), None, config, label)
        if known.label != label:
            known.run.label, known.label = read_label(known.run.folder), label
        return known


def _let_old_curves_go(runs: list[Run]) -> None:
    """Or a kernel that trains again and again would keep the curves of all runs that it followed."""
    kept = [run for run in runs if run.finished and run.curves_asked_at > -math.inf]
    kept.sort(key=lambda run: run.curves_asked_at)
    for run in kept[:-CURVES_KEPT]:
        if run.curves_asked_at < time.monotonic() - ASKED_S:
            run.let_curves_go()


def _age(run: Run) -> tuple[float, int, str]:
    return run.created, run.number, run.folder.name


def _is_half_made(folder: str) -> bool:
    """Whether a folder without settings is a run's, and has been left so."""
    return is_run_folder(Path(folder)) and age_s(Path(folder)) > HALF_MADE_S


def _is(run: Run, which: int | str | Path) -> bool:
    if isinstance(which, int):
        return run.number == which
    if not str(which).strip():  # a run without a name, and the current folder, are not meant by nothing
        return False
    names = (run.name, run.folder.name, run.title)
    return str(which) in names or Path(which).resolve() == run.folder.resolve()


def _stamp(path: str) -> _Stamp:
    try:
        status = os.stat(path)
    except OSError:  # not there, or no more than a link to itself
        return None
    return status.st_ino, status.st_mtime_ns


def _is_settled(stamp: _Stamp) -> bool:
    return stamp is not None and stamp[1] < (time.time() - SETTLED_S) * 1e9
