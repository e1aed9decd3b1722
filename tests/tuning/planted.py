"""Runs made up for a rule of advice."""

import json
import os
import socket
from pathlib import Path
from typing import Any

from labkit.config import RunConfig
from labkit.events import (
    EVENTS_FILE,
    CorpusRead,
    Evaluated,
    Event,
    LineWriter,
    RunFinished,
    RunStarted,
    StepDone,
    TrainingPlanned,
    TypeScore,
    WeightsMoved,
)
from labkit.messages import Message
from labkit.runs.folder import CONFIG
from labkit.runs.run import Run

STEPS, GOLD = 180, 500
CORPUS = CorpusRead(
    1.0,
    "toy",
    "c0ffee",
    1000,
    100,
    0,
    5_000,
    ["O", "B-PER", "I-PER"],
    [],
    "",
    "",
    0.5,
    0.2,
    {"train": 0.0},
    {"dev": 0.0},
)


def planted(
    f1: tuple[float, ...] = (0.4, 0.68, 0.7),
    dev_loss: tuple[float, ...] = (0.2, 0.15, 0.15),
    losses: tuple[float, float] = (0.6, 0.05),
    head: float = 1.3,
    encoder: float = 0.01,
    crf: float = 4.0,
    gold: int = GOLD,
    steps: int = STEPS,
    done: float = 1.0,
    norm: float = 0.1,
    spent_after: int = 0,
    types: dict[str, float] | None = None,
    corpus: CorpusRead | None = None,
    more: tuple[Event, ...] = (),
    state: str = "completed",
    reason: str = "",
    **settings: Any,
) -> tuple[RunConfig, list[Event]]:
    """Settings and log of a run: F1 and dev loss by epoch, first and last training loss, distances at the end.

    `done` is the share of the steps, after which a live run stands; after `spent_after` steps the rates are 0.
    """
    config = RunConfig(**{"epochs": len(f1), **settings})
    taken = round(done * steps)
    found: list[Event] = [RunStarted(0.0, os.getpid(), socket.gethostname()), corpus or CORPUS]
    found.append(TrainingPlanned(2.0, steps, max(1, steps // config.epochs), "cpu", "cpu", "float32", 1, ""))
    for step in range(1, taken + 1):
        made = 1 - (1 - step / steps) ** 2
        loss = losses[0] * (losses[1] / losses[0]) ** made
        epoch = step * config.epochs / steps
        rates = {"head": 0.0 if spent_after and step > spent_after else 0.1}
        found.append(StepDone(2.0 + step, step, epoch, loss, rates, {"head": norm}, 100 * step))
        distances = {"encoder": encoder * made, "head": head * made, "crf": crf * made}
        found.append(WeightsMoved(2.0 + step, step, distances))
        if epoch == int(epoch):
            found.append(evaluation(step, epoch, f1[int(epoch) - 1], dev_loss[int(epoch) - 1], gold, types))
    found += more
    if done == 1:
        found.append(RunFinished(300.0, state, steps, reason if isinstance(reason, Message) else Message(reason)))
    return config, found


def run_of(**how: Any) -> Run:
    """A planted run in memory; see `planted`."""
    config, events = planted(**how)
    run = Run(config=config)
    for event in events:
        run.add(event)
    return run


def write_planted(folder: Path, **how: Any) -> Run:
    """A planted run in a folder; see `planted`. One that is not done is live as long as its lock is held."""
    config, events = planted(**how)
    folder.mkdir(parents=True)
    writer = LineWriter(folder / EVENTS_FILE)
    writer.write(*events)
    writer.close()
    document = {"config": config.as_dict(), "created": 1_700_000_000.0, "versions": {"labkit": "0"}}
    (folder / CONFIG).write_text(json.dumps(document), encoding="utf-8")
    return Run(folder)


def evaluation(step: int, epoch: float, f1: float, loss: float, gold: int, types: dict[str, float] | None) -> Evaluated:
    scores = {name: TypeScore(score, score, score, 40) for name, score in (types or {"PER": f1}).items()}
    return Evaluated(2.0 + step, step, epoch, 100 * step, loss, f1, f1, f1, scores, "dev", 3, gold, round(f1 * gold))
