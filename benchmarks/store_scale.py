"""How the lab bears a thousand stored runs of ten thousand steps each.

    python benchmarks/store_scale.py [--runs 1000] [--steps 10000] [--rounds 3] [--place FOLDER]

Writes the runs first, some 3 GB that are deleted in the end. Then, in real notebook kernels, fresh ones each round:
the cell that shows the lab with its table of all runs; eight runs read from their logs and drawn beside each other; ten
refreshes of that lab, one second apart, while one run trains. Last, a redraw of the live picture after 100 more lines,
for a run of as many steps and for one ten times as long. All are seconds of wall time, medians.

The last line is JSON: `list_s` from the cell's start to its end, imports included; `compare_s`; `redraw_s`, of the run
where it takes longest.
"""

import argparse
import itertools
import json
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kernel import Kernel, median, own_place, quiet, until_warm
from stored_runs import live_run, write_store

from labkit.events import EVENTS_FILE
from labkit.plots.live import LivePlot
from labkit.runs.run import Run

COMPARED, REFRESHES, REDRAWS, MORE_LINES = 8, 10, 20, 100
LINES_PER_S = 20  # that a run on a fast machine appends
REST_S = 2.0

SHOW = """
import time
began = time.perf_counter()
from pathlib import Path
from labkit.lab.tuning_lab import TuningLab
imported = time.perf_counter() - began
lab = TuningLab(Path({runs!r}))
lab
"""
REFRESH = """
lab._refresher.stop()  # this cell looks instead, in its time
lab.compare([])
lab._refresh()
took = []
for _ in range({refreshes}):
    time.sleep(1.0)
    began = time.perf_counter()
    lab._refresh()
    took.append(time.perf_counter() - began)
"""


def main() -> None:
    asked = options()
    with tempfile.TemporaryDirectory(prefix="labkit-store-", dir=asked.place) as place:
        runs = Path(place) / "runs"
        began = time.perf_counter()
        size = write_store(runs, asked.runs, asked.steps)
        os.sync()  # or they are written to the disk while something is timed
        print(
            f"{asked.runs:,} runs of {asked.steps:,} steps, {size / 1e9:.1f} GB, in {time.perf_counter() - began:.0f} s"
        )
        outcome = {**in_kernels(runs, asked), "redraw_s": redraws(Path(place), asked.steps)}
    print(json.dumps({name: round(seconds, 3) for name, seconds in outcome.items()}))


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--place", type=Path, help="where the runs are written; the folder for temporary files if not given"
    )
    parser.add_argument("--patience", type=float, default=30.0, help="seconds to wait for a quiet machine, each time")
    return parser.parse_args()


def in_kernels(runs: Path, asked: argparse.Namespace) -> dict[str, float]:
    """Medians over fresh kernels of what showing the lab and comparing take; tells of the rest."""
    shown, imported, compared, refreshed = [], [], [], []
    with own_place():
        until_warm()
        for number in range(asked.rounds):
            quiet(f"round {number}", asked.patience)
            with Kernel() as kernel:
                began = time.perf_counter()
                imported.append(kernel.run(SHOW.format(runs=str(runs)), "imported"))
                shown.append(time.perf_counter() - began)
                assert kernel.run("", "len(lab.runs_panel.table.rows)") == asked.runs
                time.sleep(REST_S)  # its first picture has been drawn
                quiet("comparing", asked.patience)
                chosen = list(range(1 + number, asked.runs + 1, max(asked.runs // COMPARED, 1)))[:COMPARED]
                began = time.perf_counter()
                kernel.run(f"lab.compare({chosen})")
                compared.append(time.perf_counter() - began)
                if number == asked.rounds - 1:  # as it adds a run
                    with training(runs, asked.runs + 1, asked.steps):
                        refreshed = kernel.run(REFRESH.format(refreshes=REFRESHES), "took", timeout_s=60)
    tell("the lab and its table, from a fresh kernel", shown, f"of that imports {median(imported):.3f} s")
    tell(f"{COMPARED} runs read and drawn", compared)
    tell("a refresh while one run trains", refreshed)
    return {"list_s": median(shown), "compare_s": median(compared)}


@contextmanager
def training(runs: Path, number: int, steps: int) -> Iterator[None]:
    """One more run, whose log grows meanwhile."""
    ended = threading.Event()
    lines = live_run(runs, number, steps)
    first = next(lines)

    def write() -> None:
        with open(runs / f"run-{number:04d}" / EVENTS_FILE, "ab", buffering=0) as log:
            for line in itertools.chain([first], lines):
                log.write(line)
                if ended.wait(1 / LINES_PER_S):
                    return

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        ended.set()
        writer.join()


def redraws(place: Path, steps: int) -> float:
    """The median of the slower one of two lengths."""
    return max(redraw(place, number, length) for number, length in ((9001, steps), (9002, 10 * steps)))


def redraw(place: Path, number: int, steps: int) -> float:
    """Median seconds to read 100 more lines and draw the picture, late in a run of so many steps."""
    lines = live_run(place, number, steps)
    pending = [next(lines)]
    run, plot, took = Run(place / f"run-{number:04d}"), LivePlot(), []
    before = plot.draw(run)
    with open(run.folder / EVENTS_FILE, "ab", buffering=0) as log:
        for _ in range(REDRAWS):
            log.write(b"".join([*pending, *itertools.islice(lines, MORE_LINES - len(pending))]))
            pending = []
            began = time.perf_counter()
            run.refresh()
            png = plot.draw(run)
            took.append(time.perf_counter() - began)
            assert png is not before, "every line is something new"
            before = png
    tell(f"a redraw after {MORE_LINES} more of {steps:,} steps", took)
    return median(took)


def tell(what: str, took: list[float], more: str = "") -> None:
    print(f"{what:48} {median(took):.3f} s, at most {max(took):.3f} s{', ' * bool(more)}{more}", flush=True)


if __name__ == "__main__":
    main()
