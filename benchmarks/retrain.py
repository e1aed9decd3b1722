"""Whether a notebook kernel is as it was after fifty runs: its threads, open files and memory.

    python benchmarks/retrain.py [--runs 50] [--warm-up 5]

Short runs, one after the other, from one real notebook kernel with the lab open and drawing. Measured in the kernel
between two runs, rubbish collected. Own memory is what is resident without files and shared memory (the usual USS also
grows when any other process that had loaded the same libraries ends). The last line is JSON: growth from the first
measurement to the last, `memory_growth` as a share of own memory, threads and files as numbers; `per_run_kib` is the
slope of a line through all measurements, which tells a leak from a buffer that was once needed.
"""

import argparse
import json
from typing import Any

import numpy as np
from kernel import Kernel, own_place, until_warm

SETTINGS = {"train_limit": 24, "dev_limit": 8, "epochs": 1, "batch_size": 8, "keep": "none"}
TRAIN = "run = lab.start().wait(timeout_s=300); import time; time.sleep({rest_s})"
MEASURE = """
import gc, psutil
gc.collect()
_process = psutil.Process()
_memory = _process.memory_info()
measured = _process.num_threads(), _process.num_fds(), _memory.rss, _memory.rss - _memory.shared
"""
EVERY = 5  # runs from one line to the next
RESTS_S = 1.2  # for the lab to draw the end, and to list it


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--warm-up", type=int, default=5, help="runs before the first measurement")
    asked = parser.parse_args()
    with own_place() as place, Kernel() as kernel:
        until_warm()
        kernel.open_lab(place / "runs", SETTINGS)
        print(f"{'runs':>5} {'threads':>8} {'files':>6} {'RSS MiB':>8} {'own MiB':>8}")
        for _ in range(asked.warm_up):
            train(kernel)
        measured = [measure(kernel, 0)]
        for number in range(1, asked.runs + 1):
            train(kernel)
            measured.append(measure(kernel, number, shown=number % EVERY == 0 or number == asked.runs))
    print(json.dumps(outcome(np.array(measured, dtype=float))))


def train(kernel: Kernel) -> None:
    state = kernel.run(TRAIN.format(rest_s=RESTS_S), "run.state")
    if state != "completed":
        raise RuntimeError(f"a run {state}")


def measure(kernel: Kernel, number: int, shown: bool = True) -> tuple[int, ...]:
    """Threads, open files, resident and own bytes of the kernel. Linux only."""
    found: tuple[int, ...] = kernel.run(MEASURE, "measured")
    if shown:
        print(f"{number:>5} {found[0]:>8} {found[1]:>6} {found[2] / 2**20:>8.1f} {found[3] / 2**20:>8.1f}", flush=True)
    return found


def outcome(measured: Any) -> dict[str, float]:
    """Of (runs + 1, 4) measurements."""
    threads, files, resident, own = measured.T
    slope = np.polyfit(np.arange(len(own)), own, 1)[0]
    return {
        "memory_growth": round(own[-1] / own[0] - 1, 4),
        "threads": int(threads[-1] - threads[0]),
        "files": int(files[-1] - files[0]),
        "resident_growth": round(resident[-1] / resident[0] - 1, 4),
        "per_run_kib": round(slope / 1024, 1),
    }


if __name__ == "__main__":
    main()
