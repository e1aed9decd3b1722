"""What a run got wrong: each gold or predicted entity of a sentence, as found or as one of four kinds of error."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

CORRECT, MISSING, SPURIOUS, WRONG_TYPE, WRONG_BOUNDARY = (
    "correct",
    "missed",
    "invented",
    "wrong type",
    "wrong boundary",
)
ERROR_KINDS = (MISSING, SPURIOUS, WRONG_TYPE, WRONG_BOUNDARY)


class Entity(NamedTuple):
    """Its type, its first word, and the word after its last."""

    type: str
    start: int
    end: int


# Of a gold and a predicted entity: 0 where they do not belong together, more the more they do.
Similarity = Callable[[Entity, Entity], int]


class EntityMatch(NamedTuple):
    """A gold entity, a predicted one, or both where they belong together, and what that is."""

    kind: str  # CORRECT, or one of ERRORS
    gold: Entity | None
    predicted: Entity | None

    @property
    def types(self) -> set[str]:
        return {entity.type for entity in (self.gold, self.predicted) if entity}

    @property
    def start(self) -> int:
        return min(entity.start for entity in (self.gold, self.predicted) if entity)

    @property
    def end(self) -> int:
        return max(entity.end for entity in (self.gold, self.predicted) if entity)


def match_entities(gold: Sequence[Entity], predicted: Sequence[Entity]) -> list[EntityMatch]:
    """All entities of a sentence, each once, in the order of the text.

    Same words and type: correct. Same words, another type: wrong type. Other words of which some are the same, and the
    same type: wrong boundary; where an entity may be paired with several, it is with the one that it shares the most
    words with, the first of equals. Whatever is left, entities among it that overlap with words and type both wrong, is
    missed if it is gold and invented if it is predicted.
    """
    left, right = list(gold), list(predicted)
    found = [*_pop_pairs(left, right, CORRECT, _exact_match), *_pop_pairs(left, right, WRONG_TYPE, _same_span)]
    found += _pop_pairs(left, right, WRONG_BOUNDARY, _span_overlap)
    found += [EntityMatch(MISSING, entity, None) for entity in left]
    found += [EntityMatch(SPURIOUS, None, entity) for entity in right]
    return sorted(found, key=lambda finding: (finding.start, finding.end))


def _pop_pairs(gold: list[Entity], predicted: list[Entity], kind: str, similarity: Similarity) -> list[EntityMatch]:
    """Takes pairs out of both lists, the most alike first."""
    pairs = [(similarity(one, other), one, other) for one in gold for other in predicted]
    found = []
    for _, one, other in sorted((pair for pair in pairs if pair[0]), key=lambda pair: (-pair[0], pair[1:])):
        if one in gold and other in predicted:
            gold.remove(one)
            predicted.remove(other)
            found.append(EntityMatch(kind, one, other))
    return found


def _exact_match(gold: Entity, predicted: Entity) -> int:
    return int(gold == predicted)


def _same_span(gold: Entity, predicted: Entity) -> int:
    return int(gold[1:] == predicted[1:])


def _span_overlap(gold: Entity, predicted: Entity) -> int:
    if gold.type != predicted.type:
        return 0
    return max(0, min(gold.end, predicted.end) - max(gold.start, predicted.start))
