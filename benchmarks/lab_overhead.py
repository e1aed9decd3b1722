"""How much slower a run trains while the lab is open and draws it, against the same run with nothing else.

    python benchmarks/lab_overhead.py [--rounds 5] [--sentences 1400] [--no-browser]

All sides train in a process of their own, started by labkit.jobs.launch, in turn: without a kernel at all, with
the lab in a real notebook kernel whose messages are read, and, where chromium is found, with the lab on a real
JupyterLab page as well. Speed is steps a second by the run's own events, the first steps left out. The last line is
JSON: `overhead` is the share by which the kernel's drawing slows training down, `overhead_with_browser` with the page.
"""

import argparse
import itertools
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from kernel import Kernel, median, own_place, quiet, until_warm
from lab_page import can_browse, lab_page

from labkit.config import RunConfig
from labkit.events import DeviceSampled, Event, RunFinished, StepDone, open_event_log
from labkit.jobs import launch

FIRST_STEPS = 15  # left out: memory is still being asked for
MOST_OTHERS = 0.15  # cores
REST_S = 1.0  # between two looks for the end, on every side


@dataclass
class Round:
    """What one run took."""

    steps_per_s: float
    other_cores: float  # that neither the run nor the kernel took: work that does not belong here, or the browser's
    lab_cores: float = 0.0  # that the kernel took meanwhile
    pictures_per_s: float = 0.0


def main() -> None:
    asked = options()
    settings = {"train_limit": asked.sentences, "dev_limit": 8, "epochs": 1, "keep": "none"}
    sides: dict[str, Callable[..., Round]] = {"headless": headless, "lab": with_lab}
    if asked.browser and can_browse():
        sides["browser"] = with_browser
    found: dict[str, list[Round]] = {name: [] for name in sides}
    with own_place() as place:
        until_warm()
        headless(place / "warm-up", settings | {"train_limit": 160})
        print("round  side       steps/s  of headless  kernel, cores  other cores  pictures/s", flush=True)
        for number in range(asked.rounds):
            order = list(sides) if number % 2 == 0 else list(sides)[::-1]
            for name in order:
                found[name].append(undisturbed(sides[name], place / f"{number}-{name}", settings, asked.patience))
            for name in sides:
                tell(number, name, found[name][-1], found["headless"][-1])
    print(json.dumps(outcome(found)))


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sentences", type=int, default=1400, help="of the corpus: 1400 are some 25 s on two cores")
    parser.add_argument("--patience", type=float, default=120.0, help="seconds to wait for a quiet machine, each time")
    parser.add_argument("--browser", action=argparse.BooleanOptionalAction, default=True)
    return parser.parse_args()


def undisturbed(side: Callable[..., Round], runs: Path, settings: dict[str, Any], patience_s: float) -> Round:
    """One run of a side; again, where other work came between, as long as patience lasts."""
    deadline = time.monotonic() + patience_s
    for number in itertools.count():
        quiet(runs.name, deadline - time.monotonic())
        found = side(runs.with_name(f"{runs.name}-{number}"), settings)
        if side is with_browser or found.other_cores < MOST_OTHERS or time.monotonic() > deadline:
            return found
        print(
            f"  {runs.name}: {found.steps_per_s:.2f} steps/s, but others took {found.other_cores:.2f} cores; once more"
        )
    raise AssertionError


def tell(number: int, name: str, this: Round, headless: Round) -> None:
    share = this.steps_per_s / headless.steps_per_s
    speed = f"{this.steps_per_s:>8.2f} {share:>12.1%}"
    cost = f"{this.lab_cores:>14.3f} {this.other_cores:>12.2f} {this.pictures_per_s:>11.2f}"
    print(f"{number + 1:>5}  {name:<9} {speed} {cost}", flush=True)


