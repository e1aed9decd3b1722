"""Run folders as training would have written them, made up in milliseconds."""

import json
import math
import os
import random
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from labkit.config import RunConfig
from labkit.events import (
    EVENTS_FILE,
    CheckpointSaved,
    CorpusRead,
    DeviceSampled,
    Evaluated,
    Event,
    LineWriter,
    ParamGroupInfo,
    ParamGroupsBuilt,
    PathsCompleted,
    PhaseEntered,
    RunFinished,
    RunQueued,
    RunStarted,
    StepDone,
    TimeBreakdown,
    TrainingPlanned,
    TypeScore,
    WeightsMoved,
)
from labkit.runs.entity_errors import Entity
from labkit.runs.folder import RUN_LOCK
from labkit.runs.predictions import PredictionsHeader, ScoredSentence, write_predictions
from labkit.runs.run import Run

BEGAN = 1_700_000_000.0  # Unix seconds
SETUP_S = 1.5  # from the start to the first step
TOKENS_PER_SENTENCE = 20
NO_PROCESS = 2**31 - 1  # a pid that no system gives out


def write_run(
    runs_folder: Path,
    config: RunConfig | None = None,
    steps: int = 300,
    state: str = "completed",
    seed: int = 0,
    epochs: int | None = None,
    *,
    step_s: float = 0.05,
    number: int | None = None,
    host: str | None = None,
    dev_sha256: str = "",
) -> Path:
    """A run folder of the next number (or of `number`), and its path.

    A `running`, `starting` or `queued` one belongs to this very process, which is alive; any other to none. There is
    no summary.json: the store makes it.
    """
    config = config or RunConfig()
    runs_folder.mkdir(parents=True, exist_ok=True)
    number = number or 1 + max((int(path.name[4:]) for path in runs_folder.glob("run-*")), default=0)
    folder = runs_folder / f"run-{number:04d}"
    folder.mkdir()
    writer = LineWriter(folder / EVENTS_FILE)
    more = {"step_s": step_s, "began": BEGAN + 1000 * number, "host": host, "dev_sha256": dev_sha256}
    writer.write(*events(config, steps, state, seed, epochs, **more))
    writer.close()
    document = {"config": config.as_dict(), "created": BEGAN + 1000 * number, "versions": {"labkit": "0"}}
    (folder / "config.json").write_text(json.dumps(document), encoding="utf-8")
    if state not in ("queued", "starting", "running") and not host:
        (folder / RUN_LOCK).touch()  # which nobody holds; that of another host may be invisible here
    return folder


ENGLISH = ("anna lives in new york .", "yesterday ben <b>smith</b> & co. went to oslo .", "nothing new here today .")
CHINESE = ("王小明住在上海市。", "昨天李华从北京大学去了南京，很冷。", "今天没有<b>新闻</b>，2019年。")
_GOLD = (
    ([Entity("PER", 0, 1), Entity("LOC", 3, 5)], [Entity("PER", 1, 3), Entity("LOC", 7, 8)], []),
    ([Entity("PER", 0, 3), Entity("LOC", 5, 8)], [Entity("PER", 2, 4), Entity("ORG", 5, 9), Entity("LOC", 11, 13)], []),
)


def write_mistakes(
    folder: Path, seed: int = 0, sentences: int = 90, part: str = "dev", chinese: bool = False
) -> dict[int, ScoredSentence]:
    """Predictions in a run folder: three sentences again and again, each entity right or wrong in some way."""
    rng, by_number = random.Random(seed), {}
    texts = [list(text) if chinese else text.split() for text in (CHINESE if chinese else ENGLISH)]
    for number in range(sentences):
        words, gold = texts[number % 3], _GOLD[chinese][number % 3]
        predicted = [changed for entity in gold if (changed := _changed(entity, rng))]
        predicted += [Entity("PER", 1, 2)] if not gold and rng.random() < 0.3 else []
        if gold or predicted:
            by_number[number] = ScoredSentence(number, words, gold, predicted)
    about = PredictionsHeader(part, 100, "c0ffee", sentences, sentences, sentences, "" if chinese else " ")
    write_predictions(folder, about, by_number.values())
    return by_number


