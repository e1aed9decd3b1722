"""Trainer: a run as a generator of events.

    for event in train(RunConfig(epochs=1)):
        ...

is the whole interface. It draws nothing and starts no thread; the recorder writes the events into a file.
"""

import functools
import math
import statistics
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from labkit.config import RunConfig
from labkit.data.batching import epoch_batches
from labkit.data.corpora import find_corpus
from labkit.data.windows import Array, Windows
from labkit.events import (
    CheckpointSaved,
    Evaluated,
    Event,
    ParamGroupsBuilt,
    PhaseEntered,
    RunFinished,
    StepDone,
    TimeBreakdown,
)
from labkit.messages import Message, plural
from labkit.model.checkpoint import link_checkpoint, load_tagger, save_tagger
from labkit.training.clock import seconds_since
from labkit.training.control import ControlReader
from labkit.training.distributed import SYNC_STEPS
from labkit.training.evaluation import Evaluation, build_crf_transitions, evaluate
from labkit.training.failures import DivergenceError, describe_failure, describe_poor_loss, rate_hint
from labkit.training.profiler import StepProfiler
from labkit.training.saved_predictions import save_predictions
from labkit.training.setup import (
    TrainingSetup,
    build_setup,
    load_corpus,
    load_pretrained,
    open_accelerator,
    shard_batches,
)
from labkit.training.step import StepResult, train_step
from labkit.training.sync_meter import SyncMeter
from labkit.training.timing import PhaseTimer

REPORT_INTERVAL_S = 0.25  # reading a loss waits for the device: a few times a second, not each step
TIME_INTERVAL_S = 2.0  # between two TimeBreakdown events
DIVERGED_LOSS_RATIO = 10.0  # times the loss of a tagger that guesses evenly, over the last few steps or on dev
POOR_LOSS_RATIO = 2.0  # times the same: a final dev loss that a completed run warns of


def train(config: RunConfig, folder: Path | None = None, began: float | None = None) -> Iterator[Event]:
    """Trains by a config and yields events, the last one always RunFinished.

    Args:
        folder: the run folder, read for control requests and used for the weights; None saves nothing.
        began: Unix seconds that `seconds` of the events count from; default: now.
    """
    training = _Trainer(config, folder, time.time() if began is None else began)
    try:
        yield from training.events()
    except Exception as error:  # a failure is an event, not a crash
        state = training.seconds(), training.step, training.phase
        yield describe_failure(error, config, *state, longest_window=training.longest_window, folder=folder)
    finally:
        training.close()


@dataclass(frozen=True)
class _PendingStep:
    """Step whose loss and norms are still on the device."""

    step: int
    epoch: float
    seconds: float
    tokens: int  # of all steps and processes so far
    result: StepResult


