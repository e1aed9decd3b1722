"""Sentences to word-aligned tensors: words to pieces, sentences to windows, windows to padded batches."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import torch

from labkit.data.corpora import Sentence
from labkit.data.window_cuts import WindowCutter
from labkit.data.windows import Array, Window, Windows, concatenate, offsets_from_counts, ragged_indices
from labkit.data.word_splitting import Granularity

__all__ = ["Batch", "Featurizer", "Window", "Windows"]

CHUNK_SENTENCES = 20_000  # sentences laid out at a time: what is needed for a moment then does not grow with the corpus
# A batch's columns are a multiple of this. oneDNN generates code for every new shape, and keeps it: with all lengths
# that occur a CPU spent 16 ms of each of the first steps of 120 on it, and 400 MiB. It costs 5 % more padding, which on
# a CPU only attention and the head compute on.
PAD_TO_MULTIPLE_OF = 4
_WORDS_PER_TEXT = 256  # words that the tokenizer gets as one text
# Pieces that say no more than that a space stands before a word: SentencePiece's, and that of byte-level vocabularies.
_SPACE_MARKS = ("▁", "Ġ")
_SURROGATE = re.compile("[\ud800-\udfff]")  # alone it is no text: Python's for a byte that it could not decode
_UNSPACED = "\u2e80"  # the first character of the scripts of East Asia, in which no spaces are written


@dataclass(frozen=True)
class Batch:
    """Windows padded to the longest of them and on to the next multiple of COLUMNS.

    Words are a prefix of each row, as the CRF wants it.
    """

    input_ids: torch.Tensor  # (batch, pieces) int64
    attention_mask: torch.Tensor  # (batch, pieces) int64, 1 for a piece, 0 for padding
    first_token: torch.Tensor  # (batch, words) int64, the place of each word's first piece (see `Encoder.encode`)
    tags: torch.Tensor  # (batch, words) int64, 0 where there is padding
    word_mask: torch.Tensor  # (batch, words) bool, true for a word
    word_counts: torch.Tensor  # (batch,) int64, words a row; stays on the CPU, where pack_padded_sequence wants it
    num_tokens: int  # pieces without padding
    num_words: int

    def to(self, device: torch.device) -> "Batch":
        """The same batch on a device; on CUDA copies run beside the computation, from pinned memory.

        Nowhere else: on MPS such a copy may read memory that was given away meanwhile (pytorch issue 189690).
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
    """The pieces of distinct words."""

    input_ids: Array  # (all pieces,) int32, word after word
    token_offsets: Array  # (words + 1,) int64
    truncated: Array  # (words,) bool
    unreadable: Array  # (words,) bool
    has_space_token: Array  # (words,) bool, true where the first piece is but the mark of a space
    unknown: Array  # (words,) bool, true where there is nothing behind such a mark but the unknown piece


