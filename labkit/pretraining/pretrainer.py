"""pretrain(plan, …): masked language modelling from the first weights to an encoder's folder, as a generator of events.

Begun again with the same folder, it goes on where it was saved last.
"""

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from transformers import BertConfig

from labkit.pretraining import checkpoint, packing
from labkit.pretraining.config import Plan, Stage
from labkit.pretraining.events import Event, Finished, HeldOut, Prepared, Saved, Stepped
from labkit.pretraining.export import check_free, export
from labkit.pretraining.initialisation import begin
from labkit.pretraining.masked_lm import MaskedLM
from labkit.pretraining.masking import Masked, mask
from labkit.pretraining.packing import Array, Sequences
from labkit.pretraining.training_data import Reading
from labkit.pretraining.vocabulary import CONTINUED, MARKS
from labkit.training.precision import choose_precision

SAVE_S = 120.0  # between two times that the held-out text is scored and all is saved
BETAS, EPSILON = (0.9, 0.98), 1e-6  # Liu et al. 2019, table 9: a second moment that forgets faster is stabler
_CLS, _SEP, _MASK = (MARKS.index(mark) for mark in ("[CLS]", "[SEP]", "[MASK]"))
_EXTRA_TOKENS = len(MARKS) + len(CONTINUED)  # those that no text has
_RECENT = 100  # steps that a training loss is the mean of
_HELD_OUT_LENGTH, _HELD_OUT_ROWS = 128, 64


def pretrain(
    plan: Plan,
    reading: Reading,
    folder: Path,
    command: str = "",
    stop: Callable[[], bool] = lambda: False,
    save_s: float = SAVE_S,
) -> Iterator[Event]:
    """Trains until the plan's time or steps are over, and writes the encoder; ends with Finished.

    Args:
        folder: gets the encoder, and before it the state that going on needs.
        command: what the model card says it was made by.
        stop: asked at every step; once it says so, all is saved and the end comes.
        save_s: seconds between two savings.

    Raises ValueError where the folder holds an encoder already, or was begun by another plan or on another text.
    """
    check_free(folder)
    yield from _Pretraining(plan, reading, folder, command, stop, save_s).events()


