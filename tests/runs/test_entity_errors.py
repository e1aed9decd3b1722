"""Kinds of error: what a run found, missed, invented, and got half right."""

import random
from collections import Counter

import pytest

from labkit.runs.entity_errors import (
    CORRECT,
    ERROR_KINDS,
    MISSING,
    SPURIOUS,
    WRONG_BOUNDARY,
    WRONG_TYPE,
    Entity,
    EntityMatch,
    match_entities,
)

PER, LOC = Entity("PER", 0, 2), Entity("LOC", 3, 4)


def kinds(gold, predicted):
    return [finding.kind for finding in match_entities(gold, predicted)]


@pytest.mark.parametrize(
    ("gold", "predicted", "kind"),
    [
        ([PER], [PER], CORRECT),
        ([PER], [], MISSING),
        ([], [PER], SPURIOUS),
        ([PER], [Entity("LOC", 0, 2)], WRONG_TYPE),
        ([PER], [Entity("PER", 0, 1)], WRONG_BOUNDARY),
        ([PER], [Entity("PER", 1, 5)], WRONG_BOUNDARY),
    ],
)
def test_an_entity_is_found_or_one_of_four_kinds_of_error(gold, predicted, kind):
    assert kinds(gold, predicted) == [kind]


def test_words_and_type_both_wrong_are_one_missed_and_one_invented():
    assert sorted(kinds([PER], [Entity("LOC", 1, 3)])) == [SPURIOUS, MISSING]
    assert kinds([PER], [Entity("PER", 2, 4)]) == [MISSING, SPURIOUS], "they touch, and share no word"


def test_of_several_candidates_the_one_that_shares_most_words_is_taken_and_the_rest_is_invented():
    whole, left, right = Entity("PER", 0, 5), Entity("PER", 0, 2), Entity("PER", 2, 5)
    assert match_entities([whole], [left, right]) == [
        EntityMatch(SPURIOUS, None, left),
        EntityMatch(WRONG_BOUNDARY, whole, right),
    ]


def test_what_is_right_is_never_taken_for_part_of_an_error():
    assert kinds([Entity("PER", 0, 3), Entity("PER", 3, 4)], [Entity("PER", 3, 4)]) == [MISSING, CORRECT]
    assert kinds([PER, Entity("PER", 2, 4)], [Entity("PER", 1, 3), Entity("LOC", 0, 2)]) == [WRONG_TYPE, WRONG_BOUNDARY]


@pytest.mark.parametrize("seed", range(30))
def test_each_entity_is_told_once_and_the_counts_are_those_of_the_scores(seed):
    rng = random.Random(seed)

    def entities():
        starts = sorted(rng.sample(range(0, 30, 3), rng.randint(0, 6)))
        return [Entity(rng.choice(["PER", "LOC"]), start, start + rng.randint(1, 3)) for start in starts]

    gold, predicted = entities(), entities()
    found = match_entities(gold, predicted)
    assert sorted(filter(None, (finding.gold for finding in found))) == sorted(gold)
    assert sorted(filter(None, (finding.predicted for finding in found))) == sorted(predicted)
    counted = Counter(finding.kind for finding in found)
    assert counted[CORRECT] == len(set(gold) & set(predicted))
    assert set(counted) <= {CORRECT, *ERROR_KINDS}
    assert [finding.start for finding in found] == sorted(finding.start for finding in found)