class Featurizer:
    """Turns words into windows of pieces with one tokenizer.

    Args:
        tokenizer: a Hugging Face tokenizer.
        tags: every tag; a tag's number is its place.
        max_pieces: longest window, the tokenizer's own marks ([CLS], [SEP]) included.
        splitting: what the words are; nothing here asks, but whoever has a text and not its words does.
    """

    def __init__(
        self, tokenizer: Any, tags: Sequence[str], max_pieces: int, granularity: Granularity = Granularity.WORDS
    ):
        if not tokenizer.is_fast:
            raise ValueError(
                f"the tokenizer {type(tokenizer).__name__} has no fast version, which word alignment needs; "
                "convert it with transformers and save it with its tokenizer.json"
            )
        self.tokenizer = tokenizer
        self.tag_ids = {tag: number for number, tag in enumerate(tags)}
        self.max_pieces = max_pieces
        self.granularity = granularity
        self.prefix_ids, self.suffix_ids = _find_special_tokens(tokenizer)
        self.capacity = max_pieces - len(self.prefix_ids) - len(self.suffix_ids)
        if self.capacity < 1:
            raise ValueError(f"max_pieces must leave room for a word beside the tokenizer's marks, not {max_pieces}")
        self.pad_token_id: int = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
        self.unk_token_id: int = tokenizer.unk_token_id if tokenizer.unk_token_id is not None else self.pad_token_id
        found = {mark: tokenizer.backend_tokenizer.token_to_id(mark) for mark in _SPACE_MARKS}
        self.space_tokens = {mark: piece for mark, piece in found.items() if piece is not None}

    def featurize(self, sentences: Sequence[Sentence], keep_entities: bool = False) -> Windows:
        """Every word of every sentence, in order; a long one becomes several windows (`cutting`), no word is dropped.

        A fast tokenizer splits each word of a text by itself, so each distinct word is given to it once. Where that
        gives a mark of a space as a piece of its own, the word's first piece is the one behind it; Chinese and
        Japanese words, in whose texts there are no spaces, are without it.

        Args:
            keep_entities: cut inside an entity of `tags` only where it fits into no window. For training: what is
                scored must be cut as a text is whose entities nobody knows.
        """
        numbers = _WordIds()
        counts = np.fromiter((len(sentence.words) for sentence in sentences), np.int64, len(sentences))
        starts = offsets_from_counts(counts)
        words = _flatten_ids(numbers, [sentence.words for sentence in sentences], int(starts[-1]))
        tagged = bool(sentences) and bool(sentences[0].tags)
        tags = _flatten_ids(self.tag_ids, [sentence.tags for sentence in sentences], int(starts[-1]) if tagged else 0)
        distinct = list(numbers)
        known = self._tokenize_words(distinct)
        cutter = WindowCutter(distinct, self.capacity, self._find_inside_tags() if keep_entities and tagged else None)
        parts = []
        for begin in range(0, max(1, len(sentences)), CHUNK_SENTENCES):
            chunk = starts[begin : begin + CHUNK_SENTENCES + 1]
            own = slice(chunk[0], chunk[-1])
            its_tags = tags[own] if tagged else tags
            parts.append(self._build_windows(begin, words[own], its_tags, chunk - chunk[0], known, cutter))
        return parts[0] if len(parts) == 1 else concatenate(parts)

    def fingerprint(self) -> str | None:
        """A hash of all but the tags that decides what `encode` gives; None where a tokenizer cannot tell its state."""
        try:
            state = self.tokenizer.backend_tokenizer.to_str()
        except Exception:  # of the Rust library; some tokenizers hold parts written in Python
            return None
        own = (self.max_pieces, self.prefix_ids, self.suffix_ids, self.tokenizer.unk_token_id, self.pad_token_id)
        return hashlib.sha256(f"{own} {state}".encode()).hexdigest()

    def _tokenize_words(self, words: list[str]) -> _TokenizedWords:
        """The pieces of each word: at least one, at most as many as a window has room for."""
        pieces, counts = [np.empty(0, np.int32)], [np.empty(0, np.int64)]
        for begin in range(0, len(words), _WORDS_PER_TEXT * 64):
            some = [_SURROGATE.sub("\ufffd", word) for word in words[begin : begin + _WORDS_PER_TEXT * 64]]
            texts = [some[at : at + _WORDS_PER_TEXT] for at in range(0, len(some), _WORDS_PER_TEXT)]
            encoded = self.tokenizer(
                texts,
                is_split_into_words=True,
                add_special_tokens=False,
                return_attention_mask=False,
                return_token_type_ids=False,
                verbose=False,  # that a text is too long for the encoder: it is none
            )
            for number, text in enumerate(texts):
                owners = np.array([-1 if word is None else word for word in encoded.word_ids(number)], np.int64)
                pieces.append(np.array(encoded["input_ids"][number], np.int32)[owners >= 0])
                counts.append(np.bincount(owners[owners >= 0], minlength=len(text)))
        known = self._fit_tokens(words, np.concatenate(pieces), np.concatenate(counts))
        for number in np.flatnonzero(known.unreadable).tolist():
            known.unreadable[number] = not words[number].isspace()  # nobody would miss it
        return known

    def _fit_tokens(self, words: list[str], input_ids: Array, counts: Array) -> _TokenizedWords:
        """One piece for a word without any, no more of a word than fits, and no marks of spaces that nobody wrote."""
        marked = self._find_space_tokens(words, input_ids, counts)
        unspaced = np.zeros(len(words), bool)
        for number in np.flatnonzero(marked).tolist():
            unspaced[number] = words[number] >= _UNSPACED
        begins, counts = offsets_from_counts(counts)[:-1] + unspaced, counts - unspaced
        unreadable, shortened = counts == 0, counts > self.capacity
        starts = offsets_from_counts(np.clip(counts, 1, self.capacity))
        kept = np.full(starts[-1], self.unk_token_id, np.int32)
        taken = np.minimum(counts, self.capacity)
        kept[ragged_indices(starts[:-1], taken)] = input_ids[ragged_indices(begins, taken)]
        marked = marked & ~unspaced & (taken > 1)
        said_nothing = kept == self.unk_token_id
        said_nothing[starts[:-1][marked]] = True
        unknown = np.logical_and.reduceat(said_nothing, starts[:-1]) & ~unreadable
        return _TokenizedWords(kept, starts, shortened, unreadable, marked, unknown)

    def _find_space_tokens(self, words: list[str], input_ids: Array, counts: Array) -> Array:
        """Whether a word's first piece is only the mark of a space, and more follow, (words,) bool.

        It stands for no part of the word, so another vector is to be taken for it. (The word `▁` has its own.)
        """
        marked = counts > 1
        marked[marked] = np.isin(input_ids[offsets_from_counts(counts)[:-1][marked]], list(self.space_tokens.values()))
        for number in np.flatnonzero(marked).tolist():
            marked[number] = not words[number].startswith(tuple(self.space_tokens))
        return marked

    def _find_inside_tags(self) -> Array:
        """By a tag's number, whether it goes on an entity, (tags,) bool."""
        return np.array([tag.startswith("I-") for tag in self.tag_ids], bool)

    def _build_windows(
        self,
        first_sentence: int,
        words: Array,
        tags: Array,
        sentence_offsets: Array,
        tokenized: _TokenizedWords,
        cutter: WindowCutter,
    ) -> Windows:
        """The windows of some sentences.

        Args:
            words: the numbers of their words, (words,).
            starts: the first word of each sentence, and the end of the last, (sentences + 1,).
        """
        counts = tokenized.token_offsets[words + 1] - tokenized.token_offsets[words]
        ends = offsets_from_counts(counts)  # (words + 1,): pieces before each word
        word_starts = cutter.cut(words, tags, ends, sentence_offsets)
        sentence = np.searchsorted(sentence_offsets, word_starts[:-1], "right") - 1
        owner = np.repeat(np.arange(len(sentence)), np.diff(word_starts))  # each word's window
        begins = len(self.prefix_ids) + ends[:-1] - ends[word_starts[owner]]  # in their windows
        piece_starts = offsets_from_counts(np.diff(ends[word_starts]) + len(self.prefix_ids) + len(self.suffix_ids))
        pieces = np.empty(piece_starts[-1], np.int32)
        pieces[ragged_indices(piece_starts[owner] + begins, counts)] = tokenized.input_ids[
            ragged_indices(tokenized.token_offsets[words], counts)
        ]
        for place, mark in enumerate(self.prefix_ids):
            pieces[piece_starts[:-1] + place] = mark
        for place, mark in enumerate(reversed(self.suffix_ids), 1):
            pieces[piece_starts[1:] - place] = mark
        asked = (tokenized.truncated, tokenized.unreadable, tokenized.unknown)
        told = (np.bincount(owner[of[words]], minlength=len(sentence)).astype(np.int32) for of in asked)
        return Windows(
            pieces,
            piece_starts,
            (begins + tokenized.has_space_token[words]).astype(np.int32),
            tags,
            word_starts,
            (first_sentence + sentence).astype(np.int32),
            *told,
        )

    def collate(self, windows: Windows) -> Batch:
        """Windows as one padded batch, on the CPU; unpadded and end to end they are `windows` itself."""
        lengths = torch.from_numpy(windows.word_counts)
        pieces, attention = _pad_rows(windows.input_ids, windows.token_counts, self.pad_token_id, self.max_pieces)
        first, mask = _pad_rows(windows.first_token, windows.word_counts, 0, self.max_pieces)
        tags = torch.zeros_like(first)
        if len(windows.tags):
            tags = _pad_rows(windows.tags, windows.word_counts, 0, self.max_pieces)[0]
        tokens = len(windows.input_ids)
        return Batch(pieces, attention.long(), first, tags, mask, lengths, tokens, windows.num_words)


