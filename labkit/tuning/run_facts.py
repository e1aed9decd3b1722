"""Facts of a run that advice rests on, computed from its events."""

import math
from functools import cached_property

import numpy as np

from labkit.config import RunConfig
from labkit.events import CorpusRead, Evaluated
from labkit.runs.curves import FloatArray
from labkit.runs.event_accumulator import EventAccumulator

SMOOTHED_OVER = 9  # steps, in running medians of the training loss
# Distance from about which on heads of each structure worked, in the recorded runs of both pairs.
HEAD_WORKS_AT = {"bilstm": 1.0, "idcnn": 0.15, "none": 1.0}
STANDS = 0.9  # of the loss that no word was read for; a loss above stands there
FOUND_NOTHING = 0.1  # F1 below which a tagger has found next to nothing


class RunFacts:
    """Facts of one run at one moment. A figure that its log does not have is None.

    Args:
        run: with settings and a corpus: see `are_known`.
    """

    def __init__(self, run: EventAccumulator):
        assert run.config
        assert run.corpus
        self.run = run
        self.config: RunConfig = run.config
        self.corpus: CorpusRead = run.corpus
        with run.lock:
            self.evaluations: list[Evaluated] = run.evaluations
            steps = run.steps
            self.steps: FloatArray = steps.step
            self.losses: FloatArray = steps.loss
            self.rates: dict[str, FloatArray] = steps.rates
            self.moves = run.moves
            self.step: int = run.summary().step
            # as planned, or early as its scores got no better: not stopped by hand, interrupted or failed
            self.is_done: bool = run.is_final and (self.share == 1 or bool(run.finished and run.finished.early))

    @staticmethod
    def are_known(run: EventAccumulator) -> bool:
        """True if a run has settings and has read its corpus."""
        return run.config is not None and run.corpus is not None

    # --- how far it is

    @property
    def planned_steps(self) -> int:
        """Steps of the whole run; 0 before they are known."""
        return self.run.plan.steps if self.run.plan else 0

    @property
    def share(self) -> float:
        """Share of the planned steps that is done, from 0 to 1."""
        return min(1.0, self.step / self.planned_steps) if self.planned_steps else 0.0

    @property
    def epochs_done(self) -> float:
        return self.share * self.config.epochs

    # --- corpus

    @property
    def pieces_per_word(self) -> float | None:
        """Word pieces that a word is split into, on average. None without steps."""
        words = self.corpus.train_words * self.epochs_done
        return self.run.summary().tokens / words if words else None

    # --- loss

    @property
    def loss_without_reading(self) -> float | None:
        """Loss that the decoder reaches without reading a word, in nats per word."""
        entropies = self.corpus.tag_entropy, self.corpus.conditional_tag_entropy
        return entropies[1] if self.config.decoder == "crf" else entropies[0]

    @cached_property
    def smoothed_losses(self) -> FloatArray:
        """Running medians of the training loss, (steps,); empty for fewer steps than they are taken over."""
        finite = self.losses[np.isfinite(self.losses)]
        if len(finite) < SMOOTHED_OVER:
            return np.empty(0)
        return np.median(np.lib.stride_tricks.sliding_window_view(finite, SMOOTHED_OVER), axis=1)

    @property
    def worse_loss(self) -> float | None:
        """Training loss of the last few steps, or the last one on dev if that is higher."""
        losses = [self.last_loss, self.last.loss if self.last else None]
        return max((loss for loss in losses if loss is not None), default=None)

    @property
    def reads_nothing(self) -> bool:
        """True if next to nothing is found, and the worse loss stands where no word is read."""
        return self.finds_nothing and self.is_without_reading(self.worse_loss)

    def is_without_reading(self, loss: float | None) -> bool:
        """True if a loss is hardly lower than one that no word was read for."""
        level = self.loss_without_reading
        return level is not None and loss is not None and loss >= STANDS * level

    @property
    def last_loss(self) -> float | None:
        """Training loss of the last few steps."""
        return float(self.smoothed_losses[-1]) if len(self.smoothed_losses) else None

    # --- rates

    def step_of_last_rate(self, share: float) -> int | None:
        """Last step at which the head's rate was at least this share of its peak so far. None without steps."""
        rates = self.rates.get("head", np.empty(0))
        reached = np.flatnonzero(rates >= share * rates.max(initial=0.0))
        return int(self.steps[reached[-1]]) if len(reached) else None

    # --- F1

    @property
    def last(self) -> Evaluated | None:
        """Last evaluation on dev."""
        return self.evaluations[-1] if self.evaluations else None

    @property
    def best(self) -> Evaluated | None:
        """Best evaluation on dev."""
        return max(self.evaluations, key=lambda evaluation: evaluation.rank_key, default=None)

    @property
    def finds_nothing(self) -> bool:
        """True if its last evaluation found next to none of the entities in dev."""
        last = self.last
        return last is not None and last.entities > 0 and last.f1 < FOUND_NOTHING

    def format_f1(self) -> str:
        """F1 of the last evaluation."""
        return f"{self.last.f1:.3f}" if self.last else "–"

    # --- weights

    def distance(self, part: str) -> float | None:
        """Distance of `encoder`, `head` or `crf` from its start, in sizes of the start."""
        return self.moves[-1].distances.get(part) if self.moves else None

    @property
    def head_works_at(self) -> float:
        """Distance from about which on heads of this structure work."""
        return HEAD_WORKS_AT.get(self.config.downstream, 1.0)

    @property
    def head_reach(self) -> float | None:
        """Distance that the head will have gone at the end, as a share of `head_works_at`."""
        distance = self.final_distance("head")
        return None if distance is None else distance / self.head_works_at

    def final_distance(self, part: str) -> float | None:
        """Distance that a part will have gone at the end: the present one over the share of the way that is made.

        Under a linear schedule 1 − (1 − s)² of the rates' sum lies in the first share s of the steps.
        """
        distance = self.distance(part)
        if distance is None or not self.share:
            return distance
        schedule = self.config.encoder_schedule if part == "encoder" else self.config.head_schedule
        made = 1 - (1 - self.share) ** 2 if schedule == "linear" else self.share
        return distance / made


def f1_margin(evaluation: Evaluated) -> float:
    """Half of the 95 % interval of an F1, for the number of entities that it rests on.

    F1 is taken for a share of gold and predicted entities together (a binomial proportion), which is a little too
    narrow: entities of one sentence are not independent.
    """
    predicted = evaluation.entities if evaluation.predicted is None else evaluation.predicted
    counted = max(1.0, (evaluation.entities + predicted) / 2)
    f1 = min(max(evaluation.f1, 1 / (counted + 2)), 1 - 1 / (counted + 2))
    return 1.96 * math.sqrt(f1 * (1 - f1) / counted)
