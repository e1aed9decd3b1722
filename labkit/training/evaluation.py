"""Entity-level evaluation: precision, recall and F1 by exact span and type.

Scores are micro averages, overall and per type.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise

import numpy as np
import torch

from labkit.data.batching import sorted_batches
from labkit.data.corpora import bio_tags_to_spans
from labkit.data.featurize import Batch, Featurizer, Windows
from labkit.data.windows import Array
from labkit.events import CrfTransitions, TypeScore
from labkit.model.crf import CRF
from labkit.model.crf.constraints import Constraints, allowed_transitions
from labkit.model.tagger import Tagger


@dataclass
class EntityCounts:
    """Counts of gold, predicted and correct entities by type.

    Entities are counted as conlleval and seqeval's default mode do (Tjong Kim Sang and De Meulder 2003, section 2.1).
    """

    gold: Counter[str] = field(default_factory=Counter)
    predicted: Counter[str] = field(default_factory=Counter)
    correct: Counter[str] = field(default_factory=Counter)

    def add(self, gold: Sequence[str], predicted: Sequence[str]) -> None:
        """Counts the entities of one sentence, given the tags of its words."""
        gold_spans, predicted_spans = set(bio_tags_to_spans(gold)), set(bio_tags_to_spans(predicted))
        self.gold.update(span.type for span in gold_spans)
        self.predicted.update(span.type for span in predicted_spans)
        self.correct.update(span.type for span in gold_spans & predicted_spans)

    def overall(self) -> TypeScore:
        return _score(self.correct.total(), self.predicted.total(), self.gold.total())

    def by_type(self) -> dict[str, TypeScore]:
        types = sorted(set(self.gold) | set(self.predicted))
        return {name: _score(self.correct[name], self.predicted[name], self.gold[name]) for name in types}


@dataclass(frozen=True)
class Evaluation:
    """Result of one pass over a split."""

    loss: float  # negative log likelihood per word; if it is not finite, nothing was decoded
    counts: EntityCounts
    illegal: int  # places where unconstrained decoding breaks the tag scheme
    predicted: Array  # (words,) int64, tag ids in the order of the text


@torch.inference_mode()
def evaluate(
    model: Tagger,
    featurizer: Featurizer,
    windows: Windows,
    tags: Sequence[str],
    device: torch.device,
    should_stop: Callable[[], bool] = lambda: False,
) -> Evaluation | None:
    """Scores a split; returns None if `should_stop` returns True between two batches.

    Args:
        windows: all windows of the split, in the order of the text; a sentence cut into windows is counted whole.
    """
    was_training = model.training
    model.eval()
    loss, words = torch.zeros((), device=device), 0
    predicted = np.zeros(windows.num_words, np.int64)
    unconstrained = predicted if model.constraints is None else predicted.copy()
    try:
        for chosen in sorted_batches(windows.token_counts):
            if should_stop():
                return None
            batch = featurizer.collate(windows[chosen]).to(device)
            scores = model.scores(batch)
            loss += model.negative_log_likelihood(scores, batch)
            if not bool(loss.isfinite()):  # nothing to decode then, and decoding waits for the device anyway
                return Evaluation(loss.item(), EntityCounts(), 0, predicted)
            words += batch.num_words
            indices = windows.word_indices(chosen)
            predicted[indices] = list(chain.from_iterable(model.decode(scores, batch)))
            if unconstrained is not predicted:
                unconstrained[indices] = list(chain.from_iterable(_decode_unconstrained(model, scores, batch)))
    finally:
        model.train(was_training)
    counts = EntityCounts()
    for start, end in pairwise(windows.sentence_offsets.tolist()):
        gold = [tags[tag] for tag in windows.tags[start:end].tolist()]
        counts.add(gold, [tags[tag] for tag in predicted[start:end].tolist()])
    illegal = count_illegal(unconstrained, windows.sentence_offsets, allowed_transitions(tags))
    return Evaluation(loss.item() / max(1, words), counts, illegal, predicted)


def _decode_unconstrained(model: Tagger, scores: torch.Tensor, batch: Batch) -> list[list[int]]:
    """Decodes without the model's constraints."""
    constraints, model.constraints = model.constraints, None
    try:
        return model.decode(scores, batch)
    finally:
        model.constraints = constraints


def count_illegal(tag_ids: Array, sentence_starts: Array, constraints: Constraints) -> int:
    """Counts illegal transitions between tags, and illegal first and last tags.

    Args:
        tag_ids: tags of all words, sentence after sentence, (words,).
        sentence_starts: first word of each sentence, none of them empty, then the number of words, (sentences + 1,).
    """
    transitions = constraints.transitions.numpy()[tag_ids[:-1], tag_ids[1:]]
    transitions[sentence_starts[1:-1] - 1] = True  # from one sentence to the next
    starts = constraints.start.numpy()[tag_ids[sentence_starts[:-1]]]
    ends = constraints.end.numpy()[tag_ids[sentence_starts[1:] - 1]]
    return sum(int(np.count_nonzero(~allowed)) for allowed in (transitions, starts, ends))


def build_crf_transitions(crf: CRF, tags: Sequence[str], seconds: float, step: int) -> CrfTransitions:
    """Builds the event of the CRF's present scores, rounded for plots."""
    start, transitions, end = (
        scores.detach().cpu().double().numpy().round(3).tolist()
        for scores in (crf.start_transitions, crf.transitions, crf.end_transitions)
    )
    return CrfTransitions(seconds, step, list(tags), start, transitions, end)


def _score(correct: int, predicted: int, gold: int) -> TypeScore:
    precision = correct / predicted if predicted else 0.0
    recall = correct / gold if gold else 0.0
    f1 = 2 * correct / (predicted + gold) if correct else 0.0
    return TypeScore(precision, recall, f1, gold)
