import math
import random

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from labkit.data import featurize
from labkit.data.corpora import Sentence
from labkit.data.featurize import Featurizer
from labkit.data.windows import Window, encoding_notes

TAGS = ("O", "B-PER", "I-PER")


@pytest.fixture
def featurizer(tiny_encoder):
    return Featurizer(AutoTokenizer.from_pretrained(tiny_encoder), TAGS, max_pieces=16)


def sentence(*words, tags=None):
    return Sentence(words, tuple(tags or ["O"] * len(words)))


def random_sentences(count, seed=0, longest=30):
    """Known words, words of several tokens, words longer than a window, words without a token; tags at random."""
    rng = random.Random(seed)
    kinds = ["anna", "benq", "went", "x1y2", "ab" * 40, "\u200b", "home", "city", "北"]
    weights = [9, 9, 9, 9, 1, 1, 9, 9, 9]
    drawn = [rng.choices(kinds, weights, k=rng.randint(1, longest)) for _ in range(count)]
    return [sentence(*words, tags=[rng.choice(TAGS) for _ in words]) for words in drawn]


def is_space(featurizer, token):
    return featurizer.tokenizer.convert_ids_to_tokens(int(token)) in ("▁", "Ġ")


def slow_unspaced(featurizer, word, tokens):
    return tokens[1:] if word == "北" and len(tokens) > 1 and is_space(featurizer, tokens[0]) else tokens


def slow_encode(featurizer, sentences):
    """The obvious twin of `featurize`: the whole sentence goes to the tokenizer, the rest word by word."""
    windows = []
    for number, each in enumerate(sentences):
        encoded = featurizer.tokenizer(list(each.words), is_split_into_words=True, add_special_tokens=False)
        words = [[] for _ in each.words]
        for token, word in zip(encoded["input_ids"], encoded.word_ids(), strict=True):
            words[word].append(token)
        words = [slow_unspaced(featurizer, *each) for each in zip(each.words, words, strict=True)]
        words = [tokens[: featurizer.capacity] or [featurizer.tokenizer.unk_token_id] for tokens in words]
        rows, tags = [[]], list(each.tags)
        for tokens in words:
            if sum(map(len, rows[-1])) + len(tokens) > featurizer.capacity:
                rows.append([])
            rows[-1].append(tokens)
        for row in rows:
            tokens, first = list(featurizer.prefix_ids), []
            for word in row:
                first.append(len(tokens) + (len(word) > 1 and is_space(featurizer, word[0])))
                tokens += word
            own, tags = tags[: len(row)], tags[len(row) :]
            numbers = tuple(TAGS.index(tag) for tag in own)
            windows.append(Window(number, (*tokens, *featurizer.suffix_ids), tuple(first), numbers))
    return windows


def slow_collate(featurizer, windows):
    """The obvious twin of `collate`: value by value."""
    longest, most = max(len(each.input_ids) for each in windows), max(len(each.first_token) for each in windows)
    longest, most = (min(math.ceil(count / 4) * 4, featurizer.max_pieces) for count in (longest, most))
    names = {"input_ids": longest, "attention_mask": longest, "first_token": most, "tags": most, "word_mask": most}
    batch = {name: torch.zeros(len(windows), width, dtype=torch.long) for name, width in names.items()}
    batch["input_ids"] += featurizer.pad_token_id
    for row, window in enumerate(windows):
        for place, token in enumerate(window.input_ids):
            batch["input_ids"][row, place], batch["attention_mask"][row, place] = token, 1
        for place, first in enumerate(window.first_token):
            batch["first_token"][row, place], batch["word_mask"][row, place] = first, 1
            batch["tags"][row, place] = window.tags[place] if window.tags else 0
    return batch | {
        "word_mask": batch["word_mask"].bool(),
        "word_counts": torch.tensor([len(each.first_token) for each in windows]),
    }


def of_bytes():
    """Byte-level BPE, as RoBERTa has it, without marks around a text and without merges."""
    vocabulary = {letter: number for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="!")