class _Pretraining:
    def __init__(
        self, plan: Plan, reading: Reading, folder: Path, command: str, stop: Callable[[], bool], save_s: float
    ):
        self.plan, self.reading, self.folder, self.command = plan, reading, folder, command
        self.stop, self.save_s = stop, save_s
        self.precision = choose_precision("auto", torch.device("cpu"))
        torch.manual_seed(plan.seed)
        self.model = MaskedLM(_config(plan, len(reading.vocabulary)), getattr(torch, self.precision))
        self.optimizer = _optimizer(self.model, plan)
        self.facts = {**plan.as_dict(), "text": reading.sha256()}
        found = checkpoint.load(folder, self.model.bert, self.optimizer, self.facts)
        if found is None:
            begin(self.model.bert, reading.train)
        self.at = found or checkpoint.Position()
        self._starts: Array | None = None
        self._began = time.monotonic() - self.at.seconds

    def events(self) -> Iterator[Event]:
        yield self._prepared()
        self._began = time.monotonic() - self.at.seconds
        saved = self._seconds()
        while (progress := self._progress()) < 1:
            yield self._step(progress)
            stopping = self.stop()
            if stopping or self._seconds() - saved > self.save_s:
                yield from self._save()
                saved = self._seconds()
            if stopping:
                yield Finished(self.folder, self.at.step, self.at.seconds, stopped=True)
                return
        yield self._score()
        export(self.model.bert, self.plan, self.reading, self.at, self.precision, self.command, self.folder)
        checkpoint.remove(self.folder)
        yield Finished(self.folder, self.at.step, self.at.seconds, stopped=False)

    def _prepared(self) -> Prepared:
        reading = self.reading
        parameters = sum(each.numel() for each in self.model.bert.bert.parameters())
        sizes = (len(reading.train), len(reading.held_out), len(reading.vocabulary), parameters)
        return Prepared(reading.told, *sizes, self.precision, self.at.step)

    def _seconds(self) -> float:
        return time.monotonic() - self._began

    def _progress(self) -> float:
        if self.plan.steps is not None:
            return self.at.step / self.plan.steps
        assert self.plan.minutes is not None
        return self._seconds() / (60 * self.plan.minutes)

    # --- a step

    def _step(self, progress: float) -> Stepped:
        plan, at = self.plan, self.at
        stage, rate = plan.stage_at(progress), plan.rate_at(progress)
        masked = self._hide(self._next(stage), [plan.seed, 1, at.step])
        loss = self.model(masked)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), plan.clip_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad()
        at.step += 1
        at.tokens += masked.tokens.size
        at.seconds = self._seconds()
        at.losses = [*at.losses, loss.item()][-_RECENT:]
        if not math.isfinite(at.losses[-1]):
            raise RuntimeError(f"the loss became {at.losses[-1]} at step {at.step}; begin anew with a lower rate")
        return Stepped(at.step, min(1.0, progress), at.losses[-1], rate, at.tokens, at.seconds)

    def _next(self, stage: Stage) -> Sequences:
        """The next sequences of this epoch, or the first of the next one."""
        at, rows = self.at, max(1, stage.tokens // stage.length)
        if at.length != stage.length:
            at.epoch, at.length, at.cursor, self._starts = at.epoch + 1, stage.length, 0, None
        for _ in range(2):
            if self._starts is None:
                self._starts = packing.epoch_starts(len(self.reading.train), at.length, self.plan.seed, at.epoch)
            chosen = self._starts[at.cursor : at.cursor + rows]
            if len(chosen) == rows or at.cursor == 0:
                break
            at.epoch, at.cursor, self._starts = at.epoch + 1, 0, None
        at.cursor += len(chosen)
        return packing.cut(self.reading.train, chosen, at.length, (_CLS, _SEP))

    def _hide(self, sequences: Sequences, seed: list[int]) -> Masked:
        ordinary = (_EXTRA_TOKENS, len(self.reading.vocabulary))
        return mask(sequences, self.plan.share, _MASK, ordinary, np.random.default_rng(seed))

    # --- now and then

    def _save(self) -> Iterator[Event]:
        yield self._score()
        checkpoint.save(self.folder, self.model.bert, self.optimizer, self.at, self.facts)
        yield Saved(self.at.step, self.at.seconds)

    def _score(self) -> HeldOut:
        """The held-out text, always with the same tokens hidden."""
        length = min(_HELD_OUT_LENGTH, self.plan.positions)
        batches = packing.held_out_batches(self.reading.held_out, length, _HELD_OUT_ROWS, (_CLS, _SEP))
        self.model.eval()
        found = [self.model.score(self._hide(each, [self.plan.seed, 2, n])) for n, each in enumerate(batches)]
        self.model.train()
        counted = max(1, sum(each.counted for each in found))
        at = self.at
        at.seconds = self._seconds()
        scored = HeldOut(
            at.step,
            at.tokens,
            at.seconds,
            float(np.mean(at.losses)) if at.losses else math.nan,
            sum(each.loss for each in found) / counted,
            sum(each.right for each in found) / counted,
        )
        at.history.append(scored)
        return scored


def _config(plan: Plan, vocabulary: int) -> BertConfig:
    """Without dropout: so small a model has more to learn from its text than it can keep (Lan et al. 2020)."""
    return BertConfig(
        vocab_size=vocabulary,
        hidden_size=plan.width,
        num_hidden_layers=plan.layers,
        num_attention_heads=plan.heads,
        intermediate_size=plan.inner,
        max_position_embeddings=plan.positions,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        pad_token_id=MARKS.index("[PAD]"),
    )


def _optimizer(model: MaskedLM, plan: Plan) -> torch.optim.AdamW:
    decayed = [each for each in model.parameters() if each.dim() > 1]
    others = [each for each in model.parameters() if each.dim() < 2]
    groups = [{"params": decayed, "weight_decay": plan.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=plan.rate, betas=BETAS, eps=EPSILON, fused=True)