def outcome(found: dict[str, list[Round]]) -> dict[str, float | None]:
    """Overheads by the median of the rounds' ratios; `by_medians` by the ratio of the medians."""
    speed = {name: median([each.steps_per_s for each in rounds]) for name, rounds in found.items()}
    ratios = {
        name: median([a.steps_per_s / b.steps_per_s for a, b in zip(found["headless"], rounds, strict=True)]) - 1
        for name, rounds in found.items()
    }
    return {
        "overhead": round(ratios["lab"], 4),
        "overhead_with_browser": round(ratios["browser"], 4) if "browser" in ratios else None,
        "overhead_by_medians": round(speed["headless"] / speed["lab"] - 1, 4),
        "headless_steps_per_s": round(speed["headless"], 3),
        "lab_cores": round(median([each.lab_cores for each in found["lab"]]), 4),
        "pictures_per_s": round(median([each.pictures_per_s for each in found["lab"]]), 2),
    }


# --- the sides


def headless(runs: Path, settings: dict[str, Any]) -> Round:
    return watched(launch.submit(RunConfig(**settings), runs).folder, None, lambda: 0)


def with_lab(runs: Path, settings: dict[str, Any]) -> Round:
    with Kernel() as kernel:
        kernel.open_lab(runs, settings)
        time.sleep(2)  # the first draw is not part of training
        folder = Path(kernel.run("run = lab.start()", "str(run.folder)"))
        return watched(folder, kernel.process, lambda: kernel.pictures)


def with_browser(runs: Path, settings: dict[str, Any]) -> Round:
    with lab_page(runs, settings) as notebook:
        notebook.run_cell(0)
        notebook.page.wait_for_selector(".labkit-train", timeout=60_000)
        time.sleep(3)
        notebook.page.locator(".labkit-train").click()
        folder = runs / "run-0001"
        kernels = [each for each in psutil.process_iter(["cmdline"]) if str(runs.parent) in str(each.info["cmdline"])]
        kernel = next(each for each in kernels if "ipykernel_launcher" in str(each.info["cmdline"]))
        return watched(folder, kernel, lambda: 0)


def watched(folder: Path, kernel: psutil.Process | None, pictures: Callable[[], int]) -> Round:
    """Follows a run to its end, with an eye on who takes the cores."""
    before, seen = taken(kernel), pictures()
    events = finished(folder)
    machine, own = (after - earlier for after, earlier in zip(taken(kernel), before, strict=True))
    took = events[-1].seconds  # type: ignore[union-attr]  # of the end
    samples = [event.utilization for event in events if isinstance(event, DeviceSampled)]
    run = sum(filter(None, samples)) / max(len(samples), 1) / 100 * (psutil.cpu_count() or 1)
    others = max(0.0, (machine - own) / took - run)
    return Round(speed(events), others, own / took, (pictures() - seen) / took)


def taken(kernel: psutil.Process | None) -> tuple[float, float]:
    """Seconds of cores since the machine started, and those of the kernel."""
    times = psutil.cpu_times()
    return sum(times) - times.idle - times.iowait - times.guest, sum(kernel.cpu_times()[:2]) if kernel else 0.0


def finished(folder: Path) -> list[Event]:
    """All events of a run, once it is over; looks once a second, as every look costs both sides a little."""
    log, tail = folder / "events.jsonl", open_event_log(folder)
    while not log.exists() or not ended(log):
        time.sleep(REST_S)
    time.sleep(0.5)  # its process says goodbye
    return tail.read()


def ended(log: Path) -> bool:
    with open(log, "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - 8192))
        return b'"run finished"' in file.read()


def speed(events: list[Event]) -> float:
    """Steps a second between the first steps, left out, and the last one. Raises RuntimeError for a failed run."""
    end = next(event for event in events if isinstance(event, RunFinished))
    if end.state != "completed":
        raise RuntimeError(f"the run {end.state}: {end.reason}")
    steps = [event for event in events if isinstance(event, StepDone)]
    first = steps[min(FIRST_STEPS, len(steps) // 2) - 1]
    return (steps[-1].step - first.step) / (steps[-1].seconds - first.seconds)


if __name__ == "__main__":
    main()
