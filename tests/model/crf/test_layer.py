"""The CRF layer against enumeration of every tag sequence, and against pytorch-crf."""

import itertools
import math
from collections.abc import Iterator

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torchcrf import CRF as TorchCRF

from labkit.model.crf import CRF
from labkit.model.crf.likelihood import log_likelihood
from labkit.model.crf.viterbi import viterbi_decode

SCORES = ("start_transitions", "end_transitions", "transitions")


def random_crf(tags, spread=1.0, batch_first=True, seed=0):
    torch.manual_seed(seed)
    crf = CRF(tags, batch_first)
    with torch.no_grad():
        for scores in crf.parameters():
            scores.uniform_(-spread, spread)
    return crf


def as_torchcrf(crf):
    other = TorchCRF(crf.num_tags, crf.batch_first)
    other.load_state_dict(crf.state_dict())
    return other.to(crf.transitions.dtype)


def ragged(batch, words, tags, spread=1.0, seed=1):
    """Scores, tags and a mask of prefixes: one row of full length, one of a single word, the others between."""
    torch.manual_seed(seed)
    lengths = torch.randint(1, words + 1, (batch,))
    lengths[0], lengths[-1] = words, 1
    if batch == 1:
        lengths[0] = words
    mask = torch.arange(words) < lengths[:, None]
    return torch.empty(batch, words, tags).uniform_(-spread, spread), torch.randint(tags, (batch, words)), mask


def sequences(crf, scores) -> Iterator[tuple[tuple[int, ...], float]]:
    """Every tag sequence of a sentence (words, tags) with its score, term by term, in Python's floats."""
    start, end, moves, emitted = (
        each.tolist() for each in (crf.start_transitions, crf.end_transitions, crf.transitions, scores)
    )
    for path in itertools.product(range(crf.num_tags), repeat=len(scores)):
        parts = [start[path[0]], end[path[-1]], *(row[tag] for row, tag in zip(emitted, path, strict=True))]
        yield path, math.fsum([*parts, *(moves[a][b] for a, b in itertools.pairwise(path))])


def log_sum(scores):
    scores = list(scores)
    top = max(scores)
    return top + math.log(math.fsum(math.exp(score - top) for score in scores))


def loss_and_gradients(crf, scores, tags, mask, reduction="sum"):
    """The loss, and the gradients by emissions, start, end and transition scores."""
    crf.zero_grad()
    scores = scores.detach().clone().requires_grad_()
    loss = -crf(scores, tags, mask=mask, reduction=reduction)
    loss.sum().backward()
    parameters = [getattr(crf, name) for name in SCORES]  # pytorch-crf leaves transitions out of single words
    seen = [torch.zeros_like(each) if each.grad is None else each.grad.clone() for each in parameters]
    return [loss.detach(), scores.grad, *seen]


@pytest.mark.parametrize("spread", [0.1, 3.0, 100.0])
@pytest.mark.parametrize(("words", "tags"), [(1, 1), (1, 3), (5, 1), (4, 3), (6, 2)])
def test_the_likelihood_is_the_enumerated_one(words, tags, spread):
    crf = random_crf(tags, spread).double()
    scores, gold, mask = ragged(4, words, tags, spread)
    likelihood = crf(scores.double(), gold, mask=mask, reduction="none")
    for row, length in enumerate(mask.sum(1).tolist()):
        every = dict(sequences(crf, scores[row, :length].double()))
        expected = every[tuple(gold[row, :length].tolist())] - log_sum(every.values())
        assert likelihood[row].item() == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("spread", [0.1, 3.0, 100.0])
@pytest.mark.parametrize(("words", "tags"), [(1, 3), (4, 3), (6, 2)])
def test_decoding_finds_the_best_of_all_enumerated_sequences(words, tags, spread):
    crf = random_crf(tags, spread)
    scores, _, mask = ragged(6, words, tags, spread)
    for row, (found, length) in enumerate(zip(crf.decode(scores, mask), mask.sum(1).tolist(), strict=True)):
        every = dict(sequences(crf, scores[row, :length]))
        assert found == list(max(every, key=every.get))


