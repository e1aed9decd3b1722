"""What each trick for speed brings to a training step: one switched off at a time.

    python benchmarks/tricks.py [--rounds 9] [--steps 150] [--page] [--only NAME …] [--file FILE]

Each trial trains the Chinese pair in a process of its own; in a round each way has one trial, in an order of its own.
With --page the lab is open in chromium and draws the run that is timed. Results are appended to FILE as JSON lines, so
that a session can end in between; --rounds counts those that are there. The table says how many times longer a step is
without the trick: the median over the rounds of the ratio within a round, and its 95 % interval by bootstrap. A trick
stays if the interval's lower end is above 1.03, alone or beside the page, or if it is a handful of lines. The last line
is JSON: the medians by way.
"""

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from kernel import own_place, quiet
from lab_page import lab_page
from step_speed import completed

from labkit.config import RunConfig
from labkit.environment import torch_environment
from labkit.events import StepDone
from labkit.jobs import launch

FIRST = 10  # steps that set things up
WITH_TRICKS = "as it is"


def no_flat_gradients() -> None:
    from labkit.model.fast.encoder import FastEncoder

    FastEncoder.enable_inplace_gradients = lambda self: {}


def no_own_gradient_of_the_table() -> None:
    from labkit.model.fast.subset_embedding import SubsetEmbedding

    SubsetEmbedding.enable_inplace_gradients = lambda self: None


def no_clipping_in_the_optimizer() -> None:
    from labkit.model.fast.speed_up import NoSpeedUp, SpeedUp

    SpeedUp.clip_gradients = NoSpeedUp.clip_gradients


def no_filled_batches() -> None:
    from labkit.training import setup

    build = setup.build_speed_up

    def build_with_any_rows(*args: Any, **kwargs: Any) -> Any:
        speed_up = build(*args, **kwargs)
        speed_up.row_multiple = 1
        return speed_up

    setup.build_speed_up = build_with_any_rows


def an_operator_for_each_half_layer() -> None:
    from labkit.model.fast import encoder
    from labkit.model.fast.layers import FusedLayers, forward_layers

    def apply(self: Any, rows: Any, halves: Any, word_rows: Any) -> Any:
        import torch

        inputs = [parameter for weights in self._weights for parameter in weights.autograd_inputs]
        if not torch.is_grad_enabled() or not any(tensor.requires_grad for tensor in (rows, *inputs)):
            return forward_layers(rows, halves, word_rows)
        assert word_rows is None, "without a mix of layers"
        for half, weights in zip(halves, self._weights, strict=True):
            (rows,) = FusedLayers.apply(rows, [half], None, *weights.autograd_inputs)
        return [rows]

    encoder.FastEncoder._apply_layers = apply


def bernoulli_dropout() -> None:
    import torch

    from labkit.model.fast.dropout import DropoutMasks

    def sample(self: Any, probability: float, shapes: Any, dtype: Any) -> Any:
        keep = 1 - probability
        return [torch.empty(shape, dtype=dtype).bernoulli_(keep).mul_(1 / max(keep, 1e-9)) for shape in shapes]

    DropoutMasks.sample = sample


def no_subset_of_the_table() -> None:
    from labkit.model.fast import speed_up

    speed_up.replace_embedding = lambda encoder, token_ids: None


def no_change_of_spinning() -> None:
    from labkit.training import openmp_spinning

    openmp_spinning.tune_spinning = nullcontext


def nothing() -> None:
    pass


