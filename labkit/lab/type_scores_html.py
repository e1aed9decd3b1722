"""F1 by entity type as HTML bars, for one or two runs."""

import html
from collections.abc import Mapping, Sequence

from labkit.events import Evaluated, TypeScore
from labkit.i18n.translation import tr

Scores = Sequence[TypeScore | None]  # of each run


def render_type_scores(evaluations: Mapping[str, Evaluated | None], by_difference: bool = False) -> str:
    """One row a type: F1 bar, precision and recall of each run, and how much the first run is better.

    Args:
        evaluations: of each run, by its name. Entities are counted in the first one.
        by_difference: the first run's largest gain first, instead of the most frequent type.

    Returns:
        HTML; empty if no run was evaluated.
    """
    evaluated = {name: evaluation for name, evaluation in evaluations.items() if evaluation}
    if not evaluated:
        return ""
    types = {name: score for each in reversed(evaluated.values()) for name, score in each.types.items()}
    rows = {name: [_scored(each.types.get(name)) for each in evaluated.values()] for name in types}
    order = sorted(rows, key=lambda name: (-types[name].support, name))
    if by_difference and len(evaluated) > 1:
        order.sort(key=lambda name: -_difference(rows[name]) if all(rows[name]) else 2.0)
    heads = "".join(
        f'<span class="labkit-types-run">{html.escape(name)}<small>{tr("F1, precision / recall")}</small></span>'
        for name in evaluated
    )
    heads = f"<span>{tr('type')}</span><span>{tr('entities')}</span>{heads}"
    heads += f"<span>{tr('difference') if len(evaluated) > 1 else ''}</span>"
    body = "".join(_row(html.escape(name), types[name].support, rows[name]) for name in order)
    body += _row(tr("all types"), next(iter(evaluated.values())).entities, list(map(_total, evaluated.values())))
    return f'<div class="labkit-types" style="--runs: {len(evaluated)}">{heads}{body}</div>'


def _scored(score: TypeScore | None) -> TypeScore | None:
    """A type's score; None without entities of it in the corpus."""
    return score if score and score.support else None


def _total(evaluation: Evaluated) -> TypeScore | None:
    """Score of all types together; None without entities in the corpus."""
    if evaluation.score is None:
        return None
    return TypeScore(evaluation.precision, evaluation.recall, evaluation.f1, evaluation.entities)


def _difference(scores: Scores) -> float:
    first, second = scores
    return first.f1 - second.f1 if first and second else 0.0


def _row(head: str, support: int, scores: Scores) -> str:
    cells = [_bar(score) if score else "<span>–</span>" for score in scores]
    has_difference = len(scores) > 1 and all(scores)
    cells.append(f"<b>{_difference(scores):+.3f}</b>" if has_difference else "<span></span>")
    return f"<b>{head}</b><span>{support:,}</span>{''.join(cells)}"


def _bar(score: TypeScore) -> str:
    return (
        f'<span class="labkit-types-bar" style="--share: {100 * score.f1:.1f}%">'
        f"<i><i></i></i><b>{score.f1:.3f}</b><small>{score.precision:.3f} / {score.recall:.3f}</small></span>"
    )
