import json
import math
import os
import shutil
import socket
import threading
import time

import numpy as np
import pytest

from labkit.config import RunConfig
from labkit.events import (
    EVENTS_FILE,
    DeviceSampled,
    Evaluated,
    LineWriter,
    RateRequested,
    RunFinished,
    RunStarted,
    StepDone,
    StopRequested,
    open_control_log,
)
from labkit.runs import run as run_module
from labkit.runs import store as store_module
from labkit.runs.folder import LABEL, SILENCE_TIMEOUT_S, run_lock
from labkit.runs.store import NUM_COLOURS, Run, RunStore, write_summary
from tests.runs.samples import NO_PROCESS, events, write_run

STATES = ("queued", "starting", "running", "completed", "stopped", "failed", "interrupted")


def _append(folder, *lines):
    writer = LineWriter(folder / EVENTS_FILE)
    writer.write(*lines)
    writer.close()


def _age(folder):
    """Makes a folder, and all that is in it, an hour old."""
    for path in (*folder.iterdir(), folder):
        os.utime(path, (time.time() - 3600,) * 2)


def _facts(run):
    """All that a run tells, comparable with ==; arrays as lists with None for NaN."""
    steps = run.steps
    columns = {name: getattr(steps, name) for name in ("step", "epoch", "loss", "tokens", "seconds")}
    columns |= {f"rate {name}": column for name, column in steps.rates.items()}
    columns |= {f"norm {name}": column for name, column in steps.gradient_norms.items()}
    plain = {name: [None if np.isnan(x) else x for x in column] for name, column in columns.items()}
    figures = (run.state, run.phase, run.started, run.corpus, run.groups, run.plan, run.finished, run.best, run.test)
    return plain, figures, run.evaluations, run.samples, run.rate_changes, run.progress(), run.config


@pytest.fixture
def count_reads(monkeypatch):
    """How often a run's events were opened."""
    reads = []
    original = run_module.open_event_log
    monkeypatch.setattr(run_module, "open_event_log", lambda folder: reads.append(folder) or original(folder))
    return reads


# --- from events


@pytest.mark.parametrize("state", STATES)
def test_events_added_one_by_one_equal_loading_from_disk(runs_folder, state):
    config = RunConfig(seed=3)
    folder = write_run(runs_folder, config, state=state, number=1)
    live = Run(config=config)
    for event in events(config, state=state, began=1_700_001_000.0):
        live.add(event)
    loaded = Run(folder)
    assert loaded.state == state
    if state == "interrupted":  # not by an event, but by the missing process
        live.summary().vanished = True
    assert _facts(live) == _facts(loaded)


def test_a_run_from_its_summary_equals_the_same_from_its_events(runs_folder, count_reads):
    folder = write_run(runs_folder)
    from_events = Run(folder)
    assert len(count_reads) == 1
    from_summary = Run(folder)
    assert len(count_reads) == 1
    assert from_summary.summary() == from_events.summary()
    assert _facts(from_summary) == _facts(from_events)


def test_reading_in_pieces_equals_reading_at_once(runs_folder):
    folder = write_run(runs_folder, steps=60)
    whole = (folder / EVENTS_FILE).read_bytes()
    (folder / EVENTS_FILE).write_bytes(b"")
    pieces = Run(folder)
    for start in range(0, len(whole), 777):  # lines are cut anywhere
        with open(folder / EVENTS_FILE, "ab") as file:
            file.write(whole[start : start + 777])
        pieces.refresh()
    assert _facts(pieces) == _facts(Run(folder))


def _followed(runs_folder, count):
    """A store that saw so many runs end, and one that still trains."""
    store = RunStore(runs_folder)
    folders = [write_run(runs_folder, state="running", steps=20) for _ in range(count + 1)]
    runs = store.runs()
    for folder in folders[:-1]:
        _append(folder, RunFinished(9.0, "completed", 10))
    return store, runs


def test_curves_that_nobody_asks_for_are_let_go_once_their_run_is_over_and_read_again(runs_folder, monkeypatch):
    monkeypatch.setattr(store_module, "MAX_CACHED_CURVES", 2)
    monkeypatch.setattr(store_module, "CURVES_USED_WITHIN_S", 0.0)
    store, runs = _followed(runs_folder, 4)
    facts = [_facts(run)[:-2] for run in (Run(run.folder) for run in runs)]
    assert runs[0].wait(timeout_s=1).steps  # the one asked for last
    assert [run.state for run in store.runs()] == ["completed"] * 4 + ["running"]
    kept = [run.curves_used_at > -math.inf for run in runs]
    assert (kept[0], sum(kept[:4]), kept[4]) == (True, 2, True)
    assert [_facts(run)[:-2] for run in runs] == facts
    assert [run.curves_used_at > -math.inf for run in runs] == [True] * 5
    _append(runs[4].folder, StepDone(9.0, 21, 1.0, 0.1, {}, {}, 5))
    assert len(store.runs()[4].steps) == len(runs[3].steps) + 1


