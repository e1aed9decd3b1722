"""Learning-rate schedules: the share of its peak that a rate has at a step.

To add one, write its function here and name it in SCHEDULES: the settings, the lab and the command line offer it then.
Every function has the same parameters and ignores those that it does not need. ParamGroup.rate_at multiplies its result
by the peak rate, and does the warm-up before. Steps count from where the group begins to train.

Args of all:
    step: from 0, and not before `warmup_steps`.
    warmup_steps: steps over which the rate climbs; the last of them has the peak.
    total_steps: to the end of the run, warm-up included.
    staircase_steps: steps between two jumps.
    staircase_factor: multiplies the rate at each jump.
"""

from labkit.messages import N_


def linear(step: int, warmup_steps: int, total_steps: int, staircase_steps: int, staircase_factor: float) -> float:
    """Falls linearly, to 0 at the step after the last."""
    return max(0.0, (total_steps - step) / max(1, total_steps - warmup_steps))


def constant(step: int, warmup_steps: int, total_steps: int, staircase_steps: int, staircase_factor: float) -> float:
    """Stays at the peak."""
    return 1.0


def staircase(step: int, warmup_steps: int, total_steps: int, staircase_steps: int, staircase_factor: float) -> float:
    """Jumps every `staircase_steps` steps.

    As tf.train.exponential_decay does with `staircase=True`.
    """
    return float(staircase_factor ** (step // staircase_steps))


SCHEDULES = {N_("linear"): linear, N_("constant"): constant, N_("staircase"): staircase}