def _changed(entity: Entity, rng: random.Random) -> Entity | None:
    ways = [entity] * 4 + [None, entity._replace(type="LOC" if entity.type == "PER" else "PER")]
    ways += [entity._replace(end=entity.end + 1)]
    return rng.choice(ways)


def events(
    config: RunConfig | None = None,
    steps: int = 300,
    state: str = "completed",
    seed: int = 0,
    epochs: int | None = None,
    *,
    step_s: float = 0.05,
    began: float = BEGAN,
    host: str | None = None,
    dev_sha256: str = "",
) -> list[Event]:
    """The log of a run of so many planned steps; one that did not complete broke off halfway.

    Args:
        state: `queued`, `starting`, or a state of RunFinished, or `running`.
        epochs: instead of the config's.
        step_s: seconds a step takes; an evaluation takes ten times as long.
        host: the machine it ran on; by default this one.
        dev_sha256: of the sentences that it is scored on; empty as in an older log.
    """
    config = (config or RunConfig()).replace(epochs=epochs or (config or RunConfig()).epochs)
    log: list[Event] = [RunQueued(began)]
    if state == "queued":
        return log
    live = state in ("starting", "running")
    pid = os.getpid() if live else NO_PROCESS
    log += [RunStarted(began, pid, host or socket.gethostname()), PhaseEntered(0.1, "reading the corpus")]
    if state == "starting":
        return log
    log += _prepared(config, steps, dev_sha256)
    done = steps if state == "completed" else steps // 2
    log += sorted(_trained(config, steps, done, seed, step_s), key=_seconds)
    if state in ("completed", "stopped"):
        log.append(_paths(_seconds(log[-1]), done))
    if state in ("completed", "stopped", "failed"):
        done = max(event.step for event in log if isinstance(event, StepDone))
        reason = "the loss is not a finite number" if state == "failed" else ""
        log.append(RunFinished(_seconds(log[-1]) + 0.1, state, done, reason, "lower the head rate" if reason else ""))
    return log


def _seconds(event: Event) -> float:
    return getattr(event, "seconds", 0.0)


def _prepared(config: RunConfig, steps: int, dev_sha256: str) -> list[Event]:
    sentences = math.ceil(steps / config.epochs) * config.batch_size * config.accumulate
    tags = ["O", "B-LOC", "B-PER", "I-LOC", "I-PER"]
    groups = [
        ParamGroupInfo("encoder", 101, 22_565_376, config.encoder_rate, config.encoder_schedule, 5, 0.01, 66),
        ParamGroupInfo("head", 13, 533_541, config.head_rate, config.head_schedule, 5, 0.0, 7),
    ]
    return [
        CorpusRead(
            0.3,
            config.corpus,
            "c0ffee" * 8,
            sentences,
            120,
            130,
            sentences * 15,
            tags,
            ["2 tags repaired."],
            dev_sha256,
        ),
        ParamGroupsBuilt(1.2, groups),
        TrainingPlanned(
            SETUP_S, steps, math.ceil(steps / config.epochs), "cpu", "Some CPU", "float32", 1, "decade" * 8
        ),
    ]


def _trained(config: RunConfig, steps: int, done: int, seed: int, step_s: float) -> Iterator[Event]:
    """Steps up to `done`, an evaluation and a checkpoint after each epoch, device samples all along; unsorted."""
    noise = random.Random(seed)
    per_epoch = math.ceil(steps / config.epochs)
    skill = math.exp(-abs(math.log10(max(config.head_rate, 1e-9) / 5e-3)))  # 5e-3 is the best head rate here
    now, tokens = SETUP_S, 0
    for step in range(1, done + 1):
        now += step_s
        tokens += config.batch_size * config.accumulate * TOKENS_PER_SENTENCE
        loss = 0.1 + 2.0 * math.exp(-5 * skill * step / steps) + noise.uniform(-0.08, 0.08)
        yield StepDone(now, step, step / per_epoch, loss, _rates(config, step, steps), _norms(noise), tokens)
        if step % math.ceil(steps / 100) == 0:
            way = math.sqrt(step / steps)
            yield WeightsMoved(now, step, {"encoder": 0.03 * way, "head": 130 * config.head_rate * way, "crf": 6 * way})
        if step % per_epoch == 0 or step == steps:
            now += 10 * step_s
            yield _evaluated(now, step, step / per_epoch, tokens, skill * step / steps, noise)
            yield CheckpointSaved(now, step, "best")
            yield TimeBreakdown(now, step, _spent(now, step * step_s))
    yield from _samples(now, noise)