@pytest.mark.parametrize("spread", [1.0, 100.0])
def test_marginals_are_the_enumerated_probabilities(spread):
    crf = random_crf(3, spread)
    scores, _, mask = ragged(5, 4, 3, spread)
    found = crf.marginals(scores, mask)
    assert not found[~mask].any()
    for row, length in enumerate(mask.sum(1).tolist()):
        every = dict(sequences(crf, scores[row, :length]))
        whole = log_sum(every.values())
        for word, tag in itertools.product(range(length), range(3)):
            expected = sum(math.exp(score - whole) for path, score in every.items() if path[word] == tag)
            assert found[row, word, tag].item() == pytest.approx(expected, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("spread", [1.0, 100.0])
def test_a_span_is_as_probable_as_all_sequences_that_hold_it_together(spread):
    crf = random_crf(3, spread).double()
    scores, tags, mask = ragged(5, 5, 3, spread)
    alone, onward = crf.tag_probabilities(scores.double(), tags, mask)
    assert not alone[~mask].any()
    assert not onward[~mask].any()
    for row, length in enumerate(mask.sum(1).tolist()):
        every = dict(sequences(crf, scores[row, :length].double()))
        whole = log_sum(every.values())
        for first in range(length):
            for last in range(first, length):
                wanted = tuple(tags[row, first : last + 1].tolist())
                expected = sum(math.exp(s - whole) for path, s in every.items() if path[first : last + 1] == wanted)
                found = alone[row, first] * onward[row, first + 1 : last + 1].prod()
                assert found.item() == pytest.approx(expected, rel=1e-6, abs=1e-12)
    torch.testing.assert_close(onward[:, 0], alone[:, 0])


SIZES = [(1, 1, 1), (3, 1, 5), (4, 7, 1), (16, 32, 9), (32, 128, 21), (4, 512, 9), (8, 16, 64)]


@pytest.mark.parametrize("spread", [1.0, 100.0])
@pytest.mark.parametrize("size", SIZES)
def test_loss_and_gradients_are_those_of_pytorch_crf(size, spread):
    """pytorch-crf in float64, as its own rounding in float32 is larger than ours."""
    crf = random_crf(size[2], spread)
    scores, tags, mask = ragged(*size, spread)
    expected = loss_and_gradients(as_torchcrf(crf).double(), scores.double(), tags, mask)
    for found, wanted in zip(loss_and_gradients(crf, scores, tags, mask), expected, strict=True):
        assert found.dtype == torch.float32
        torch.testing.assert_close(found.double(), wanted, rtol=1e-4, atol=1e-5 * max(1.0, wanted.abs().max().item()))


def test_loss_and_gradients_are_those_of_pytorch_crf_in_float32_as_well():
    crf = random_crf(21)
    scores, tags, mask = ragged(32, 128, 21)
    expected = loss_and_gradients(as_torchcrf(crf), scores, tags, mask)
    for found, wanted in zip(loss_and_gradients(crf, scores, tags, mask), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4 * wanted.abs().max().item())


@pytest.mark.parametrize("spread", [1.0, 100.0])
@pytest.mark.parametrize("size", SIZES)
def test_decoding_gives_the_tags_of_pytorch_crf(size, spread):
    """In float64, where no two sequences of random scores are equally good but for rounding."""
    crf = random_crf(size[2], spread).double()
    scores, _, mask = ragged(*size, spread)
    assert crf.decode(scores.double(), mask) == as_torchcrf(crf).decode(scores.double(), mask)


@pytest.mark.parametrize("reduction", ["none", "sum", "mean", "token_mean"])
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("masked", [True, False])
def test_every_reduction_layout_and_mask_gives_what_pytorch_crf_gives(reduction, batch_first, masked):
    crf = random_crf(4, batch_first=batch_first).double()
    scores, tags, mask = ragged(3, 6, 4)
    scores = scores.double()
    if not batch_first:
        scores, tags, mask = scores.transpose(0, 1), tags.t(), mask.t()
    other = as_torchcrf(crf)
    for kind in (torch.bool, torch.uint8):
        given = mask.to(kind) if masked else None
        expected = loss_and_gradients(other, scores, tags, given, reduction)
        for found, wanted in zip(loss_and_gradients(crf, scores, tags, given, reduction), expected, strict=True):
            torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-9)  # token_mean counts words in float32 there
        assert crf.decode(scores, given) == other.decode(scores, given)
    assert crf.marginals(scores, given).shape == scores.shape


