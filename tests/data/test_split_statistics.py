"""Statistics of a split against slow twins that walk from word to word."""

import math
from collections import Counter

import numpy as np
import pytest
from transformers import AutoTokenizer

from labkit.data.corpora import Sentence
from labkit.data.featurize import Featurizer
from labkit.data.split_statistics import conditional_tag_entropy, cut_entity_share, tag_entropy, unknown_token_share
from labkit.data.tags import bio_tags_to_spans

TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]


def entropy_of(counts: Counter) -> float:
    total = sum(counts.values())
    return -sum(count * math.log(count / total) for count in counts.values())


@pytest.fixture(scope="module")
def sentences():
    """Random tags, right and wrong ones; a few sentences are longer than a window of 12 tokens."""
    rng = np.random.default_rng(3)
    found = []
    for length in rng.integers(1, 30, 60):
        words = tuple(rng.choice(["anna", "in", "oslo", "§", "."], length))
        found.append(Sentence(words, tuple(rng.choice(TAGS, length, p=[0.4, 0.1, 0.3, 0.1, 0.1]))))
    return found


@pytest.fixture(scope="module")
def featurizer(tiny_encoder):
    return Featurizer(AutoTokenizer.from_pretrained(tiny_encoder), TAGS, 12)


def test_entropies_of_tags_equal_a_count_from_word_to_word(sentences, featurizer):
    windows = featurizer.featurize(sentences)
    words = sum(len(sentence.words) for sentence in sentences)
    tags = Counter(tag for sentence in sentences for tag in sentence.tags)
    followers: dict[str, Counter] = {}
    for sentence in sentences:
        for before, tag in zip(("start", *sentence.tags), sentence.tags, strict=False):
            followers.setdefault(before, Counter())[tag] += 1
    assert tag_entropy(windows) == pytest.approx(entropy_of(tags) / words, rel=1e-12)
    conditional = sum(map(entropy_of, followers.values())) / words
    assert conditional_tag_entropy(windows) == pytest.approx(conditional, rel=1e-12)
    assert conditional < tag_entropy(windows)


def test_entropies_do_not_depend_on_where_windows_cut(sentences, featurizer, tiny_encoder):
    whole = Featurizer(featurizer.tokenizer, TAGS, 128).featurize(sentences)
    assert len(whole) < len(featurizer.featurize(sentences))
    assert conditional_tag_entropy(whole) == conditional_tag_entropy(featurizer.featurize(sentences))


def test_cut_entities_and_unknown_tokens_equal_a_count_by_hand(sentences, featurizer):
    windows = featurizer.featurize(sentences)
    starts, cut, entities, first = set(windows.word_offsets.tolist()), 0, 0, 0
    for sentence in sentences:
        spans = bio_tags_to_spans(sentence.tags)
        entities += len(spans)
        cut += sum(any(first + word in starts for word in range(span.start + 1, span.end)) for span in spans)
        first += len(sentence.words)
    assert cut > 0
    assert cut_entity_share(windows, TAGS) == cut / entities
    tokens = [featurizer.tokenizer.tokenize(word) for sentence in sentences for word in sentence.words]
    unknown = sum(each.count("[UNK]") for each in tokens)
    assert unknown > 0
    share = unknown_token_share(windows, featurizer.unk_token_id, featurizer.num_special)
    assert share == unknown / sum(map(len, tokens))


def test_an_empty_split_has_zeros(featurizer):
    windows = featurizer.featurize([])
    assert tag_entropy(windows) == conditional_tag_entropy(windows) == cut_entity_share(windows, TAGS) == 0
    assert unknown_token_share(windows, 1, 2) == 0
