"""Estimate of a run's steps and duration, from earlier runs."""

import math
import socket
from collections.abc import Iterable
from dataclasses import dataclass

from labkit.config import RunConfig
from labkit.messages import Message
from labkit.runs.run import Run

MIN_STEPS = 3  # of a run, for its time to predict that of another
UNCUT_WINDOW = RunConfig().max_pieces  # longer windows cut few sentences, if any
TYPICAL_TOKENS_PER_SENTENCE = 30  # if there is no earlier run on the corpus
# or steps differ too much
_MUST_MATCH = ("encoder", "downstream", "decoder", "mix_layers", "device", "precision", "implementation")
_WINDOW_SETTINGS = ("corpus", "encoder", "max_pieces")  # they determine the number of windows per sentence
_SHOULD_MATCH = ("corpus", "lstm_size", "lstm_layers", "max_pieces", "encoder_start")  # preferably


@dataclass(frozen=True)
class Estimate:
    """Estimated steps and seconds of a run. `seconds` and `basis` are None without an earlier run."""

    steps_per_epoch: int
    steps: int
    seconds: float | None = None  # from Train to the end, loading and evaluations included
    basis: Message | None = None  # in words: "from run #7"
    run: Run | None = None
    is_exact: bool = True  # False if the steps themselves are estimated, as they depend on the tokens of the sentences


def estimate(
    runs: Iterable[Run],
    config: RunConfig,
    train_sentences: int,
    dev_sentences: int | None = None,
    test_sentences: int | None = None,
    *,
    processes: int = 1,
    host: str | None = None,
) -> Estimate:
    """Estimates the steps and the seconds of a run.

    The seconds are those of the most similar earlier run, scaled:

    seconds = loading + training + evaluations + closing, where for the similar run
    - loading is the time until its first step, unscaled;
    - training is its time in steps per sentence seen, times the sentences to be seen;
    - evaluations is its time for one evaluation, times their number, scaled by `dev_sentences` if given;
    - closing is its time for the test split and the last weights, scaled by `test_sentences` if given: writing the
      weights takes next to no time.

    Only completed or stopped runs count, on the same host, with the same encoder, downstream structure, decoder,
    device, precision and number of processes, and with a frozen encoder only if this one is frozen. Of these the most
    similar in batch size and number of sentences is used, the newest of equals.

    Args:
        train_sentences: of the corpus; the config's limits are applied to it, and to the other splits.
        processes: number of training processes, each of which takes its own batches.
        host: as in RunStarted; by default this machine.
    """
    sentences = _apply_limit(train_sentences, config.sentence_limit("train"))
    runs = list(runs)
    batch = _sentences_per_batch(config, _tokens_per_sentence(runs, config) if config.token_budget else 0)
    windows = _windows_per_sentence(runs, config)
    is_uncut = config.max_pieces >= UNCUT_WINDOW if windows is None else windows == 1
    is_exact = is_uncut and not config.token_budget
    per_epoch = math.ceil(sentences * (windows or 1) / (batch * config.accumulate * processes))
    steps = per_epoch * config.epochs
    similar = [run for run in runs if _is_comparable(run, config, processes, host or socket.gethostname())]
    if not similar:
        return Estimate(per_epoch, steps, is_exact=is_exact)
    nearest = min(similar, key=lambda run: (_distance(run, config, sentences), -run.created))
    dev = None if dev_sentences is None else _apply_limit(dev_sentences, config.sentence_limit("dev"))
    test = None if test_sentences is None else _apply_limit(test_sentences, config.sentence_limit("test"))
    seconds = _scale_seconds(nearest, config, sentences, per_epoch, dev, test)
    return Estimate(per_epoch, steps, seconds, Message("from run {run}", run=nearest.title), nearest, is_exact)


def _apply_limit(sentences: int, limit: int) -> int:
    return min(sentences, limit) if limit else sentences


def _sentences_per_batch(config: RunConfig, tokens_per_sentence: float) -> float:
    """Mean number of sentences per batch."""
    return max(1.0, config.token_budget / tokens_per_sentence) if config.token_budget else config.batch_size


