"""F1 of each entity type, of one run or of two beside each other, as bars in HTML."""

import html
from collections.abc import Mapping

from labkit.events import Evaluated
from labkit.i18n.translation import tr
from labkit.lab.run_html import render_muted
from labkit.plots.theme import colour_of
from labkit.runs.run import Run


def render_type_scores(scores: Mapping[str, tuple[Run, Evaluated | None]]) -> str:
    """A row a type, the most frequent one first; of each run F1 as a bar, precision and recall as numbers.

    Args:
        scores: by what the run is called; the first one's entities are counted. Empty where none was evaluated.
    """
    known = {name: (run, found) for name, (run, found) in scores.items() if found}
    if not known:
        return ""
    support = {kind: score.support for _, found in reversed(known.values()) for kind, score in found.types.items()}
    heads = "".join(f'<span class="labkit-types-run">{html.escape(name)}</span>' for name in known)
    rows = [_row(kind, support[kind], known) for kind in sorted(support, key=lambda kind: (-support[kind], kind))]
    first = f"<span>{tr('type')}</span><span>{tr('entities')}</span>{heads}"
    table = f'<div class="labkit-types" style="--runs: {len(known)}">{first}{"".join(rows)}{_total(known)}</div>'
    return _render_split_warning(known) + table


def _render_split_warning(known: Mapping[str, tuple[Run, Evaluated]]) -> str:
    splits = {run.corpus.split_id(found.split) if run.corpus else None for run, found in known.values()}
    if len(splits) < 2:
        return ""
    return render_muted(tr("These runs were scored on different sentences: their scores are not comparable."))


def _row(kind: str, support: int, known: Mapping[str, tuple[Run, Evaluated]]) -> str:
    cells = []
    for run, found in known.values():
        score = found.types.get(kind)
        if score and score.support:  # a type that was only invented has no score
            cells.append(_bar(run, score.f1, score.precision, score.recall))
        else:
            cells.append("<span>–</span>")
    return f"<b>{html.escape(kind)}</b><span>{support:,}</span>{''.join(cells)}"


def _total(known: Mapping[str, tuple[Run, Evaluated]]) -> str:
    cells = [
        "<span>–</span>" if found.score is None else _bar(run, found.score, found.precision, found.recall)
        for run, found in known.values()
    ]
    entities = next(iter(known.values()))[1].entities
    return f"<b>{tr('all types')}</b><span>{entities:,}</span>{''.join(cells)}"


def _bar(run: Run, f1: float, precision: float, recall: float) -> str:
    colours = f"--light: {colour_of(run, 'light')}; --dark: {colour_of(run, 'dark')}; --share: {100 * f1:.1f}%"
    told = tr("precision {precision}, recall {recall}", precision=f"{precision:.3f}", recall=f"{recall:.3f}")
    return (
        f'<span class="labkit-types-bar" style="{colours}" title="{html.escape(told, quote=True)}">'
        f"<i><i></i></i><b>{f1:.3f}</b><small>{precision:.2f} / {recall:.2f}</small></span>"
    )
