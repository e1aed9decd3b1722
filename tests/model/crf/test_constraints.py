import itertools

import pytest
import torch

from labkit.data.tags import SCHEMES, bigrams
from labkit.model.crf import CRF
from labkit.model.crf.constraints import allowed_transitions

TAGS = {
    "BIO": ("O", "B-PER", "I-PER", "B-LOC", "I-LOC"),
    "BIOES": ("O", "B-PER", "I-PER", "E-PER", "S-PER", "B-LOC", "I-LOC", "E-LOC", "S-LOC"),
    "BMES": ("O", "B-PER", "M-PER", "E-PER", "S-PER"),
    "BILOU": ("O", "B-PER", "I-PER", "L-PER", "U-PER"),
}


def test_bio_allows_an_inside_only_after_its_own_type():
    allowed = allowed_transitions(["O", "B-PER", "I-PER", "I-LOC"])
    assert allowed.start.tolist() == [True, True, False, False]
    assert allowed.transitions.tolist() == [
        [True, True, False, False],
        [True, True, True, False],
        [True, True, True, False],
        [True, True, False, True],
    ]
    assert allowed.end.all()


def test_bioes_wants_what_is_begun_to_be_ended():
    allowed = allowed_transitions(["O", "B-PER", "I-PER", "E-PER", "S-PER"])
    assert allowed.start.tolist() == [True, True, False, False, True]
    assert allowed.end.tolist() == [True, False, False, True, True]
    assert allowed.transitions[1].tolist() == allowed.transitions[2].tolist() == [False, False, True, True, False]


@pytest.mark.parametrize("scheme", TAGS)
def test_decoding_with_legal_tags_only_never_breaks_the_scheme(scheme):
    tags = TAGS[scheme]
    rules = next(each for each in SCHEMES if each.name == scheme)
    torch.manual_seed(0)
    crf = CRF(len(tags), batch_first=True)
    scores, lengths = 3 * torch.randn(60, 12, len(tags)), torch.randint(1, 13, (60,))
    mask = torch.arange(12) < lengths[:, None]
    problems = dict.fromkeys((None, allowed_transitions(tags)), 0)
    for legal in problems:
        rows = [[tags[number] for number in row] for row in crf.decode(scores, mask, legal)]
        assert [len(row) for row in rows] == lengths.tolist()
        problems[legal] = sum(bool(rules.find_violation(*pair)) for row in rows for pair in bigrams(row))
    free, held = problems.values()
    assert free > 60
    assert held == 0


def test_the_legal_answer_is_the_best_of_all_legal_sequences():
    tags = TAGS["BIO"]
    bio = SCHEMES[0]
    torch.manual_seed(1)
    crf = CRF(len(tags), batch_first=True)
    scores = 2 * torch.randn(10, 4, len(tags))
    for row, found in zip(scores, crf.decode(scores, constraints=allowed_transitions(tags)), strict=True):
        legal = [
            path
            for path in itertools.product(range(len(tags)), repeat=4)
            if not any(bio.find_violation(*pair) for pair in bigrams([tags[number] for number in path]))
        ]
        likelihood = crf(row.expand(len(legal), -1, -1), torch.tensor(legal), reduction="none")
        assert tuple(found) == legal[int(likelihood.argmax())]


def test_tags_of_no_scheme_are_refused():
    with pytest.raises(ValueError, match=r"tags must belong to one scheme of BIO, .* not begin with B, E, L"):
        allowed_transitions(["O", "B-PER", "E-PER", "L-PER"])
