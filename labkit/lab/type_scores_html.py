"""F1 by entity type as HTML bars, for one or two runs."""

import html
from collections.abc import Mapping

from labkit.events import Evaluated
from labkit.i18n.translation import tr
from labkit.lab.run_html import render_muted
from labkit.plots.theme import colour_of
from labkit.runs.run import Run


def render_type_scores(scores: Mapping[str, tuple[Run, Evaluated | None]]) -> str:
    """One row a type, most frequent first: F1 bar, precision and recall.

    Args:
        scores: each run with its evaluation, by the run's name. Entities are counted in the first evaluation.

    Returns:
        HTML; empty if no run was evaluated.
    """
    evaluated = {name: (run, evaluation) for name, (run, evaluation) in scores.items() if evaluation}
    if not evaluated:
        return ""
    support = {name: score.support for _, each in reversed(evaluated.values()) for name, score in each.types.items()}
    heads = "".join(f'<span class="labkit-types-run">{html.escape(name)}</span>' for name in evaluated)
    rows = [_row(name, support[name], evaluated) for name in sorted(support, key=lambda name: (-support[name], name))]
    first = f"<span>{tr('type')}</span><span>{tr('entities')}</span>{heads}"
    rows.append(_total(evaluated))
    table = f'<div class="labkit-types" style="--runs: {len(evaluated)}">{first}{"".join(rows)}</div>'
    splits = {run.corpus.split_id(each.split) if run.corpus else None for run, each in evaluated.values()}
    if len(splits) > 1:
        text = tr("These runs were scored on different sentences: their scores are not comparable.")
        return render_muted(text) + table
    return table


def _row(type_name: str, support: int, evaluated: Mapping[str, tuple[Run, Evaluated]]) -> str:
    cells = []
    for run, evaluation in evaluated.values():
        score = evaluation.types.get(type_name)
        if score and score.support:  # without gold entities a type has no score
            cells.append(_bar(run, score.f1, score.precision, score.recall))
        else:
            cells.append("<span>–</span>")
    return f"<b>{html.escape(type_name)}</b><span>{support:,}</span>{''.join(cells)}"


def _total(evaluated: Mapping[str, tuple[Run, Evaluated]]) -> str:
    cells = [
        "<span>–</span>" if each.score is None else _bar(run, each.score, each.precision, each.recall)
        for run, each in evaluated.values()
    ]
    entities = next(iter(evaluated.values()))[1].entities
    return f"<b>{tr('all types')}</b><span>{entities:,}</span>{''.join(cells)}"


def _bar(run: Run, f1: float, precision: float, recall: float) -> str:
    colours = f"--light: {colour_of(run, 'light')}; --dark: {colour_of(run, 'dark')}; --share: {100 * f1:.1f}%"
    tooltip = tr("precision {precision}, recall {recall}", precision=f"{precision:.3f}", recall=f"{recall:.3f}")
    return (
        f'<span class="labkit-types-bar" style="{colours}" title="{html.escape(tooltip, quote=True)}">'
        f"<i><i></i></i><b>{f1:.3f}</b><small>{precision:.2f} / {recall:.2f}</small></span>"
    )
