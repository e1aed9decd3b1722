"""Training loop of masked-language-model pretraining, as a generator of events.

`pretrain` goes from the initial weights to an encoder's folder. Called again with the same folder, it resumes from the
last checkpoint.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from transformers import BertConfig

from labkit.data.windows import Array
from labkit.messages import N_, Message
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
from labkit.pretraining.packing import TokenSequences
from labkit.pretraining.training_data import PretrainingData
from labkit.pretraining.vocabulary import CONTINUATION_TOKENS, PAD, SPECIAL_TOKENS
from labkit.training.precision import choose_precision

SAVE_INTERVAL_S = 120.0  # between two checkpoints, each after scoring the held-out text
BETAS, EPSILON = (0.9, 0.98), 1e-6  # Liu et al. 2019, table 9: a second moment that decays faster is more stable
_EXTRA_TOKENS = len(SPECIAL_TOKENS) + len(CONTINUATION_TOKENS)  # tokens that do not occur in text; they come first
_LOSS_STEPS = 100  # steps that the training loss is averaged over
_HELD_OUT_LENGTH, _HELD_OUT_ROWS = 128, 64


def pretrain(
    config: PretrainConfig,
    data: PretrainingData,
    folder: Path,
    command: str = "",
    should_stop: Callable[[], bool] = lambda: False,
    save_interval_s: float = SAVE_INTERVAL_S,
) -> Iterator[PretrainEvent]:
    """Pretrains for the config's time or steps, and writes the encoder.

    The last event is PretrainFinished. Raises ValueError if the folder already holds an encoder, or a checkpoint of
    another config or another text.

    Args:
        folder: of the encoder, and of the checkpoint until the encoder is finished.
        command: command line for the model card.
        should_stop: called after every step; once it returns True, a checkpoint is saved and training stops.
        save_interval_s: seconds between two checkpoints.
    """
    require_no_encoder(folder)
    yield from _Pretrainer(config, data, folder).events(command, should_stop, save_interval_s)


class _Pretrainer:
    def __init__(self, config: PretrainConfig, data: PretrainingData, folder: Path):
        self.config, self.data, self.folder = config, data, folder
        self.precision = choose_precision("auto", torch.device("cpu"))
        torch.manual_seed(config.seed)
        self.model = MaskedLM(_build_bert_config(config, len(data.vocabulary)), getattr(torch, self.precision))
        matrices = [parameter for parameter in self.model.parameters() if parameter.dim() > 1]
        others = [parameter for parameter in self.model.parameters() if parameter.dim() < 2]
        groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=config.rate, betas=BETAS, eps=EPSILON, fused=True)
        self.facts = {**asdict(config), "text": data.sha256()}
        state = checkpoint.load(folder, self.model.bert, self.optimizer, self.facts)
        if state is None:
            initialise_weights(self.model.bert, data.train)
        self.state = state or checkpoint.PretrainState()
        self._starts: Array | None = None

    def events(self, command: str, should_stop: Callable[[], bool], save_interval_s: float) -> Iterator[PretrainEvent]:
        yield self._build_started_event()
        self._began = time.monotonic() - self.state.seconds
        saved = self._elapsed_s()
        while (progress := self._progress()) < 1:
            yield self._train_step(progress)
            stopping = should_stop()
            if stopping or self._elapsed_s() - saved > save_interval_s:
                yield from self._save()
                saved = self._elapsed_s()
            if stopping:
                yield PretrainFinished(self.folder, self.state.step, self.state.seconds, stopped=True)
                return
        yield self._evaluate_held_out()
        export_encoder(self.model.bert, self.config, self.data, self.state, self.precision, command, self.folder)
        (self.folder / checkpoint.STATE_FILE).unlink(missing_ok=True)
        yield PretrainFinished(self.folder, self.state.step, self.state.seconds, stopped=False)

    def _build_started_event(self) -> PretrainStarted:
        return PretrainStarted(
            source_stats=self.data.source_stats,
            train_tokens=len(self.data.train),
            held_out_tokens=len(self.data.held_out),
            vocabulary=len(self.data.vocabulary),
            parameters=sum(parameter.numel() for parameter in self.model.bert.bert.parameters()),
            precision=self.precision,
            resumed=self.state.step,
        )

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._began

    def _progress(self) -> float:
        if self.config.steps is not None:
            return self.state.step / self.config.steps
        assert self.config.minutes is not None
        return self._elapsed_s() / (60 * self.config.minutes)

    # --- a step

    def _train_step(self, progress: float) -> PretrainStepDone:
        config, state = self.config, self.state
        stage, rate = config.stage_at(progress), config.rate_at(progress)
        masked = self._mask_tokens(self._next_sequences(stage), [config.seed, 1, state.step])
        loss = self.model(masked)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), config.clip_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad()
        state.step += 1
        state.tokens += masked.tokens.size
        state.seconds = self._elapsed_s()
        state.losses = [*state.losses, loss.item()][-_LOSS_STEPS:]
        if not math.isfinite(state.losses[-1]):
            text = N_("the loss became {loss} at step {step}; start again with a lower rate")
            raise RuntimeError(Message(text, loss=state.losses[-1], step=state.step))
        return PretrainStepDone(state.step, min(1.0, progress), state.losses[-1], rate, state.tokens, state.seconds)

    def _next_sequences(self, stage: PretrainStage) -> TokenSequences:
        """Next sequences of the epoch, or the first of the next epoch."""
        state, rows = self.state, max(1, stage.tokens // stage.length)
        if state.length != stage.length:
            state.epoch, state.length, state.cursor, self._starts = state.epoch + 1, stage.length, 0, None
        for _ in range(2):
            if self._starts is None:
                self._starts = packing.draw_epoch_starts(
                    len(self.data.train), state.length, self.config.seed, state.epoch
                )
            chosen = self._starts[state.cursor : state.cursor + rows]
            if len(chosen) == rows or state.cursor == 0:
                break
            state.epoch, state.cursor, self._starts = state.epoch + 1, 0, None
        state.cursor += len(chosen)
        return packing.cut_sequences(self.data.train, chosen, state.length)

    def _mask_tokens(self, sequences: TokenSequences, seed: list[int]) -> MaskedSequences:
        replacement_range = (_EXTRA_TOKENS, len(self.data.vocabulary))
        return mask_whole_words(sequences, self.config.share, replacement_range, np.random.default_rng(seed))

    # --- now and then

    def _save(self) -> Iterator[PretrainEvent]:
        yield self._evaluate_held_out()
        checkpoint.save(self.folder, self.model.bert, self.optimizer, self.state, self.facts)
        yield StateSaved(self.state.step, self.state.seconds)

    def _evaluate_held_out(self) -> HeldOutEvaluated:
        """Scores the held-out text, always with the same tokens masked."""
        config, state = self.config, self.state
        length = min(_HELD_OUT_LENGTH, config.max_sequence_length)
        batches = packing.iter_held_out_batches(self.data.held_out, length, _HELD_OUT_ROWS)
        self.model.eval()
        scores = [
            self.model.score(self._mask_tokens(batch, [config.seed, 2, index])) for index, batch in enumerate(batches)
        ]
        self.model.train()
        num_masked = max(1, sum(score.num_masked for score in scores))
        state.seconds = self._elapsed_s()
        event = HeldOutEvaluated(
            step=state.step,
            tokens=state.tokens,
            seconds=state.seconds,
            train_loss=float(np.mean(state.losses)) if state.losses else math.nan,
            loss=sum(score.loss for score in scores) / num_masked,
            accuracy=sum(score.num_correct for score in scores) / num_masked,
        )
        state.history.append(event)
        return event


def _build_bert_config(config: PretrainConfig, vocabulary: int) -> BertConfig:
    """Builds a BERT config without dropout: so small a model underfits (Lan et al. 2020)."""
    return BertConfig(
        vocab_size=vocabulary,
        hidden_size=config.width,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        intermediate_size=config.inner,
        max_position_embeddings=config.max_sequence_length,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        pad_token_id=PAD,
    )