def test_curves_that_were_asked_for_lately_stay_however_many_they_are(runs_folder, monkeypatch, count_reads):
    monkeypatch.setattr(store_module, "MAX_CACHED_CURVES", 1)
    store, _ = _followed(runs_folder, 5)
    store.runs()
    count_reads.clear()
    for _ in range(3):
        assert all(len(run.steps) for run in store.runs())
    assert count_reads == []


def test_a_run_without_a_folder_keeps_its_curves():
    run = Run(config=RunConfig())
    for event in events(state="completed"):
        run.add(event)
    run.drop_curves()
    assert len(run.steps) == 300


def test_columns_hold_what_the_events_said():
    run = Run(config=RunConfig())
    log = events(steps=700)  # more than the first buffer holds
    for event in log:
        run.add(event)
        if isinstance(event, StepDone) and event.step % 97 == 0:
            assert run.steps.step[-1] == event.step
    steps = [event for event in log if isinstance(event, StepDone)]
    assert run.steps.loss.tolist() == [event.loss for event in steps]
    assert run.steps.tokens.tolist() == [event.tokens for event in steps]
    assert run.steps.rates["head"].tolist() == [event.rates["head"] for event in steps]
    assert run.steps.gradient_norms["encoder"].tolist() == [event.gradient_norms["encoder"] for event in steps]
    assert len(run.steps) == 700
    assert run.evaluations == [event for event in log if isinstance(event, Evaluated)]
    assert run.samples == [event for event in log if isinstance(event, DeviceSampled)]


def test_columns_of_a_moment_do_not_change_later_and_cannot_be_written():
    run = Run(config=RunConfig())
    for step in range(1, 1000):
        run.add(StepDone(step, step, step / 10, 1.0, {"head": 1e-3}, {"head": 1.0}, step * 20))
        if step == 200:
            early = run.steps
    assert len(early) == 200
    assert early.step.tolist() == list(range(1, 201))
    with pytest.raises(ValueError, match="read-only"):
        run.steps.loss[0] = 0


def test_what_is_missing_is_nan_and_never_zero():
    run = Run(config=RunConfig())
    run.add(StepDone(1, 1, 0.1, None, {"encoder": 1e-5}, {"encoder": None}, 20))
    run.add(StepDone(2, 2, 0.2, 0.5, {"encoder": 1e-5, "crf": 1e-2}, {"encoder": 1.0}, 40))
    steps = run.steps
    assert np.isnan(steps.loss[0])
    assert steps.loss[1] == 0.5
    assert np.isnan(steps.gradient_norms["encoder"][0])
    assert np.isnan(steps.rates["crf"][0])
    assert steps.rates["crf"][1] == 1e-2


def test_the_best_evaluation_is_the_one_whose_weights_are_kept():
    run = Run(config=RunConfig())
    for epoch, (f1, loss) in enumerate([(0.5, 0.1), (0.7, 0.4), (0.7, 0.2), (0.7, None), (0.6, 0.1)], start=1):
        run.add(Evaluated(epoch, epoch, epoch, 100, loss, f1, f1, f1, {}))
    run.add(Evaluated(9, 9, 9.0, 100, 0.1, 0.9, 0.9, 0.9, {}, split="test"))
    assert run.best == run.evaluations[2]
    assert run.test.f1 == 0.9
    assert len(run.evaluations) == 5


def test_time_goes_to_steps_evaluations_or_the_end_and_adds_up(runs_folder):
    run = Run(write_run(runs_folder, steps=300))
    summary = run.summary()
    assert summary.training_s == pytest.approx(300 * 0.05)
    assert summary.evaluation_s == pytest.approx(3 * 0.5)
    total = run.plan.seconds + summary.training_s + summary.evaluation_s + summary.closing_s
    assert total == pytest.approx(run.finished.seconds)
    assert run.progress().tokens_per_s == pytest.approx(16 * 20 / 0.05)


# --- axes and progress


@pytest.mark.parametrize("kind", ["step", "epoch", "tokens", "seconds"])
def test_each_axis_places_steps_evaluations_and_samples_alike(runs_folder, kind):
    run = Run(write_run(runs_folder, steps=300))
    assert run.axis(kind).tolist() == getattr(run.steps, kind).tolist()
    assert run.evaluation_axis(kind).tolist() == [getattr(event, kind) for event in run.evaluations]
    placed = run.sample_axis(kind)
    seconds = np.array([sample.seconds for sample in run.samples])
    assert placed.shape == seconds.shape
    before = seconds < run.steps.seconds[0]
    assert before.any()
    if kind == "seconds":
        assert placed.tolist() == seconds.tolist()
    else:
        assert np.isnan(placed[before]).all()
        for where, when in zip(placed[~before], seconds[~before], strict=True):
            later = min(int(np.searchsorted(run.steps.seconds, when)), 299)
            assert run.axis(kind)[max(later - 1, 0)] <= where <= run.axis(kind)[later]


def test_samples_before_any_step_have_no_place_but_in_seconds():
    run = Run(config=RunConfig())
    run.add(DeviceSampled(0.5, "cpu", 10.0, None, None, None))
    assert np.isnan(run.sample_axis("step")).tolist() == [True]
    assert run.sample_axis("seconds").tolist() == [0.5]


