"""F1 and seconds of corpora, structures, decoders and rates: the table of docs/results.md.

    python benchmarks/results.py [--seeds 0] [--only NAME ...]

Each row is one `labkit train` in a process of its own, with the command that is printed in it. Seconds are from launch
to the end of the process, with loading, evaluations and saving. F1 is that of the best epoch on dev, and on test by
those weights, where the corpus has a test part: entities with exact span and type. Of several seeds the median is
shown. All rows take about 25 minutes on two cores.

Prints a Markdown table, and as its last line JSON: `seconds`, `dev` and `test` by row.
"""

import argparse
import json
import shlex
import sys
import tempfile
from pathlib import Path

from kernel import median, quiet
from step_speed import completed, ran

from labkit.events import Evaluated
from labkit.presets import STARTER_PAIRS

IDCNN = ("--downstream=idcnn", "--head-rate=1e-3")  # at the default's head rate it learns nothing
STRUCTURES: dict[str, tuple[str, ...]] = {
    "BiLSTM + CRF": (),
    "BiLSTM + softmax": ("--decoder=softmax",),
    "IDCNN + CRF": IDCNN,
    "IDCNN + softmax": (*IDCNN, "--decoder=softmax"),
    "none + CRF": ("--downstream=none",),
    "none + softmax": ("--downstream=none", "--decoder=softmax"),
    "BiLSTM + CRF, one rate": ("--preset=one rate",),
}
MORE = ("BiLSTM + CRF", "BiLSTM + CRF, one rate")  # with more sentences
SIZES = {"10,000 sentences": 10_000, "all sentences": 0}


def rows() -> dict[str, tuple[str, ...]]:
    """The options of each row, by its name."""
    found = {}
    for pair in STARTER_PAIRS:
        found |= {f"{pair}, {name}": (f"--pair={pair}", *options) for name, options in STRUCTURES.items()}
    for size, limit in SIZES.items():
        asked = ("--pair=chinese", f"--train-limit={limit}")
        found |= {f"chinese, {name}, {size}": (*asked, *STRUCTURES[name]) for name in MORE}
    return found


def main() -> None:
    known = rows()
    asked = options(list(known))
    print("| row | seconds | F1 on dev | F1 on test | command |\n|---|---|---|---|---|", flush=True)
    found: dict[str, dict[str, float | None]] = {}
    for name in asked.only or known:
        quiet(name, asked.patience)
        runs = [trained((*known[name], f"--seed={seed}")) for seed in asked.seeds]
        seconds, dev, test = (list(column) for column in zip(*runs, strict=True))
        scored = [each for each in test if each is not None]
        row = {"seconds": median(seconds), "dev": median(dev), "test": median(scored) if scored else None}
        found[name] = {key: None if value is None else round(value, 4) for key, value in row.items()}
        tested = "–" if row["test"] is None else f"{row['test']:.3f}"
        written = f"{row['seconds']:.0f} | {row['dev']:.3f} | {tested}"
        print(f"| {name} | {written} | `labkit train {shlex.join(known[name])}` |", flush=True)
    print(json.dumps(found))


def options(names: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--only", choices=names, nargs="+", metavar="NAME", help="some of the rows")
    parser.add_argument("--patience", type=float, default=120.0, help="seconds to wait for a quiet machine, each time")
    return parser.parse_args()


def trained(given: tuple[str, ...]) -> tuple[float, float, float | None]:
    """Seconds, F1 on dev, F1 on test. Raises RuntimeError for a run that did not complete."""
    with tempfile.TemporaryDirectory(prefix="labkit-bench-") as place:
        command = [sys.executable, "-m", "labkit", "train", "--runs", place, "--keep=best", *given]
        output, seconds, _ = ran(command)
        events = completed(Path(output))
    scores = [event for event in events if isinstance(event, Evaluated)]
    test = [event.f1 for event in scores if event.split == "test"]
    return seconds, max(event.f1 for event in scores if event.split == "dev"), test[-1] if test else None


if __name__ == "__main__":
    main()
