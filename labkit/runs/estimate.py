"""How long a run will take, by earlier runs on the same machine."""

import math
import socket
from collections.abc import Iterable
from dataclasses import dataclass

from labkit.config import RunConfig
from labkit.runs.run import Run

MIN_STEPS = 3  # fewer tell nothing about the time of another run
UNCUT_WINDOW = RunConfig().max_pieces  # a window in which few sentences, if any, are cut
TYPICAL_TOKENS_PER_SENTENCE = 30  # word pieces a sentence, where no earlier run on the corpus tells
# Else a step is another piece of work.
_MUST_MATCH = ("encoder", "downstream", "decoder", "mix_layers", "device", "precision")
_WINDOW_SETTINGS = ("corpus", "encoder", "max_pieces")  # what decides into how many windows a sentence goes
_SHOULD_MATCH = ("corpus", "lstm_size", "lstm_layers", "max_pieces")  # better the same


@dataclass(frozen=True)
class Estimate:
    """What a run will take. `seconds` and `basis` are None where no earlier run tells."""

    steps_per_epoch: int
    steps: int
    seconds: float | None = None  # from Train to the end, loading and evaluations included
    basis: str | None = None  # in words: "from run #7"
    run: Run | None = None
    is_exact: bool = True  # or the steps are a guess themselves: they depend on the pieces of the sentences


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
    """Steps by counting, or about where pieces decide; seconds by scaling the most similar run that ended well.

    seconds = loading + training + evaluations + closing, where of that run
    - loading is what it took until its first step, taken as it was;
    - training is its seconds in steps per sentence seen, times the sentences to be seen;
    - evaluations are its seconds for one, times the number of them, scaled by `dev_sentences` where given;
    - closing is its test part and last weights, scaled by `test_sentences` where given: the weights take no time.

    Only runs on the same host, with the same encoder, downstream structure, device, precision and number of processes
    count, and frozen encoders only for frozen encoders. Of these the most similar in batch size and number of
    sentences is taken, the newest of equals.

    Args:
        train_sentences: of the corpus; the config's limits are applied to it, and to the other parts.
        processes: on each of which a batch is taken.
        host: as in RunStarted; by default this machine.
    """
    sentences = _apply_limit(train_sentences, config.sentence_limit("train"))
    runs = list(runs)
    batch = _sentences_per_batch(config, _tokens_per_sentence(runs, config) if config.token_budget else 0)
    windows = _windows_per_sentence(runs, config)
    is_whole = config.max_pieces >= UNCUT_WINDOW if windows is None else windows == 1
    counted = is_whole and not config.token_budget
    per_epoch = math.ceil(sentences * (windows or 1) / (batch * config.accumulate * processes))
    steps = per_epoch * config.epochs
    like = [run for run in runs if _is_comparable(run, config, processes, host or socket.gethostname())]
    if not like:
        return Estimate(per_epoch, steps, is_exact=counted)
    nearest = min(like, key=lambda run: (_distance(run, config, sentences), -run.created))
    dev = None if dev_sentences is None else _apply_limit(dev_sentences, config.sentence_limit("dev"))
    test = None if test_sentences is None else _apply_limit(test_sentences, config.sentence_limit("test"))
    seconds = _scale_seconds(nearest, config, sentences, per_epoch, dev, test)
    return Estimate(per_epoch, steps, seconds, f"from run {nearest.title}", nearest, counted)


def _apply_limit(sentences: int, limit: int) -> int:
    return min(sentences, limit) if limit else sentences


def _sentences_per_batch(config: RunConfig, tokens_per_sentence: float) -> float:
    """Sentences a batch, of so many word pieces a sentence."""
    return max(1.0, config.token_budget / tokens_per_sentence) if config.token_budget else config.batch_size


def _tokens_per_sentence(runs: Iterable[Run], config: RunConfig) -> float:
    """Word pieces a sentence, by the newest run on the corpus."""
    for run in sorted(runs, key=lambda run: -run.created):
        if run.config and run.corpus and (run.config.corpus, run.config.encoder) == (config.corpus, config.encoder):
            summary = run.summary()
            if summary.tokens and (seen := summary.epoch * run.corpus.train_sentences):
                return summary.tokens / seen
    return TYPICAL_TOKENS_PER_SENTENCE


def _windows_per_sentence(runs: Iterable[Run], config: RunConfig) -> float | None:
    """Windows a sentence, by the newest run in which sentences were cut in the same way; None without one.

    That run tells its steps and not its windows: its last batch is taken to be half full.
    """
    for run in sorted(runs, key=lambda run: -run.created):
        if run.config and run.corpus and run.plan and not run.config.token_budget:
            cut_alike = all(getattr(run.config, name) == getattr(config, name) for name in _WINDOW_SETTINGS)
            sentences = run.corpus.train_sentences
            if cut_alike and sentences:
                batch = run.config.batch_size * run.config.accumulate * run.plan.processes
                cut = run.plan.steps_per_epoch > math.ceil(sentences / batch)
                return (run.plan.steps_per_epoch - 0.5) * batch / sentences if cut else 1
    return None


def _is_comparable(run: Run, config: RunConfig, processes: int, host: str) -> bool:
    if run.state not in ("completed", "stopped") or not (run.config and run.started and run.plan and run.corpus):
        return False
    summary = run.summary()
    return (
        run.started.host == host
        and run.plan.processes == processes
        and all(getattr(run.config, name) == getattr(config, name) for name in _MUST_MATCH)
        and run.config.has_frozen_encoder == config.has_frozen_encoder
        and ((summary.step >= MIN_STEPS and summary.all_steps_s > 0) or _has_same_settings(run, config))
        and summary.epoch * run.corpus.train_sentences > 0
    )


def _has_same_settings(run: Run, config: RunConfig) -> bool:
    """Whether a whole run had the same settings: it tells the time however short it was, or profiled all along."""
    return run.state == "completed" and run.config is not None and run.config.replace(seed=config.seed) == config


def _distance(run: Run, config: RunConfig, sentences: int) -> float:
    """Doubling the batch counts 1, doubling the sentences a half, anything else that differs 1."""
    assert run.config
    assert run.corpus
    batches = (_sentences_per_batch(each, TYPICAL_TOKENS_PER_SENTENCE) for each in (run.config, config))
    batch: float = abs(math.log2(next(batches) / next(batches)))
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
    evaluations = per_evaluation * _count_evaluations(config, per_epoch)
    return run.plan.seconds + training + evaluations + closing


def _count_evaluations(config: RunConfig, per_epoch: int) -> int:
    """One after each epoch, and every so many steps where that is not the end of one anyway."""
    every, steps = config.evaluate_every, per_epoch * config.epochs
    between = steps // every - steps // math.lcm(every, per_epoch) if every and per_epoch else 0
    return config.epochs + between