def test_an_unknown_axis_is_named():
    with pytest.raises(ValueError, match="axis must be one of step, epoch, tokens, seconds, not 'time'"):
        Run().axis("time")
    with pytest.raises(ValueError, match="axis"):
        Run().sample_axis("lock")


def test_progress_tells_what_is_left_while_running(runs_folder):
    run = Run(write_run(runs_folder, steps=300, state="running"))
    progress = run.progress()
    assert (progress.step, progress.steps, progress.epochs) == (150, 300, 3)
    assert progress.share == 0.5
    assert progress.seconds_left == pytest.approx(150 * 0.05 + 0.5)  # one evaluation so far
    assert progress.tokens_per_s == pytest.approx(16 * 20 / 0.05, rel=0.1)


@pytest.mark.parametrize(("start", "known"), [(0.4, True), (0.6, False)])
def test_time_left_is_unknown_while_the_encoder_is_frozen(runs_folder, start, known):
    run = Run(write_run(runs_folder, RunConfig(encoder_start=start), 300, "running"))  # half of it is done
    assert (run.progress().seconds_left is not None) == known


def test_progress_of_a_run_that_is_not_running_has_nothing_left(runs_folder):
    assert Run(write_run(runs_folder)).progress().seconds_left is None
    queued = Run(write_run(runs_folder, state="queued")).progress()
    assert (queued.step, queued.steps, queued.share, queued.tokens_per_s) == (0, None, 0.0, None)


def test_tokens_per_second_follow_a_change_of_speed():
    run = Run(config=RunConfig())
    for event in events(steps=1, state="running"):
        run.add(event)
    for step in range(1, 101):
        run.add(StepDone(2 + step, step, 0.1, 1.0, {}, {}, step * 100))
    for step in range(101, 301):
        run.add(StepDone(102 + (step - 100) / 10, step, 0.1, 1.0, {}, {}, step * 100))
    assert run.progress().tokens_per_s == pytest.approx(1000)


# --- following


def test_following_a_live_run_sees_each_new_line_once(runs_folder):
    folder = write_run(runs_folder, steps=100, state="running")
    run = Run(folder)
    version = run.version
    assert not run.refresh()
    assert run.version == version
    _append(folder, StepDone(99.0, 51, 1.5, 0.1, {"head": 1e-3}, {"head": 1.0}, 9999))
    assert run.refresh()
    assert run.version > version
    assert run.steps.step[-1] == 51
    assert not run.refresh()


def test_each_event_is_a_higher_version_and_no_two_runs_share_one():
    runs, versions = [Run(config=RunConfig()) for _ in range(2)], []
    for event in events(steps=20):
        for run in runs:
            run.add(event)
            versions.append(run.version)
    assert versions == sorted(set(versions))


CHANGES = {  # of a run on disk, by those who may make it
    "an event": lambda store, run: _append(run.folder, StepDone(99.0, 21, 1.5, 0.1, {}, {}, 9999)),
    "a line that cannot be understood": lambda store, run: _write(run.folder, b"{}\n", "ab"),
    "a shorter log": lambda store, run: _write(run.folder, b'{"kind":"run queued","time":1.0}\n'),
    "a log that is gone": lambda store, run: (run.folder / EVENTS_FILE).unlink(),
    "a folder that is gone": lambda store, run: shutil.rmtree(run.folder),
    "a name": lambda store, run: store.rename(run, "mine"),
    "a note written by another process": lambda store, run: RunStore(store.folder).annotate(run, "theirs"),
    "a label that cannot be read": lambda store, run: (run.folder / LABEL).write_bytes(b"["),
    "its deletion": lambda store, run: store.delete(run, confirm=True),
}


def _write(folder, content, mode="wb"):
    with open(folder / EVENTS_FILE, mode) as log:
        log.write(content)


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changes_on_disk_is_a_higher_version_once(runs_folder, change):
    write_run(runs_folder, steps=20, state="completed" if change == "its deletion" else "running")
    store = RunStore(runs_folder)
    run = store.get(1)
    version, before = run.version, (run.state, run.problem, run.label, run.summary().events)
    store.runs()
    assert run.version == version
    CHANGES[change](store, run)
    run.refresh()
    store.runs()
    assert (run.state, run.problem, run.label, run.summary().events) != before
    assert run.version > version
    version = run.version
    run.refresh()
    store.runs()
    assert run.version == version


def test_a_half_written_last_line_waits_for_its_rest(runs_folder):
    folder = write_run(runs_folder, steps=100, state="running")
    run = Run(folder)
    line = b'{"kind":"run finished","seconds":9.0,"state":"stopped","step":50}\n'
    with open(folder / EVENTS_FILE, "ab", buffering=0) as file:
        file.write(line[:30])
        assert not run.refresh()
        assert run.state == "running"
        assert Run(folder).state == "running"
        file.write(line[30:])
    assert run.refresh()
    assert run.state == "stopped"
    assert run.problem is None


def test_lines_that_make_no_sense_are_counted_and_told(runs_folder):
    folder = write_run(runs_folder, steps=20)
    with open(folder / EVENTS_FILE, "ab") as file:
        file.write(b'{"kind":"from the future"}\n\xff\xfe\n')
    for _ in range(2):  # from the events, then from the summary
        run = Run(folder)
        assert run.state == "completed"
        assert run.problem == "2 lines of events.jsonl of run-0001 could not be understood"
        assert len(run.steps) == 20


