"""train(config): a run, as a generator of events.

    for event in train(RunConfig(epochs=1)):
        ...

is the whole interface. Nothing here draws, and no thread is started; a recorder drains the events into a file.
"""

import functools
import math
import statistics
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
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
from labkit.model.checkpoint import link_tagger, load_tagger, save_tagger
from labkit.training.control import Listener
from labkit.training.distributed import MEETING_STEPS
from labkit.training.evaluation import Evaluation, evaluate, transitions_learnt
from labkit.training.failures import Diverged, doubt_on, failure_of, rate_hint
from labkit.training.profiler import StepProfiler
from labkit.training.saved_predictions import keep_predictions
from labkit.training.setup import Workshop, batches_of, load_pretrained, open_accelerator, open_workshop, read_for
from labkit.training.step import Step, take_step
from labkit.training.timing import Stopwatch, seconds_since

REPORT_INTERVAL_S = 0.25  # reading a loss waits for the device: a few times a second, not each step
TIME_INTERVAL_S = 2.0  # between two events that tell where the time went
EXPLODED = 10.0  # times the untrained tagger's loss, over the last few steps or on dev
DOUBTFUL = 2.0  # times the same: a dev loss of which a run that ended well tells


def train(config: RunConfig, folder: Path | None = None, began: float | None = None) -> Iterator[Event]:
    """Trains as the config says; always ends with RunFinished, whatever happens.

    Args:
        folder: the run folder, which is read for controls and gets the weights; None keeps no weights.
        began: Unix seconds that `seconds` in the events count from; now, where not given.
    """
    training = _Training(config, folder, time.time() if began is None else began)
    try:
        yield from training.events()
    except Exception as error:  # a failure is an event, not a crash
        at = training.seconds(), training.step, training.phase
        yield failure_of(error, config, *at, window=training.longest, folder=folder)
    finally:
        training.close()


@dataclass(frozen=True)
class _Pending:
    """A step whose numbers are still on the device."""

    step: int
    epoch: float
    seconds: float
    tokens: int  # of all steps and processes so far
    taken: Step


