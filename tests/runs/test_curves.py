"""Columns of steps, against the events that they were made of."""

import math
import random

import pytest

from labkit.config import RunConfig
from labkit.events import StepDone
from labkit.runs import curves
from labkit.runs.curves import AXES, RunCurves, StepBuffer
from tests.runs.samples import events


def steps_of(count, seed=0):
    """Steps in which figures are missing now and then, and groups turn up late or are left out."""
    noise = random.Random(seed)
    for step in range(1, count + 1):
        groups = [name for name, since in (("encoder", 0), ("head", 0), ("crf", 40)) if step > since]
        rates = {name: noise.random() for name in groups if noise.random() > 0.1}
        norms = {name: noise.choice([None, noise.random()]) for name in groups}
        yield StepDone(step / 10, step, step / 7, noise.choice([None, noise.random()]), rates, norms, 20 * step)


def number(value):
    return math.nan if value is None else value


def same(column, numbers):
    return [x if x == x else None for x in column] == [x if x == x else None for x in map(number, numbers)]


@pytest.mark.parametrize("looks_every", [1, 7, 1000])
@pytest.mark.parametrize("max_pending", [1, 16, 1024])
def test_columns_equal_the_events_however_often_they_are_read(monkeypatch, max_pending, looks_every):
    monkeypatch.setattr(curves, "MAX_PENDING", max_pending)
    columns, steps = StepBuffer(), list(steps_of(700))
    for step in steps:
        columns.extend([step])
        if step.step % looks_every == 0:
            assert len(columns.snapshot()) == step.step
    seen = columns.snapshot()
    for name in ("step", "epoch", "loss", "tokens", "seconds"):
        assert same(getattr(seen, name), [getattr(step, name) for step in steps])
    for name in ("encoder", "head", "crf"):
        assert same(seen.rates[name], [step.rates.get(name) for step in steps])
        assert same(seen.gradient_norms[name], [step.gradient_norms.get(name) for step in steps])


@pytest.mark.parametrize("at_once", [1, 3, 10_000])
def test_events_added_together_equal_events_added_one_by_one(at_once):
    log = events(RunConfig(), 300, "completed")
    one_by_one, together = RunCurves(), RunCurves()
    for event in log:
        one_by_one.add(event)
    for start in range(0, len(log), at_once):
        together.extend(log[start : start + at_once])
    assert together.evaluations == one_by_one.evaluations != []
    assert together.samples == one_by_one.samples != []
    assert together.rate_changes == one_by_one.rate_changes
    assert together.transitions == one_by_one.transitions
    for axis in AXES:
        assert same(together.steps.snapshot().axis(axis), one_by_one.steps.snapshot().axis(axis))


def test_a_group_that_never_occurred_has_no_column():
    columns = StepBuffer()
    for step in steps_of(30):
        columns.extend([step])
    assert set(columns.snapshot().rates) == {"encoder", "head"}


def test_few_events_are_kept_whole():
    columns = StepBuffer()
    for step in steps_of(3 * curves.MAX_PENDING + 5):
        columns.extend([step])
    assert len(columns._pending) == 5


def test_the_same_columns_are_given_out_until_another_step_arrives():
    columns = StepBuffer()
    first, second = steps_of(2)
    columns.extend([first])
    once = columns.snapshot()
    assert columns.snapshot() is once
    columns.extend([second])
    assert columns.snapshot() is not once
    assert len(once) == 1
