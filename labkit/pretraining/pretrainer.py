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
from labkit.pretraining.config import PretrainConfig, PretrainStage
from labkit.pretraining.events import (
    HeldOutEvaluated,
    PretrainEvent,
    PretrainFinished,
    PretrainStarted,
    PretrainStepDone,
    StateSaved,
)
from labkit.pretraining.export import export_encoder, require_no_encoder
from labkit.pretraining.initialisation import initialise_weights
from labkit.pretraining.masked_lm import MaskedLM
from labkit.pretraining.masking import MaskedSequences, mask_whole_words
from labkit.pretraining.packing import Array, TokenSequences
from labkit.pretraining.training_data import PretrainingData
from labkit.pretraining.vocabulary import CONTINUATION_TOKENS, SPECIAL_TOKENS
from labkit.training.precision import choose_precision

SAVE_INTERVAL_S = 120.0  # between two times that the held-out text is scored and all is saved
BETAS, EPSILON = (0.9, 0.98), 1e-6  # Liu et al. 2019, table 9: a second moment that forgets faster is stabler
_CLS, _SEP, _MASK = (SPECIAL_TOKENS.index(mark) for mark in ("[CLS]", "[SEP]", "[MASK]"))
_EXTRA_TOKENS = len(SPECIAL_TOKENS) + len(CONTINUATION_TOKENS)  # those that no text has
_LOSS_STEPS = 100  # steps that a training loss is the mean of
_HELD_OUT_LENGTH, _HELD_OUT_ROWS = 128, 64


def pretrain(
    config: PretrainConfig,
    data: PretrainingData,
    folder: Path,
    command: str = "",
    should_stop: Callable[[], bool] = lambda: False,
    save_interval_s: float = SAVE_INTERVAL_S,
) -> Iterator[PretrainEvent]:
    """Trains until the plan's time or steps are over, and writes the encoder; ends with Finished.

    Args:
        folder: gets the encoder, and before it the state that going on needs.
        command: what the model card says it was made by.
        stop: asked at every step; once it says so, all is saved and the end comes.
        save_s: seconds between two savings.

    Raises ValueError where the folder holds an encoder already, or was begun by another plan or on another text.
    """
    require_no_encoder(folder)
    yield from _Pretrainer(config, data, folder, command, should_stop, save_interval_s).events()


