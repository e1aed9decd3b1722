"""Cost of the sync meter: its share of training time, for both pairs.

    python benchmarks/meter_cost.py --steps 60

Its calls are timed in a real run. Readings are taken every second step, as in a run of 200 steps: in longer runs they
are rarer, and the share is smaller. Setting up, once a run, is told apart. Prints a line of JSON for each pair.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

from labkit.events import PathsCompleted, StepDone, WeightsMoved
from labkit.presets import STARTER_PAIRS, preset
from labkit.training import trainer
from labkit.training.sync_meter import SyncMeter


class TimedMeter(SyncMeter):
    """Sync meter that keeps the seconds of its calls."""

    made: "TimedMeter"

    def __init__(self, *args: Any):
        begin = time.perf_counter()
        super().__init__(*args)
        self.setup_s = time.perf_counter() - begin
        self.readings_s: list[float] = []
        self.reports_s = 0.0
        self._every = 2
        TimedMeter.made = self

    def after_step(self, step: int) -> None:
        begin, known = time.perf_counter(), len(self._steps)
        super().after_step(step)
        if len(self._steps) > known:
            self.readings_s.append(time.perf_counter() - begin)

    def report(self, seconds: Callable[[], float]) -> Iterator[WeightsMoved]:
        begin = time.perf_counter()
        found = list(super().report(seconds))
        self.reports_s += time.perf_counter() - begin
        yield from found

    def finish(self, step: int, seconds: Callable[[], float]) -> Iterator[WeightsMoved | PathsCompleted]:
        begin = time.perf_counter()
        found = list(super().finish(step, seconds))
        self.reports_s += time.perf_counter() - begin
        yield from found


def measure(pair: str, steps: int) -> dict[str, Any]:
    """Shares and seconds of one run."""
    config = preset(pair=pair).replace(epochs=1, batch_size=16, train_limit=16 * steps, dev_limit=16, test_limit=16)
    done = [event for event in trainer.train(config) if isinstance(event, StepDone)]
    meter, training_s = TimedMeter.made, done[-1].seconds - done[0].seconds
    reading_s = statistics.median(meter.readings_s)
    spent = sum(meter.readings_s) + meter.reports_s
    return {
        "pair": pair,
        "step_ms": round(1e3 * training_s / (len(done) - 1), 1),
        "reading_ms": round(1e3 * reading_s, 2),
        "setup_ms": round(1e3 * meter.setup_s, 1),
        "share_percent": round(100 * spent / training_s, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=60)
    asked = parser.parse_args()
    trainer.SyncMeter = TimedMeter  # type: ignore[misc]
    for pair in STARTER_PAIRS:
        print(json.dumps(measure(pair, asked.steps)), flush=True)


if __name__ == "__main__":
    main()