def _tokens_per_sentence(runs: Iterable[Run], config: RunConfig) -> float:
    """Mean tokens per sentence, from the newest run on the corpus."""
    for run in sorted(runs, key=lambda run: -run.created):
        if run.config and run.corpus and (run.config.corpus, run.config.encoder) == (config.corpus, config.encoder):
            summary = run.summary()
            if summary.tokens and (seen := summary.epoch * run.corpus.train_sentences):
                return summary.tokens / seen
    return TYPICAL_TOKENS_PER_SENTENCE


def _windows_per_sentence(runs: Iterable[Run], config: RunConfig) -> float | None:
    """Mean windows per sentence, from the newest run with equal window settings. None without one.

    The log has the steps of that run, not its windows: its last batch is taken to be half full.
    """
    for run in sorted(runs, key=lambda run: -run.created):
        if run.config and run.corpus and run.plan and not run.config.token_budget:
            is_same_cut = all(getattr(run.config, name) == getattr(config, name) for name in _WINDOW_SETTINGS)
            sentences = run.corpus.train_sentences
            if is_same_cut and sentences:
                batch = run.config.batch_size * run.config.accumulate * run.plan.processes
                cut = run.plan.steps_per_epoch > math.ceil(sentences / batch)
                return (run.plan.steps_per_epoch - 0.5) * batch / sentences if cut else 1
    return None


def _is_comparable(run: Run, config: RunConfig, processes: int, host: str) -> bool:
    if run.state not in ("completed", "stopped") or not (run.config and run.started and run.plan and run.corpus):
        return False
    summary = run.summary()
    # a whole run of the same settings counts however short it was, and even if all of its steps were profiled
    has_same_settings = run.state == "completed" and run.config.replace(seed=config.seed) == config
    return (
        run.started.host == host
        and run.plan.processes == processes
        and all(getattr(run.config, name) == getattr(config, name) for name in _MUST_MATCH)
        and run.config.has_frozen_encoder == config.has_frozen_encoder
        and ((summary.step >= MIN_STEPS and summary.all_steps_s > 0) or has_same_settings)
        and summary.epoch * run.corpus.train_sentences > 0
    )


def _distance(run: Run, config: RunConfig, sentences: int) -> float:
    """Dissimilarity: 1 for twice the batch, 1/2 for twice the sentences, 1 for any other difference."""
    assert run.config
    assert run.corpus
    batches = [_sentences_per_batch(one, TYPICAL_TOKENS_PER_SENTENCE) for one in (run.config, config)]
    batch: float = abs(math.log2(batches[0] / batches[1]))
    size: float = abs(math.log2(run.corpus.train_sentences / max(sentences, 1))) / 2
    others: int = sum(getattr(run.config, name) != getattr(config, name) for name in _SHOULD_MATCH)
    return batch + size + others + (run.state == "stopped")


def _scale_seconds(
    run: Run, config: RunConfig, sentences: int, per_epoch: int, dev_sentences: int | None, test_sentences: int | None
) -> float:
    assert run.plan
    assert run.corpus
    summary = run.summary()
    steps_s = summary.all_steps_s or summary.training_s + summary.profiling_s
    per_sentence = steps_s / (summary.epoch * run.corpus.train_sentences)
    per_evaluation = summary.evaluation_s / max(summary.evaluations, 1)
    if dev_sentences is not None and run.corpus.dev_sentences:
        per_evaluation *= dev_sentences / run.corpus.dev_sentences
    closing = summary.closing_s
    if test_sentences is not None and run.corpus.test_sentences and run.test:
        closing *= test_sentences / run.corpus.test_sentences
    training = per_sentence * sentences * config.epochs
    every, steps = config.evaluate_every, per_epoch * config.epochs
    between = (
        steps // every - steps // math.lcm(every, per_epoch) if every and per_epoch else 0
    )  # not at an epoch's end
    return run.plan.seconds + training + per_evaluation * (config.epochs + between) + closing
