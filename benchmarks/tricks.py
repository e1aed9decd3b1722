"""What each trick for speed brings to a training step: one switched off at a time.

    python benchmarks/tricks.py [--rounds 15] [--steps 12] [--beside page|process] [--only NAME …] [--file FILE]
    python benchmarks/tricks.py --rounds 0 --file benchmarks/tricks.jsonl

Each way trains the English pair in a process of its own. All processes are started, then stopped (SIGSTOP); in a round
each goes on, in a random order, until it has done the next `--steps` steps, of which the first few do not count. So a
machine that slows down slows all ways alike, and all ways are timed on the same sentences. Beside them may be the lab
on a page of chromium, which draws a run that goes on all the while, or a process that never rests.

Each round is appended to FILE as a JSON line, and the table is of all rounds there. It says how many times longer a
step is without the trick: the median over the rounds of the ratio within a round, and its 95 % interval by bootstrap.
A trick stays if the interval's lower end is above 1.03, alone or beside the page, or if it is a handful of lines. The
last line is JSON: the medians by way. Needs about 1.3 GB of memory for each way. Linux.
"""

import argparse
import json
import os
import platform
import random
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from kernel import own_place, quiet
from lab_page import lab_page

from labkit.config import RunConfig
from labkit.environment import torch_environment
from labkit.events import EVENTS_FILE, Event, LineWriter, RunStarted, StepDone, open_event_log
from labkit.jobs import launch
from labkit.runs.folder import run_lock