def _pad_rows(values: Array, counts: Array, padding: int, max_columns: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows that lie end to end as (rows, columns) int64, and true where there is a value; at most `most` columns."""
    columns = min(-(-int(counts.max()) // PAD_TO_MULTIPLE_OF) * PAD_TO_MULTIPLE_OF, max_columns)
    mask = np.arange(columns) < counts[:, None]
    filled = np.full(mask.shape, padding, np.int64)
    filled[mask] = values
    return torch.from_numpy(filled), torch.from_numpy(mask)


class _WordIds(dict[str, int]):
    """Numbers each new word as it is asked for."""

    def __missing__(self, word: str) -> int:
        number = self[word] = len(self)
        return number


def _flatten_ids(ids: dict[str, int], rows: Sequence[Sequence[str]], count: int) -> Array:
    """The numbers of all words or tags, row after row, (count,) int32."""
    return np.fromiter(map(ids.__getitem__, chain.from_iterable(rows)), np.int32, count)


def _find_special_tokens(tokenizer: Any) -> tuple[list[int], list[int]]:
    """The special pieces that this tokenizer puts before and after a text."""
    encoded = tokenizer(["a"], is_split_into_words=True, return_special_tokens_mask=True)
    special = encoded["special_tokens_mask"]
    inner = [place for place, mark in enumerate(special) if not mark]
    return encoded["input_ids"][: inner[0]], encoded["input_ids"][inner[-1] + 1 :]
