import random

import numpy as np
import pytest
import seqeval.metrics

from labkit.data.tags import BIO, bigrams
from labkit.model.crf.constraints import allowed_transitions
from labkit.training.evaluation import EntityCounts, count_illegal

TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")


def counted(gold, predicted):
    counts = EntityCounts()
    for one, other in zip(gold, predicted, strict=True):
        counts.add(one, other)
    return counts


@pytest.mark.parametrize("seed", range(20))
def test_scores_are_seqevals_for_random_tags_legal_or_not(seed):
    rng = random.Random(seed)
    gold = [[rng.choice(TAGS) for _ in range(rng.randint(1, 15))] for _ in range(30)]
    predicted = [[tag if rng.random() < 0.7 else rng.choice(TAGS) for tag in row] for row in gold]
    counts = counted(gold, predicted)
    overall = counts.overall()
    assert overall.precision == pytest.approx(seqeval.metrics.precision_score(gold, predicted))
    assert overall.recall == pytest.approx(seqeval.metrics.recall_score(gold, predicted))
    assert overall.f1 == pytest.approx(seqeval.metrics.f1_score(gold, predicted))
    report = seqeval.metrics.classification_report(gold, predicted, output_dict=True, zero_division=0)
    for name, score in counts.by_type().items():
        assert score.f1 == pytest.approx(report[name]["f1-score"])
        assert score.support == report[name]["support"]


def test_no_entities_at_all_score_zero_and_raise_nothing():
    overall = counted([["O", "O"]], [["O", "O"]]).overall()
    assert (overall.precision, overall.recall, overall.f1, overall.support) == (0.0, 0.0, 0.0, 0)


@pytest.mark.parametrize("seed", range(10))
def test_illegal_transitions_are_those_that_reading_tag_by_tag_finds(seed):
    rng = random.Random(seed)
    rows = [[rng.randrange(len(TAGS)) for _ in range(rng.randint(1, 6))] for _ in range(rng.randint(1, 12))]
    numbers = np.array([number for row in rows for number in row])
    starts = np.cumsum([0, *map(len, rows)])
    slow = sum(bool(BIO.find_violation(*pair)) for row in rows for pair in bigrams([TAGS[number] for number in row]))
    assert count_illegal(numbers, starts, allowed_transitions(TAGS)) == slow
