"""Advice on runs for a terminal."""

from collections.abc import Iterator
from typing import Any

from labkit.i18n.translation import tr
from labkit.runs.run import Run
from labkit.tuning.advice import LEVELS, Advice
from labkit.tuning.advisor import MAX_SENTENCES, advise


def advice_lines(run: Run, most: int = MAX_SENTENCES) -> Iterator[str]:
    """Sentences on a run, each with the options of `labkit train` that mend it."""
    found = advise(run, most)
    for advice in found:
        yield tr("{run}, {level}: {text}", run=run.title, level=tr(LEVELS[advice.level]), text=tr(advice.text))
        yield f"  {tr(advice.why)}"
        if advice.remedy:
            yield "  " + tr("try: {options}", options=advice.format_options())
    if not found:
        yield tr("{run}: nothing to say", run=run.title)


def advice_to_dict(run: Run) -> dict[str, Any]:
    """Advice on a run as JSON values, the weightiest first."""
    return {"number": run.number, "folder": str(run.folder), "advice": [_to_dict(advice) for advice in advise(run)]}


def _to_dict(advice: Advice) -> dict[str, Any]:
    told = {"rule": advice.rule, "level": advice.level, "text": advice.text, "why": advice.why}
    return {**told, "remedy": dict(advice.remedy)}