def test_wait_returns_when_another_process_ends_the_run(runs_folder):
    folder = write_run(runs_folder, steps=20, state="running")
    run = RunStore(runs_folder).get(1)
    threading.Timer(0.1, lambda: _append(folder, RunFinished(9.0, "stopped", 10))).start()
    assert run.wait(timeout_s=20, poll_s=0.01) is run
    assert run.state == "stopped"


def test_wait_gives_up_with_an_error_that_says_where_the_run_is(runs_folder):
    run = Run(write_run(runs_folder, state="starting"))
    with pytest.raises(TimeoutError, match=r"#1 is still starting after 0\.05 s"):
        run.wait(timeout_s=0.05, poll_s=0.01)


def test_a_starting_run_tells_its_phase(runs_folder):
    run = Run(write_run(runs_folder, state="starting"))
    assert run.is_live
    assert run.phase == "reading the corpus"
    assert run.plan is None


def test_stop_and_rates_are_lines_for_the_trainer(runs_folder):
    run = Run(write_run(runs_folder, state="running"))
    run.set_rate("head", 1e-3)
    run.stop()
    assert open_control_log(run.folder).read() == [RateRequested("head", 1e-3), StopRequested()]


@pytest.mark.parametrize(
    ("group", "rate", "why"),
    [
        ("tail", 1e-3, "group must be one of encoder, head"),
        ("head", -1.0, "rate of head must be a number of at least 0"),
        ("head", float("nan"), "rate of head must be"),
    ],
)
def test_rates_that_make_no_sense_are_refused(runs_folder, group, rate, why):
    run = Run(write_run(runs_folder, state="running"))
    with pytest.raises(ValueError, match=why):
        run.set_rate(group, rate)
    assert open_control_log(run.folder).read() == []


def test_a_queued_run_that_is_stopped_ends_without_starting(runs_folder):
    run = Run(write_run(runs_folder, state="queued"))
    run.stop()
    assert run.wait(30).state == "stopped"
    assert run.started is None


def test_a_run_without_a_folder_cannot_be_asked_anything():
    for ask in (lambda: Run().stop(), lambda: Run().set_rate("head", 1e-3)):
        with pytest.raises(ValueError, match="no folder"):
            ask()


# --- processes that vanish


def test_a_vanished_process_shows_as_interrupted_with_all_that_it_wrote(runs_folder):
    run = Run(write_run(runs_folder, steps=300, state="interrupted"))
    assert run.state == "interrupted"
    assert run.is_final
    assert not run.is_live
    assert run.finished is None
    assert len(run.steps) == 150
    assert run.best is not None


def test_a_process_that_vanishes_while_followed_is_noticed_once(runs_folder, monkeypatch):
    folder = write_run(runs_folder, state="running")
    with run_lock(folder):
        run = Run(folder)
        assert not run.refresh()
        assert run.state == "running"
        version = run.version
    assert run.refresh()
    assert run.state == "interrupted"
    assert run.version > version
    monkeypatch.setattr(run_module, "has_live_process", lambda _: pytest.fail("it was looked for again"))
    assert not run.refresh()


def test_the_end_written_between_two_looks_is_not_taken_for_a_vanished_process(runs_folder, monkeypatch):
    folder = write_run(runs_folder, state="running")
    run = Run(folder)
    ends = lambda _: _append(folder, RunFinished(9.0, "completed", 300)) or False  # noqa: E731
    monkeypatch.setattr(run_module, "has_live_process", ends)
    assert run.refresh()
    assert run.state == "completed"


def test_finished_runs_are_never_looked_for(runs_folder, monkeypatch):
    write_run(runs_folder)
    store = RunStore(runs_folder)
    store.runs()
    monkeypatch.setattr(run_module, "has_live_process", lambda _: pytest.fail("looked for a finished run's process"))
    assert [run.state for run in store.runs()] == ["completed"]
    assert [run.state for run in RunStore(runs_folder).runs()] == ["completed"]


def test_a_run_on_another_host_lives_while_its_log_grows(runs_folder):
    folder = write_run(runs_folder, state="running", host="elsewhere")
    assert Run(folder).state == "running"
    long_ago = time.time() - 2 * SILENCE_TIMEOUT_S
    os.utime(folder / EVENTS_FILE, (long_ago, long_ago))
    run = Run(folder)
    assert run.state == "interrupted"
    _append(folder, RunFinished(9.0, "completed", 300))
    assert Run(folder).state == "completed"


def test_a_silent_run_goes_on_after_the_host_was_renamed(runs_folder):
    folder = runs_folder / "run-0001"
    folder.mkdir(parents=True)
    _append(folder, RunStarted(time.time(), os.getpid(), "macbook.fritz.box"))
    long_ago = time.time() - 2 * SILENCE_TIMEOUT_S
    os.utime(folder / EVENTS_FILE, (long_ago, long_ago))
    with run_lock(folder):
        run = Run(folder)
        assert run.state == "starting"
        with pytest.raises(ValueError, match="stop it"):
            RunStore(runs_folder).delete(run, confirm=True)


