"""How fast labkit trains, beside transformers.Trainer with the same model, and beside the machine's limit.

    python benchmarks/step_speed.py [--seeds 0 1 2] [--epochs 3] [--sentences N] [--only labkit|trainer|careful|limit]

First both models are shown to be one: same weights at the start, same loss, same gradients (same_model.py). Then, for
each seed, the Trainer (peer.py) as a user gets it by default, the same as a careful user sets it (batches of similar
length, bfloat16 where the CPU is fast in it), and `labkit train`, each in a process of its own; every other seed in the
other order. Same corpus, windows, batch size, epochs, rates, decay, warm-up and clipping.

- Tokens are word pieces without padding. An epoch's seconds run from its beginning to the end of its last step, its
  first steps included and its evaluation not; tokens/s is the tokens of all epochs over the seconds of all epochs.
- Total is from launch to the end of the process, with imports, loading, evaluations, and labkit's saving of weights,
  which the Trainer is spared. Peak is the process's largest resident memory. F1 is of the last epoch, on the dev part.
- The limit is a training of matrix products alone (limit.py), in the precision that labkit's run chose, and in the
  environment that labkit gives its runs: pages of memory and waiting threads count for products, too.

The last line is JSON: medians over the seeds, speedups of the ratios within a seed, the rest of themselves.
Linux and macOS.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from kernel import median, quiet

from labkit.environment import torch_environment
from labkit.events import Evaluated, Event, PhaseEntered, RunFinished, StepDone, TrainingPlanned, open_event_log

HERE = Path(__file__).resolve().parent
SIDES = ("trainer", "careful", "labkit")
COLUMNS = {  # and how each is written
    "tokens/s": "9,.0f",
    "epoch s": "9.2f",
    "evaluate s": "12.2f",
    "total s": "9.1f",
    "peak MiB": "10.0f",
    "dev F1": "8.4f",
    "best": "8.4f",
}


@dataclass
class Side:
    """What one training took."""

    tokens: int
    steps: int
    epochs_s: list[float]
    evaluations_s: list[float]
    f1: list[float]
    precision: str
    total_s: float = 0.0
    peak_mib: float = 0.0
    pieces: list[int] = field(default_factory=list)  # of each step of the first epoch, where known

    @property
    def tokens_per_s(self) -> float:
        return self.tokens / sum(self.epochs_s)

    def figures(self) -> list[float]:
        """What the table shows, in the order of COLUMNS."""
        seconds = [median(self.epochs_s), median(self.evaluations_s), self.total_s]
        return [self.tokens_per_s, *seconds, self.peak_mib, self.f1[-1], max(self.f1)]


@dataclass
class Found:
    """What all rounds gave, by seed; limits are pieces per second."""

    sides: dict[str, list[Side]] = field(default_factory=lambda: {name: [] for name in SIDES})
    limits: list[float] = field(default_factory=list)


def main() -> None:
    asked = options()
    wanted = [asked.only] if asked.only else [*SIDES, "limit"]
    settings = {"epochs": asked.epochs, "batch_size": asked.batch_size, "train_limit": asked.sentences}
    if asked.only is None:
        quiet("the comparison of models", asked.patience)
        tell_same(settings)
    found = Found()
    heads = "".join(f"{name:>{form.split('.')[0].rstrip(',')}}" for name, form in COLUMNS.items())
    print(f"{'seed':>6}  {'side':<9}{'precision':<10}{heads}", flush=True)
    for number, seed in enumerate(asked.seeds):
        for name in SIDES if number % 2 == 0 else reversed(SIDES):
            if name in wanted:
                quiet(f"{name}, seed {seed}", asked.patience)
                side = trained(name, settings | {"seed": seed})
                found.sides[name].append(side)
                tell(str(seed), name, side.precision, side.figures())
        check_tokens(found)
        if "limit" in wanted:
            quiet(f"limit, seed {seed}", asked.patience)
            find_limit(found, settings | {"seed": seed}, first=number == 0)
    tell_medians(found)
    print(json.dumps(outcome(found)))


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--sentences", type=int, default=0, help="of the training part, for a quick look; 0 takes all")
    parser.add_argument("--only", choices=[*SIDES, "limit"], help="one side, without the comparison of models")
    parser.add_argument("--patience", type=float, default=120.0, help="seconds to wait for a quiet machine, each time")
    return parser.parse_args()


def outcome(found: Found) -> dict[str, float | None]:
    """The last line; None for what was not measured."""
    ours = found.sides["labkit"]
    shares = [side.tokens_per_s / limit for side, limit in zip(ours, found.limits, strict=False)]
    figures: dict[str, float | None] = {"share_of_limit": round(median(shares), 4) if shares else None}
    for name, sides in found.sides.items():
        figures[f"f1_{name}"] = round(median([side.f1[-1] for side in sides]), 4) if sides else None
        ratios = [a.tokens_per_s / b.tokens_per_s for a, b in zip(ours, sides, strict=False)]
        if name != "labkit":
            figures[f"speedup_vs_{name}"] = round(median(ratios), 3) if ratios else None
    return figures


# --- the table


def tell(label: str, name: str, precision: str, figures: list[float]) -> None:
    written = "".join(f"{figure:{form}}" for figure, form in zip(figures, COLUMNS.values(), strict=True))
    print(f"{label:>6}  {name:<9}{precision:<10}{written}", flush=True)


def tell_medians(found: Found) -> None:
    for name, sides in found.sides.items():
        if len(sides) > 1:
            figures = zip(*(side.figures() for side in sides), strict=True)
            tell("median", name, sides[0].precision, [median(figure) for figure in figures])


def tell_same(settings: dict[str, Any]) -> None:
    """Ends here where the two models differ."""
    same = json.loads(ran([sys.executable, str(HERE / "same_model.py"), json.dumps(settings)])[0])
    told = ", ".join(f"{name} by {share:.1e}" for name, share in same.items())
    print(f"the two models differ in {told} (shares; without dropout, float32)", flush=True)


# --- the sides


def trained(name: str, settings: dict[str, Any]) -> Side:
    side = with_labkit(settings) if name == "labkit" else with_trainer(settings, name)
    if len(side.epochs_s) != settings["epochs"] or len(side.f1) != settings["epochs"]:
        raise RuntimeError(f"{name} told of {len(side.epochs_s)} epochs and {len(side.f1)} scores")
    return side


def check_tokens(found: Found) -> None:
    """Raises RuntimeError where the two sides did not train on the same pieces."""
    told = {name: sides[-1].tokens for name, sides in found.sides.items() if sides}
    if len(set(told.values())) > 1:
        raise RuntimeError(f"the sides were to train on the same tokens, but had {told}")


def with_trainer(settings: dict[str, Any], name: str) -> Side:
    output, total_s, peak_mib = ran([sys.executable, str(HERE / "peer.py"), json.dumps(settings), name])
    return Side(**json.loads(output), total_s=total_s, peak_mib=peak_mib)


def with_labkit(settings: dict[str, Any]) -> Side:
    given = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    with tempfile.TemporaryDirectory(prefix="labkit-bench-") as place:
        command = [sys.executable, "-m", "labkit", "train", "--pair=english", "--runs", place, *given]
        output, total_s, peak_mib = ran(command)
        side = read(Path(output))
    side.total_s, side.peak_mib = total_s, peak_mib
    return side


def read(folder: Path) -> Side:
    """A finished run's figures from its events. Raises RuntimeError for one that did not complete."""
    events = completed(folder)
    steps = [event for event in events if isinstance(event, StepDone)]
    scores = [event for event in events if isinstance(event, Evaluated) and event.split == "dev"]
    begins = [event.seconds for event in events if isinstance(event, PhaseEntered) and event.text == "training"]
    ends = [event.seconds for event in events if isinstance(event, PhaseEntered) and event.text == "evaluating"]
    plan = next(event for event in events if isinstance(event, TrainingPlanned))
    return Side(
        tokens=steps[-1].tokens,
        steps=len(steps),
        epochs_s=[end - begin for begin, end in zip(begins, ends, strict=True)],
        evaluations_s=[score.seconds - end for end, score in zip(ends, scores, strict=True)],
        f1=[score.f1 for score in scores],
        precision=plan.precision,
        pieces=[after - before for before, after in pairwise([0, *(step.tokens for step in steps if step.epoch <= 1)])],
    )


