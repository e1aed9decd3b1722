"""Inference with a trained tagger: tags of sentences and the confidence of entities."""

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
from labkit.messages import N_, Message
from labkit.model.tagger import Tagger


class TaggedSentence(NamedTuple):
    """Tags of a sentence with their probabilities."""

    tags: list[str]
    marginals: NDArray[np.float64]  # (words,), the probability of each tag
    conditionals: NDArray[np.float64]  # (words,), the probability of each tag given the one before

    def confidence(self, start: int, end: int) -> float:
        """Joint probability of the tags from word `start` to before `end`.

        It is exact: the summed probability of all tag sequences with these tags there. So a long entity is not called
        sure because each of its words is. Windows of a long sentence are tagged one by one, and count as independent.
        """
        probability = float(self.marginals[start] * self.conditionals[start + 1 : end].prod())
        return min(1.0, probability)  # rounding may exceed 1


@dataclass(frozen=True)
class TrainedTagger:
    """Trained model, featurizer and tags, ready to predict.

    It computes in the precision of its run.

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
        """Predict a tag for every word of every sentence.

        Sentences may be of any length; none may be empty.
        """
        windows = self._build_windows(sentences)
        tags = np.empty(windows.num_words, object)  # in the order of the text
        for indices, _, _, numbers in self._decode_batches(windows):
            tags[indices] = [self.tags[number] for number in numbers]
        return [tags[start:end].tolist() for start, end in pairwise(windows.sentence_offsets.tolist())]

    @torch.inference_mode()
    def predict_with_confidence(self, sentences: Sequence[Sequence[str]]) -> list[TaggedSentence]:
        """Predict as `predict` does, with the probabilities of the tags."""
        windows = self._build_windows(sentences)
        tags = np.empty(windows.num_words, object)
        probabilities = np.empty((2, windows.num_words))
        for indices, batch, scores, numbers in self._decode_batches(windows):
            tags[indices] = [self.tags[number] for number in numbers]
            predicted = torch.zeros_like(batch.tags)
            predicted[batch.word_mask] = torch.tensor(numbers, device=predicted.device)
            both = torch.stack(self.model.decoder.tag_probabilities(scores.float(), predicted, batch.word_mask))
            probabilities[:, indices] = both[:, batch.word_mask].cpu().numpy()
        bounds = pairwise(windows.sentence_offsets.tolist())
        return [TaggedSentence(tags[start:end].tolist(), *probabilities[:, start:end]) for start, end in bounds]

    def _build_windows(self, sentences: Sequence[Sequence[str]]) -> Windows:
        if any(not words for words in sentences):
            raise ValueError(Message("a sentence without words cannot be tagged; leave it out"))
        windows = self.featurizer.featurize([Sentence(tuple(words), ()) for words in sentences])
        rows = self.model.encoder.get_input_embeddings().num_embeddings
        if (largest := int(windows.input_ids.max(initial=0))) >= rows:
            token = self.featurizer.tokenizer.convert_ids_to_tokens(largest)
            text = N_(
                "the encoder has no vector for the token {token!r} (number {number} of {rows}); its tokenizer belongs "
                "to another model"
            )
            raise ValueError(Message(text, token=token, number=largest, rows=rows))
        return windows

    def _decode_batches(self, windows: Windows) -> Iterator[tuple[Any, Batch, torch.Tensor, list[int]]]:
        """Yield word indices, batch, scores and the words' tag numbers.

        The indices are the words' places in the text.
        """
        device = self.model.linear.weight.device
        for members in sorted_batches(windows.token_counts):
            batch = self.featurizer.collate(windows[members]).to(device)
            dtype = getattr(torch, self.precision)
            with torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32):  # as an evaluation does
                scores = self.model.scores(batch)
                rows = self.model.decode(scores, batch)
            yield windows.word_indices(members), batch, scores, [number for row in rows for number in row]