class _Pretrainer:
    def __init__(
        self,
        config: PretrainConfig,
        data: PretrainingData,
        folder: Path,
        command: str,
        should_stop: Callable[[], bool],
        save_interval_s: float,
    ):
        self.config, self.data, self.folder, self.command = config, data, folder, command
        self.should_stop, self.save_interval_s = should_stop, save_interval_s
        self.precision = choose_precision("auto", torch.device("cpu"))
        torch.manual_seed(config.seed)
        self.model = MaskedLM(_build_bert_config(config, len(data.vocabulary)), getattr(torch, self.precision))
        self.optimizer = _build_optimizer(self.model, config)
        self.facts = {**config.as_dict(), "text": data.sha256()}
        found = checkpoint.load(folder, self.model.bert, self.optimizer, self.facts)
        if found is None:
            initialise_weights(self.model.bert, data.train)
        self.state = found or checkpoint.PretrainState()
        self._starts: Array | None = None
        self._began = time.monotonic() - self.state.seconds

    def events(self) -> Iterator[PretrainEvent]:
        yield self._build_started_event()
        self._began = time.monotonic() - self.state.seconds
        saved = self._elapsed_s()
        while (progress := self._progress()) < 1:
            yield self._train_step(progress)
            stopping = self.should_stop()
            if stopping or self._elapsed_s() - saved > self.save_interval_s:
                yield from self._save()
                saved = self._elapsed_s()
            if stopping:
                yield PretrainFinished(self.folder, self.state.step, self.state.seconds, stopped=True)
                return
        yield self._evaluate_held_out()
        export_encoder(self.model.bert, self.config, self.data, self.state, self.precision, self.command, self.folder)
        checkpoint.remove(self.folder)
        yield PretrainFinished(self.folder, self.state.step, self.state.seconds, stopped=False)

    def _build_started_event(self) -> PretrainStarted:
        reading = self.data
        parameters = sum(each.numel() for each in self.model.bert.bert.parameters())
        sizes = (len(reading.train), len(reading.held_out), len(reading.vocabulary), parameters)
        return PretrainStarted(reading.source_stats, *sizes, self.precision, self.state.step)

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._began

    def _progress(self) -> float:
        if self.config.steps is not None:
            return self.state.step / self.config.steps
        assert self.config.minutes is not None
        return self._elapsed_s() / (60 * self.config.minutes)

    # --- a step

    def _train_step(self, progress: float) -> PretrainStepDone:
        plan, at = self.config, self.state
        stage, rate = plan.stage_at(progress), plan.rate_at(progress)
        masked = self._mask_tokens(self._next_sequences(stage), [plan.seed, 1, at.step])
        loss = self.model(masked)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), plan.clip_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad()
        at.step += 1
        at.tokens += masked.tokens.size
        at.seconds = self._elapsed_s()
        at.losses = [*at.losses, loss.item()][-_LOSS_STEPS:]
        if not math.isfinite(at.losses[-1]):
            raise RuntimeError(f"the loss became {at.losses[-1]} at step {at.step}; begin anew with a lower rate")
        return PretrainStepDone(at.step, min(1.0, progress), at.losses[-1], rate, at.tokens, at.seconds)

    def _next_sequences(self, stage: PretrainStage) -> TokenSequences:
        """The next sequences of this epoch, or the first of the next one."""
        at, rows = self.state, max(1, stage.tokens // stage.length)
        if at.length != stage.length:
            at.epoch, at.length, at.cursor, self._starts = at.epoch + 1, stage.length, 0, None
        for _ in range(2):
            if self._starts is None:
                self._starts = packing.draw_epoch_starts(len(self.data.train), at.length, self.config.seed, at.epoch)
            chosen = self._starts[at.cursor : at.cursor + rows]
            if len(chosen) == rows or at.cursor == 0:
                break
            at.epoch, at.cursor, self._starts = at.epoch + 1, 0, None
        at.cursor += len(chosen)
        return packing.cut_sequences(self.data.train, chosen, at.length, (_CLS, _SEP))

    def _mask_tokens(self, sequences: TokenSequences, seed: list[int]) -> MaskedSequences:
        ordinary = (_EXTRA_TOKENS, len(self.data.vocabulary))
        return mask_whole_words(sequences, self.config.share, _MASK, ordinary, np.random.default_rng(seed))

    # --- now and then

    def _save(self) -> Iterator[PretrainEvent]:
        yield self._evaluate_held_out()
        checkpoint.save(self.folder, self.model.bert, self.optimizer, self.state, self.facts)
        yield StateSaved(self.state.step, self.state.seconds)

    def _evaluate_held_out(self) -> HeldOutEvaluated:
        """The held-out text, always with the same tokens hidden."""
        length = min(_HELD_OUT_LENGTH, self.config.max_sequence_length)
        batches = packing.iter_held_out_batches(self.data.held_out, length, _HELD_OUT_ROWS, (_CLS, _SEP))
        self.model.eval()
        found = [self.model.score(self._mask_tokens(each, [self.config.seed, 2, n])) for n, each in enumerate(batches)]
        self.model.train()
        counted = max(1, sum(each.num_masked for each in found))
        at = self.state
        at.seconds = self._elapsed_s()
        scored = HeldOutEvaluated(
            at.step,
            at.tokens,
            at.seconds,
            float(np.mean(at.losses)) if at.losses else math.nan,
            sum(each.loss for each in found) / counted,
            sum(each.num_correct for each in found) / counted,
        )
        at.history.append(scored)
        return scored


def _build_bert_config(config: PretrainConfig, vocabulary: int) -> BertConfig:
    """Without dropout: so small a model has more to learn from its text than it can keep (Lan et al. 2020)."""
    return BertConfig(
        vocab_size=vocabulary,
        hidden_size=config.width,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        intermediate_size=config.inner,
        max_position_embeddings=config.max_sequence_length,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        pad_token_id=SPECIAL_TOKENS.index("[PAD]"),
    )


def _build_optimizer(model: MaskedLM, config: PretrainConfig) -> torch.optim.AdamW:
    decayed = [each for each in model.parameters() if each.dim() > 1]
    others = [each for each in model.parameters() if each.dim() < 2]
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.rate, betas=BETAS, eps=EPSILON, fused=True)
