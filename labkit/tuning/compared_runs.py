"""Advice on runs side by side: one sentence on what their differences show."""

import math
from collections.abc import Sequence

from labkit.config import run_settings
from labkit.messages import N_, Message
from labkit.runs.compare import find_differences
from labkit.runs.run import Run
from labkit.settings import format_value
from labkit.tuning.run_facts import f1_margin


def advise_comparison(runs: Sequence[Run]) -> Message | None:
    """Sentence on the best of some runs and the next one, with the margin of their difference.

    None for fewer than two runs with an F1, and for runs scored on different sentences. Runs of one setting with
    several seeds are taken together.
    """
    scored = sorted((run for run in runs if run.best_f1 is not None), key=lambda run: -(run.best_f1 or 0.0))
    if len(scored) < 2 or len({run.dev_split for run in scored}) > 1:
        return None
    differing = find_differences(scored)
    if set(differing) <= {"seed"}:
        return _describe_seeds(scored)
    best, second = scored[0], next((run for run in scored if _differ(scored[0], run)), scored[1])
    assert best.best
    assert second.best
    gap, margin = best.best.f1 - second.best.f1, math.hypot(f1_margin(best.best), f1_margin(second.best))
    values = {
        "best": best.title,
        "second": second.title,
        "f1": f"{best.best.f1:.3f}",
        "gap": f"{gap:.3f}",
        "margin": f"{margin:.2f}",
        "what": _describe_difference(best, second),
    }
    if gap < margin:
        text = N_(
            "{best} is ahead of {second} by {gap}, less than dev can tell (± {margin}): take more seeds or more dev "
            "sentences before you choose {what}"
        )
        return Message(text, **values)
    text = N_("{best} is best with F1 {f1}, {gap} ahead of {second} (± {margin}): it has {what}")
    return Message(text, **values)


def _differ(one: Run, other: Run) -> bool:
    """True if two runs differ in more than their seeds."""
    return bool(set(find_differences([one, other])) - {"seed"})


def _describe_seeds(runs: Sequence[Run]) -> Message:
    scores = [run.best_f1 or 0.0 for run in runs]
    text = N_("only the seed differs: F1 from {low} to {high}, {mean} on average")
    mean = sum(scores) / len(scores)
    return Message(text, low=f"{min(scores):.3f}", high=f"{max(scores):.3f}", mean=f"{mean:.3f}")


def _describe_difference(one: Run, other: Run) -> Message:
    """Settings of a run that another one does not have, with both values: `Head rate 1e-2 instead of 5e-5`."""
    told = Message("")
    for name, (here, there) in find_differences([one, other]).items():
        setting = run_settings()[name]
        text = N_("{setting} {here} instead of {there}")
        values = {"here": Message(format_value(setting, here)), "there": Message(format_value(setting, there))}
        part = Message(text, setting=Message(setting.label), **values)
        told = Message("{told}, {more}", told=told, more=part) if told else part
    return told
