"""Evidence: recorded runs of both pairs, from which rules of advice are made, and on which they are tried.

    python benchmarks/evidence.py --hours 4

Goes on where it was stopped, and may be stopped at any time. Two processes train at a time, with a thread each: a fifth
more than one process with two threads. Nothing else should run. A run is kept as a run folder in `data/evidence/PAIR/`,
without weights and with at most 200 steps in its log:

    LABKIT_RUNS=data/evidence/chinese labkit runs

`dev_counts.json` in it holds, of each evaluation, gold, predicted and correct entities of each dev sentence. Corpora
and encoders are those of benchmarks/evidence_cases.py. A seed also draws which sentences are trained on.
"""

import argparse
import json
import multiprocessing
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
from evidence_cases import PLANTED_CORPORA, Case, cases, make_corpus

from labkit import paths
from labkit.environment import torch_environment
from labkit.events import (
    CheckpointSaved,
    CrfTransitions,
    Evaluated,
    Event,
    LineWriter,
    PathsCompleted,
    PhaseEntered,
    RunFinished,
    RunStarted,
    StepDone,
    TimeBreakdown,
    WeightsMoved,
    open_event_log,
)
from labkit.runs.folder import CONFIG, EVENTS_FILE
from labkit.versions import installed_versions

EVIDENCE = Path(__file__).resolve().parent.parent / "data" / "evidence"
COUNTS = "dev_counts.json"
MAX_STEPS = 200  # in a log
WORKERS = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, required=True, help="no run is begun after these")
    parser.add_argument("--only", default="", help="cases whose folder has this in its path")
    asked = parser.parse_args()
    deadline = time.monotonic() + 3600 * asked.hours
    os.environ.update(torch_environment() | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"})
    # new processes rather than forks, and each for a few runs, as memory of differently long batches adds up
    with multiprocessing.get_context("spawn").Pool(WORKERS, maxtasksperchild=8) as pool:
        waiting, running = remaining(asked.only), {}
        while True:
            for case in [case for case, result in running.items() if result.ready()]:
                print(f"{case.folder}: {running.pop(case).get()}", flush=True)
                waiting = remaining(asked.only)  # again, as a better cell may ask for more seeds
            for case in waiting:
                if len(running) < WORKERS and case not in running and time.monotonic() < deadline:
                    running[case] = pool.apply_async(record, (case,))
            if not running:
                break
            time.sleep(0.2)
    print(json.dumps({"recorded": len(recorded()), "remaining": len(remaining(asked.only))}))


def recorded() -> dict[Path, float | None]:
    """Best F1 on dev by folder of what is recorded so far; None for a run that was never evaluated."""
    found = {}
    for log in sorted(EVIDENCE.glob(f"*/*/{EVENTS_FILE}")):
        scores = [event.f1 for event in open_event_log(log.parent).iter_events() if is_dev(event)]
        found[log.parent.relative_to(EVIDENCE)] = max(scores, default=None)
    return found


def is_dev(event: Event) -> bool:
    return isinstance(event, Evaluated) and event.split == "dev"


def remaining(only: str) -> list[Case]:
    """Cases that are not recorded yet, in order."""
    known = recorded()
    return [case for case in cases(known) if case.folder not in known and only in str(case.folder)]


def record(case: Case) -> str:
    """Trains a case in this process and keeps its folder; returns its outcome in words."""
    import torch

    from labkit.training import trainer

    torch.set_num_threads(1)
    config = case.config()
    if config.corpus in PLANTED_CORPORA:
        os.chdir(paths.cache())  # as a relative path names no folder of this machine
        config = config.replace(corpus=str(make_corpus(case.pair, config.corpus).relative_to(paths.cache())))
    counts = CountedEvaluations(trainer)
    began = time.time()
    with tempfile.TemporaryDirectory(prefix="labkit-evidence-") as folder:
        events = [RunStarted(began, 0, ""), *trainer.train(config, Path(folder), began)]
    document = {
        "config": config.as_dict(),
        "created": began,
        "versions": installed_versions(),
        "commit": current_commit(),
        "machine": describe_machine(),
        "threads": 1,
    }
    made = EVIDENCE / case.folder
    partial = made.with_name(f".{made.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    (partial / CONFIG).write_text(json.dumps(document, indent=1), encoding="utf-8")
    (partial / COUNTS).write_bytes(msgspec.json.encode(counts.of_dev(events)))
    writer = LineWriter(partial / EVENTS_FILE)
    writer.write(*thinned(events))
    writer.close()
    partial.rename(made)
    end, scores = events[-1], [round(event.f1, 3) for event in events if is_dev(event)]
    return f"{end.state} {scores} in {time.time() - began:.0f} s"


class CountedEvaluations:
    """Counts of each evaluation by sentence, taken while a trainer runs."""

    def __init__(self, trainer: Any) -> None:
        self._counts: list[tuple[list[int], list[int], list[int]]] = []
        self._evaluate = getattr(trainer.evaluate, "__wrapped__", trainer.evaluate)

        def evaluate(*args: Any) -> Any:
            evaluation = self._evaluate(*args)
            if evaluation is not None:
                self._counts.append(count_by_sentence(args[2], args[3], evaluation.predicted))
            return evaluation

        evaluate.__wrapped__ = self._evaluate  # type: ignore[attr-defined]
        trainer.evaluate = evaluate

    def of_dev(self, events: Sequence[Event]) -> dict[str, Any]:
        """Counts of the evaluations on dev, each a list with a number per sentence."""
        dev = [event for event in events if is_dev(event)]
        steps = [event.step for event in dev if isinstance(event, Evaluated)]
        counts = self._counts[: len(dev)]  # test comes last
        return {
            "steps": steps,
            "gold": counts[0][0] if counts else [],
            "predicted": [predicted for _, predicted, _ in counts],
            "correct": [correct for _, _, correct in counts],
        }


def count_by_sentence(windows: Any, tags: Sequence[str], predicted: Any) -> tuple[list[int], list[int], list[int]]:
    """Gold, predicted and correct entities of each sentence."""
    from labkit.training.evaluation import EntityCounts

    gold_counts, predicted_counts, correct_counts = [], [], []
    for start, end in pairwise(windows.sentence_offsets.tolist()):
        counts = EntityCounts()
        gold, found = ([tags[tag] for tag in row[start:end].tolist()] for row in (windows.tags, predicted))
        counts.add(gold, found)
        gold_counts.append(counts.gold.total())
        predicted_counts.append(counts.predicted.total())
        correct_counts.append(counts.correct.total())
    return gold_counts, predicted_counts, correct_counts


# --- a log of a few dozen KiB


def thinned(events: Sequence[Event]) -> Iterator[Event]:
    """Events with rounded figures, at most MAX_STEPS steps, and without what only a live display needs."""
    steps = [event.step for event in events if isinstance(event, StepDone)]
    every = -(-len(steps) // (MAX_STEPS - 1)) if steps else 1
    last = {type(event): event for event in events if isinstance(event, CrfTransitions | TimeBreakdown)}
    for event in events:
        if isinstance(event, PhaseEntered | CheckpointSaved):
            continue
        if isinstance(event, CrfTransitions | TimeBreakdown) and event is not last[type(event)]:
            continue
        if isinstance(event, StepDone) and (event.step - 1) % every and event.step != steps[-1]:
            continue
        if isinstance(event, RunFinished):
            event = msgspec.structs.replace(event, details="")  # a traceback names folders of this machine
        yield shortened(event)


def shortened(event: Event) -> Event:
    """An event with numbers of 5 digits where more say nothing; seconds to the hundredth."""
    changes: dict[str, Any] = {}
    if hasattr(event, "seconds"):
        changes["seconds"] = round(event.seconds, 2)
    if isinstance(event, StepDone):
        changes |= {"epoch": round(event.epoch, 4), "loss": digits(event.loss)}
        changes |= {"rates": all_digits(event.rates), "gradient_norms": all_digits(event.gradient_norms)}
    if isinstance(event, WeightsMoved):
        changes["distances"] = all_digits(event.distances)
    if isinstance(event, PathsCompleted):
        changes["shares"] = {name: [round(share, 4) for share in shares] for name, shares in event.shares.items()}
    return msgspec.structs.replace(event, **changes)


def all_digits(values: dict[str, Any]) -> dict[str, Any]:
    return {name: digits(value) for name, value in values.items()}


def digits(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.5g}")


def current_commit() -> str:
    asked = ("git", "-C", str(EVIDENCE.parent), "rev-parse", "--short", "HEAD")
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()


def describe_machine() -> str:
    """Processor and its widest instructions."""
    import torch

    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown CPU")
    return f"{os.cpu_count()} cores {model}, {torch.backends.cpu.get_cpu_capability()}"


if __name__ == "__main__":
    main()