def of_letters():
    """Unigram behind a Metaspace that marks the first word only, as newer SentencePiece models have it."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    tokens = [
        ("<unk>", 0.0),
        ("▁", -2.0),
        ("北", -3.0),
        ("▁went", -1.0),
        ("went", -1.5),
        *((letter, -3.0) for letter in letters),
    ]
    tokenizer = Tokenizer(models.Unigram(tokens, unk_id=0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>")


@pytest.mark.parametrize("max_pieces", [10, 16, 128])
@pytest.mark.parametrize("kind", ["WordPiece", "bytes", "letters"])
def test_encoding_distinct_words_once_gives_what_encoding_each_sentence_does(tiny_encoder, kind, max_pieces):
    tokenizers = {"bytes": of_bytes, "letters": of_letters}
    tokenizer = tokenizers[kind]() if kind in tokenizers else AutoTokenizer.from_pretrained(tiny_encoder)
    featurizer = Featurizer(tokenizer, TAGS, max_pieces)
    sentences = random_sentences(60)
    assert list(featurizer.featurize(sentences)) == slow_encode(featurizer, sentences)


def test_a_word_is_read_from_its_first_token_that_is_more_than_a_space():
    """SentencePiece and byte-level vocabularies without `▁x` give `▁` and `x`; a Chinese text has no spaces at all."""
    featurizer = Featurizer(of_letters(), TAGS, max_pieces=16)
    (window,) = featurizer.featurize([sentence("went", "it", "北", "x", "▁", "冷")])
    tokens = featurizer.tokenizer.convert_ids_to_tokens(list(window.input_ids))
    assert tokens == ["▁went", "▁", "i", "t", "北", "▁", "x", "▁", "<unk>"]
    assert [tokens[place] for place in window.first_token] == ["▁went", "i", "北", "x", "▁", "<unk>"]


def test_a_window_with_room_for_a_single_token_holds_it_for_every_word():
    featurizer = Featurizer(of_letters(), TAGS, max_pieces=1)
    windows = featurizer.featurize([sentence("it", "北", "went")])
    assert [window.first_token for window in windows] == [(0,)] * 3


def test_a_corpus_of_many_chunks_is_encoded_as_one(featurizer, monkeypatch):
    sentences = random_sentences(50)
    whole = featurizer.featurize(sentences)
    monkeypatch.setattr(featurize, "CHUNK_SENTENCES", 7)
    assert list(featurizer.featurize(sentences)) == list(whole)


def test_no_sentences_are_no_windows(featurizer):
    windows = featurizer.featurize([])
    assert (len(windows), windows.num_words, windows.num_sentences, list(windows)) == (0, 0, 0, [])


def test_first_tokens_are_those_of_each_word_tokenised_alone(featurizer):
    words = ("anna", "benq", "went", "x1y2", "home")
    (window,) = featurizer.featurize([sentence(*words)])
    alone = [featurizer.tokenizer(word, add_special_tokens=False)["input_ids"] for word in words]
    assert [window.input_ids[place] for place in window.first_token] == [tokens[0] for tokens in alone]
    assert list(window.input_ids[1:-1]) == [token for tokens in alone for token in tokens]


def test_a_long_sentence_is_cut_between_words_and_loses_none(featurizer):
    rng = random.Random(0)
    words = [rng.choice(["anna", "benq", "went", "abcdefgh"]) for _ in range(100)]
    tags = [rng.choice(TAGS) for _ in words]
    windows = featurizer.featurize([sentence("one"), sentence(*words, tags=tags)])
    own = [window for window in windows if window.sentence_index == 1]
    assert max(len(window.input_ids) for window in own) <= 16
    assert [TAGS[number] for window in own for number in window.tags] == tags
    assert windows.sentence_offsets.tolist() == [0, 1, 101]
    assert encoding_notes(windows) == [
        "1 sentences are longer than a window and were cut, at punctuation where there is any."
    ]


def test_a_word_without_tokens_is_read_as_unknown_and_noted(featurizer):
    windows = featurizer.featurize([sentence("anna", "\u200b", "went")])
    (window,) = windows
    assert window.input_ids[window.first_token[1]] == featurizer.tokenizer.unk_token_id
    assert "1 words have no token" in encoding_notes(windows)[0]


def test_a_tenth_of_words_that_are_all_unknown_is_noted(featurizer):
    known, unknown = sentence(*["anna"] * 9), sentence("北")
    expected = "10% of the words are unknown to this encoder, which reads them all alike"
    (note,) = encoding_notes(featurizer.featurize([known, unknown]))
    assert note.startswith(expected)
    assert encoding_notes(featurizer.featurize([known, sentence("anna", "x", "北")])) == []
    parts = featurizer.featurize([known, sentence(*"中北")]), featurizer.featurize([known])
    assert encoding_notes(*parts)[0].startswith(expected)
    assert encoding_notes(parts[0][1:])[0].startswith("100%")


def test_a_space_before_an_unknown_word_makes_it_no_more_known():
    featurizer = Featurizer(of_letters(), TAGS, 10)
    windows = featurizer.featurize([sentence("went", "ж", "жж", "wж", "中", "北", " ")])
    assert windows.unknown.sum() == 3


def test_half_a_surrogate_pair_is_read_as_a_character_that_could_not_be_decoded(featurizer):
    window, plain = (featurizer.featurize([sentence("anna", word, "home")]) for word in ("b\udcff", "b\ufffd"))
    assert window.input_ids.tolist() == plain.input_ids.tolist()
    assert window.num_words == 3


def test_a_word_longer_than_a_window_keeps_its_place(featurizer):
    windows = featurizer.featurize([sentence("ab" * 40, "went")])
    (first, second) = windows
    assert len(first.first_token) == len(second.first_token) == 1
    assert "1 words are longer than a whole window" in " ".join(encoding_notes(windows))


def test_notes_are_about_the_chosen_windows_only(featurizer):
    windows = featurizer.featurize([sentence("anna"), sentence(*["anna"] * 40), sentence("\u200b")])
    assert encoding_notes(windows[windows.sentence_index == 1]) == encoding_notes(windows)[:1]
    assert encoding_notes(windows[:1]) == []
    assert len(encoding_notes(windows[:1], windows)) == 2


@pytest.mark.parametrize("seed", range(5))
def test_a_batch_is_what_the_slow_twin_fills_in_value_by_value(featurizer, seed):
    windows = featurizer.featurize(random_sentences(30, seed))
    chosen = np.random.default_rng(seed).choice(len(windows), size=min(9, len(windows)), replace=False)
    batch, expected = featurizer.collate(windows[chosen]), slow_collate(featurizer, [windows[int(i)] for i in chosen])
    for name, value in expected.items():
        assert torch.equal(getattr(batch, name), value), name
        assert getattr(batch, name).dtype == value.dtype
    assert (batch.num_tokens, batch.num_words) == (
        int(expected["attention_mask"].sum()),
        int(expected["word_mask"].sum()),
    )


def test_windows_without_tags_make_batches_whose_tags_are_zero(featurizer):
    windows = featurizer.featurize([Sentence(("anna", "went"), ()), Sentence(("ben",), ())])
    batch = featurizer.collate(windows[np.array([1, 0])])
    assert batch.tags.tolist() == [[0] * 4] * 2
    assert [window.tags for window in windows] == [(), ()]


def test_chosen_windows_are_those_in_the_order_asked_for(featurizer):
    windows = featurizer.featurize(random_sentences(20))
    every = list(windows)
    chosen = np.array([3, 0, len(windows) - 1])
    assert list(windows[chosen]) == [every[i] for i in chosen]
    assert windows[-1] == every[-1]
    assert list(windows[2:5]) == every[2:5]
    words = np.concatenate([every[i].tags for i in chosen])
    assert windows.tags[windows.word_indices(chosen)].tolist() == words.tolist()
    with pytest.raises(IndexError):
        windows[len(windows)]


def test_a_window_without_room_for_a_word_is_refused(tiny_encoder):
    with pytest.raises(ValueError, match="max_pieces must leave room"):
        Featurizer(AutoTokenizer.from_pretrained(tiny_encoder), TAGS, max_pieces=2)


@pytest.mark.parametrize(("kind", "beside"), [("cuda", True), ("mps", False), ("xpu", False)])
def test_only_cuda_gets_copies_that_nobody_waits_for(featurizer, monkeypatch, kind, beside):
    """From pinned memory; elsewhere the copy may read memory that was freed meanwhile."""
    flags, pinned = [], []
    monkeypatch.setattr(torch.Tensor, "to", lambda value, _, non_blocking=False: flags.append(non_blocking) or value)
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda value: pinned.append(value) or value)
    featurizer.collate(featurizer.featurize([sentence("anna", "went", "home")])).to(torch.device(kind))
    assert flags == [beside] * 5
    assert len(pinned) == (5 if beside else 0)