def completed(folder: Path) -> list[Event]:
    """The events of a finished run. Raises RuntimeError for one that did not complete."""
    events = open_event_log(folder).read()
    end = next(event for event in events if isinstance(event, RunFinished))
    if end.state != "completed":
        raise RuntimeError(f"labkit's run {end.state}: {end.reason}")
    return events


def find_limit(found: Found, settings: dict[str, Any], first: bool) -> None:
    """The limit in labkit's precision, and the first time in float32 too."""
    runs = found.sides["labkit"]
    chosen, pieces = (runs[-1].precision, runs[-1].pieces) if runs else ("auto", [])
    asked = [json.dumps(settings), json.dumps(pieces), chosen, *["float32"] * first]
    command = [sys.executable, str(HERE / "limit.py"), *asked]
    limits = json.loads(ran(command, torch_environment())[0])
    found.limits.append(next(iter(limits.values()))["tokens_per_s"])
    for precision, limit in limits.items():
        speed = f"{limit['tokens_per_s']:>9,.0f}  {limit['gflop_per_s']:,.0f} GFLOP/s"
        print(f"{settings['seed']:>6}  {'limit':<9}{precision:<10}{speed}", flush=True)


def ran(command: list[str], environment: dict[str, str] | None = None) -> tuple[str, float, float]:
    """The last line that a process printed, its seconds from launch to end, and its peak resident MiB.

    Raises RuntimeError, with the end of what it said, where it failed.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        begin = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=err, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), err.seek(0)
        if process.returncode:
            raise RuntimeError(f"{command[1:3]} ended with {process.returncode}: {err.read()[-2000:]}")
        peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return out.read().strip().splitlines()[-1], seconds, peak / 2**20


if __name__ == "__main__":
    main()