FIRST = 10  # steps that set things up
NOT_COUNTED = 4  # steps after a stop: caches are cold, and the load of others is looked at anew
WITH_TRICKS = "as it is"


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

        inputs = self._flat.parameters
        if not torch.is_grad_enabled() or not any(tensor.requires_grad for tensor in (rows, *inputs)):
            return forward_layers(rows, halves, word_rows)
        assert word_rows is None, "without a mix of layers"
        for number, half in enumerate(halves):  # ten parameters of attention, six of the rest
            first = 16 * (number // 2) + 10 * (number % 2)
            parameters = inputs[first : first + (6 if number % 2 else 10)]
            (rows,) = FusedLayers.apply(rows, [half], None, *parameters)
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
    "no own gradient of the table": ({}, no_own_gradient_of_the_table),
    "no subset of the table": ({}, no_subset_of_the_table),
    "no clipping in the optimizer": ({}, no_clipping_in_the_optimizer),
    "no filled batches": ({}, no_filled_batches),
    "an operator a half layer": ({}, an_operator_for_each_half_layer),
    "torch's dropout": ({}, bernoulli_dropout),
    "oneDNN's own cache size": ({"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "1024"}, nothing),
    "no change of spinning": ({}, no_change_of_spinning),
    **SPINS,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--beside", choices=("nothing", "page", "process"), default="nothing")
    parser.add_argument("--only", nargs="+", choices=list(WAYS), default=list(WAYS))
    parser.add_argument("--file", type=Path, default=Path("tricks.jsonl"))
    parser.add_argument("--trial", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.trial:
        return train(*asked.trial)
    if asked.rounds:
        measure(list(dict.fromkeys((WITH_TRICKS, *asked.only))), asked.beside, asked.rounds, asked.steps, asked.file)
    lines = [json.loads(line) for line in asked.file.read_text().splitlines()]
    print(json.dumps(summarise([line["ms"] for line in lines if line["beside"] == asked.beside])))


def measure(ways: list[str], beside: str, rounds: int, steps: int, results: Path) -> None:
    """Times each way in each round, and appends the rounds to the file of results."""
    with own_place() as place, ExitStack() as stack:
        trials = {way: stack.enter_context(trial(way, place / "runs", FIRST + rounds * steps)) for way in ways}
        stack.enter_context(BESIDE[beside](trials[WITH_TRICKS], place))
        quiet("the first round", 30.0)
        for number in range(1, rounds + 1):
            found = {}
            for way in random.sample(ways, len(ways)):
                found[way] = trials[way].go_on(FIRST + number * steps, steps - NOT_COUNTED)
            line = {"beside": beside, "cpu": cpu_name(), "date": time.strftime("%Y-%m-%d"), "ms": found}
            with results.open("a") as file:
                file.write(json.dumps(line) + "\n")
            print(number, *(f"{way}: {ms:.0f}" for way, ms in found.items()), sep="  ", flush=True)


class Trial:
    """A training that is stopped but for `go_on`."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path):
        self.process, self.folder = process, folder
        self._log = open_event_log(folder)
        self.events: list[Event] = []

    def go_on(self, until_step: int, counted: int) -> float:
        """Lets it train up to a step; returns milliseconds a step, the mean of the last `counted` ones."""
        self.process.send_signal(signal.SIGCONT)
        while len(steps := [event for event in self.events if isinstance(event, StepDone)]) < until_step:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.process.args} ended with {self.process.returncode}")
            time.sleep(0.01)
            self.events += self._log.read()
        self.process.send_signal(signal.SIGSTOP)
        return 1e3 * (steps[until_step - 1].seconds - steps[until_step - 1 - counted].seconds) / counted


@contextmanager
def trial(way: str, runs: Path, steps: int) -> Iterator[Trial]:
    environment, _ = WAYS[way]
    folder = launch.create(RunConfig(epochs=1 + steps // 100, dev_limit=16, keep="none"), runs)
    command = [sys.executable, __file__, "--trial", way, str(folder)]
    process = subprocess.Popen(command, env=torch_environment(os.environ | environment), stdout=subprocess.DEVNULL)
    try:
        started = Trial(process, folder)
        started.go_on(FIRST, 1)
        yield started
    finally:
        process.kill()
        process.wait()


def train(way: str, folder: str) -> None:
    _, change = WAYS[way]
    change()
    from labkit.runs.folder import read_config
    from labkit.training.recorder import record

    config = read_config(Path(folder)).config
    assert config
    record(config, Path(folder))


@contextmanager
def page(model: Trial, place: Path) -> Iterator[None]:
    """The lab on a page of chromium, which draws a run whose log goes on as that of `model` began."""
    ended = threading.Event()
    runs = place / "drawn"
    writing = threading.Thread(target=replay, args=(model, runs, ended))
    writing.start()
    try:
        with lab_page(runs, {}) as notebook:
            notebook.run_cell(0)
            yield
    finally:
        ended.set()
        writing.join()


def replay(model: Trial, runs: Path, ended: threading.Event) -> None:
    """Writes a run of as many steps as the page has time for, five a second."""
    config = RunConfig(train_limit=16 * 10_000, epochs=1)
    folder = launch.create(config, runs)
    begin = time.time()
    first = next(place for place, event in enumerate(model.events) if isinstance(event, StepDone))
    steps = [event for event in model.events if isinstance(event, StepDone)]
    with run_lock(folder):
        writer = LineWriter(folder / EVENTS_FILE)
        writer.write(RunStarted(begin, os.getpid(), socket.gethostname()), *model.events[1:first])
        for number in count(1):
            if ended.wait(0.2):
                break
            step = steps[number % len(steps)]
            changed = {"step": number, "epoch": number / 10_000, "tokens": 500 * number, "seconds": time.time() - begin}
            writer.write(msgspec.structs.replace(step, **changed))
        writer.close()


@contextmanager
def busy_process(model: Trial, place: Path) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


@contextmanager
def nobody(model: Trial, place: Path) -> Iterator[None]:
    yield


BESIDE = {"nothing": nobody, "page": page, "process": busy_process}


def summarise(rounds: list[dict[str, float]]) -> dict[str, float]:
    """Print the table; return the medians of the ratio to a step with all tricks, by way."""
    rng, medians = np.random.default_rng(0), {}
    print(f"\n{'':<32}{'ms':>8}{'times as long':>15}{'95 % interval':>17}")
    for way in dict.fromkeys(way for each in rounds for way in each):
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
