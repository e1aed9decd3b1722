"""A folder of many stored runs, as if they had been trained one after another; real files, written in seconds."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from labkit.config import RunConfig
from labkit.events import EVENTS_FILE, Event, RunQueued, RunStarted
from labkit.runs.folder import CONFIG, SUMMARY
from labkit.runs.summary import Summary

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for the tests' made-up logs
from tests.runs.samples import events

STEP_S = 0.15  # as on two cores at batch 16; devices are sampled twice a second
EPOCHS = 5
BODIES = 16  # different curves; further runs repeat them under settings and times of their own
BEGAN = 1_700_000_000.0  # Unix seconds
_line = msgspec.json.Encoder()


@dataclass(frozen=True)
class Body:
    """All of a log but its first two lines, and what a table needs to know of it."""

    lines: bytes
    summary: Summary


def write_store(folder: Path, runs: int, steps: int) -> int:
    """So many finished runs of so many steps each, with logs of their own and a summary; returns the bytes of logs."""
    bodies = [_body(seed, steps) for seed in range(min(BODIES, runs))]
    return sum(_write_run(folder / f"run-{number:04d}", number, bodies[number % len(bodies)], steps)
               for number in range(1, runs + 1))  # fmt: skip


def live_run(folder: Path, number: int, steps: int) -> Iterator[bytes]:
    """A run folder of this process's, halfway through; yields the lines that come next, one by one."""
    log = events(_config(number, steps), 2 * steps, "completed", number, step_s=STEP_S, began=BEGAN + 1000 * number)
    alive = events(_config(number, steps), 2 * steps, "starting", number, began=BEGAN + 1000 * number)[:2]
    lines = [_line.encode(event) + b"\n" for event in [*alive, *log[2:]]]
    half = len(lines) // 2
    _write_folder(folder / f"run-{number:04d}", number, steps, b"".join(lines[:half]))
    yield from lines[half:]


def _config(number: int, steps: int) -> RunConfig:
    """Settings as somebody would try them out: rates, batch sizes and seeds."""
    return RunConfig(
        epochs=EPOCHS,
        seed=number,
        encoder_rate=(1e-5, 2e-5, 3e-5, 5e-5, 1e-4)[number % 5],
        head_rate=(1e-3, 2e-3, 5e-3, 1e-2)[number // 5 % 4],
        batch_size=(8, 16, 32)[number // 20 % 3],
        dropout=(0.1, 0.3, 0.5)[number // 60 % 3],
    )


def _body(seed: int, steps: int) -> Body:
    log = events(_config(seed, steps), steps, "completed", seed, step_s=STEP_S)
    summary = Summary()
    for event in log:
        summary.add(event)
    return Body(b"".join(_line.encode(event) + b"\n" for event in log[2:]), summary)


def _write_run(folder: Path, number: int, body: Body, steps: int) -> int:
    began = BEGAN + 1000 * number
    assert body.summary.started
    first: list[Event] = [RunQueued(began), msgspec.structs.replace(body.summary.started, time=began)]
    assert isinstance(first[1], RunStarted)
    log = b"".join(_line.encode(event) + b"\n" for event in first) + body.lines
    _write_folder(folder, number, steps, log)
    summary = msgspec.structs.replace(body.summary, queued=began, started=first[1], log_bytes=len(log))
    (folder / SUMMARY).write_bytes(_line.encode(summary))
    return len(log)


def _write_folder(folder: Path, number: int, steps: int, log: bytes) -> None:
    (folder / "best").mkdir(parents=True)
    (folder / "best" / "tagger.json").write_text("{}")  # its weights can be tried
    document = {"config": _config(number, steps).as_dict(), "created": BEGAN + 1000 * number, "versions": {}}
    (folder / CONFIG).write_text(json.dumps(document), encoding="utf-8")
    (folder / EVENTS_FILE).write_bytes(log)
