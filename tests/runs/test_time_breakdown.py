"""Time breakdown of a run: accumulated, stored, read back, and left out where nothing was measured."""

import json

import pytest

from labkit.events import (
    EVENTS_FILE,
    LineWriter,
    OperatorsProfiled,
    OperatorTime,
    StepDone,
    TimeBreakdown,
    TrainingPlanned,
)
from labkit.runs.progress import seconds_left
from labkit.runs.run import Run
from labkit.runs.store import write_summary
from labkit.runs.summary import Summary
from labkit.runs.time_breakdown import TIME_PARTS, format_percent, list_time_parts
from tests.runs.samples import events, write_run


def test_shares_add_up_and_every_part_has_its_place():
    parts = list_time_parts(TimeBreakdown(10.0, 5, {"encoder": 6.0, "other": 1.0, "loading": 3.0}))
    assert [part.name for part in parts] == [name for name in TIME_PARTS if name != "profiling"]
    assert sum(part.share for part in parts) == pytest.approx(1.0)
    assert {part.name: part.share for part in parts if part.share} == {"loading": 0.3, "encoder": 0.6, "other": 0.1}


def test_a_part_of_a_later_version_is_told_as_well():
    parts = list_time_parts(TimeBreakdown(4.0, 5, {"encoder": 3.0, "profiling": 0.5, "dreaming": 0.5}))
    assert [(part.name, part.share) for part in parts if part.share] == [
        ("encoder", 0.75), ("profiling", 0.125), ("dreaming", 0.125)
    ]  # fmt: skip


def test_without_a_word_every_part_is_nothing():
    assert {part.share for part in list_time_parts(None)} == {0.0}
    assert {part.share for part in list_time_parts(TimeBreakdown(0.0, 0, {}))} == {0.0}


def test_small_shares_are_told_as_small_and_none_as_none():
    assert [format_percent(share) for share in (0, 0.0004, 0.0041, 0.0094, 0.0096, 0.624, 1)] == [
        "0 %", "0 %", "0.4 %", "0.9 %", "1 %", "62 %", "100 %"
    ]  # fmt: skip


def test_a_run_keeps_the_last_word_and_so_does_its_summary(runs_folder):
    folder = write_run(runs_folder)
    breakdowns = [event for event in events() if isinstance(event, TimeBreakdown)]
    assert len(breakdowns) == 3
    run = Run(folder)
    assert run.time_breakdown == breakdowns[-1]
    write_summary(folder)
    stored = json.loads((folder / "summary.json").read_text())
    assert stored["spent"]["spent"] == breakdowns[-1].totals
    assert Run(folder).time_breakdown == breakdowns[-1]


def test_a_run_of_an_older_version_reads_as_before(runs_folder):
    folder = write_run(runs_folder)
    lines = (folder / EVENTS_FILE).read_bytes().splitlines(keepends=True)
    (folder / EVENTS_FILE).write_bytes(b"".join(line for line in lines if b'"time spent"' not in line))
    run = Run(folder)
    assert (run.time_breakdown, run.profiled, run.problem, run.state) == (None, None, None, "completed")
    stored = json.loads((folder / "summary.json").read_text())
    for field in ("spent", "profiled", "profiling_s"):  # as an older version wrote it
        del stored[field]
    (folder / "summary.json").write_text(json.dumps(stored))
    assert Run(folder).summary() == run.summary()


def test_profiled_steps_are_left_out_of_speed_and_of_what_is_to_come(runs_folder):
    """Steps of 100 tokens in 1 s, five of which a profiler made last 3 s, and 2 s more for its own work."""
    summary = Summary(plan=TrainingPlanned(0.0, 30, 30, "cpu", "", "float32", 1, ""))
    summary.started = events()[1]
    now = 0.0
    for step in range(1, 21):
        profiled = 10 < step <= 15
        now += 3.0 if profiled else 1.0
        summary.add(StepDone(now, step, step / 30, 1.0, {}, {}, 100 * step))
        if step == 15:
            now += 2.0
            summary.add(OperatorsProfiled(now, 15, 5, 500, 17.0, [OperatorTime("addmm", 3, 9.0, 0.9)]))
    assert (summary.training_s, summary.profiling_s) == (15.0, 17.0)
    assert summary.tokens_per_s == 100.0
    assert seconds_left(summary) == 10.0


def test_operators_are_kept_and_read_back(runs_folder):
    folder = write_run(runs_folder, state="running")
    found = OperatorsProfiled(3.0, 30, 10, 640, 1.5, [OperatorTime("addmm", 3, 0.5, 0.5)], "trace.json.gz")
    writer = LineWriter(folder / EVENTS_FILE)
    writer.write(found)
    writer.close()
    assert Run(folder).profiled == found
