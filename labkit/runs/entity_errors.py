"""NER error analysis: gold and predicted entities of a sentence, matched as correct or one of four errors."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from labkit.messages import N_

CORRECT = N_("correct")
MISSING = N_("missed")
SPURIOUS = N_("false positive")
WRONG_TYPE = N_("wrong type")
WRONG_BOUNDARY = N_("wrong boundary")
ERROR_KINDS = (MISSING, SPURIOUS, WRONG_TYPE, WRONG_BOUNDARY)


class Entity(NamedTuple):
    """Entity: its type, its first word, and the word after its last."""

    type: str
    start: int
    end: int


# Similarity of a gold and a predicted entity; 0 if they cannot be a pair.
Similarity = Callable[[Entity, Entity], int]


class EntityMatch(NamedTuple):
    """Gold entity, predicted entity or a pair, with the kind of match."""

    kind: str  # CORRECT, or one of ERROR_KINDS
    gold: Entity | None
    predicted: Entity | None

    @property
    def types(self) -> set[str]:
        """Types of its entities, one or two."""
        return {entity.type for entity in (self.gold, self.predicted) if entity}

    @property
    def start(self) -> int:
        """First word of its entities."""
        return min(entity.start for entity in (self.gold, self.predicted) if entity)

    @property
    def end(self) -> int:
        """Word after the last of its entities."""
        return max(entity.end for entity in (self.gold, self.predicted) if entity)


def match_entities(gold: Sequence[Entity], predicted: Sequence[Entity]) -> list[EntityMatch]:
    """Matches the gold and predicted entities of a sentence, in text order.

    - Same words and type: correct.
    - Same words, another type: wrong type.
    - Overlapping words, same type: wrong boundary. An entity that overlaps several is paired with the one that shares
      the most words, the first of equals.
    - All others, also those that overlap an entity of another type: missed if gold, false positives if predicted.
    """
    left, right = list(gold), list(predicted)
    matches = _pop_pairs(left, right, CORRECT, lambda one, other: int(one == other))
    matches += _pop_pairs(left, right, WRONG_TYPE, lambda one, other: int(one[1:] == other[1:]))
    matches += _pop_pairs(left, right, WRONG_BOUNDARY, _span_overlap)
    matches += [EntityMatch(MISSING, entity, None) for entity in left]
    matches += [EntityMatch(SPURIOUS, None, entity) for entity in right]
    return sorted(matches, key=lambda match: (match.start, match.end))


def _pop_pairs(gold: list[Entity], predicted: list[Entity], kind: str, similarity: Similarity) -> list[EntityMatch]:
    """Removes pairs from both lists, the most similar first, and returns them."""
    pairs = [(similarity(one, other), one, other) for one in gold for other in predicted]
    matches = []
    for _, one, other in sorted((pair for pair in pairs if pair[0]), key=lambda pair: (-pair[0], pair[1:])):
        if one in gold and other in predicted:
            gold.remove(one)
            predicted.remove(other)
            matches.append(EntityMatch(kind, one, other))
    return matches


def _span_overlap(gold: Entity, predicted: Entity) -> int:
    """Number of words that two entities of the same type share."""
    if gold.type != predicted.type:
        return 0
    return max(0, min(gold.end, predicted.end) - max(gold.start, predicted.start))
