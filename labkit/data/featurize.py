"""Featurizer: words to tokens, sentences to windows, windows to padded batches.

The tensors are aligned with the words: each word is represented by its first token.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import torch

from labkit.data.batching import PAD_TO_MULTIPLE_OF
from labkit.data.corpora import Sentence
from labkit.data.window_cuts import WindowCutter
from labkit.data.windows import Array, Window, Windows, concatenate, offsets_from_counts, ragged_indices
from labkit.data.word_splitting import Granularity
from labkit.messages import N_, Message

__all__ = ["Batch", "Featurizer", "Window", "Windows"]

CHUNK_SENTENCES = 20_000  # sentences per chunk, so that temporary memory does not grow with the corpus
_WORDS_PER_TEXT = 256  # words that the tokenizer gets as one text
_TEXTS_PER_CALL = 64
_SPACE_MARKS = ("▁", "Ġ")  # tokens that only mark a space before a word: SentencePiece's, and byte-level BPE's
_SURROGATE = re.compile("[\ud800-\udfff]")  # Python's stand-in for a byte that it could not decode; not valid text
_UNSPACED = "\u2e80"  # first character of the East Asian scripts, which are written without spaces


@dataclass(frozen=True)
class Batch:
    """Padded batch of windows.

    Rows are as long as the longest, rounded up to a multiple of PAD_TO_MULTIPLE_OF. Words are a prefix of each row,
    which the CRF requires.
    """

    input_ids: torch.Tensor  # (batch, tokens) int64
    attention_mask: torch.Tensor  # (batch, tokens) int64, 1 for a token, 0 for padding
    first_token: torch.Tensor  # (batch, words) int64, index of each word's first token (see `Featurizer.featurize`)
    tags: torch.Tensor  # (batch, words) int64, 0 for padding
    word_mask: torch.Tensor  # (batch, words) bool, true for a word
    word_counts: torch.Tensor  # (batch,) int64, words per row; stays on the CPU for pack_padded_sequence
    num_tokens: int  # without padding
    num_words: int

    def to(self, device: torch.device) -> "Batch":
        """Returns the same batch on a device.

        On CUDA the copies are asynchronous, from pinned memory. On other devices they are not: on MPS such a copy may
        read memory that was freed meanwhile (pytorch issue 189690).
        """
        if device.type == "cpu":
            return self
        cuda = device.type == "cuda"
        values = {
            name: getattr(self, name) for name in ("input_ids", "attention_mask", "first_token", "tags", "word_mask")
        }
        moved = {
            name: (value.pin_memory() if cuda else value).to(device, non_blocking=cuda)
            for name, value in values.items()
        }
        return replace(self, **moved)


class _TokenizedWords(NamedTuple):
    """Tokens of distinct words."""

    input_ids: Array  # (all tokens,) int32, word after word
    token_offsets: Array  # (words + 1,) int64
    truncated: Array  # (words,) bool
    unreadable: Array  # (words,) bool
    has_space_token: Array  # (words,) bool, true if the first token only marks a space
    unknown: Array  # (words,) bool, true if all tokens but such a mark are the unknown token


class Featurizer:
    """Turns words into windows of tokens with one tokenizer.

    Args:
        tokenizer: a fast Hugging Face tokenizer.
        tags: all tags; a tag's id is its index.
        max_pieces: tokens of the longest window, special tokens ([CLS], [SEP]) included.
        granularity: how the words were split. Not used here; kept for callers that have to split a text.

    Raises ValueError for a slow tokenizer, and where `max_pieces` leaves no room for a word.
    """

    def __init__(
        self, tokenizer: Any, tags: Sequence[str], max_pieces: int, granularity: Granularity = Granularity.WORDS
    ):
        if not tokenizer.is_fast:
            text = N_(
                "the tokenizer {name} has no fast version, which word alignment needs; convert it with transformers "
                "and save it with its tokenizer.json"
            )
            raise ValueError(Message(text, name=type(tokenizer).__name__))
        self.tokenizer = tokenizer
        self.tag_ids = {tag: index for index, tag in enumerate(tags)}
        self.max_pieces = max_pieces
        self.granularity = granularity
        encoded = tokenizer(["a"], is_split_into_words=True, return_special_tokens_mask=True)
        inner = [index for index, is_special in enumerate(encoded["special_tokens_mask"]) if not is_special]
        self.prefix_ids: list[int] = encoded["input_ids"][: inner[0]]  # special tokens before a text
        self.suffix_ids: list[int] = encoded["input_ids"][inner[-1] + 1 :]  # and after it
        self.num_special = len(self.prefix_ids) + len(self.suffix_ids)
        self.capacity = max_pieces - self.num_special
        if self.capacity < 1:
            text = N_("max_pieces must leave room for a word beside the tokenizer's special tokens, not {value}")
            raise ValueError(Message(text, value=max_pieces))
        self.pad_token_id: int = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
        self.unk_token_id: int = tokenizer.unk_token_id if tokenizer.unk_token_id is not None else self.pad_token_id
        space_ids = {mark: tokenizer.backend_tokenizer.token_to_id(mark) for mark in _SPACE_MARKS}
        self.space_tokens = {mark: token for mark, token in space_ids.items() if token is not None}

    def featurize(self, sentences: Sequence[Sentence], keep_entities: bool = False) -> Windows:
        """Returns the windows of all sentences, in order.

        A sentence that is too long becomes several windows (`window_cuts`); no word is dropped. Each distinct word is
        tokenized once, as a fast tokenizer splits each word of a text by itself. If that gives a space mark as a token
        of its own, the word's first token is the one behind it; from Chinese and Japanese words, whose texts have no
        spaces, the mark is removed.

        Args:
            keep_entities: cut inside an entity of `tags` only where it does not fit into a window. For training only:
                what is scored must be cut like a text whose entities are not known.
        """
        word_ids = _WordIds()
        counts = np.fromiter((len(sentence.words) for sentence in sentences), np.int64, len(sentences))
        offsets = offsets_from_counts(counts)
        words = _flatten_ids(word_ids, [sentence.words for sentence in sentences], int(offsets[-1]))
        tagged = bool(sentences) and bool(sentences[0].tags)
        tags = _flatten_ids(self.tag_ids, [sentence.tags for sentence in sentences], int(offsets[-1]) if tagged else 0)
        distinct = list(word_ids)
        tokenized = self._tokenize_words(distinct)
        inside = np.array([tag.startswith("I-") for tag in self.tag_ids], bool) if keep_entities and tagged else None
        cutter = WindowCutter(distinct, self.capacity, inside)
        chunks = []
        for begin in range(0, max(1, len(sentences)), CHUNK_SENTENCES):
            chunk = offsets[begin : begin + CHUNK_SENTENCES + 1]
            own = slice(chunk[0], chunk[-1])
            own_tags = tags[own] if tagged else tags
            chunks.append(self._build_windows(begin, words[own], own_tags, chunk - chunk[0], tokenized, cutter))
        return chunks[0] if len(chunks) == 1 else concatenate(chunks)

    def fingerprint(self) -> str | None:
        """Hash of everything but the tags that determines what `featurize` returns.

        None if the tokenizer cannot be serialized.
        """
        try:
            state = self.tokenizer.backend_tokenizer.to_str()
        except Exception:  # of the Rust library; some tokenizers have parts written in Python
            return None
        own = (self.max_pieces, self.prefix_ids, self.suffix_ids, self.tokenizer.unk_token_id, self.pad_token_id)
        return hashlib.sha256(f"{own} {state}".encode()).hexdigest()

    def _tokenize_words(self, words: list[str]) -> _TokenizedWords:
        """Tokenizes each word: at least one token, and at most what fits into a window."""
        ids, counts = [np.empty(0, np.int32)], [np.empty(0, np.int64)]
        for begin in range(0, len(words), _WORDS_PER_TEXT * _TEXTS_PER_CALL):
            some = [_SURROGATE.sub("\ufffd", word) for word in words[begin : begin + _WORDS_PER_TEXT * _TEXTS_PER_CALL]]
            texts = [some[start : start + _WORDS_PER_TEXT] for start in range(0, len(some), _WORDS_PER_TEXT)]
            encoded = self.tokenizer(
                texts,
                is_split_into_words=True,
                add_special_tokens=False,
                return_attention_mask=False,
                return_token_type_ids=False,
                verbose=False,  # no warning that a text is too long for the encoder, which never sees it
            )
            for index, text in enumerate(texts):
                owners = np.array([-1 if word is None else word for word in encoded.word_ids(index)], np.int64)
                ids.append(np.array(encoded["input_ids"][index], np.int32)[owners >= 0])
                counts.append(np.bincount(owners[owners >= 0], minlength=len(text)))
        tokenized = self._fit_tokens(words, np.concatenate(ids), np.concatenate(counts))
        for index in np.flatnonzero(tokenized.unreadable).tolist():
            tokenized.unreadable[index] = not words[index].isspace()  # nothing is lost with white space
        return tokenized

    def _fit_tokens(self, words: list[str], input_ids: Array, counts: Array) -> _TokenizedWords:
        """Makes each word's tokens fit into a window.

        A word without tokens gets the unknown token, a word that is too long loses its end, and East Asian words lose
        their space marks.
        """
        marked = self._find_space_tokens(words, input_ids, counts)
        unspaced = np.zeros(len(words), bool)
        for index in np.flatnonzero(marked).tolist():
            unspaced[index] = words[index] >= _UNSPACED
        begins, counts = offsets_from_counts(counts)[:-1] + unspaced, counts - unspaced
        unreadable, truncated = counts == 0, counts > self.capacity
        offsets = offsets_from_counts(np.clip(counts, 1, self.capacity))
        kept = np.full(offsets[-1], self.unk_token_id, np.int32)
        kept_counts = np.minimum(counts, self.capacity)
        kept[ragged_indices(offsets[:-1], kept_counts)] = input_ids[ragged_indices(begins, kept_counts)]
        marked = marked & ~unspaced & (kept_counts > 1)
        uninformative = kept == self.unk_token_id
        uninformative[offsets[:-1][marked]] = True
        unknown = np.logical_and.reduceat(uninformative, offsets[:-1]) & ~unreadable
        return _TokenizedWords(kept, offsets, truncated, unreadable, marked, unknown)

    def _find_space_tokens(self, words: list[str], input_ids: Array, counts: Array) -> Array:
        """Marks words whose first token only marks a space, (words,) bool.

        Such a token represents no part of the word, so the vector of the next one is used. (The word `▁` is not
        marked: the token is its own.)
        """
        marked = counts > 1
        marked[marked] = np.isin(input_ids[offsets_from_counts(counts)[:-1][marked]], list(self.space_tokens.values()))
        for index in np.flatnonzero(marked).tolist():
            marked[index] = not words[index].startswith(tuple(self.space_tokens))
        return marked

    def _build_windows(
        self,
        first_sentence: int,
        words: Array,
        tags: Array,
        sentence_offsets: Array,
        tokenized: _TokenizedWords,
        cutter: WindowCutter,
    ) -> Windows:
        """Builds the windows of one chunk of sentences.

        Args:
            first_sentence: index of the chunk's first sentence.
            words: ids of the words, (words,).
            tags: ids of their tags, (words,), or (0,) if unknown.
            sentence_offsets: first word of each sentence, and the end of the last, (sentences + 1,).
        """
        counts = tokenized.token_offsets[words + 1] - tokenized.token_offsets[words]
        ends = offsets_from_counts(counts)  # (words + 1,): tokens before each word
        word_offsets = cutter.cut(words, tags, ends, sentence_offsets)
        sentence = np.searchsorted(sentence_offsets, word_offsets[:-1], "right") - 1
        owner = np.repeat(np.arange(len(sentence)), np.diff(word_offsets))  # each word's window
        begins = len(self.prefix_ids) + ends[:-1] - ends[word_offsets[owner]]  # index of each word in its window
        offsets = offsets_from_counts(np.diff(ends[word_offsets]) + self.num_special)
        input_ids = np.empty(offsets[-1], np.int32)
        input_ids[ragged_indices(offsets[owner] + begins, counts)] = tokenized.input_ids[
            ragged_indices(tokenized.token_offsets[words], counts)
        ]
        for index, token in enumerate(self.prefix_ids):
            input_ids[offsets[:-1] + index] = token
        for index, token in enumerate(reversed(self.suffix_ids), 1):
            input_ids[offsets[1:] - index] = token
        flags = (tokenized.truncated, tokenized.unreadable, tokenized.unknown)
        flag_counts = (np.bincount(owner[flag[words]], minlength=len(sentence)).astype(np.int32) for flag in flags)
        return Windows(
            input_ids,
            offsets,
            (begins + tokenized.has_space_token[words]).astype(np.int32),
            tags,
            word_offsets,
            (first_sentence + sentence).astype(np.int32),
            *flag_counts,
        )

    def collate(self, windows: Windows) -> Batch:
        """Pads windows to one batch, on the CPU. (`windows` itself is the packed form.)"""
        word_counts = torch.from_numpy(windows.word_counts)
        input_ids, attention = _pad_rows(windows.input_ids, windows.token_counts, self.pad_token_id, self.max_pieces)
        first, mask = _pad_rows(windows.first_token, windows.word_counts, 0, self.max_pieces)
        tags = torch.zeros_like(first)
        if len(windows.tags):
            tags = _pad_rows(windows.tags, windows.word_counts, 0, self.max_pieces)[0]
        num_tokens = len(windows.input_ids)
        return Batch(input_ids, attention.long(), first, tags, mask, word_counts, num_tokens, windows.num_words)


def _pad_rows(values: Array, counts: Array, padding: int, max_columns: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Pads packed rows to (rows, columns) int64; also returns the mask."""
    columns = min(-(-int(counts.max()) // PAD_TO_MULTIPLE_OF) * PAD_TO_MULTIPLE_OF, max_columns)
    mask = np.arange(columns) < counts[:, None]
    padded = np.full(mask.shape, padding, np.int64)
    padded[mask] = values
    return torch.from_numpy(padded), torch.from_numpy(mask)


class _WordIds(dict[str, int]):
    """Ids of distinct words; looking up a new word adds it."""

    def __missing__(self, word: str) -> int:
        word_id = self[word] = len(self)
        return word_id


def _flatten_ids(ids: dict[str, int], rows: Sequence[Sequence[str]], count: int) -> Array:
    """Ids of all words or tags, row after row, (count,) int32."""
    return np.fromiter(map(ids.__getitem__, chain.from_iterable(rows)), np.int32, count)
