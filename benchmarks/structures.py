"""What each structure after the encoder costs and gives, on the English pair.

    python benchmarks/structures.py [--seeds 0 1 2] [--epochs 3] [--sentences N] [--only NAME ...]

Each row is a `labkit train` in a process of its own, with that pair's defaults but for what the row names; IDCNN gets a
head rate of its own, as it learns nothing at the default's (1e-2). A step's milliseconds are those of the training
phases over their steps, with the part that the structure takes, its linear layer included, and the decoder's loss. F1
is that of the last epoch on the dev part. Of several seeds the median is shown.

The last line is JSON: `ms_per_step`, `ms_downstream`, `ms_decoder`, `f1` and `parameters` (of the head) by row.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from kernel import median, quiet
from step_speed import completed, ran

from labkit.config import RunConfig
from labkit.events import Evaluated, ParamGroupsBuilt, PhaseEntered, StepDone, TimeBreakdown

IDCNN: dict[str, Any] = {"downstream": "idcnn", "head_rate": 1e-3}
ROWS: dict[str, dict[str, Any]] = {
    "BiLSTM + CRF": {},
    "BiLSTM + softmax": {"decoder": "softmax"},
    "IDCNN + CRF": IDCNN,
    "IDCNN + softmax": {**IDCNN, "decoder": "softmax"},
    "nothing + CRF": {"downstream": "none"},
    "nothing + softmax": {"downstream": "none", "decoder": "softmax"},
    "mix of layers": {"mix_layers": True},
    "projection 128": {"projection_size": 128},
    "tanh layer 128": {"tanh_size": 128},
}
COLUMNS = {
    "ms_per_step": "12.1f",
    "ms_downstream": "14.1f",
    "ms_decoder": "11.1f",
    "f1": "8.4f",
    "parameters": "12,.0f",
}


def main() -> None:
    asked = options()
    print(
        f"{'':<20}" + "".join(f"{name:>{form.split('.')[0].rstrip(',')}}" for name, form in COLUMNS.items()), flush=True
    )
    found: dict[str, dict[str, float]] = {}
    for row in asked.only or ROWS:
        quiet(row, asked.patience)
        shared = {"epochs": asked.epochs, "train_limit": asked.sentences, "keep": "none"}
        sides = [trained({**shared, **ROWS[row], "seed": seed}) for seed in asked.seeds]
        found[row] = {name: round(median([side[name] for side in sides]), 4) for name in COLUMNS}
        print(f"{row:<20}" + "".join(f"{found[row][name]:{form}}" for name, form in COLUMNS.items()), flush=True)
    print(json.dumps(found))


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=RunConfig().epochs)
    parser.add_argument("--sentences", type=int, default=0, help="of the training part, for a quick look; 0 takes all")
    parser.add_argument("--only", choices=[*ROWS], nargs="+", help="some of the rows")
    parser.add_argument("--patience", type=float, default=120.0, help="seconds to wait for a quiet machine, each time")
    return parser.parse_args()


def trained(settings: dict[str, Any]) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="labkit-bench-") as place:
        command = [sys.executable, "-m", "labkit", "train", "--pair=english", "--runs", place, *flags(settings)]
        output, _, _ = ran(command)
        return figures(Path(output))


def flags(settings: dict[str, Any]) -> list[str]:
    names = {name: name.replace("_", "-") for name in settings}
    return [f"--{names[name]}" if value is True else f"--{names[name]}={value}" for name, value in settings.items()]


def figures(folder: Path) -> dict[str, float]:
    """What COLUMNS shows of a finished run. Raises RuntimeError for one that did not complete."""
    events = completed(folder)
    steps = sum(isinstance(event, StepDone) for event in events)
    begins = [event.seconds for event in events if isinstance(event, PhaseEntered) and event.text == "training"]
    ends = [event.seconds for event in events if isinstance(event, PhaseEntered) and event.text == "evaluating"]
    spent = [event.totals for event in events if isinstance(event, TimeBreakdown)][-1]
    audit = next(event.groups for event in events if isinstance(event, ParamGroupsBuilt))
    return {
        "ms_per_step": 1000 * (sum(ends) - sum(begins)) / steps,
        "ms_downstream": 1000 * spent["downstream"] / steps,
        "ms_decoder": 1000 * spent["CRF"] / steps,
        "f1": [event.f1 for event in events if isinstance(event, Evaluated) and event.split == "dev"][-1],
        "parameters": sum(group.parameters for group in audit if group.name != "encoder"),
    }


if __name__ == "__main__":
    main()
