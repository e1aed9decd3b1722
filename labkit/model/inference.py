"""Prediction with a trained tagger: tags of sentences, and the probability of each entity."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from labkit.data.batching import sorted_batches
from labkit.data.corpora import Sentence
from labkit.data.featurize import Batch, Featurizer, Windows
from labkit.model.tagger import Tagger


class TaggedSentence(NamedTuple):
    """A sentence's tags, with the probability of each alone, and of each after the one before (both (words,))."""

    tags: list[str]
    marginals: NDArray[np.float64]
    conditionals: NDArray[np.float64]

    def confidence(self, start: int, end: int) -> float:
        """The probability that exactly these tags stand from word `start` to the word before `end`.

        It is exact, the summed probability of all tag sequences that hold these tags there: a long entity is not
        called sure because each of its words is. Between the windows of a long sentence, which are tagged one by one,
        words count as independent.
        """
        return min(
            1.0, float(self.marginals[start] * self.conditionals[start + 1 : end].prod())
        )  # rounding may be above


@dataclass(frozen=True)
class TrainedTagger:
    """A tagger ready to predict, in the precision that its run computed in.

    >>> tagger = load_tagger("runs/run-0001")           # doctest: +SKIP
    >>> tagger.predict([["Obama", "visits", "Paris"]])  # doctest: +SKIP
    [['B-person', 'O', 'B-geo-loc']]
    """

    model: Tagger
    featurizer: Featurizer
    tags: tuple[str, ...]
    precision: str = "float32"

    @torch.inference_mode()
    def predict(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """A tag for every word of every sentence. Sentences may be of any length; none may be empty."""
        windows = self._build_windows(sentences)
        found = np.empty(windows.num_words, object)  # tags, in the order of the text
        for places, _, _, numbers in self._decode_batches(windows):
            found[places] = [self.tags[number] for number in numbers]
        return [found[start:end].tolist() for start, end in pairwise(windows.sentence_offsets.tolist())]

    @torch.inference_mode()
    def predict_with_confidence(self, sentences: Sequence[Sequence[str]]) -> list[TaggedSentence]:
        """As `predict`, and how sure the tagger is of any span of its tags."""
        windows = self._build_windows(sentences)
        tags = np.empty(windows.num_words, object)
        sure = np.empty((2, windows.num_words))
        for places, batch, scores, numbers in self._decode_batches(windows):
            tags[places] = [self.tags[number] for number in numbers]
            given = torch.zeros_like(batch.tags)
            given[batch.word_mask] = torch.tensor(numbers, device=given.device)
            both = torch.stack(self.model.decoder.tag_probabilities(scores.float(), given, batch.word_mask))
            sure[:, places] = both[:, batch.word_mask].cpu().numpy()
        bounds = pairwise(windows.sentence_offsets.tolist())
        return [TaggedSentence(tags[start:end].tolist(), *sure[:, start:end]) for start, end in bounds]

    def _build_windows(self, sentences: Sequence[Sequence[str]]) -> Windows:
        if any(not words for words in sentences):
            raise ValueError("a sentence without words cannot be tagged; leave it out")
        windows = self.featurizer.featurize([Sentence(tuple(words), ()) for words in sentences])
        rows = self.model.encoder.get_input_embeddings().num_embeddings
        if (largest := int(windows.input_ids.max(initial=0))) >= rows:
            piece = self.featurizer.tokenizer.convert_ids_to_tokens(largest)
            what = f"the encoder has no vector for the piece {piece!r} (number {largest} of {rows})"
            raise ValueError(f"{what}; its tokenizer is that of another model")
        return windows

    def _decode_batches(self, windows: Windows) -> Iterator[tuple[Any, Batch, torch.Tensor, list[int]]]:
        """Batch by batch: its words' places in the text, the batch, its scores, and its words' tag numbers."""
        for chosen in sorted_batches(windows.token_counts):
            device = self.model.linear.weight.device
            batch = self.featurizer.collate(windows[chosen]).to(device)
            dtype = getattr(torch, self.precision)
            with torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32):  # as an evaluation does
                scores = self.model.scores(batch)
                rows = self.model.decode(scores, batch)
            yield windows.word_indices(chosen), batch, scores, [number for row in rows for number in row]
