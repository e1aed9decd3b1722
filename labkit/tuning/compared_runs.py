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

    None for fewer than two runs with an F1, and for runs scored on different sentences. Of runs of one setting
    with several seeds the mean is taken.
    """
    scored = sorted((run for run in runs if run.best_f1 is not None), key=lambda run: -(run.best_f1 or 0.0))
    if len(scored) < 2 or len({run.dev_split for run in scored}) > 1:
        return None
    differing = find_differences(scored)
    if set(differing) <= {"seed"}:
        return _describe_seeds(scored)
    best, second = _by_settings(scored)[:2]
    assert best[0].best
    assert second[0].best
    gap, margin = _mean_f1(best) - _mean_f1(second), math.hypot(f1_margin(best[0].best), f1_margin(second[0].best))
    values = {
        "best": _describe_runs(best),
        "second": _describe_runs(second),
        "f1": f"{_mean_f1(best):.3f}",
        "gap": f"{gap:.3f}",
        "margin": f"{margin:.2f}",
        "what": _describe_difference(best[0], second[0]),
    }
    if gap < margin:
        text = N_(
            "{best} is ahead of {second} by {gap}, less than dev can tell (± {margin}): take more seeds or more dev "
            "sentences before you choose {what}"
        )
        return Message(text, **values)
    text = N_("{best} is best with F1 {f1}, {gap} ahead of {second} (± {margin}): it has {what}")
    return Message(text, **values)


def _by_settings(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs that differ in nothing but the seed, together, by their mean F1, the best first."""
    groups: list[list[Run]] = []
    for run in runs:
        group = next((each for each in groups if set(find_differences([each[0], run])) <= {"seed"}), None)
        if group:
            group.append(run)
        else:
            groups.append([run])
    return sorted(groups, key=_mean_f1, reverse=True)


def _mean_f1(runs: Sequence[Run]) -> float:
    return sum(run.best_f1 or 0.0 for run in runs) / len(runs)


def _describe_runs(runs: Sequence[Run]) -> str | Message:
    """Title of a run; of several the first one's, and their number."""
    if len(runs) == 1:
        return runs[0].title
    return Message("{run} (mean of {count} seeds)", run=runs[0].title, count=len(runs))


def _describe_seeds(runs: Sequence[Run]) -> Message:
    scores = [run.best_f1 or 0.0 for run in runs]
    text = N_("only the seed differs: F1 from {low} to {high}, {mean} on average")
    return Message(text, low=f"{min(scores):.3f}", high=f"{max(scores):.3f}", mean=f"{_mean_f1(runs):.3f}")


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
