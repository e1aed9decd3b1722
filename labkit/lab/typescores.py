"""F1 of each entity type, of one run or of two beside each other, as bars in HTML."""

import html
from collections.abc import Mapping

from labkit.events import Evaluated
from labkit.lab.language import tr
from labkit.lab.theme import colour_of
from labkit.runs.run import Run


def bars(scores: Mapping[str, tuple[Run, Evaluated | None]]) -> str:
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
    return f'<div class="labkit-types" style="--runs: {len(known)}">{first}{"".join(rows)}{_total(known)}</div>'


def _row(kind: str, support: int, known: Mapping[str, tuple[Run, Evaluated]]) -> str:
    cells = []
    for run, found in known.values():
        score = found.types.get(kind)
        cells.append(_bar(run, score.f1, score.precision, score.recall) if score else "<span>–</span>")
    return f"<b>{html.escape(kind)}</b><span>{support:,}</span>{''.join(cells)}"


def _total(known: Mapping[str, tuple[Run, Evaluated]]) -> str:
    supports = [sum(score.support for score in found.types.values()) for _, found in known.values()]
    cells = [_bar(run, found.f1, found.precision, found.recall) for run, found in known.values()]
    return f"<b>{tr('all types')}</b><span>{supports[0]:,}</span>{''.join(cells)}"


def _bar(run: Run, f1: float, precision: float, recall: float) -> str:
    colours = f"--light: {colour_of(run, 'light')}; --dark: {colour_of(run, 'dark')}; --share: {100 * f1:.1f}%"
    told = tr("precision {precision}, recall {recall}", precision=f"{precision:.3f}", recall=f"{recall:.3f}")
    return (
        f'<span class="labkit-types-bar" style="{colours}" title="{html.escape(told, quote=True)}">'
        f"<i><i></i></i><b>{f1:.3f}</b><small>{precision:.2f} / {recall:.2f}</small></span>"
    )
