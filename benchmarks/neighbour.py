"""Training alone and beside a process that never rests, by how long threads wait for each other awake.

    python benchmarks/neighbour.py [--rounds 3] [--sentences 640]

`labkit train` of the Chinese pair for one epoch, each in a process of its own, in turn: as a user gets it (threads wait
awake for long, but briefly beside a neighbour: training/openmp_spinning.py), and with one count for all times, which
GOMP_SPINCOUNT in the environment is. The neighbour is one process that counts up. Milliseconds are medians over a run's
steps without the first ones. The last line is JSON: how many times faster a step is than with each count, alone and
beside the neighbour; medians over the rounds. Linux.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from kernel import median, quiet
from step_speed import completed

from labkit.environment import OMP_SPIN_COUNT
from labkit.events import StepDone

WAYS = {"labkit": None, "brief": "3000", "long": str(int(OMP_SPIN_COUNT) + 1)}  # GOMP_SPINCOUNT; the user's own stays
FIRST = 8  # steps that set things up


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sentences", type=int, default=640)
    asked = parser.parse_args()
    found: dict[tuple[str, str], list[float]] = {}
    print(f"{'round':>5}  {'':<7}" + "".join(f"{way:>9}" for way in WAYS) + "  ms a step", flush=True)
    for number in range(asked.rounds):
        for where, others in (("alone", 0), ("beside", 1)):
            if not others:
                quiet(f"round {number + 1}", 60.0)
            for way, count in WAYS.items():
                with neighbours(others):
                    found.setdefault((where, way), []).append(step_ms(count, asked.sentences))
            figures = "".join(f"{found[where, way][-1]:9.1f}" for way in WAYS)
            print(f"{number + 1:>5}  {where:<7}{figures}", flush=True)
    ratios = {
        f"{where}_vs_{way}": round(median([b / a for a, b in zip(found[where, "labkit"], times, strict=True)]), 3)
        for (where, way), times in found.items()
        if way != "labkit"
    }
    print(json.dumps(ratios))


@contextmanager
def neighbours(count: int) -> Iterator[None]:
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def step_ms(count: str | None, sentences: int) -> float:
    environment = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    if count:
        environment["GOMP_SPINCOUNT"] = count
    with tempfile.TemporaryDirectory(prefix="labkit-bench-") as place:
        settings = ["--pair=chinese", f"--train-limit={sentences}", "--epochs=1", "--keep=none", "--runs", place]
        command = [sys.executable, "-m", "labkit", "train", *settings]
        told = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
        events = completed(Path(told.stdout.decode().split()[-1]))
    times = [event.seconds for event in events if isinstance(event, StepDone)][FIRST:]
    return 1e3 * statistics.median(after - before for before, after in pairwise(times))


if __name__ == "__main__":
    main()