class _Training:
    def __init__(self, config: RunConfig, folder: Path | None, began: float):
        self.config = config
        self.folder = folder
        self.seconds = seconds_since(began)
        self.phase = ""
        self.step = 0
        self.tokens = 0
        self.shop: Workshop
        self.watch: Stopwatch
        self.profiler: StepProfiler
        self.listener: Listener
        self._pending: list[_Pending] = []
        self._reported = self._timed = 0.0
        self._recent: deque[float] = deque(maxlen=5)
        self._best: Evaluated | None = None
        self._best_step = -1
        self._latest: Evaluated | None = None
        self.longest: int | None = None  # word pieces of the longest window, as soon as that is known

    def close(self) -> None:
        if hasattr(self, "profiler"):
            self.profiler.close()
        if self.config.trackers and hasattr(self, "shop"):
            self.shop.accelerator.end_training()

    # --- the run, from end to end

    def events(self) -> Iterator[Event]:
        yield from self._prepare()
        order = np.random.default_rng(self.config.seed)
        config, train, grain = self.config, self.shop.train, self.shop.grain
        size, budget = config.batch_size, config.token_budget
        for epoch in range(config.epochs):
            batches = epoch_batches(train.lengths, train.word_counts, size, budget, order, grain)
            yield from self._epoch(epoch, batches)
            if not self.listener.stopping:
                yield from self._evaluate(epoch + 1)
            if self.listener.stopping:
                break
        yield from self._finish()

    def _prepare(self) -> Iterator[Event]:
        config = self.config
        yield self._phase("loading the encoder")
        source = find_corpus(config.corpus)  # first, as it takes no time to tell that there is none
        accelerator, precision = open_accelerator(config, self.folder)
        pretrained = load_pretrained(config)
        yield self._phase("reading the corpus")
        corpus, encoder = read_for(config, source, pretrained)
        self.shop = shop = open_workshop(config, accelerator, precision, pretrained, corpus, encoder)
        self.listener = Listener(shop, self.folder, self.seconds)
        shop.tagger.watch = self.watch = Stopwatch(shop.device, loading=self.seconds())
        self.longest = max(int(part.lengths.max(initial=0)) for part in (shop.train, shop.dev, shop.test))
        self._steps = steps = shop.steps_per_epoch * config.epochs
        self._untrained = math.log(max(2, len(corpus.tags)))  # nats per word of a tagger that guesses evenly
        traced = self.folder if accelerator.is_main_process else None
        self.profiler = StepProfiler(config.profile, steps, shop.device, self.watch, traced)
        yield shop.corpus_read(self.seconds())
        yield ParamGroupsBuilt(self.seconds(), [group.audit() for group in shop.groups])
        yield shop.planned(self.seconds(), steps)

    def _epoch(self, epoch: int, batches: list[Array]) -> Iterator[Event]:
        yield self._phase("training")
        accelerator = self.shop.accelerator
        own = batches_of(batches, accelerator.process_index, accelerator.num_processes)
        self.shop.model.train()
        for done in range(1, self.shop.steps_per_epoch + 1):
            parts = [part for _, part in zip(range(self.config.accumulate), own, strict=False)]
            with self.profiler.step(self.step, self.tokens):
                self._pending.append(self._one_step(parts, epoch + done / self.shop.steps_per_epoch))
            if self.profiler.is_full:
                yield from self._profiled()
            yield from self.listener.obey(self.step)
            if self._report_is_due():
                yield from self._report()
                if time.monotonic() - self._timed >= TIME_INTERVAL_S:
                    yield self._time_spent()
            if self.listener.stopping:
                break
            every = self.config.evaluate_every
            if every and self.step % every == 0 and done < self.shop.steps_per_epoch:
                yield from self._evaluate(epoch + done / self.shop.steps_per_epoch)
                yield self._phase("training")
        yield from self._profiled()
        yield from self._report()
        yield self._time_spent()

    def _finish(self) -> Iterator[Event]:
        if not self.listener.stopping and self.shop.test.sentences:
            yield from self._test()
        if self.folder and "last" in self.config.keep and self.step:
            yield self._phase("saving the weights")
            yield from self._save("last")
        yield self._time_spent()
        state = "stopped" if self.listener.stopping else "completed"
        yield RunFinished(self.seconds(), state, self.step, *self._doubt())

    # --- one step

    def _one_step(self, parts: list[Array], epoch: float) -> _Pending:
        taken = take_step(self.shop, self.watch, parts, self.step, self.config.clip_norm)
        self.step += 1
        self.tokens += taken.tokens * self.shop.accelerator.num_processes
        return _Pending(self.step, epoch, self.seconds(), self.tokens, taken)

    def _report_is_due(self) -> bool:
        if self.shop.accelerator.num_processes > 1:
            return self.step % MEETING_STEPS == 0
        return self.listener.stopping or time.monotonic() - self._reported >= REPORT_INTERVAL_S

    def _report(self) -> Iterator[Event]:
        """Reads all pending numbers in one transfer; raises Diverged at the first that is no number or too large."""
        pending, self._pending = self._pending, []
        self._reported = time.monotonic()
        if not pending:
            return
        losses = self.shop.accelerator.reduce(torch.stack([step.taken.loss for step in pending]), "mean").tolist()
        norms = torch.stack([norm for step in pending for norm in step.taken.norms.values()]).tolist()
        told = iter(norms)
        for step, loss in zip(pending, losses, strict=True):
            rates = step.taken.rates
            by_group = {name: _finite(next(told)) for name in step.taken.norms}
            self._track({"loss": loss, **{f"rate/{name}": rate for name, rate in rates.items()}}, step.step)
            yield StepDone(step.seconds, step.step, step.epoch, _finite(loss), rates, by_group, step.tokens)
            self._check(step, loss)

    def _check(self, step: _Pending, loss: float) -> None:
        self._recent.append(loss)
        if not math.isfinite(loss):
            raise Diverged(step.step, loss, step.taken.rates)
        mean, steps = statistics.fmean(self._recent), len(self._recent)
        if (steps == self._recent.maxlen or step.step == self._steps) and mean > EXPLODED * self._untrained:
            raise Diverged(step.step, mean, step.taken.rates, steps=steps)

    # --- evaluation and weights

    def _evaluate(self, epoch: float) -> Iterator[Event]:
        yield from self._profiled()
        yield from self._report()
        yield self._phase("evaluating")
        found = self._score(self.shop.dev)
        yield from self.listener.untold()
        if found is None:
            return
        self._check_score(found.loss, "dev", math.inf)
        self._latest = event = self._evaluated(found, epoch, "dev")
        self._track({"dev loss": found.loss, "dev f1": event.score}, self.step)
        yield event
        self._check_score(found.loss, "dev", EXPLODED * self._untrained)
        if self.shop.tagger.crf is not None:
            yield transitions_learnt(self.shop.tagger.crf, self.shop.corpus.tags, self.seconds(), self.step)
        if self._best is None or event.rank_key > self._best.rank_key:
            self._best, self._best_step = event, self.step
            self._keep_predictions(found, "dev", self.step)
            if self.folder and "best" in self.config.keep:
                yield from self._save("best")
        yield self._time_spent()

    def _test(self) -> Iterator[Event]:
        """The test part, scored once, by the weights that were best on dev where they were kept."""
        yield self._phase("scoring the test part")
        kept = self._best_step if self.folder and "best" in self.config.keep else None
        if self.folder and kept not in (None, self.step):
            best = load_tagger(self.folder / "best").model.state_dict()
            now = {name: value.clone() for name, value in self.shop.tagger.state_dict().items()}
            self.shop.tagger.load_state_dict(best)
            found = self._score(self.shop.test)
            self.shop.tagger.load_state_dict(now)
        else:
            found = self._score(self.shop.test)
        if found is not None:
            self._check_score(found.loss, "test", math.inf)
            yield self._evaluated(found, float(self.config.epochs), "test")
            self._keep_predictions(found, "test", kept if kept is not None else self.step)

    def _check_score(self, loss: float, part: str, most: float) -> None:
        """Raises Diverged for a part's loss that is no number or above `most`."""
        if not math.isfinite(loss) or loss > most:
            raise Diverged(self.step, loss, self._peaks(), part)

    def _doubt(self) -> tuple[str, str]:
        """Reason and hint of a run that ends well, but with a dev loss that a guess would beat; else empty."""
        last = self._latest
        if last is None or last.loss is None or last.loss <= DOUBTFUL * self._untrained:
            return "", ""
        return doubt_on(last.loss, last.f1, self._untrained), rate_hint(self.config, self._peaks())

    def _peaks(self) -> dict[str, float]:
        return {group.name: group.peak for group in self.shop.groups}

    def _score(self, part: Windows) -> Evaluation | None:
        shop = self.shop
        stopped = functools.partial(self.listener.stop_asked, self.step)
        with self.watch.all_to("evaluation"), shop.accelerator.autocast():
            return evaluate(shop.tagger, shop.encoder, part, shop.corpus.tags, shop.device, stopped)

    def _evaluated(self, found: Evaluation, epoch: float, part: str) -> Evaluated:
        overall = found.counts.overall()
        return Evaluated(
            seconds=self.seconds(),
            step=self.step,
            epoch=epoch,
            tokens=self.tokens,
            loss=_finite(found.loss),
            precision=overall.precision,
            recall=overall.recall,
            f1=overall.f1,
            types=found.counts.by_type(),
            split=part,
            illegal=found.illegal,
            gold=overall.support,
            predicted=found.counts.predicted.total(),
        )

    def _keep_predictions(self, found: Evaluation, part: str, step: int) -> None:
        if self.folder and self.shop.accelerator.is_main_process:
            with self.watch.all_to("saving"):
                keep_predictions(self.folder, self.shop.corpus, part, getattr(self.shop, part), found, step)

    def _save(self, name: str) -> Iterator[Event]:
        assert self.folder is not None
        with self.watch.all_to("saving"):
            self._write_weights(self.folder, name)
        yield CheckpointSaved(self.seconds(), self.step, name)

    def _write_weights(self, folder: Path, name: str) -> None:
        if self.shop.accelerator.is_main_process:
            if name == "last" and self._best_step == self.step and "best" in self.config.keep:
                link_tagger(folder / "best", folder / "last")
            else:
                shop = self.shop
                chosen = {"max_pieces": shop.encoder.max_pieces, "precision": shop.precision}
                settings = {**self.config.as_dict(), **chosen}
                save_tagger(folder / name, shop.tagger, shop.encoder, shop.corpus.tags, settings)
        self.shop.accelerator.wait_for_everyone()

    # --- small things

    def _profiled(self) -> Iterator[Event]:
        """What the profiled steps spent their time on, once: as soon as there are enough, or anything else begins."""
        if self.profiler.is_on:
            yield from self._report()
            yield self.profiler.end(self.step, self.tokens, self.seconds)

    def _time_spent(self) -> TimeBreakdown:
        self._timed = time.monotonic()
        spent = {part: round(seconds, 4) for part, seconds in self.watch.told().items()}
        return TimeBreakdown(self.seconds(), self.step, spent)

    def _phase(self, text: str) -> PhaseEntered:
        self.phase = text
        return PhaseEntered(self.seconds(), text)

    def _track(self, values: dict[str, float | None], step: int) -> None:
        if self.config.trackers:
            self.shop.accelerator.log({name: value for name, value in values.items() if value is not None}, step=step)


def _finite(value: float) -> float | None:
    """A loss or a norm; None where it is no number. Rounding puts a loss that is as good as none below zero."""
    return max(0.0, value) if math.isfinite(value) else None
