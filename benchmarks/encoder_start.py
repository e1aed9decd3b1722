"""Cost of a step before and after a late start of the encoder, beside ordinary and frozen runs, for both pairs.

    python benchmarks/encoder_start.py [--steps 40] [--rounds 5] [--patience 120]

In each round three runs of the same batches: one whose encoder starts after half of the steps, an ordinary one, and one
with a frozen encoder; every other round in the other order. A step is timed by its median over the run's second half,
before the start over the first half, less FIRST steps of either. Ratios are medians of those within a round, of the
same half of the runs: `after_to_ordinary` and `before_to_frozen` are to be 1. The last line is JSON.
"""

import argparse
import json
import os
from itertools import pairwise
from typing import Any

from kernel import median, quiet

from labkit.environment import torch_environment
from labkit.events import StepDone
from labkit.presets import STARTER_PAIRS, preset

FIRST = 5  # steps of a half that set things up
WAYS: dict[str, dict[str, Any]] = {"late": {"encoder_start": 0.5}, "ordinary": {}, "frozen": {"encoder_rate": 0.0}}


def step_ms(pair: str, way: str, steps: int) -> tuple[float, float]:
    """Milliseconds of a step in the first and in the second half of a run."""
    from labkit.training.trainer import train  # imports torch, which reads the environment

    config = preset(pair=pair, epochs=1, batch_size=16, train_limit=16 * steps, dev_limit=16, test_limit=16)
    done = [event for event in train(config.replace(**WAYS[way])) if isinstance(event, StepDone)]
    times = [1e3 * (after.seconds - before.seconds) for before, after in pairwise(done)]
    half = len(done) // 2
    return median(times[FIRST : half - 1]), median(times[half + FIRST :])


def measure(pair: str, steps: int, rounds: int, patience_s: float) -> dict[str, float]:
    """Milliseconds and ratios of one pair: medians over the rounds."""
    found: list[dict[str, float]] = []
    for number in range(rounds):
        quiet(f"round {number + 1} of the {pair} pair", patience_s)
        ms = {way: step_ms(pair, way, steps) for way in (WAYS if number % 2 == 0 else reversed(WAYS))}
        found.append(
            {
                "before_ms": ms["late"][0],
                "frozen_ms": ms["frozen"][0],
                "after_ms": ms["late"][1],
                "ordinary_ms": ms["ordinary"][1],
                "before_to_frozen": ms["late"][0] / ms["frozen"][0],
                "after_to_ordinary": ms["late"][1] / ms["ordinary"][1],
            }
        )
        print(f"{pair:<9}" + "".join(f"  {name} {value:.3g}" for name, value in found[-1].items()), flush=True)
    return {name: round(median([each[name] for each in found]), 3) for name in found[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=40, help="of each run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--patience", type=float, default=120.0, help="seconds to wait for a quiet machine, each time")
    asked = parser.parse_args()
    os.environ.update(torch_environment())
    print(json.dumps({pair: measure(pair, asked.steps, asked.rounds, asked.patience) for pair in STARTER_PAIRS}))


if __name__ == "__main__":
    main()
