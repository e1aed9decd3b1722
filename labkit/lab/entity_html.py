"""Sentences with gold and predicted entities marked, as HTML.

Everything that comes from data is escaped.
"""

import html
from collections.abc import Iterator, Sequence
from itertools import pairwise

from labkit.i18n.translation import tr
from labkit.messages import N_
from labkit.plots.theme import Theme, css_variables
from labkit.runs.entity_errors import CORRECT, MISSING, SPURIOUS, WRONG_BOUNDARY, WRONG_TYPE, Entity, EntityMatch

KINDS = (CORRECT, MISSING, SPURIOUS, WRONG_TYPE, WRONG_BOUNDARY)
_COLOUR_INDICES = {CORRECT: 2, MISSING: 1, SPURIOUS: 3, WRONG_TYPE: 0, WRONG_BOUNDARY: 4}  # into `Theme.runs`


def build_css() -> str:
    """Colours of the error kinds, as CSS variables of both themes."""

    def colours(theme: Theme) -> str:
        return " ".join(f"--kind-{_name(kind)}: {theme.runs[index]};" for kind, index in _COLOUR_INDICES.items())

    return css_variables(colours)


def render_legend() -> str:
    """Legend of underlines, shades and colours of the error kinds."""
    how = f"<span><u>{tr('underlined: in the corpus')}</u></span><span><em>{tr('shaded: found by the run')}</em></span>"
    texts = {SPURIOUS: N_("false positive (not in the corpus)"), MISSING: N_("missed (false negative)")}
    kinds = "".join(
        f'<span class="labkit-kind-{_name(kind)}"><i></i>{tr(texts.get(kind, kind))}</span>' for kind in KINDS
    )
    return f'<div class="labkit-mark-legend">{how}{kinds}</div>'


def render_sentence(words: Sequence[str], separator: str, matches: Sequence[EntityMatch]) -> str:
    """Render a sentence: gold entities underlined, predicted ones shaded, each with a label.

    Args:
        words: the words of the sentence.
        separator: text between two words.
        matches: the matched entities, in the order of the text.
    """
    parts, done = [], 0
    for group in _group_overlapping(matches):
        start, end = group[0].start, max(match.end for match in group)
        parts += [html.escape(separator.join(words[done:start]))] if start > done else []
        parts.append(_render_group(words, separator, group, start, end))
        done = end
    parts += [html.escape(separator.join(words[done:]))] if done < len(words) else []
    return separator.join(parts)


def _group_overlapping(matches: Sequence[EntityMatch]) -> Iterator[list[EntityMatch]]:
    """Groups of matches that share words."""
    group: list[EntityMatch] = []
    for match in matches:
        if group and match.start >= max(each.end for each in group):
            yield group
            group = []
        group.append(match)
    if group:
        yield group


def _render_group(words: Sequence[str], separator: str, group: Sequence[EntityMatch], start: int, end: int) -> str:
    """Overlapping matches, cut where an entity begins or ends, and their labels."""
    entities = [entity for match in group for entity in (match.gold, match.predicted) if entity]
    cuts = sorted({start, end, *(entity.start for entity in entities), *(entity.end for entity in entities)})
    spans = separator.join(_render_span(words, separator, group, *cut) for cut in pairwise(cuts))
    labels = "".join(_label(words, separator, match) for match in group)
    return f'<span class="labkit-mark">{spans}{labels}</span>'


def _render_span(words: Sequence[str], separator: str, group: Sequence[EntityMatch], start: int, end: int) -> str:
    def covers(entity: Entity | None) -> bool:
        return entity is not None and entity.start <= start and end <= entity.end

    text = html.escape(separator.join(words[start:end]))
    for tag, role in (("em", "predicted"), ("u", "gold")):
        kinds = [match.kind for match in group if covers(getattr(match, role))]
        if kinds:
            text = f'<{tag} class="labkit-kind-{_name(kinds[0])}">{text}</{tag}>'
    return text


def _label(words: Sequence[str], separator: str, match: EntityMatch) -> str:
    (text, *_) = match.types
    if match.gold and match.predicted and match.kind == WRONG_TYPE:
        text = tr("{predicted}, should be {gold}", gold=match.gold.type, predicted=match.predicted.type)
    elif match.kind != CORRECT:
        text = tr("{kind}: {type}", kind=tr(match.kind), type=text)
    entities = [
        f"{name}: {entity.type} {separator.join(words[entity.start : entity.end])}"
        for name, entity in ((tr("corpus"), match.gold), (tr("predicted"), match.predicted))
        if entity
    ]
    title = html.escape("; ".join(entities), quote=True)
    return f'<small class="labkit-kind-{_name(match.kind)}" title="{title}">{html.escape(text)}</small>'


def _name(kind: str) -> str:
    return kind.replace(" ", "-")