def test_a_run_that_grows_after_it_was_given_up_lives_again(runs_folder):
    folder = write_run(runs_folder, steps=100, state="running")
    run = Run(folder)
    with run_lock(folder):
        pass
    run.refresh()
    assert run.state == "interrupted"
    version = run.version
    _append(folder, RunFinished(9.0, "completed", 50))
    assert run.refresh()
    assert run.state == "completed"
    assert run.version > version


# --- summaries


def test_a_missing_summary_is_made_for_a_run_that_is_over(runs_folder):
    for state in ("completed", "stopped", "failed", "interrupted"):
        folder = write_run(runs_folder, state=state)
        made = Run(folder).summary()
        assert json.loads((folder / "summary.json").read_text())["step"] == made.step > 0


def test_a_live_or_queued_run_gets_no_summary(runs_folder):
    for state in ("queued", "starting", "running"):
        folder = write_run(runs_folder, state=state)
        Run(folder)
        assert not (folder / "summary.json").exists()


@pytest.mark.parametrize("content", [b"", b"{", b'{"format": 99}', b"[]", b'{"format": 1, "step": "many"}'])
def test_a_damaged_summary_is_made_anew(runs_folder, content, count_reads):
    folder = write_run(runs_folder, steps=40)
    (folder / "summary.json").write_bytes(content)
    assert Run(folder).summary().step == 40
    assert Run(folder).summary().step == 40
    assert len(count_reads) == 1


def test_a_summary_older_than_the_log_is_made_anew(runs_folder):
    folder = write_run(runs_folder, steps=40)
    write_summary(folder)
    _append(folder, Evaluated(99.0, 40, 3.0, 100, 0.1, 1.0, 1.0, 1.0, {}))
    assert Run(folder).best.f1 == 1.0


def test_what_the_recorder_writes_at_the_end_is_what_a_reader_would_make(runs_folder):
    written, made = write_run(runs_folder, number=1), Run(write_run(runs_folder, number=2)).summary()
    summary = write_summary(written)
    assert (written / "summary.json").exists()
    assert summary.training_s == made.training_s
    assert summary.best == made.best
    assert list(written.glob(".*")) == []  # nothing left aside


def test_a_folder_that_cannot_be_written_to_is_read_all_the_same(runs_folder, monkeypatch):
    folder = write_run(runs_folder)
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(PermissionError("read-only")))
    assert Run(folder).state == "completed"


# --- the store


def test_a_store_lists_runs_newest_last_and_keeps_their_objects(runs_folder):
    store = RunStore(runs_folder)
    assert store.runs() == []
    for state in STATES:
        write_run(runs_folder, state=state, steps=20)
    runs = store.runs()
    assert [run.state for run in runs] == list(STATES)
    assert [run.number for run in runs] == list(range(1, 8))
    assert all(one is other for one, other in zip(runs, store.runs(), strict=True))
    assert store.live() == runs[1:3]
    assert store.queued() == runs[:1]


def test_several_runs_are_found_in_one_look(runs_folder, monkeypatch):
    for _ in range(4):
        write_run(runs_folder, steps=20)
    store = RunStore(runs_folder)
    one, two, three, four = store.runs()
    store.rename(three, "the third")
    looks, runs = [], store.runs
    monkeypatch.setattr(store, "runs", lambda: looks.append(1) or runs())
    assert store.get_all(["the third", 1, four, "#2"]) == [three, one, four, two]
    assert len(looks) == 1
    with pytest.raises(ValueError, match="run '9' is not in"):
        store.get_all([1, 9])


def test_the_default_folder_is_the_one_that_the_environment_names(runs_folder):
    write_run(runs_folder)
    assert len(RunStore().runs()) == 1


def test_listing_follows_live_runs(runs_folder):
    folder = write_run(runs_folder, state="running")
    store = RunStore(runs_folder)
    assert len(store.live()) == 1
    _append(folder, RunFinished(9.0, "stopped", 10))
    assert store.live() == []


def test_listing_finished_runs_reads_no_events(runs_folder, count_reads):
    for _ in range(3):
        write_summary(write_run(runs_folder, steps=20))
    runs = RunStore(runs_folder).runs()
    assert [(run.state, run.best is not None, run.progress().step) for run in runs] == [("completed", True, 20)] * 3
    assert count_reads == []
    assert len(runs[0].steps) == 20
    assert count_reads == [runs[0].folder]


def test_a_folder_that_has_not_changed_is_not_looked_into(runs_folder, monkeypatch):
    folders = [write_run(runs_folder, steps=20) for _ in range(3)]
    store = RunStore(runs_folder)
    store.runs()
    for folder in folders:
        os.utime(folder, (1e9, 1e9))  # long since settled
    store.runs()
    looks = []
    original = store_module._read_stamp
    monkeypatch.setattr(store_module, "_read_stamp", lambda path: looks.append(path) or original(path))
    assert len(store.runs()) == 3
    assert sorted(looks) == [str(folder) for folder in folders]
    RunStore(runs_folder).rename(store.runs()[1], "by somebody else")
    looks.clear()
    assert [run.name for run in store.runs()] == ["", "by somebody else", ""]
    assert len(looks) == 3 + 1, "its settings"


