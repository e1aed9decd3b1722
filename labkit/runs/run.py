"""One run: its settings, and what its events say so far."""

import math
import os
import time
import zlib
from pathlib import Path
from typing import Self

from labkit import gc_pause, liveness
from labkit.config import RunConfig
from labkit.events import (
    EVENTS_FILE,
    Event,
    LogReader,
    RunStarted,
    open_event_log,
)
from labkit.runs import control
from labkit.runs.curves import RunCurves
from labkit.runs.event_accumulator import EventAccumulator
from labkit.runs.folder import (
    CONFIG,
    OUTPUT,
    SUMMARY,
    RunLabel,
    StoredConfig,
    age_s,
    log_size,
    parse_run_number,
    parse_time,
    read_config,
    read_label,
    read_summary,
    store_summary,
)
from labkit.runs.leftovers import clear_leftovers
from labkit.runs.summary import Summary

NUM_COLOURS = 8  # colours to tell runs apart by; further runs repeat them with another line style
REMOTE_SILENCE_TIMEOUT_S = (
    600.0  # a run on another host, where nobody can look for its process, is given up after this long
)
START_TIMEOUT_S = 60.0  # a run that has not begun this long after it was made, or taken out of the queue, is given up


class Run(EventAccumulator):
    """A run folder, read; or, without a folder, events that are added one by one.

    A run that is over is read from its summary.json, and its events only when somebody asks for curves. One that is
    not over is read on by `refresh`. Safe to share between threads; hold `lock` to read several things of one moment.
    """

    def __init__(self, folder: Path | None = None, config: RunConfig | None = None) -> None:
        """Reads the folder; never raises for what is in it, see `problem`. `config` is for a run without a folder."""
        asked = StoredConfig(config, time.time()) if folder is None else read_config(Path(folder))
        super().__init__(asked.config)
        self.folder = Path() if folder is None else Path(folder)
        self.number = parse_run_number(self.folder)  # 0 for a folder that is not called run-N
        self.deleted = False
        self.label = RunLabel() if folder is None else read_label(self.folder)
        self.versions = asked.versions or {}
        self._problem = asked.problem
        self._lost_reason = ""  # why no more can be read, in a sentence
        self._log_reader: LogReader[Event] | None = None  # None for a run that needs no reading on
        self._curves_used_at = time.monotonic()
        if folder is not None:
            self._load()
        self.created = self._earliest_time(asked.created)  # Unix seconds

    def __repr__(self) -> str:
        return f"Run({self.title}, {self.state}, step {self._summary.step})"

    @property
    def name(self) -> str:
        """What a user called it, or nothing."""
        return self.label.name

    @property
    def note(self) -> str:
        return self.label.note

    @property
    def title(self) -> str:
        """`#12`, or the folder's name where that has no number."""
        return f"#{self.number}" if self.number else self.folder.name

    @property
    def colour(self) -> int:
        """Which of COLOURS, from 0: made of its number or name, so that it stays whatever becomes of others."""
        return ((self.number or zlib.crc32(self.folder.name.encode())) - 1) % NUM_COLOURS

    @property
    def line_style(self) -> int:
        """From 0; one more each time the colours start over."""
        return max(self.number - 1, 0) // NUM_COLOURS

    @property
    def problem(self) -> str | None:
        """What keeps this run from being read whole, in a sentence."""
        if self._problem:
            return self._problem
        if self.deleted:
            return f"the folder of {self.title} was deleted"
        if self._log_reader and self._log_reader.problem:
            return self._log_reader.problem
        if self._lost_reason:
            return self._lost_reason
        if skipped := self._summary.skipped:
            return f"{skipped} lines of {EVENTS_FILE} of {self.folder.name} could not be understood"
        return self.label.problem or None

    def refresh(self) -> bool:
        """Reads what was appended since the last look, and notices a vanished process; says whether anything is new."""
        if self._log_reader is None:
            return False
        with self.lock:
            if self._log_reader is None or self.deleted:
                return False
            before = self.version
            if not self._read_new_events():
                self._check_folder()
            if self._summary.finished:
                self._log_reader = None
            return self.version != before

    def drop_curves(self) -> None:
        """Forgets what the log of a run that has ended tells again when somebody asks."""
        with self.lock:
            if self._summary.finished and self.folder.name:
                self._curves = None

    @property
    def curves_used_at(self) -> float:
        """When somebody last asked for curves that are in memory, by `time.monotonic`; infinitely long ago for none."""
        return -math.inf if self._curves is None else self._curves_used_at

    def wait(self, timeout_s: float | None = None, poll_s: float = 0.1) -> Self:
        """Returns when the run is over or its folder is gone. Raises TimeoutError when that takes longer."""
        deadline = math.inf if timeout_s is None else time.monotonic() + timeout_s
        while True:
            self.refresh()
            if self.is_final or self.deleted:
                return self
            if time.monotonic() >= deadline:
                raise TimeoutError(f"{self.title} is still {self.state} after {timeout_s:g} s")
            time.sleep(poll_s)

    def stop(self) -> None:
        """Asks the run to end after its current step, keeping its model; a queued one never starts."""
        control.stop(self._require_folder())

    def set_rate(self, group: str, rate: float) -> None:
        """Asks for another peak rate of a group. Raises ValueError for an unknown group or an impossible rate."""
        control.set_rate(self._require_folder(), group, rate)

    def _require_folder(self) -> Path:
        if not self.folder.name:
            raise ValueError("this run has no folder, and so no process to ask; run it with labkit.jobs.launch")
        return self.folder

    def _load(self) -> None:
        """The first look: at the summary, or where there is none, at the events; then the summary is made."""
        if stored := read_summary(self.folder):
            self._summary, self._curves = stored, None
            return
        self._log_reader = open_event_log(self.folder)
        self._read_new_events()
        if not self.is_final:
            self._check_folder()
            self._unlogged_changes = 0  # nobody has seen it otherwise
        if self.finished:
            clear_leftovers(self.folder)
        if self.is_final and (self.finished or self.started):  # else somebody may be about to begin it
            store_summary(self.folder, self._summary)
            self._log_reader, self._curves = None, None  # a thousand runs are listed, few are looked at

    def _read_new_events(self) -> bool:
        assert self._log_reader
        size, before = log_size(self.folder), self._summary.events
        if 0 < size < self._log_reader.offset:  # another log has taken its place
            self._unlogged_changes += before + 1
            self._summary, self._curves, self._log_reader, before = (
                Summary(),
                RunCurves(),
                open_event_log(self.folder),
                0,
            )
        for event in self._log_reader.iter_events():
            self.add(event)
        self._summary.skipped, self._summary.log_bytes = self._log_reader.skipped_lines, size
        has_grown = self._summary.events > before
        if has_grown:
            self._summary.vanished, self._lost_reason = False, ""
        return has_grown

    def _check_folder(self) -> None:
        """Nothing new in the log: is the folder still there, and whoever is to go on with the log?"""
        if not os.path.isdir(self.folder):
            self.deleted, self._summary.vanished = True, self.is_live
            self._unlogged_changes += 1
        elif self.started:
            self._check_process()
        else:
            self._check_start()

    def _check_process(self) -> None:
        assert self._log_reader
        assert self.started
        if not self.is_live:
            return
        is_gone = self._log_reader.offset > 0 and log_size(self.folder) == 0
        alive = None if is_gone else liveness.is_running(*self.started.process_identity)
        if is_gone:
            self._lost_reason = f"{EVENTS_FILE} of {self.folder.name} is gone; it was deleted while the run went on"
        elif (
            age_s(self.folder / EVENTS_FILE) < REMOTE_SILENCE_TIMEOUT_S if alive is None else alive
        ) or self._read_new_events():
            return  # in the last case it ended between two looks
        self._summary.vanished = True
        self._unlogged_changes += 1
        if alive is False:
            clear_leftovers(self.folder)
        if not is_gone:
            store_summary(self.folder, self._summary)

    def _check_start(self) -> None:
        """Of a run without a first line: does it wait for its turn, is it about to begin, or is that long ago?"""
        config, output = self.folder / CONFIG, self.folder / OUTPUT
        is_whole, is_taken = os.path.lexists(config), os.path.lexists(output)
        begins = is_taken or not (is_whole and self._summary.queued is not None)
        is_young = abs(age_s(output if is_taken else config)) < START_TIMEOUT_S
        is_over = os.path.lexists(self.folder / SUMMARY)  # a run writes it last, even if its log is gone
        is_lost = begins and (is_over or not (is_whole and is_young))
        why = f"its process was never heard of, see {OUTPUT}"
        if is_over or not is_taken:
            why = "it never began, or its log is gone"
        self._lost_reason = f"nothing is known of {self.folder.name}: {why}" if is_lost else ""
        if (begins, is_lost) != (self._summary.begins, self._summary.vanished):
            self._summary.begins, self._summary.vanished = begins, is_lost
            self._unlogged_changes += 1

    def _load_curves(self) -> RunCurves:
        with self.lock:
            self._curves_used_at = time.monotonic()
            if self._curves is None:
                self._curves, started = RunCurves(), None
                with gc_pause.gc_paused():
                    for events in open_event_log(self.folder).iter_batches():
                        self._curves.extend(events)
                        started = next((event for event in reversed(events) if isinstance(event, RunStarted)), started)
                if started != self.started:  # the folder is gone, or another run's by now
                    self._curves, self.deleted = RunCurves(), True
            return self._curves

    def _earliest_time(self, created: float | None) -> float:
        """Unix seconds, as far back as anything tells."""
        told = (created, self._summary.queued, self.started and self.started.time, time.time() - age_s(self.folder))
        return next((at for at in map(parse_time, told) if at is not None), time.time())
