"""Sentences with what is in them and what a run found in them, as HTML. Everything that comes from data is escaped."""

import html
from collections.abc import Iterator, Sequence
from itertools import pairwise

from labkit.i18n.translation import tr
from labkit.plots.theme import Theme, css_variables
from labkit.runs.entity_errors import CORRECT, MISSING, SPURIOUS, WRONG_BOUNDARY, WRONG_TYPE, Entity, EntityMatch

KINDS = (CORRECT, MISSING, SPURIOUS, WRONG_TYPE, WRONG_BOUNDARY)
_PLACES = {CORRECT: 2, MISSING: 1, SPURIOUS: 3, WRONG_TYPE: 0, WRONG_BOUNDARY: 4}  # among a theme's colours


def build_css() -> str:
    """The colours of the kinds of error, as CSS variables."""
    return css_variables(_colours)


def _colours(theme: Theme) -> str:
    return " ".join(f"--kind-{_name(kind)}: {theme.runs[place]};" for kind, place in _PLACES.items())


def render_legend() -> str:
    """How to read a sentence, and the colours of the kinds."""
    how = f"<span><u>{tr('underlined: in the corpus')}</u></span><span><em>{tr('shaded: found by the run')}</em></span>"
    kinds = "".join(f'<span class="labkit-kind-{_name(kind)}"><i></i>{tr(kind)}</span>' for kind in KINDS)
    return f'<div class="labkit-mark-legend">{how}{kinds}</div>'


def render_sentence(words: Sequence[str], separator: str, matches: Sequence[EntityMatch]) -> str:
    """The text, each entity underlined where it is gold, shaded where it is predicted, and named behind.

    Args:
        joiner: what stands between words.
        found: in the order of the text.
    """
    parts, done = [], 0
    for together in _group_overlapping(matches):
        start, end = together[0].start, max(finding.end for finding in together)
        parts += [html.escape(separator.join(words[done:start]))] if start > done else []
        parts.append(_render_group(words, separator, together, start, end))
        done = end
    parts += [html.escape(separator.join(words[done:]))] if done < len(words) else []
    return separator.join(parts)


def _group_overlapping(found: Sequence[EntityMatch]) -> Iterator[list[EntityMatch]]:
    """Findings that share words, together."""
    together: list[EntityMatch] = []
    for finding in found:
        if together and finding.start >= max(each.end for each in together):
            yield together
            together = []
        together.append(finding)
    if together:
        yield together


def _render_group(words: Sequence[str], joiner: str, found: Sequence[EntityMatch], start: int, end: int) -> str:
    """Some words that belong together, cut where an entity begins or ends."""
    entities = [entity for finding in found for entity in (finding.gold, finding.predicted) if entity]
    cuts = sorted({start, end, *(entity.start for entity in entities), *(entity.end for entity in entities)})
    pieces = joiner.join(_render_span(words, joiner, found, *cut) for cut in pairwise(cuts))
    labels = "".join(_label(words, joiner, finding) for finding in found)
    return f'<span class="labkit-mark">{pieces}{labels}</span>'


def _render_span(words: Sequence[str], joiner: str, found: Sequence[EntityMatch], start: int, end: int) -> str:
    over = [finding for finding in found if finding.start <= start and end <= finding.end]
    text = html.escape(joiner.join(words[start:end]))
    for tag, role in (("em", "predicted"), ("u", "gold")):
        kinds = [finding.kind for finding in over if _covers(getattr(finding, role), start, end)]
        if kinds:
            text = f'<{tag} class="labkit-kind-{_name(kinds[0])}">{text}</{tag}>'
    return text


def _covers(entity: Entity | None, start: int, end: int) -> bool:
    return entity is not None and entity.start <= start and end <= entity.end


def _label(words: Sequence[str], joiner: str, finding: EntityMatch) -> str:
    told = [
        f"{name}: {entity.type} {joiner.join(words[entity.start : entity.end])}"
        for name, entity in ((tr("corpus"), finding.gold), (tr("predicted"), finding.predicted))
        if entity
    ]
    title = html.escape("; ".join(told), quote=True)
    return (
        f'<small class="labkit-kind-{_name(finding.kind)}" title="{title}">{html.escape(_label_text(finding))}</small>'
    )


def _label_text(finding: EntityMatch) -> str:
    kind = finding.kind
    if finding.gold and finding.predicted and kind == WRONG_TYPE:
        return tr("{gold} taken for {predicted}", gold=finding.gold.type, predicted=finding.predicted.type)
    (name, *_) = finding.types
    return name if kind == CORRECT else tr("{kind}: {type}", kind=tr(kind), type=name)


def _name(kind: str) -> str:
    return kind.replace(" ", "-")