def test_a_folder_that_changed_just_now_is_looked_into_again(runs_folder, monkeypatch):
    """A file system may give two changes the same time."""
    folder = write_run(runs_folder, steps=20)
    store = RunStore(runs_folder)
    store.runs()
    status = os.stat(folder)
    (folder / "label.json").write_text('{"name": "mine"}')
    os.utime(folder, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert [run.name for run in store.runs()] == ["mine"]


def test_half_created_folders_and_strangers_are_left_out(runs_folder):
    write_run(runs_folder)
    (runs_folder / "run-0002").mkdir()
    (runs_folder / "notes.txt").write_text("mine")
    (runs_folder / ".hidden").mkdir()
    store = RunStore(runs_folder)
    assert [run.number for run in store.runs()] == [1]
    (runs_folder / "run-0002" / "config.json").write_text(json.dumps({"config": {}, "created": 2e9}))
    assert [(run.number, run.state) for run in store.runs()] == [(1, "completed"), (2, "starting")]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"{", "config.json of run-0001 cannot be read"),
        (b"[1]", "config.json of run-0001 cannot be read"),
        (b"\xff", "config.json of run-0001 cannot be read"),
        (b"{}", "has no field 'config'"),
        (b'{"config": 3}', "the settings of run-0001 cannot be read"),
        (b'{"config": {"batch_size": 0}}', "batch_size must be between 1 and 512"),
        (b'{"config": {"warp": 9}}', "unknown settings warp; written by another version of labkit"),
    ],
)
def test_a_run_whose_settings_cannot_be_read_is_listed_with_its_problem(runs_folder, content, why):
    folder = write_run(runs_folder, steps=20)
    (folder / "config.json").write_bytes(content)
    (run,) = RunStore(runs_folder).runs()
    assert run.config is None
    assert why in run.problem
    assert run.state == "completed"
    assert run.created > 0
    assert len(run.steps) == 20


def test_runs_are_found_by_number_name_folder_and_path(runs_folder, tmp_path):
    first, second = write_run(runs_folder), write_run(runs_folder)
    store = RunStore(runs_folder)
    run = store.runs()[1]
    store.rename(run, "the good one")
    for which in (2, "2", "#2", "run-0002", "the good one", second, str(second)):
        assert store.get(which) is run
    elsewhere = write_run(tmp_path / "other")
    assert store.get(elsewhere).folder == elsewhere
    with pytest.raises(ValueError, match=r"run '9' is not in .*; there are #1, #2"):
        store.get(9)
    store.rename(store.get(first), "the good one")
    with pytest.raises(ValueError, match="could be any of #1, #2"):
        store.get("the good one")


def test_a_number_is_that_of_a_run_before_it_is_a_name(runs_folder):
    for _ in range(2):
        write_run(runs_folder)
    store = RunStore(runs_folder)
    first, second = store.runs()
    for name in ("2", "#2"):
        store.rename(first, name)
        for which in (2, "2", "#2"):
            assert store.get(which) is second
    store.rename(first, "7")
    assert store.get("7") is first
    with pytest.raises(ValueError, match="run '7' is not in"):
        store.get(7)


def test_names_and_notes_stay_and_are_seen_by_other_stores(runs_folder):
    write_run(runs_folder)
    store, other = RunStore(runs_folder), RunStore(runs_folder)
    other.runs()
    store.rename(store.get(1), "  <b>mine</b> ")
    store.annotate(store.get(1), "two lines\nof notes")
    for reader in (store, other, RunStore(runs_folder)):
        run = reader.get(1)
        assert (run.name, run.note) == ("<b>mine</b>", "two lines\nof notes")
    store.rename(store.get(1), "")
    assert (other.get(1).name, other.get(1).note) == ("", "two lines\nof notes")


def test_two_stores_do_not_undo_each_others_labels(runs_folder):
    write_run(runs_folder)
    one, other = RunStore(runs_folder), RunStore(runs_folder)
    run_of_one, run_of_other = one.get(1), other.get(1)
    one.rename(run_of_one, "mine")
    other.annotate(run_of_other, "noted")
    assert (one.get(1).name, one.get(1).note) == ("mine", "noted")


def test_a_damaged_label_is_no_label(runs_folder):
    folder = write_run(runs_folder)
    (folder / "label.json").write_text("{")
    assert RunStore(runs_folder).get(1).name == ""


def test_deleting_asks_first(runs_folder):
    folder = write_run(runs_folder)
    store = RunStore(runs_folder)
    with pytest.raises(ValueError, match="pass confirm=True"):
        store.delete(store.get(1), confirm=False)
    assert folder.exists()
    run = store.get(1)
    store.delete(run, confirm=True)
    assert [path.name for path in runs_folder.iterdir()] == [".numbers"]
    assert store.runs() == []
    assert run.problem == "the folder of #1 was deleted"
    store.delete(run, confirm=True)  # twice is not an error


@pytest.mark.parametrize("state", ["starting", "running"])
def test_a_live_run_is_not_deleted(runs_folder, state):
    folder = write_run(runs_folder, state=state)
    store = RunStore(runs_folder)
    with pytest.raises(ValueError, match=f"run #1 is {state}; stop it"):
        store.delete(store.get(1), confirm=True)
    assert folder.exists()


