"""What a redraw of the live plot costs in CPU time: only what moves, and all of it.

    python benchmarks/redraw.py

The last line is JSON: the median of a redraw of a run of 10,000 steps, and of one from an empty canvas, in ms.
"""

import json
import math
import statistics
import time

from labkit.config import RunConfig
from labkit.events import (
    DeviceSampled,
    Evaluated,
    Event,
    ParamGroupInfo,
    ParamGroupsBuilt,
    RunStarted,
    StepDone,
    TrainingPlanned,
)
from labkit.plots.live import LivePlot
from labkit.runs.run import Run

REDRAWS, BETWEEN = 40, 5  # events from one redraw to the next: as many as come in a quarter of a second
EPOCHS = 3


def main() -> None:
    print("redraw of the live plot, CPU ms (median)")
    print(f"{'steps':>8}  {'moving parts':>12}  {'everything':>10}  {'KiB':>4}")
    for steps in (1_000, 10_000):
        redraw_ms, full_ms, size = measure(steps)
        print(f"{steps:>8,}  {redraw_ms:>12.1f}  {full_ms:>10.1f}  {size / 1024:>4.0f}")
    print(json.dumps({"redraw_ms": round(redraw_ms, 2), "full_ms": round(full_ms, 2)}))


def measure(steps: int) -> tuple[float, float, int]:
    """Median CPU ms of a redraw after some more steps, of a first draw, and the picture's bytes, late in a run."""
    run = Run(config=RunConfig(epochs=EPOCHS))
    events = made_up(steps)
    late = next(i for i, event in enumerate(events) if isinstance(event, StepDone) and event.step > 0.5 * steps)
    for event in events[:late]:
        run.add(event)
    plot = LivePlot()
    plot.draw(run)
    redraws, size = [], 0
    for start in range(late, late + REDRAWS * BETWEEN, BETWEEN):
        for event in events[start : start + BETWEEN]:
            run.add(event)
        spent, png = timed(plot, run)
        redraws.append(spent)
        size = len(png)
    full = [timed(LivePlot(), run)[0] for _ in range(8)]
    return statistics.median(redraws), statistics.median(full), size


def timed(plot: LivePlot, run: Run) -> tuple[float, bytes]:
    began = time.process_time()
    png = plot.draw(run)
    return 1000 * (time.process_time() - began), png


def made_up(steps: int) -> list[Event]:
    """A run of 20 steps a second, sampled twice a second, evaluated after each epoch."""
    per_epoch = math.ceil(steps / EPOCHS)
    groups = [ParamGroupInfo(name, 10, 1000, rate, "linear", steps // 20, 0.0, 3) for name, rate in RATES.items()]
    events: list[Event] = [RunStarted(0.0, 0, ""), ParamGroupsBuilt(0.0, groups)]
    events.append(TrainingPlanned(0.0, steps, per_epoch, "cpu", "", "float32", 1, ""))
    for step in range(1, steps + 1):
        seconds, epoch = step / 20, step / per_epoch
        rates = {name: rate * (1 - step / steps) for name, rate in RATES.items()}
        loss = (2 * math.exp(-30 * step / steps) + 0.1) * (1 + 0.5 * math.sin(step * step))
        events.append(StepDone(seconds, step, epoch, loss, rates, {}, 300 * step + step % 97))
        if step % 10 == 0:
            events.append(DeviceSampled(seconds, "cpu", 80 + 15 * math.sin(step), 900 + step / 50, 2000, 16000))
        if step % per_epoch == 0:
            events.append(Evaluated(seconds, step, epoch, 300 * step, 0.3, 0.5, 0.5, 0.5 * step / steps, {}))
    return events


RATES = {"encoder": 5e-5, "head": 5e-3}

if __name__ == "__main__":
    main()
