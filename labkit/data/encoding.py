"""Sentences to word-aligned tensors: windows of word pieces, and batches of windows of similar length."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from labkit.data.corpora import Sentence


@dataclass(frozen=True)
class Window:
    """A sentence, or a part of a long one, as the encoder reads it.

    `first[i]` is the place of word i's first piece in `pieces`; `tags` is empty where none are known.
    """

    sentence: int
    pieces: tuple[int, ...]
    first: tuple[int, ...]
    tags: tuple[int, ...]


@dataclass(frozen=True)
class Batch:
    """Windows padded to the longest of them. Words are a prefix of each row, as the CRF wants it."""

    pieces: torch.Tensor  # (batch, pieces) int64
    attention: torch.Tensor  # (batch, pieces) int64, 1 for a piece, 0 for padding
    first: torch.Tensor  # (batch, words) int64, the place of each word's first piece
    tags: torch.Tensor  # (batch, words) int64, 0 where there is padding
    mask: torch.Tensor  # (batch, words) bool, true for a word
    lengths: torch.Tensor  # (batch,) int64, words a row; stays on the CPU, where pack_padded_sequence wants it
    tokens: int  # pieces without padding
    words: int

    def to(self, device: torch.device) -> "Batch":
        """The same batch on a device; copies run beside the computation where the memory is pinned."""
        if device.type == "cpu":
            return self
        moved = {
            name: (getattr(self, name).pin_memory() if device.type == "cuda" else getattr(self, name)).to(
                device, non_blocking=True
            )
            for name in ("pieces", "attention", "first", "tags", "mask")
        }
        return replace(self, **moved)


class Encoder:
    """Turns words into windows of pieces with one tokenizer.

    Args:
        tokenizer: a Hugging Face tokenizer.
        tags: every tag; a tag's number is its place.
        max_pieces: longest window, the tokenizer's own marks ([CLS], [SEP]) included.
    """

    def __init__(self, tokenizer: Any, tags: Sequence[str], max_pieces: int):
        if not tokenizer.is_fast:
            raise ValueError(
                f"the tokenizer {type(tokenizer).__name__} has no fast version, which word alignment needs; "
                "convert it with transformers and save it with its tokenizer.json"
            )
        self.tokenizer = tokenizer
        self.tag_numbers = {tag: number for number, tag in enumerate(tags)}
        self.max_pieces = max_pieces
        self.before, self.after = _marks_around(tokenizer)
        self.room = max_pieces - len(self.before) - len(self.after)
        if self.room < 1:
            raise ValueError(f"max_pieces must leave room for a word beside the tokenizer's marks, not {max_pieces}")
        self.padding: int = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
        self.cut_sentences = 0
        self.shortened_words = 0
        self.unreadable_words = 0

    def encode(self, sentences: Sequence[Sentence]) -> list[Window]:
        """Every word of every sentence, in order; a long sentence becomes several windows, none is dropped."""
        if not sentences:
            return []
        encoded = self.tokenizer(
            [list(sentence.words) for sentence in sentences], is_split_into_words=True, add_special_tokens=False
        )
        windows: list[Window] = []
        for number, sentence in enumerate(sentences):
            words = self._pieces_by_word(len(sentence.words), encoded["input_ids"][number], encoded.word_ids(number))
            windows += self._windows(number, words, sentence.tags)
        return windows

    def notes(self) -> list[str]:
        """What was cut or replaced so far, a sentence each."""
        told = []
        if self.cut_sentences:
            told.append(f"{self.cut_sentences} sentences are longer than a window and were cut between words.")
        if self.shortened_words:
            told.append(f"{self.shortened_words} words are longer than a whole window; their ends are not read.")
        if self.unreadable_words:
            told.append(f"{self.unreadable_words} words have no piece in this tokenizer and are read as unknown.")
        return told

    def _pieces_by_word(self, count: int, pieces: Sequence[int], word_ids: Sequence[int | None]) -> list[list[int]]:
        words: list[list[int]] = [[] for _ in range(count)]
        for piece, word in zip(pieces, word_ids, strict=True):
            if word is not None:
                words[word].append(piece)
        for word_pieces in words:
            if not word_pieces:
                self.unreadable_words += 1
                word_pieces.append(self.tokenizer.unk_token_id or self.padding)
            elif len(word_pieces) > self.room:
                self.shortened_words += 1
                del word_pieces[self.room :]
        return words

    def _windows(self, number: int, words: list[list[int]], tags: Sequence[str]) -> Iterator[Window]:
        starts = _cuts([len(word) for word in words], self.room)
        self.cut_sentences += len(starts) > 1
        for begin, end in zip(starts, [*starts[1:], len(words)], strict=True):
            pieces, first = list(self.before), []
            for word in words[begin:end]:
                first.append(len(pieces))
                pieces += word
            numbers = tuple(self.tag_numbers[tag] for tag in tags[begin:end])
            yield Window(number, (*pieces, *self.after), tuple(first), numbers)

    def collate(self, windows: Sequence[Window]) -> Batch:
        """Windows as one padded batch, on the CPU."""
        rows, words = len(windows), [len(window.first) for window in windows]
        longest, most = max(len(window.pieces) for window in windows), max(words)
        pieces = torch.full((rows, longest), self.padding)
        attention = torch.zeros((rows, longest), dtype=torch.long)
        first = torch.zeros((rows, most), dtype=torch.long)
        tags = torch.zeros((rows, most), dtype=torch.long)
        for row, window in enumerate(windows):
            pieces[row, : len(window.pieces)] = torch.tensor(window.pieces)
            attention[row, : len(window.pieces)] = 1
            first[row, : words[row]] = torch.tensor(window.first)
            if window.tags:
                tags[row, : words[row]] = torch.tensor(window.tags)
        lengths = torch.tensor(words)
        mask = torch.arange(most) < lengths[:, None]
        tokens = sum(len(window.pieces) for window in windows)
        return Batch(pieces, attention, first, tags, mask, lengths, tokens, sum(words))


BUCKET_BATCHES = 50


def bucketed(windows: Sequence[Window], batch_size: int, generator: torch.Generator) -> list[list[Window]]:
    """Random batches of similar length, each window once: less padding, and still another order every epoch.

    Shuffles everything, sorts by length within stretches of BUCKET_BATCHES batches, and shuffles the batches.
    (The idea is Khomenko et al. 2016, arXiv 1708.05604; a fully sorted order would tie a step to a length.)
    """
    order = torch.randperm(len(windows), generator=generator).tolist()
    stretch = batch_size * BUCKET_BATCHES
    batches: list[list[Window]] = []
    for start in range(0, len(order), stretch):
        part = sorted((windows[i] for i in order[start : start + stretch]), key=lambda window: len(window.pieces))
        batches += [part[i : i + batch_size] for i in range(0, len(part), batch_size)]
    return [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]


def sorted_batches(windows: Sequence[Window], budget: int = 4096) -> list[list[Window]]:
    """Longest first, each batch at most `budget` padded pieces: for evaluation, where order and size do not matter."""
    batches: list[list[Window]] = []
    for window in sorted(windows, key=lambda window: -len(window.pieces)):
        if batches and (len(batches[-1]) + 1) * len(batches[-1][0].pieces) <= budget:
            batches[-1].append(window)
        else:
            batches.append([window])
    return batches


def _cuts(lengths: Sequence[int], room: int) -> list[int]:
    """The first word of each window, filled greedily: no window is longer than `room` pieces."""
    starts, used = [0], 0
    for word, length in enumerate(lengths):
        if used + length > room:
            starts.append(word)
            used = 0
        used += length
    return starts


def _marks_around(tokenizer: Any) -> tuple[list[int], list[int]]:
    """The special pieces that this tokenizer puts before and after a text."""
    encoded = tokenizer(["a"], is_split_into_words=True, return_special_tokens_mask=True)
    special = encoded["special_tokens_mask"]
    inner = [place for place, mark in enumerate(special) if not mark]
    return encoded["input_ids"][: inner[0]], encoded["input_ids"][inner[-1] + 1 :]