def test_a_folder_that_goes_away_while_open_is_no_crash(runs_folder):
    finished, running = write_run(runs_folder), write_run(runs_folder, state="running")
    store = RunStore(runs_folder)
    runs = store.runs()
    for folder in (finished, running):
        folder.rename(folder.with_name(f".{folder.name}"))
    assert len(runs[0].steps) == 0
    assert runs[0].state == "completed"
    assert runs[1].refresh()
    assert runs[1].state == "interrupted"
    assert runs[1].wait(timeout_s=1) is runs[1]
    assert len(runs[1].steps) == 150
    assert not runs[1].refresh()
    assert store.runs() == []
    assert all("deleted" in run.problem for run in runs)


def test_a_queued_run_that_is_cancelled_ends_the_wait(runs_folder):
    folder = write_run(runs_folder, state="queued")
    run = Run(folder)
    folder.rename(folder.with_name(".gone"))
    assert run.wait(timeout_s=1).deleted


def test_a_folder_without_settings_is_listed_after_some_seconds_and_can_be_deleted(runs_folder):
    (runs_folder / "run-0001").mkdir(parents=True)
    queued = write_run(runs_folder, state="queued")  # killed between its first line and its settings
    (queued / "config.json").unlink()
    store = RunStore(runs_folder)
    assert store.runs() == []
    for folder in runs_folder.iterdir():
        _age(folder)
    assert {(run.title, run.state) for run in store.runs()} == {("#1", "interrupted"), ("#2", "interrupted")}
    assert "has no config.json" in store.get(1).problem
    store.annotate(store.get(1), "what is this?")  # which changes the folder's time
    assert {run.title: run.note for run in store.runs()} == {"#1": "what is this?", "#2": ""}
    for run in store.runs():
        store.delete(run, confirm=True)
    assert store.runs() == RunStore(runs_folder).runs() == []


def test_a_run_that_nobody_begins_is_given_up_and_lives_when_it_begins_after_all(runs_folder):
    folder = write_run(runs_folder, state="queued")
    (folder / EVENTS_FILE).unlink()  # as `create` leaves it, for a terminal that trains it by itself
    store = RunStore(runs_folder)
    assert [run.state for run in store.runs()] == ["starting"]
    _age(folder)
    (run,) = store.runs()
    assert (run.state, run.problem) == (
        "interrupted",
        f"nothing is known of {folder.name}: it never began, or its log is gone",
    )
    assert RunStore(runs_folder).get(1).state == "interrupted"
    _append(folder, RunStarted(time.time(), os.getpid(), socket.gethostname()))
    assert [(run.state, run.problem) for run in store.runs()] == [("starting", None)]
    assert RunStore(runs_folder).get(1).state == "starting"


def test_a_run_that_is_taken_out_of_the_queue_is_starting(runs_folder):
    folder = write_run(runs_folder, state="queued")
    store = RunStore(runs_folder)
    run = store.get(1)
    version = run.version
    assert store.queued() == [run]
    (folder / "output.log").touch()  # by its process, which then imports what it needs
    assert (store.queued(), store.live()) == ([], [run])
    assert (run.state, Run(folder).state) == ("starting", "starting")
    assert run.version > version, "or no view would show it"
    with pytest.raises(ValueError, match="stop it"):
        store.delete(run, confirm=True)
    _age(folder)
    assert [run.state for run in store.runs()] == ["interrupted"]
    assert "output.log" in store.get(1).problem


@pytest.mark.parametrize("state", ["starting", "running"])
def test_a_run_whose_log_is_gone_is_interrupted(runs_folder, state):
    folder = write_run(runs_folder, steps=20, state=state)
    store = RunStore(runs_folder)
    run = store.get(1)
    (folder / EVENTS_FILE).unlink()
    for _ in range(2):
        assert [run.state for run in store.runs()] == ["interrupted"]
        assert run.problem == "events.jsonl of run-0001 is gone; it was deleted while the run went on"
    write_summary(folder)  # as its process does, which ends then
    (folder / "output.log").touch()
    again = RunStore(runs_folder).get(1)
    assert again.state == "interrupted"
    assert "its log is gone" in again.problem
    store.delete(run, confirm=True)
    assert not folder.exists()


def test_a_log_that_has_become_shorter_is_read_from_its_start(runs_folder):
    folder = write_run(runs_folder, steps=40, state="running")
    run = Run(folder)
    version, lines = run.version, (folder / EVENTS_FILE).read_bytes().splitlines(keepends=True)
    (folder / EVENTS_FILE).write_bytes(b"".join(lines[:12]))
    assert run.refresh()
    assert run.version > version
    assert _facts(run)[:-2] == _facts(Run(folder))[:-2]
    assert run.state == "running"


def test_a_number_given_out_again_is_another_run(runs_folder):
    store = RunStore(runs_folder)
    write_run(runs_folder, RunConfig(seed=1), steps=20)
    old = store.get(1)
    store.delete(old, confirm=True)
    write_run(runs_folder, RunConfig(seed=2), steps=30).rename(runs_folder / "run-0001")
    new = store.get(1)
    assert new is not old
    assert (new.config.seed, len(new.steps)) == (2, 30)


