"""Report on the recorded runs: planes of the two rates, tables, and how well one epoch tells the end.

    python benchmarks/evidence_report.py [--pictures docs/pictures]

Reads `data/evidence` and trains nothing. A seed also draws which 1,000 sentences are trained on, so that what differs
from seed to seed is more than the order of training. Prints Markdown tables, and as its last line JSON.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from evidence import EVIDENCE

from labkit.plots.pictures import PictureSize
from labkit.plots.rate_plane import rate_plane_figure
from labkit.presets import STARTER_PAIRS
from labkit.runs.run import Run

PICTURE = PictureSize(width=1080)
FAILS = 0.5  # of the best F1 of the grid: a run below it has failed
FIGURES: dict[str, Callable[[Run], float]] = {  # after one epoch; the larger, the better
    "distance of the head": lambda run: distance_after_one_epoch(run, "head"),
    # Relative update size, as far as recorded. Rotation, of cosine 1 / √(1 + distance²), has the distance's ranks.
    "growth of the head's distance": lambda run: growth_in_one_epoch(run, "head"),
    "way of the head still to go (known at the end)": lambda run: way_after_one_epoch(run, "head"),
    "distance of the encoder": lambda run: distance_after_one_epoch(run, "encoder"),
    "−training loss": lambda run: -loss_after_one_epoch(run),
    "−dev loss": lambda run: -(run.evaluations[0].loss or 0.0),
    "F1": lambda run: run.evaluations[0].f1,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=Path, help="also draw the planes into this folder")
    asked = parser.parse_args()
    runs = {pair: read_runs(pair) for pair in STARTER_PAIRS}
    grids = {pair: [run for name, run in runs[pair].items() if name.startswith("grid-")] for pair in runs}
    scores = {pair: by_kind(runs[pair]) for pair in runs}
    print("| runs |" + "".join(f" {pair}, best dev F1 |" for pair in runs) + "\n|---|" + "---|" * len(runs))
    for name in sorted({name for found in scores.values() for name in found}):
        print(f"| {name} | " + " | ".join(describe(scores[pair].get(name, [])) for pair in runs) + " |")
    found = {}
    for pair, grid in grids.items():
        if asked.pictures and grid:
            picture = rate_plane_figure(grid, size=PICTURE).png()
            (asked.pictures / f"rates-{pair}.png").write_bytes(picture)
        top = max((run.best_f1 or 0.0 for run in grid), default=0.0)
        for which, members in {"plane": grid, "all": runs[pair].values()}.items():
            ended = [run for run in members if is_comparable(run)]
            told = {name: foretells(ended, figure, FAILS * top) for name, figure in FIGURES.items()}
            found[f"{pair} {which}"] = told
            print(f"\n| {pair}, {which}, after one epoch | rank correlation with the best F1 | failures told |")
            print("|---|---|---|")
            for name, (correlation, share) in told.items():
                print(f"| {name} | {correlation:.2f} | {share:.0%} of {len(ended)} runs |")
    print(json.dumps(found))


def read_runs(pair: str) -> dict[str, Run]:
    """Recorded runs of a pair, by name."""
    return {path.parent.name: Run(path.parent) for path in sorted((EVIDENCE / pair).glob("*/config.json"))}


def by_kind(runs: Mapping[str, Run]) -> dict[str, list[float]]:
    """Best F1 of all seeds, by what was trained."""
    scores = defaultdict(list)
    for name, run in runs.items():
        scores[name.rsplit("-seed-", 1)[0]].append(run.best_f1 or 0.0)
    return dict(scores)


def describe(scores: Sequence[float]) -> str:
    """Mean of scores, and the lowest and highest of several seeds."""
    if len(scores) < 2:
        return f"{scores[0]:.3f}" if scores else "–"
    return f"{np.mean(scores):.3f} ({min(scores):.3f} to {max(scores):.3f}, {len(scores)} seeds)"


def is_comparable(run: Run) -> bool:
    """True for a run that ended after more than one epoch, with an evaluation after each and a head to be followed."""
    return run.is_final and len(run.evaluations) > 1 and bool(run.moves) and "head" in run.moves[0].distances


def growth_in_one_epoch(run: Run, part: str) -> float:
    """Growth of a part's distance over the last fifth of the first epoch."""
    end = run.evaluations[0].step
    late = [move.distances.get(part) or 0.0 for move in run.moves if 0.8 * end < move.step <= end]
    return late[-1] - late[0] if late else 0.0


def way_after_one_epoch(run: Run, part: str) -> float:
    """Share of its own final way that a part had still to go after the first epoch."""
    end, paths = run.evaluations[0].step, run.paths
    if not paths or part not in paths.shares:
        return 1.0
    return 1 - [share for step, share in zip(paths.steps, paths.shares[part], strict=True) if step <= end][-1]


def distance_after_one_epoch(run: Run, part: str) -> float:
    """Distance of a part from its start at the last reading of the first epoch."""
    end = run.evaluations[0].step
    return [move.distances.get(part) or 0.0 for move in run.moves if move.step <= end][-1]


def loss_after_one_epoch(run: Run) -> float:
    """Median training loss of the last fifth of the first epoch, in nats per word."""
    steps, end = run.steps, run.evaluations[0].step
    return float(np.median(steps.loss[(steps.step > 0.8 * end) & (steps.step <= end)]))


def foretells(runs: Sequence[Run], figure: Callable[[Run], float], low: float) -> tuple[float, float]:
    """Rank correlation of a figure with the best F1; share of runs that its best threshold puts on the right side.

    Args:
        low: F1 below which a run has failed.
    """
    if len(runs) < 3:
        return float("nan"), float("nan")
    figures = np.array([figure(run) for run in runs])
    scores = np.array([run.best_f1 or 0.0 for run in runs])
    correlation = np.corrcoef(ranks(figures), ranks(scores))[0, 1]
    right = [np.mean((figures >= threshold) == (scores >= low)) for threshold in (*figures, np.inf)]
    return float(correlation), float(max(right))


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 0, equal values with their mean rank (as in Spearman's correlation)."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts + 1) / 2)[inverse]


if __name__ == "__main__":
    main()