def _paths(now: float, done: int) -> PathsCompleted:
    """A tenth of the way at a time, the head's faster."""
    shares = [tenth / 10 for tenth in range(1, 11)]
    ways = {"encoder": shares, "head": [share**0.5 for share in shares], "crf": [share**0.8 for share in shares]}
    return PathsCompleted(now, done, [round(share * done) for share in shares], ways)


def _spent(now: float, in_steps: float) -> dict[str, float]:
    """Seconds by part: in steps always the same shares, beside them loading and evaluations."""
    shares = {"data": 0.01, "encoder": 0.7, "downstream": 0.1, "CRF": 0.09, "optimizer": 0.1}
    spent = {part: share * in_steps for part, share in shares.items()}
    return {"loading": SETUP_S, **spent, "evaluation": now - SETUP_S - sum(spent.values())}


def _rates(config: RunConfig, step: int, steps: int) -> dict[str, float]:
    return {
        group: peak * _share(schedule, warmup * steps, step, steps, config)
        for group, peak, schedule, warmup in (
            ("encoder", config.encoder_rate, config.encoder_schedule, config.encoder_warmup),
            ("head", config.head_rate, config.head_schedule, config.head_warmup),
        )
    }


def _share(schedule: str, warmup: float, step: int, steps: int, config: RunConfig) -> float:
    """What a schedule makes of the peak rate at a step."""
    if step < warmup:
        return step / warmup
    if schedule == "linear":
        return (steps - step) / max(steps - warmup, 1)
    return float(config.staircase_factor ** (step // config.staircase_steps)) if schedule == "staircase" else 1.0


def _norms(noise: random.Random) -> dict[str, float | None]:
    return {"encoder": noise.uniform(0.5, 1.5), "head": noise.uniform(1.0, 4.0)}


def _evaluated(now: float, step: int, epoch: float, tokens: int, quality: float, noise: random.Random) -> Evaluated:
    f1 = 0.75 * (1 - math.exp(-4 * quality)) + noise.uniform(-0.01, 0.01)
    f1 = min(max(f1, 0.0), 1.0)
    precision, recall = min(f1 + 0.03, 1.0), max(f1 - 0.03, 0.0)
    types = {name: TypeScore(precision, recall, f1, support) for name, support in (("LOC", 70), ("PER", 110))}
    return Evaluated(now, step, epoch, tokens, 0.9 - f1 + 0.1, precision, recall, f1, types)


def _samples(until: float, noise: random.Random) -> Iterator[DeviceSampled]:
    """Twice a second from the first moment on; every seventh second the utilisation cannot be read."""
    for half in range(1, int(until * 2) + 1):
        utilization = None if half // 2 % 7 == 6 else noise.uniform(60, 100)
        missing = {} if utilization is not None else {"utilization": "the process was swapped out"}
        yield DeviceSampled(half / 2, "cpu", utilization, 400 + 3 * half**0.5, 2000.0, 16000.0, missing=missing)


def scored(f1: float = 0.5, loss: float | None = 0.5, config: RunConfig | None = None, **changes: Any) -> Run:
    """A run without a folder that was evaluated once, on 120 sentences of the corpus `mine` with 180 entities.

    Args:
        changes: fields of CorpusRead and Evaluated that differ.
    """
    run = Run(config=config or RunConfig())
    corpus = CorpusRead(0.1, "mine", "c0ffee", 900, 120, 130, 9000, ["O", "B-PER", "I-PER"], [])
    found = Evaluated(0.2, 10, 1.0, 100, loss, f1, f1, f1, {}, gold=180, predicted=170)
    for event in (corpus, found):
        known = {name: value for name, value in changes.items() if name in event.__struct_fields__}
        run.add(msgspec.structs.replace(event, **known))
    return run