def test_holes_in_a_mask_are_skipped_with_the_loss_of_pytorch_crf():
    crf = random_crf(4).double()
    scores, tags, _ = ragged(3, 6, 4)
    mask = torch.tensor([[1, 0, 1, 1, 0, 1], [1, 1, 0, 0, 1, 0], [1, 0, 0, 0, 0, 1]], dtype=torch.bool)
    expected = loss_and_gradients(as_torchcrf(crf), scores.double(), tags, mask)
    for found, wanted in zip(loss_and_gradients(crf, scores.double(), tags, mask), expected, strict=True):
        torch.testing.assert_close(found, wanted)


def test_decoding_and_probabilities_over_holes_are_those_of_the_words_that_count():
    crf = random_crf(4).double()
    scores, tags, _ = ragged(1, 6, 4)
    mask = torch.tensor([[True, False, True, True, False, True]])
    kept, kept_tags = scores.double()[mask].unsqueeze(0), tags[mask].unsqueeze(0)
    assert crf.decode(scores.double(), mask) == crf.decode(kept)
    torch.testing.assert_close(crf.marginals(scores.double(), mask)[mask].unsqueeze(0), crf.marginals(kept))
    for found, expected in zip(
        crf.tag_probabilities(scores.double(), tags, mask), crf.tag_probabilities(kept, kept_tags), strict=True
    ):
        torch.testing.assert_close(found[mask].unsqueeze(0), expected)


@pytest.mark.parametrize("masked", [True, False])
def test_gradients_are_right_by_finite_differences(masked):
    crf = random_crf(3).double()
    scores, tags, mask = ragged(3, 5, 3)
    mask = mask.t() if masked else torch.ones(5, 3, dtype=torch.bool)
    given = [scores.transpose(0, 1).double(), *(getattr(crf, name).detach() for name in SCORES)]
    given = [each.clone().requires_grad_() for each in given]
    assert torch.autograd.gradcheck(
        lambda emissions, start, end, moves: log_likelihood(emissions, tags.t(), mask, start, moves, end), given
    )


def test_a_likelihood_without_gradients_is_the_same_with_one_sweep_less():
    crf = random_crf(5)
    scores, tags, mask = ragged(4, 20, 5)
    with torch.no_grad(), Operators() as without:
        quiet = crf(scores, tags, mask=mask, reduction="none")
    with Operators() as counted:
        torch.testing.assert_close(crf(scores, tags, mask=mask, reduction="none"), quiet, rtol=0, atol=0)
    assert not quiet.requires_grad
    shapes = [next(shape for name, shape in mode.seen if name.startswith("aten.bmm")) for mode in (without, counted)]
    assert shapes == [(1, 6, 5), (2, 6, 5)]


def test_emission_scores_of_any_size_are_exact():
    crf = random_crf(4, spread=10.0)
    scores, tags, mask = ragged(5, 9, 4, spread=1e4)
    expected = loss_and_gradients(as_torchcrf(crf).double(), scores.double(), tags, mask)
    for found, wanted in zip(loss_and_gradients(crf, scores, tags, mask), expected, strict=True):
        torch.testing.assert_close(found.double(), wanted, rtol=1e-4, atol=1e-5 * max(1.0, wanted.abs().max().item()))


@pytest.mark.parametrize("forbidden", [-1e4, -torch.inf])
def test_forbidden_transitions_leave_loss_and_gradients_finite_and_right(forbidden):
    crf = random_crf(4)
    with torch.no_grad():
        crf.transitions[0, 1] = crf.start_transitions[2] = crf.end_transitions[3] = forbidden
    scores, _, mask = ragged(3, 6, 4)
    tags = torch.zeros(3, 6, dtype=torch.long)
    found = loss_and_gradients(crf, scores, tags, mask)
    finite = as_torchcrf(crf).double()
    with torch.no_grad():
        for each in finite.parameters():
            each.clamp_(min=-1e4)
    for ours, wanted in zip(found, loss_and_gradients(finite, scores.double(), tags, mask), strict=True):
        torch.testing.assert_close(ours.double(), wanted, rtol=1e-4, atol=1e-5)
    assert crf.decode(scores, mask) == finite.decode(scores.double(), mask)