class _Trainer:
    def __init__(self, config: RunConfig, folder: Path | None, began: float):
        self.config = config
        self.folder = folder
        self.seconds = seconds_since(began)
        self.phase = Message("")
        self.step = 0
        self.tokens = 0
        self.setup: TrainingSetup
        self.timer: PhaseTimer
        self.profiler: StepProfiler
        self.meter: SyncMeter
        self.control_reader: ControlReader
        self._pending: list[_PendingStep] = []
        self._reported = self._timed = 0.0
        self._recent: deque[float] = deque(maxlen=5)
        self._best: Evaluated | None = None
        self._best_step = -1
        self._latest: Evaluated | None = None
        self._evaluations_without_gain = 0
        self._early_stop = Message("")  # why the run stops by itself
        self.longest_window: int | None = None  # in tokens, as soon as it is known

    def close(self) -> None:
        if hasattr(self, "profiler"):
            self.profiler.close()
        if self.config.trackers and hasattr(self, "setup"):
            self.setup.accelerator.end_training()

    # --- the run, from start to end

    def events(self) -> Iterator[Event]:
        yield from self._prepare()
        order = np.random.default_rng(self.config.seed)
        config, train, multiple = self.config, self.setup.train, self.setup.speed_up.row_multiple
        size, budget = config.batch_size, config.token_budget
        for epoch in range(config.epochs):
            batches = epoch_batches(train.token_counts, train.word_counts, size, budget, order, multiple)
            yield from self._epoch(epoch, batches)
            if not self._is_stopping:
                yield from self._evaluate_dev(epoch + 1)
            if self._is_stopping:
                break
        yield from self._finish()

    @property
    def _is_stopping(self) -> bool:
        return self.control_reader.is_stopping or bool(self._early_stop)

    def _prepare(self) -> Iterator[Event]:
        config = self.config
        yield self._enter_phase(Message("loading the encoder"))
        source = find_corpus(config.corpus)  # first, as a missing corpus is found at once
        accelerator, precision = open_accelerator(config, self.folder)
        pretrained = load_pretrained(config)
        yield self._enter_phase(Message("reading the corpus"))
        corpus, featurizer = load_corpus(config, source, pretrained)
        self.setup = setup = build_setup(config, accelerator, precision, pretrained, corpus, featurizer)
        self.control_reader = ControlReader(setup, self.folder, self.seconds)
        setup.tagger.timer = self.timer = PhaseTimer(setup.device, loading=self.seconds())
        splits = (setup.train, setup.dev, setup.test)
        self.longest_window = max(int(split.token_counts.max(initial=0)) for split in splits)
        self._steps = steps = setup.steps_per_epoch * config.epochs
        self._uniform_loss = math.log(max(2, len(corpus.tags)))  # nats per word of a tagger that guesses evenly
        self.meter = SyncMeter(setup.tagger, setup.token_ids, steps, config.seed)
        trace_folder = self.folder if accelerator.is_main_process else None
        self.profiler = StepProfiler(config.profile, steps, setup.device, self.timer, trace_folder)
        yield setup.build_corpus_read(self.seconds())
        yield ParamGroupsBuilt(self.seconds(), [group.describe(setup.speed_up) for group in setup.param_groups])
        yield setup.build_training_planned(self.seconds(), steps)

    def _epoch(self, epoch: int, batches: list[Array]) -> Iterator[Event]:
        yield self._enter_phase(Message("training"))
        accelerator = self.setup.accelerator
        shard = shard_batches(batches, accelerator.process_index, accelerator.num_processes)
        self.setup.model.train()
        for done in range(1, self.setup.steps_per_epoch + 1):
            micro_batches = list(islice(shard, self.config.accumulate))
            with self.profiler.step(self.step, self.tokens):
                self._pending.append(self._run_step(micro_batches, epoch + done / self.setup.steps_per_epoch))
            self.meter.after_step(self.step)
            if self.profiler.is_full:
                yield from self._finish_profiling()
            yield from self.control_reader.apply(self.step)
            if self._is_report_due():
                yield from self._report()
                if time.monotonic() - self._timed >= TIME_INTERVAL_S:
                    yield self._build_time_breakdown()
            if self.control_reader.is_stopping:
                break
            every = self.config.evaluate_every
            if every and self.step % every == 0 and done < self.setup.steps_per_epoch:
                yield from self._evaluate_dev(epoch + done / self.setup.steps_per_epoch)
                if self._early_stop:
                    break
                yield self._enter_phase(Message("training"))
        yield from self._finish_profiling()
        yield from self._report()
        yield self._build_time_breakdown()

    def _finish(self) -> Iterator[Event]:
        yield from self.meter.finish(self.step, self.seconds)
        if not self.control_reader.is_stopping and self.setup.test.num_sentences:
            yield from self._evaluate_test()
        if self.folder and "last" in self.config.keep and self.step:
            yield self._enter_phase(Message("saving the weights"))
            yield from self._save("last")
        yield self._build_time_breakdown()
        state = "stopped" if self._is_stopping else "completed"
        reason, hint = self._explain_poor_loss()
        early = bool(self._early_stop)
        yield RunFinished(self.seconds(), state, self.step, self._early_stop or reason, hint, early=early)

    # --- one step

    def _run_step(self, micro_batches: list[Array], epoch: float) -> _PendingStep:
        result = train_step(self.setup, self.timer, micro_batches, self.step, self.config.clip_norm)
        self.step += 1
        self.tokens += result.tokens * self.setup.accelerator.num_processes
        return _PendingStep(self.step, epoch, self.seconds(), self.tokens, result)

    def _is_report_due(self) -> bool:
        if self.setup.accelerator.num_processes > 1:
            return self.step % SYNC_STEPS == 0
        return self.control_reader.is_stopping or time.monotonic() - self._reported >= REPORT_INTERVAL_S

    def _report(self) -> Iterator[Event]:
        """Reports all pending steps, read from the device in two transfers.

        Raises:
            DivergenceError: at the first loss that is not a number or too large.
        """
        pending, self._pending = self._pending, []
        self._reported = time.monotonic()
        if not pending:
            return
        losses = self.setup.accelerator.reduce(torch.stack([step.result.loss for step in pending]), "mean").tolist()
        norms = torch.stack([norm for step in pending for norm in step.result.gradient_norms.values()]).tolist()
        next_norm = iter(norms)
        for step, loss in zip(pending, losses, strict=True):
            rates = step.result.rates
            by_group = {name: _finite_or_none(next(next_norm)) for name in step.result.gradient_norms}
            self._track({"loss": loss, **{f"rate/{name}": rate for name, rate in rates.items()}}, step.step)
            yield StepDone(step.seconds, step.step, step.epoch, _finite_or_none(loss), rates, by_group, step.tokens)
            self._check_divergence(step, loss)
        yield from self.meter.report(self.seconds)

    def _check_divergence(self, step: _PendingStep, loss: float) -> None:
        self._recent.append(loss)
        if not math.isfinite(loss):
            raise DivergenceError(step.step, loss, step.result.rates)
        mean, steps = statistics.fmean(self._recent), len(self._recent)
        is_judged = steps == self._recent.maxlen or step.step == self._steps
        if is_judged and mean > DIVERGED_LOSS_RATIO * self._uniform_loss:
            raise DivergenceError(step.step, mean, step.result.rates, steps=steps)

    # --- evaluation and weights

    def _evaluate_dev(self, epoch: float) -> Iterator[Event]:
        yield from self._finish_profiling()
        yield from self._report()
        yield self._enter_phase(Message("evaluating"))
        evaluation = self._evaluate_windows(self.setup.dev)
        yield from self.control_reader.pop_pending_events()
        if evaluation is None:
            return
        self._check_eval_loss(evaluation.loss, "dev", math.inf)
        self._latest = event = self._build_evaluated(evaluation, epoch, "dev")
        self._track({"dev loss": evaluation.loss, "dev f1": event.score}, self.step)
        yield event
        self._check_eval_loss(evaluation.loss, "dev", DIVERGED_LOSS_RATIO * self._uniform_loss)
        if self.setup.tagger.crf is not None:
            yield build_crf_transitions(self.setup.tagger.crf, self.setup.corpus.tags, self.seconds(), self.step)
        is_best = self._best is None or event.rank_key > self._best.rank_key
        # before the encoder begins, the head alone may stand still: what was planned is still to come
        is_counted = not is_best and self.step > max(group.start_step for group in self.setup.param_groups)
        self._evaluations_without_gain = self._evaluations_without_gain + 1 if is_counted else 0
        if is_best:
            self._best, self._best_step = event, self.step
            self._save_predictions(evaluation, "dev", self.step)
            if self.folder and "best" in self.config.keep:
                yield from self._save("best")
        self._early_stop = self._explain_early_stop(epoch)
        yield self._build_time_breakdown()

    def _evaluate_test(self) -> Iterator[Event]:
        """Scores the test split, with the best weights on dev if kept."""
        yield self._enter_phase(Message("scoring the test part"))
        step = self._best_step if self.folder and "best" in self.config.keep else self.step
        if self.folder and step != self.step:
            best = load_tagger(self.folder / "best").model.state_dict()
            last = {name: value.clone() for name, value in self.setup.tagger.state_dict().items()}
            self.setup.tagger.load_state_dict(best)
            evaluation = self._evaluate_windows(self.setup.test)
            self.setup.tagger.load_state_dict(last)
        else:
            evaluation = self._evaluate_windows(self.setup.test)
        if evaluation is not None:
            self._check_eval_loss(evaluation.loss, "test", math.inf)
            assert self._latest
            yield self._build_evaluated(evaluation, float(self._latest.epoch), "test")
            self._save_predictions(evaluation, "test", step)

    def _explain_early_stop(self, epoch: float) -> Message:
        """Reason to stop at this evaluation; empty if training goes on, or ends anyway.

        It is the same in every process, as each has evaluated the same weights on all of dev.
        """
        patience, waited = self.config.patience, self._evaluations_without_gain
        if not 0 < patience <= waited or epoch < self.config.min_epochs or self.step == self._steps:
            return Message("")
        assert self._best
        return plural(
            waited,
            "No better F1 for 1 evaluation; the best is {f1:.3f}, at epoch {epoch:.3g}.",
            "No better F1 for {count} evaluations; the best is {f1:.3f}, at epoch {epoch:.3g}.",
            f1=self._best.f1,
            epoch=self._best.epoch,
        )

    def _check_eval_loss(self, loss: float, split: str, max_loss: float) -> None:
        """Raises DivergenceError for a loss that is not finite or too large."""
        if not math.isfinite(loss) or loss > max_loss:
            raise DivergenceError(self.step, loss, self._peak_rates(), split)

    def _explain_poor_loss(self) -> tuple[Message, Message]:
        """Reason and hint for a poor last dev loss, or empty texts."""
        last = self._latest
        if last is None or last.loss is None or last.loss <= POOR_LOSS_RATIO * self._uniform_loss:
            return Message(""), Message("")
        return describe_poor_loss(last.loss, last.f1, self._uniform_loss), rate_hint(self.config, self._peak_rates())

    def _peak_rates(self) -> dict[str, float]:
        return {group.name: group.peak_rate for group in self.setup.param_groups}

    def _evaluate_windows(self, windows: Windows) -> Evaluation | None:
        setup = self.setup
        should_stop = functools.partial(self.control_reader.should_stop, self.step)
        with self.timer.attributed_to("evaluation"), setup.accelerator.autocast():
            return evaluate(setup.tagger, setup.featurizer, windows, setup.corpus.tags, setup.device, should_stop)

    def _build_evaluated(self, evaluation: Evaluation, epoch: float, split: str) -> Evaluated:
        overall = evaluation.counts.overall()
        return Evaluated(
            seconds=self.seconds(),
            step=self.step,
            epoch=epoch,
            tokens=self.tokens,
            loss=_finite_or_none(evaluation.loss),
            precision=overall.precision,
            recall=overall.recall,
            f1=overall.f1,
            types=evaluation.counts.by_type(),
            split=split,
            illegal=evaluation.illegal,
            gold=overall.support,
            predicted=evaluation.counts.predicted.total(),
        )

    def _save_predictions(self, evaluation: Evaluation, split: str, step: int) -> None:
        if self.folder and self.setup.accelerator.is_main_process:
            with self.timer.attributed_to("saving"):
                save_predictions(self.folder, self.setup.corpus, split, getattr(self.setup, split), evaluation, step)

    def _save(self, name: str) -> Iterator[Event]:
        assert self.folder is not None
        with self.timer.attributed_to("saving"):
            self._write_weights(self.folder, name)
        yield CheckpointSaved(self.seconds(), self.step, name)

    def _write_weights(self, folder: Path, name: str) -> None:
        if self.setup.accelerator.is_main_process:
            if name == "last" and self._best_step == self.step and "best" in self.config.keep:
                link_checkpoint(folder / "best", folder / "last")
            else:
                setup = self.setup
                used = {"max_pieces": setup.featurizer.max_pieces, "precision": setup.precision}
                settings = {**self.config.as_dict(), **used}
                save_tagger(folder / name, setup.tagger, setup.featurizer, setup.corpus.tags, settings)
        self.setup.accelerator.wait_for_everyone()

    # --- helpers

    def _finish_profiling(self) -> Iterator[Event]:
        """Ends a recording and yields its event, if there is one.

        Called as soon as enough steps are recorded, or anything but a step begins.
        """
        if self.profiler.is_recording:
            yield from self._report()
            yield self.profiler.end(self.step, self.tokens, self.seconds)

    def _build_time_breakdown(self) -> TimeBreakdown:
        self._timed = time.monotonic()
        totals = {phase: round(seconds, 4) for phase, seconds in self.timer.totals().items()}
        return TimeBreakdown(self.seconds(), self.step, totals)

    def _enter_phase(self, text: Message) -> PhaseEntered:
        self.phase = text
        return PhaseEntered(self.seconds(), text)

    def _track(self, values: dict[str, float | None], step: int) -> None:
        if self.config.trackers:
            self.setup.accelerator.log({name: value for name, value in values.items() if value is not None}, step=step)


def _finite_or_none(value: float) -> float | None:
    """Loss or norm of at least 0, or None if not finite.

    Rounding puts a loss that is nearly 0 below it.
    """
    return max(0.0, value) if math.isfinite(value) else None
