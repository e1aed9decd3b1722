"""Tag schemes, compared with tags written from spans, and with seqeval."""

import random
from collections import Counter
from collections.abc import Sequence

import pytest
from seqeval.metrics.sequence_labeling import get_entities

from labkit.data.tags import SCHEMES, Scheme, Span, TagBigram, bigrams, bio_tags_to_spans, detect_scheme, to_bio

TYPES = ("PER", "geo-loc", "X")  # a hyphen inside a type is common in tweets' corpora
BY_NAME = {scheme.name: scheme for scheme in SCHEMES}


def _random_spans(chance: random.Random, length: int) -> list[Span]:
    found, start = [], 0
    while start < length:
        end = min(length, start + chance.randint(1, 4))
        if chance.random() < 0.5:
            found.append(Span(chance.choice(TYPES), start, end))
        start = end
    return found


def _written(entities: Sequence[Span], length: int, scheme: str) -> list[str]:
    """Tags of a sentence, straight from each scheme's definition."""
    tags = ["O"] * length
    letters = BY_NAME[scheme].letters
    for span in entities:
        for index in range(span.start, span.end):
            tags[index] = f"{letters[1]}-{span.type}"
        tags[span.start] = f"B-{span.type}"
        if len(letters) == 4:
            tags[span.end - 1] = f"{letters[2]}-{span.type}"
            if span.end - span.start == 1:
                tags[span.start] = f"{letters[3]}-{span.type}"
        elif scheme == "IOB1" and not any(other.end == span.start and other.type == span.type for other in entities):
            tags[span.start] = f"I-{span.type}"
    return tags


def _recognised(sentences: Sequence[Sequence[str]]) -> tuple[Scheme, dict[TagBigram, str]]:
    counts: Counter[TagBigram] = Counter()
    for tags in sentences:
        counts.update(bigrams(tags))
    return detect_scheme(counts)


def _in_bio(tags: Sequence[str]) -> list[str]:
    return [to_bio(*pair) for pair in bigrams(tags)][:-1]


@pytest.mark.parametrize("scheme", BY_NAME)
@pytest.mark.parametrize("seed", range(5))
def test_a_corpus_written_in_any_scheme_is_recognised_and_comes_back_the_same_in_bio(scheme: str, seed: int) -> None:
    chance = random.Random(seed)
    lengths = [chance.randint(1, 12) for _ in range(60)]
    truth = [_random_spans(chance, length) for length in lengths]
    written = [_written(entities, length, scheme) for entities, length in zip(truth, lengths, strict=True)]
    found, problems = _recognised(written)
    assert (found.name, problems) == (scheme, {})
    assert [_in_bio(tags) for tags in written] == [
        _written(entities, length, "BIO") for entities, length in zip(truth, lengths, strict=True)
    ]
    assert [bio_tags_to_spans(_in_bio(tags)) for tags in written] == truth


@pytest.mark.parametrize("letters", ["BI", "BIES"])
@pytest.mark.parametrize("seed", range(20))
def test_illegal_sequences_are_read_as_seqeval_reads_them(letters: str, seed: int) -> None:
    chance = random.Random(seed)
    every = ["O", *(f"{letter}-{kind}" for letter in letters for kind in TYPES)]
    tags = [chance.choice(every) for _ in range(200)]
    expected = [(kind, start, end + 1) for kind, start, end in get_entities(tags)]
    assert bio_tags_to_spans(_in_bio(tags)) == expected
    if letters == "BI":
        assert bio_tags_to_spans(tags) == expected


@pytest.mark.parametrize(
    ("scheme", "previous", "tag"),
    [
        ("BIO", "O", "I-X"),
        ("BIO", "", "I-X"),
        ("BIO", "B-Y", "I-X"),
        ("BIO", "O", "E-X"),
        ("IOB1", "O", "B-X"),
        ("IOB1", "I-Y", "B-X"),
        ("BIOES", "B-X", "O"),
        ("BIOES", "B-X", ""),
        ("BIOES", "I-X", "E-Y"),
        ("BIOES", "E-X", "I-X"),
        ("BIOES", "S-X", "E-X"),
        ("BMES", "O", "M-X"),
        ("BMES", "", "E-X"),
        ("BMES", "B-X", "B-X"),
        ("BMES", "M-X", "S-X"),
        ("BILOU", "B-X", "U-X"),
        ("BMEWO", "O", "I-X"),
    ],
)
def test_a_broken_rule_is_told_with_the_tag_that_breaks_it(scheme: str, previous: str, tag: str) -> None:
    problem = BY_NAME[scheme].find_violation(previous, tag)
    assert (tag or "end of the sentence") in problem
    assert scheme in problem


@pytest.mark.parametrize(
    ("scheme", "previous", "tag"),
    [
        ("BIO", "B-X", "B-X"),
        ("BIO", "I-X", "I-X"),
        ("IOB1", "I-X", "B-X"),
        ("IOB1", "O", "I-X"),
        ("IOB1", "I-Y", "I-X"),
        ("BIOES", "B-X", "E-X"),
        ("BIOES", "E-X", "S-X"),
        ("BMES", "M-X", "E-X"),
        ("BILOU", "L-X", "B-Y"),
        ("BMEWO", "W-X", ""),
    ],
)
def test_what_a_scheme_allows_has_no_problem(scheme: str, previous: str, tag: str) -> None:
    assert BY_NAME[scheme].find_violation(previous, tag) is None


def test_one_stray_tag_does_not_change_what_the_rest_is_written_in() -> None:
    good = [["B-X", "I-X", "O", "B-Y"]] * 20
    for stray in (["O", "I-X"], ["O", "E-X"], ["S-X", "O"]):
        scheme, problems = _recognised([*good, stray])
        assert scheme.name == "BIO"
        assert len(problems) == 1


def test_iob1_with_a_stray_b_stays_iob1() -> None:
    scheme, problems = _recognised([["I-X", "I-X", "O", "I-Y", "B-Y"]] * 20 + [["B-X", "O"]])
    assert scheme.name == "IOB1"
    assert list(problems) == [("", "B-X")]


def test_a_tag_of_another_scheme_is_told_once() -> None:
    _, problems = _recognised([["B-X", "I-X", "O"]] * 20 + [["O", "S-X", "I-X"]])
    assert list(problems) == [("O", "S-X")]


def test_a_corpus_without_entities_is_bio() -> None:
    scheme, problems = _recognised([["O", "O"], ["O"]])
    assert (scheme.name, problems) == ("BIO", {})


def test_spans_of_an_empty_sentence_are_none() -> None:
    assert bio_tags_to_spans([]) == []
