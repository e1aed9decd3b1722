"""How long from pressing Train to the first loss in the events file, and from pressing Stop to the run's end.

    python benchmarks/start_latency.py [--times 7]

Train and Stop are pressed in a lab in a real notebook kernel, with labkit's own settings and the whole embedded corpus;
the events file is watched from another process. Cold is the first start of all, without the warm server. The last line
is JSON: medians in seconds, `first_point_s` of warm starts, `stop_s` of stopping in training, weights saved.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kernel import Kernel, median, own_place, quiet, until_event, until_warm

from labkit.events import Event, PhaseEntered, RunFinished, RunQueued, RunStarted, StepDone, TrainingPlanned

PRESS = "import time; pressed = time.time(); lab.{button}_button.click()"
TRAINS_S = 2.0  # before Stop is pressed
# four steps, then most of the corpus is scored
EVALUATES = {"train_limit": 64, "epochs": 1, "dev_share": 0.9, "dev_limit": 0}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=7)
    parser.add_argument("--patience", type=float, default=120.0, help="seconds to wait for a quiet machine, each time")
    asked = parser.parse_args()
    with own_place() as place:
        cold = cold_start(place)
        warm, stopped, in_evaluation = [], [], []
        for number in range(asked.times):
            quiet(f"start {number + 1}", asked.patience)
            phases, stop_s = start_and_stop(place / f"warm-{number}", {}, first_step, TRAINS_S)
            warm.append(phases)
            stopped.append(stop_s)
            in_evaluation.append(start_and_stop(place / f"dev-{number}", EVALUATES, evaluating, 0.5)[1])
            tell(f"warm {number + 1}", phases, stop_s, in_evaluation[-1])
    medians = {name: median([phases[name] for phases in warm]) for name in warm[0]}
    tell("median", medians, median(stopped), median(in_evaluation))
    outcome = {
        "first_point_s": medians["first point"],
        "stop_s": median(stopped),
        "stop_in_evaluation_s": median(in_evaluation),
        "first_line_s": medians["first line"],
        "cold_first_point_s": cold["first point"],
    }
    print(json.dumps({name: round(seconds, 3) for name, seconds in outcome.items()}))


def cold_start(place: Path) -> dict[str, float]:
    """A start right after the lab was opened, while nothing was ever loaded by this user."""
    with Kernel() as kernel:
        kernel.open_lab(place / "cold", {})
        phases, stop_s = press(kernel, place / "cold", first_step, TRAINS_S)
    head = "".join(f"{name:>13}" for name in [*phases, "stop", "stop in dev"])
    print(f"seconds from Train to     {head}")
    tell("cold", phases, stop_s, float("nan"))
    return phases


def start_and_stop(
    runs: Path, settings: dict[str, Any], wanted: Callable[[Event], bool], rest_s: float
) -> tuple[dict[str, float], float]:
    until_warm()
    with Kernel() as kernel:
        kernel.open_lab(runs, settings)
        time.sleep(1.0)
        return press(kernel, runs, wanted, rest_s)


def press(kernel: Kernel, runs: Path, wanted: Callable[[Event], bool], rest_s: float) -> tuple[dict[str, float], float]:
    """Presses Train, and Stop `rest_s` after the wanted event; seconds to each event of the start, and to the end."""
    folder = runs / "run-0001"
    pressed = kernel.run(PRESS.format(button="train"), "pressed")
    first, events = until_event(folder, first_step)
    if not any(map(wanted, events)):
        until_event(folder, wanted)
    time.sleep(rest_s)
    asked = kernel.run(PRESS.format(button="stop"), "pressed")
    ended, all_events = until_event(folder, lambda event: isinstance(event, RunFinished))
    end = all_events[-1]
    assert not isinstance(end, RunFinished) or end.state == "stopped", end
    return phases_of(events, pressed, first), ended - asked


def first_step(event: Event) -> bool:
    return isinstance(event, StepDone)


def evaluating(event: Event) -> bool:
    return isinstance(event, PhaseEntered) and event.text == "evaluating"


def phases_of(events: list[Event], pressed: float, first: float) -> dict[str, float]:
    """Seconds from the press to each event, the last one as it was seen in the file."""
    began = next(event.time for event in events if isinstance(event, RunStarted)) - pressed
    at = {
        "queued": next(event.time for event in events if isinstance(event, RunQueued)) - pressed,
        "first line": began,
    }
    for event in events:
        if isinstance(event, PhaseEntered):
            at.setdefault(event.text.removeprefix("reading the ").removeprefix("loading the "), began + event.seconds)
        if isinstance(event, TrainingPlanned):
            at["planned"] = began + event.seconds
    at.pop("training", None)
    return at | {"first point": first - pressed}


def tell(title: str, phases: dict[str, float], stop_s: float, in_evaluation_s: float) -> None:
    figures = "".join(f"{seconds:>13.3f}" for seconds in [*phases.values(), stop_s, in_evaluation_s])
    print(f"{title:<26}{figures}", flush=True)


if __name__ == "__main__":
    main()
