"""Schedules against twins that walk through a run and change the rate a little at each step."""

import pytest

from labkit.config import run_settings
from labkit.training.param_groups import ParamGroup
from labkit.training.schedules import SCHEDULES

PEAK, EVERY, FACTOR = 3e-4, 7, 0.3


def next_share(schedule, share, step, warmup, total):
    if schedule == "linear" and step > warmup:
        return share - 1 / (total - warmup)
    if schedule == "staircase" and step and step % EVERY == 0:
        return share * FACTOR
    return share


def walk(schedule, warmup, total):
    """The rates of all steps of a run, one after the other."""
    share, rates = 1.0, []
    for step in range(total):
        share = next_share(schedule, share, step, warmup, total)
        rates.append(PEAK * (share if step >= warmup else (step + 1) / warmup))
    return rates


@pytest.mark.parametrize(("warmup", "total"), [(0, 1), (0, 50), (1, 50), (10, 50), (49, 50), (50, 50)])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_rates_are_those_of_a_walk_through_the_run(schedule, warmup, total):
    group = ParamGroup("head", PEAK, schedule, warmup, 0.0, total, staircase_steps=EVERY, staircase_factor=FACTOR)
    assert [group.rate_at(step) for step in range(total)] == pytest.approx(walk(schedule, warmup, total))


def test_linear_is_0_after_the_last_step_and_stays_there():
    assert [SCHEDULES["linear"](step, 2, 10, 1, 1.0) for step in (2, 10, 11)] == [1.0, 0.0, 0.0]


@pytest.mark.parametrize("name", ["encoder_schedule", "head_schedule"])
def test_every_schedule_can_be_chosen(name):
    assert run_settings()[name].choices == tuple(SCHEDULES)