def test_half_precision_scores_are_summed_in_float64():
    crf = random_crf(5)
    scores, tags, mask = ragged(4, 30, 5)
    rough = scores.bfloat16()
    torch.testing.assert_close(crf(rough, tags, mask=mask), crf(rough.float(), tags, mask=mask), rtol=0, atol=0)
    rough.requires_grad_()
    crf(rough, tags, mask=mask).backward()
    assert rough.grad is not None
    assert rough.grad.dtype == torch.bfloat16


def test_a_state_dict_of_either_loads_in_the_other():
    torch.manual_seed(3)
    ours = CRF(5)
    torch.manual_seed(3)
    theirs = TorchCRF(5)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value, rtol=0, atol=0)  # and so is what they begin with
    ours.load_state_dict(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    assert repr(ours) == repr(theirs) == "CRF(num_tags=5)"


def refused(build):
    with pytest.raises(ValueError) as problem:  # noqa: PT011, the message is what is compared
        build()
    return str(problem.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda kind: kind(0),
        lambda kind: kind(3)(torch.zeros(2, 3), torch.zeros(2, 3)),
        lambda kind: kind(3)(torch.zeros(2, 2, 4), torch.zeros(2, 2)),
        lambda kind: kind(3)(torch.zeros(2, 2, 3), torch.zeros(2, 4)),
        lambda kind: kind(3)(torch.zeros(2, 2, 3), torch.zeros(2, 2).long(), torch.ones(3, 2)),
        lambda kind: kind(3)(torch.zeros(2, 2, 3), torch.zeros(2, 2).long(), torch.tensor([[1, 0], [1, 1]]).bool()),
        lambda kind: kind(3, batch_first=True).decode(torch.zeros(2, 2, 3), torch.tensor([[1, 1], [0, 1]]).bool()),
        lambda kind: kind(3)(torch.zeros(2, 2, 3), torch.zeros(2, 2).long(), reduction="max"),
        lambda kind: kind(3).decode(torch.zeros(2, 2)),
        lambda kind: kind(3).decode(torch.zeros(2, 2, 3), torch.ones(2, 3).bool()),
    ],
)
def test_what_pytorch_crf_refuses_is_refused_in_the_same_words(call):
    assert refused(lambda: call(CRF)) == refused(lambda: call(TorchCRF))


class Operators(TorchDispatchMode):
    """Notes the operators that are dispatched, with the shape of each one's first tensor."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        shape = tuple(args[0].shape) if args and isinstance(args[0], torch.Tensor) else None
        self.seen.append((str(func), shape))
        return func(*args, **(kwargs or {}))


def test_six_times_fewer_operators_are_dispatched_than_by_pytorch_crf():
    crf = random_crf(21)
    scores, tags, mask = ragged(32, 128, 21)
    counts = []
    for each in (as_torchcrf(crf), crf):
        with Operators() as counted:
            loss_and_gradients(each, scores, tags, mask)
        counts.append(len(counted.seen))
    assert counts[0] >= 6 * counts[1]


def test_neither_loss_nor_decoding_asks_the_device_for_a_value():
    """Tensors on `meta` have none: whoever reads one fails."""
    crf = CRF(5, batch_first=True).to("meta")
    scores = torch.empty(3, 7, 5, device="meta", requires_grad=True)
    tags = torch.empty(3, 7, dtype=torch.long, device="meta")
    mask = torch.empty(3, 7, dtype=torch.bool, device="meta")
    crf(scores, tags, mask=mask).backward()
    assert scores.grad is not None
    assert crf.marginals(scores, mask).shape == scores.shape
    inner = (scores.detach().transpose(0, 1), mask.t())
    scores_of_tags = (crf.start_transitions, crf.transitions, crf.end_transitions)
    assert viterbi_decode(*inner, *scores_of_tags).shape == (3, 8)


def test_a_likelihood_is_differentiable_once_only():
    crf = random_crf(3)
    scores, tags, mask = ragged(2, 4, 3)
    scores.requires_grad_()
    (first,) = torch.autograd.grad(crf(scores, tags, mask=mask), scores, create_graph=True)
    with pytest.raises(RuntimeError, match="does not require grad"):
        first.sum().backward()
