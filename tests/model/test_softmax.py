"""Softmax in the CRF's place: as a CRF without transitions, and by enumeration."""

import itertools

import pytest
import torch

from labkit.model.crf import CRF
from labkit.model.crf.constraints import allowed_transitions
from labkit.model.softmax import SoftmaxDecoder

TAGS = ("O", "B-PER", "I-PER")
LENGTHS = torch.tensor([4, 1, 3])
MASK = torch.arange(4) < LENGTHS[:, None]


@pytest.fixture
def scores():
    return torch.randn(3, 4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.fixture
def gold():
    return torch.randint(3, (3, 4), generator=torch.Generator().manual_seed(1)) * MASK


@pytest.fixture
def crf():
    """A CRF whose transitions all score nothing, which is softmax."""
    crf = CRF(3, batch_first=True).double()
    for scores in crf.parameters():
        torch.nn.init.zeros_(scores)
    return crf


def test_the_likelihood_and_its_gradient_are_those_of_a_crf_without_transitions(scores, gold, crf):
    for reduction in ("none", "sum"):
        torch.testing.assert_close(SoftmaxDecoder()(scores, gold, MASK, reduction), crf(scores, gold, MASK, reduction))
    ours, known = scores.clone().requires_grad_(), scores.clone().requires_grad_()
    SoftmaxDecoder()(ours, gold, MASK).backward()
    crf(known, gold, MASK).backward()
    torch.testing.assert_close(ours.grad, known.grad)
    assert not ours.grad[~MASK].any()


def test_the_likelihood_is_minus_the_cross_entropy_of_each_word(scores, gold):
    total = 0.0
    for row, count in enumerate(LENGTHS.tolist()):
        for word in range(count):
            total += (scores[row, word, gold[row, word]] - scores[row, word].exp().sum().log()).item()
    assert SoftmaxDecoder()(scores, gold, MASK).item() == pytest.approx(total)


def test_decoding_takes_each_words_best_tag(scores):
    found = SoftmaxDecoder().decode(scores, MASK)
    assert [len(row) for row in found] == LENGTHS.tolist()
    for row, tags in enumerate(found):
        for word, tag in enumerate(tags):
            assert scores[row, word, tag] == max(scores[row, word])


def is_legal(path):
    return path[0] != 2 and (0, 2) not in itertools.pairwise(path)


def test_legal_decoding_finds_the_best_of_all_legal_sequences(scores):
    scores[:, :, 2] += 3  # or few would begin with what may not
    found = SoftmaxDecoder().decode(scores, MASK, allowed_transitions(TAGS))
    for row, count in enumerate(LENGTHS.tolist()):
        paths = [path for path in itertools.product(range(3), repeat=count) if is_legal(path)]
        best = max(paths, key=lambda path: sum(scores[row, word, tag] for word, tag in enumerate(path)))
        assert found[row] == list(best)
    assert found != SoftmaxDecoder().decode(scores, MASK)


def test_probabilities_are_those_of_a_crf_without_transitions(scores, gold, crf):
    torch.testing.assert_close(SoftmaxDecoder().marginals(scores, MASK), crf.marginals(scores, MASK))
    for ours, known in zip(
        SoftmaxDecoder().tag_probabilities(scores, gold, MASK), crf.tag_probabilities(scores, gold, MASK), strict=True
    ):
        torch.testing.assert_close(ours, known)


def test_another_reduction_is_refused(scores, gold):
    with pytest.raises(ValueError, match="reduction must be none or sum, not 'mean'"):
        SoftmaxDecoder()(scores, gold, MASK, "mean")