SPINS = {f"spin {count}": ({"GOMP_SPINCOUNT": count}, nothing) for count in ("1000", "3000", "10000", "30001")}
# Name → environment, and what is changed before the run.
WAYS: dict[str, tuple[dict[str, str], Callable[[], None]]] = {
    WITH_TRICKS: ({}, nothing),
    "no flat gradients": ({}, no_flat_gradients),
    "no own gradient of the table": ({}, no_own_gradient_of_the_table),
    "no subset of the table": ({}, no_subset_of_the_table),
    "no clipping in the optimizer": ({}, no_clipping_in_the_optimizer),
    "no filled batches": ({}, no_filled_batches),
    "an operator a half layer": ({}, an_operator_for_each_half_layer),
    "torch's dropout": ({}, bernoulli_dropout),
    "no huge pages": ({"GLIBC_TUNABLES": "glibc.malloc.hugetlb=0"}, nothing),
    "oneDNN's own cache size": ({"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "1024"}, nothing),
    "no change of spinning": ({}, no_change_of_spinning),
    **SPINS,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--page", action="store_true")
    parser.add_argument("--only", nargs="+", choices=list(WAYS), default=list(WAYS))
    parser.add_argument("--file", type=Path, default=Path("tricks.jsonl"))
    parser.add_argument("--trial", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.trial:
        return train(*asked.trial)
    ways = list(dict.fromkeys((WITH_TRICKS, *asked.only)))
    where = "page" if asked.page else "alone"
    with own_place() as place:
        runs = place / "runs"
        for number in range(1 + len(rounds_of(asked.file, where)), asked.rounds + 1):
            quiet(f"round {number}", 60.0)
            found = {}
            for way in random.sample(ways, len(ways)):
                with drawing(runs) if asked.page else nullcontext():
                    found[way] = trial(way, runs, asked.steps)
                print(f"{number:>3} {where:<6}{way:<32}{found[way]:8.1f} ms a step", flush=True)
            line = {"where": where, "cpu": cpu_name(), "date": time.strftime("%Y-%m-%d"), "ms": found}
            with asked.file.open("a") as file:
                file.write(json.dumps(line) + "\n")
    print(json.dumps(summarise(rounds_of(asked.file, where))))


def trial(way: str, runs: Path, steps: int) -> float:
    """Milliseconds of a step, the median over a run's steps without the first ones."""
    environment, _ = WAYS[way]
    settings = {"train_limit": 16 * (steps + FIRST), "dev_limit": 16, "epochs": 1, "keep": "none"}
    folder = launch.create(RunConfig(**settings), runs)
    command = [sys.executable, __file__, "--trial", way, str(folder)]
    subprocess.run(command, env=torch_environment(os.environ | environment), check=True)
    times = [event.seconds for event in completed(folder) if isinstance(event, StepDone)][FIRST:]
    return 1e3 * statistics.median(after - before for before, after in pairwise(times))


def train(way: str, folder: str) -> None:
    _, change = WAYS[way]
    change()
    from labkit.runs.folder import read_config
    from labkit.training.recorder import record

    config = read_config(Path(folder)).config
    assert config
    record(config, Path(folder))


@contextmanager
def drawing(runs: Path) -> Iterator[None]:
    """The lab on a page of chromium, which draws whatever trains in `runs`."""
    runs.mkdir(exist_ok=True)
    with lab_page(runs, {}) as notebook:
        notebook.run_cell(0)
        yield


def rounds_of(file: Path, where: str) -> list[dict[str, float]]:
    if not file.exists():
        return []
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    return [line["ms"] for line in lines if line["where"] == where]


def summarise(rounds: list[dict[str, float]]) -> dict[str, float]:
    """Prints the table; medians of the ratio to a step with all tricks, by way."""
    rng, medians = np.random.default_rng(0), {}
    print(f"\n{'':<32}{'ms':>8}{'times as long':>15}{'95 % interval':>17}")
    for way in rounds[0]:
        times = [each[way] for each in rounds if way in each]
        ratios = np.array([each[way] / each[WITH_TRICKS] for each in rounds if way in each])
        drawn = np.median(rng.choice(ratios, (10_000, len(ratios))), axis=1)
        low, high = np.quantile(drawn, [0.025, 0.975])
        medians[way] = round(float(np.median(ratios)), 4)
        print(f"{way:<32}{statistics.median(times):>8.1f}{medians[way]:>15.3f}{low:>10.3f} to {high:.3f}")
    return medians


def cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


if __name__ == "__main__":
    main()
