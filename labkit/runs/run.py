"""One run: settings, state, metrics and curves, read from its event log."""

import math
import os
import time
import zlib
from pathlib import Path
from typing import Self

import msgspec

from labkit.config import RunConfig
from labkit.events import (
    EVENTS_FILE,
    Event,
    LogReader,
    RunStarted,
    open_event_log,
)
from labkit.gc_pause import gc_paused
from labkit.messages import N_, Message
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
    has_live_process,
    has_no_writer,
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

NUM_COLOURS = 8  # further runs repeat the colours with another line style
START_TIMEOUT_S = 60.0  # without a first event, for a run that was created or taken out of the queue


class Run(EventAccumulator):
    """One run, read from its folder, or in memory from added events.

    A run that has ended is read from summary.json, and its event log only when curves are used. One that has not ended
    is read further by `refresh`. Safe to share between threads; hold `lock` to read several values of one moment.

        >>> run = Run(config=RunConfig())
        >>> run.state
        'queued'
    """

    def __init__(self, folder: Path | None = None, config: RunConfig | None = None) -> None:
        """Reads the folder; never raises for its content, see `problem`.

        Args:
            folder: the run folder; None for a run in memory, which takes events by `add`.
            config: settings of a run without a folder.
        """
        stored = StoredConfig(config, time.time()) if folder is None else read_config(Path(folder))
        super().__init__(stored.config)
        self.folder = Path() if folder is None else Path(folder)
        self.number = parse_run_number(self.folder)  # 0 for a folder that is not called run-N
        self.deleted = False
        self.label = RunLabel() if folder is None else read_label(self.folder)
        self.versions = stored.versions or {}
        self._problem = stored.problem
        self._lost_reason = Message("")  # why the run vanished without an end
        self._log_reader: LogReader[Event] | None = None  # None once nothing more can come
        self._curves_used_at = time.monotonic()
        if folder is not None:
            self._load()
        self.created = self._earliest_time(stored.created)  # Unix seconds

    def __repr__(self) -> str:
        return f"Run({self.title}, {self.state}, step {self._summary.step})"

    @property
    def name(self) -> str:
        """Name given by the user; empty if there is none."""
        return self.label.name

    @property
    def note(self) -> str:
        """Note given by the user; empty if there is none."""
        return self.label.note

    @property
    def title(self) -> str:
        """`#12`, or the folder's name if it has no number."""
        return f"#{self.number}" if self.number else self.folder.name

    @property
    def colour(self) -> int:
        """Index of its colour, from 0 to NUM_COLOURS - 1. It depends on its own number or name only."""
        return ((self.number or zlib.crc32(self.folder.name.encode())) - 1) % NUM_COLOURS

    @property
    def line_style(self) -> int:
        """Index of its line style, from 0. One more each time the colours repeat."""
        return max(self.number - 1, 0) // NUM_COLOURS

    @property
    def problem(self) -> Message | None:
        """Sentence on why the run cannot be read completely. None if it can."""
        if self._problem:
            return self._problem
        if self.deleted:
            return Message("the folder of {run} was deleted", run=self.title)
        if self._log_reader and self._log_reader.problem:
            return self._log_reader.problem
        if self._lost_reason:
            return self._lost_reason
        if skipped := self._summary.skipped:
            text = N_("{count} lines of {file} of {run} could not be understood")
            return Message(text, count=skipped, file=EVENTS_FILE, run=self.folder.name)
        return self.label.problem or None

    def refresh(self) -> bool:
        """Reads new events, and checks that the process still exists. True if anything changed."""
        if self._log_reader is None:
            return False
        with self.lock:
            if self._log_reader is None or self.deleted:
                return False
            before = self.version, self.state, self.problem
            if not self._read_new_events():
                self._check_folder()
            if self._summary.finished:
                self._log_reader = None
            has_changed = (self.version, self.state, self.problem) != before
            if has_changed:
                self._bump_version()
            return has_changed

    def relabel(self, label: RunLabel) -> None:
        """Takes the label that is in its folder now; what it was named after stays, also if that could not be kept."""
        if label.named_after is None:
            label = msgspec.structs.replace(label, named_after=self.label.named_after)
        if label != self.label:
            self.label = label
            self._bump_version()

    def mark_deleted(self) -> None:
        """Notes that its folder is gone."""
        self.deleted = True
        self._bump_version()

    def drop_curves(self) -> None:
        """Frees the curves of a run that has ended. They are read again from its log when used."""
        with self.lock:
            if self._summary.finished and self.folder.name:
                self._curves = None

    @property
    def curves_used_at(self) -> float:
        """Last use of the curves, by `time.monotonic`. -inf if none are in memory."""
        return -math.inf if self._curves is None else self._curves_used_at

    def wait(self, timeout_s: float | None = None, poll_s: float = 0.1) -> Self:
        """Waits until the run has ended or is deleted, and returns it. Raises TimeoutError."""
        deadline = math.inf if timeout_s is None else time.monotonic() + timeout_s
        while True:
            self.refresh()
            if self.is_final or self.deleted:
                return self
            if time.monotonic() >= deadline:
                text = N_("{run} is still {state} after {seconds:g} s")
                raise TimeoutError(Message(text, run=self.title, state=Message(self.state), seconds=timeout_s or 0.0))
            time.sleep(poll_s)

    def stop(self) -> None:
        """Asks the run to end after its step, keeping its model. A queued one never starts."""
        control.stop(self._require_folder())

    def set_rate(self, group: str, rate: float) -> None:
        """Asks for another peak rate of a parameter group.

        Raises ValueError for an unknown group, and for a rate that is negative or not finite.
        """
        control.set_rate(self._require_folder(), group, rate)

    def _require_folder(self) -> Path:
        if not self.folder.name:
            raise ValueError(
                Message("this run has no folder, and so no process to ask; run it with labkit.jobs.launch")
            )
        return self.folder

    def _load(self) -> None:
        """First reading: of the summary, or else of the event log, whose summary is then stored."""
        if stored := read_summary(self.folder):
            self._summary, self._curves = stored, None
            return
        self._log_reader = open_event_log(self.folder)
        self._read_new_events()
        if not self.is_final:
            self._check_folder()
        if self.finished:
            clear_leftovers(self.folder)
        if self.is_final and (self.finished or self.started):  # otherwise a process may be about to start it
            store_summary(self.folder, self._summary)
            self._log_reader, self._curves = None, None  # a thousand runs are listed, few are looked at

    def _read_new_events(self) -> bool:
        assert self._log_reader
        size, before = log_size(self.folder), self._summary.events
        if 0 < size < self._log_reader.offset:  # another log has taken its place
            self._bump_version()
            self._summary, self._curves, before = Summary(), RunCurves(), 0
            self._log_reader = open_event_log(self.folder)
        for event in self._log_reader.iter_events():
            self.add(event)
        self._summary.skipped, self._summary.log_bytes = self._log_reader.skipped_lines, size
        has_grown = self._summary.events > before
        if has_grown:
            self._summary.vanished, self._lost_reason = False, Message("")
        return has_grown

    def _check_folder(self) -> None:
        """Checks a run without new events: its folder, then its process."""
        if not os.path.isdir(self.folder):
            self._summary.vanished = self.is_live
            self.mark_deleted()
        elif self.started:
            self._check_process()
        else:
            self._check_start()

    def _check_process(self) -> None:
        assert self._log_reader
        assert self.started
        if not self.is_live:
            return
        log_is_gone = self._log_reader.offset > 0 and log_size(self.folder) == 0
        if log_is_gone:
            text = N_("{file} of {run} is gone; it was deleted while the run went on")
            self._lost_reason = Message(text, file=EVENTS_FILE, run=self.folder.name)
        elif has_live_process(self.folder) or self._read_new_events():  # it may have ended after the log was read
            return
        self._summary.vanished = True
        if not log_is_gone:
            if has_no_writer(self.folder):
                clear_leftovers(self.folder)
            store_summary(self.folder, self._summary)

    def _check_start(self) -> None:
        """Checks a run without a first event: queued, starting, or lost after START_TIMEOUT_S."""
        config, output = self.folder / CONFIG, self.folder / OUTPUT
        is_complete, has_process = os.path.lexists(config), os.path.lexists(output)
        begins = has_process or not (is_complete and self._summary.queued is not None)
        is_recent = abs(age_s(output if has_process else config)) < START_TIMEOUT_S
        has_ended = os.path.lexists(self.folder / SUMMARY)  # a run writes it last, even if its log is gone
        is_lost = begins and (has_ended or not (is_complete and is_recent))
        why = Message(
            "nothing is known of {run}: its process wrote no event, see {file}", run=self.folder.name, file=OUTPUT
        )
        if has_ended or not has_process:
            why = Message("nothing is known of {run}: it never began, or its log is gone", run=self.folder.name)
        self._lost_reason = why if is_lost else Message("")
        self._summary.begins, self._summary.vanished = begins, is_lost

    def _load_curves(self) -> RunCurves:
        with self.lock:
            self._curves_used_at = time.monotonic()
            if self._curves is None:
                self._curves, started = RunCurves(), None
                with gc_paused():
                    for events in open_event_log(self.folder).iter_batches():
                        self._curves.extend(events)
                        started = next((event for event in reversed(events) if isinstance(event, RunStarted)), started)
                if started != self.started:  # the folder was deleted, and perhaps replaced by another run's
                    self._curves = RunCurves()
                    self.mark_deleted()
            return self._curves

    def _earliest_time(self, created: float | None) -> float:
        """First known of the times in its files, in Unix seconds."""
        times = (created, self._summary.queued, self.started and self.started.time, time.time() - age_s(self.folder))
        return next((at for at in map(parse_time, times) if at is not None), time.time())