def test_curves_of_another_run_in_the_same_folder_are_not_taken_for_its_own(runs_folder):
    folder = write_run(runs_folder, number=1)
    write_summary(folder)
    old = Run(folder)
    folder.rename(folder.with_name(".gone"))
    write_run(runs_folder, number=5).rename(folder)
    assert len(old.steps) == 0
    assert old.deleted


def test_only_run_folders_of_this_store_can_be_deleted(runs_folder, tmp_path):
    write_run(runs_folder)
    store, other = RunStore(runs_folder), write_run(tmp_path / "other")
    encoder = runs_folder / "encoder"
    encoder.mkdir()
    (encoder / "config.json").write_text('{"model_type": "bert"}')
    assert [run.title for run in store.runs()] == ["#1"]
    with pytest.raises(ValueError, match="is not in"):
        store.get(encoder)
    for stranger in (store.get(other), Run(encoder), Run(tmp_path), Run()):
        with pytest.raises(ValueError, match="is not a run of"):
            store.delete(stranger, confirm=True)
    assert encoder.exists()
    assert (other / "config.json").exists()
    RunStore(tmp_path / "other").delete(store.get(other), confirm=True)
    assert not other.exists()


def test_deleting_a_link_leaves_what_it_leads_to(runs_folder, tmp_path):
    elsewhere, here = write_run(tmp_path / "other"), write_run(runs_folder)
    for number, to in ((2, elsewhere), (3, here)):
        (runs_folder / f"run-000{number}").symlink_to(to)
    store = RunStore(runs_folder)
    assert len(store.runs()) == 3
    for number in (2, 3):
        store.delete(store.get(runs_folder / f"run-000{number}"), confirm=True)
    assert (elsewhere / "config.json").exists()
    assert [path.name for path in runs_folder.iterdir() if not path.name.startswith(".")] == ["run-0001"]
    assert [path.name for path in runs_folder.glob(".*")] == [".numbers"]
    assert [run.title for run in store.runs()] == ["#1"]


@pytest.mark.parametrize("nothing", ["", " ", "\t", "#"])
def test_nothing_names_no_run(runs_folder, nothing, monkeypatch):
    monkeypatch.chdir(write_run(runs_folder))
    with pytest.raises(ValueError, match="is not in"):
        RunStore(runs_folder).get(nothing)


def test_a_colour_stays_with_its_run_when_others_go(runs_folder):
    for _ in range(10):
        write_run(runs_folder, steps=10)
    store = RunStore(runs_folder)
    colours = {run.number: (run.colour, run.line_style) for run in store.runs()}
    assert len(set(colours.values())) == 10
    assert {colour for colour, _ in colours.values()} == set(range(NUM_COLOURS))
    for number in (1, 4, 9):
        store.delete(store.get(number), confirm=True)
    for reader in (store, RunStore(runs_folder)):
        assert all((run.colour, run.line_style) == colours[run.number] for run in reader.runs())


def test_a_folder_of_any_name_is_a_run(runs_folder):
    folder = write_run(runs_folder)
    folder.rename(runs_folder / "from-a-colleague")
    (run,) = RunStore(runs_folder).runs()
    assert (run.number, run.title) == (0, "from-a-colleague")
    assert 0 <= run.colour < NUM_COLOURS
    assert run.line_style == 0
    assert RunStore(runs_folder).get("from-a-colleague").title == run.title


def test_many_threads_may_look_at_a_live_run_at_once(runs_folder):
    folder = write_run(runs_folder, steps=40, state="running")
    store, ended, seen = RunStore(runs_folder), threading.Event(), []

    def look():
        while not ended.is_set():
            run = store.get(1)
            steps = run.steps
            seen.append(len({len(steps.step), len(steps.loss), len(steps.rates["head"])}) == 1)
            assert (np.diff(steps.step) == 1).all()

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for step in range(21, 2021):
        _append(folder, StepDone(9.0, step, 1.0, 0.1, {"encoder": 1.0, "head": 1.0}, {}, step))
    ended.set()
    for thread in threads:
        thread.join()
    assert seen
    assert all(seen)
    assert store.get(1).steps.step.tolist() == list(range(1, 2021))


def test_a_resumed_run_is_live_again():
    run = Run(config=RunConfig())
    for event in events(state="stopped"):
        run.add(event)
    assert run.is_final
    run.add(RunStarted(2e9, NO_PROCESS, socket.gethostname()))
    assert run.is_live


def test_listing_finished_runs_reads_their_summaries_and_no_log(runs_folder, monkeypatch):
    for number in range(1, 6):
        write_summary(write_run(runs_folder, steps=3, number=number))

    def read(_):
        raise AssertionError("a log was read")

    monkeypatch.setattr(run_module, "open_event_log", read)
    runs = RunStore(runs_folder).runs()
    assert [run.state for run in runs] == ["completed"] * 5
    assert all(run.best for run in runs)


def test_ten_thousand_steps_are_all_there(runs_folder):
    run = Run(write_run(runs_folder, steps=10_000))
    assert run.steps.step.tolist() == list(range(1, 10_001))
