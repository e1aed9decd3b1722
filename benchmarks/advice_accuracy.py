"""Accuracy of advice on the recorded runs: planted cases told right, and alarms in healthy runs.

    python benchmarks/advice_accuracy.py [--seeds 0 1 2]

Every run of `data/evidence` is replayed: its events are added one by one, and advice is asked for after each evaluation
on dev and at the end, as the lab does. A planted case is told right if the first sentence at the end is one of those in
`RIGHT` below. A run is healthy if its best F1 is at least HEALTHY of the best in its grid; an alarm at any of its
evaluations counts against the rules. Thresholds were chosen on seed 0.

For planted cases of seed 0 the offered remedy was really run: F1 before and after, from the recorded run that has these
settings. Prints Markdown tables of the remedies and of all misses, and as its last line JSON: numbers by pair.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from evidence import EVIDENCE

from labkit.config import RunConfig
from labkit.events import Evaluated, open_event_log
from labkit.presets import STARTER_PAIRS
from labkit.runs.folder import read_config
from labkit.runs.run import Run
from labkit.tuning.advice import Advice
from labkit.tuning.advisor import advise

HEALTHY = 0.8
RIGHT = {
    "20-sentences": {"too-few-steps"},
    "all-o": {"no-entities"},
    "shuffled-labels": {"labels-unrelated"},
    "rare-type": {"type-never-found"},
    "encoder-1e-2": {"encoder-rate-too-high"},
    "frozen-encoder": {"frozen-encoder"},
    "head-1e-5": {"head-still"},
    "both-rates-high": {"encoder-rate-too-high"},
    "crf-rate-0": {"crf-untrained"},
    "one-rate": {"head-still", "head-late"},
    "article": {"head-still", "head-late"},
    "article-idcnn": {"head-still", "head-late"},
    "article-head-1e-2": {"head-rate-too-high", "head-rate-high"},
    "1-epoch-head-1e-3": {"head-still", "head-late"},
    "batch-256": {"too-few-steps"},
    "warm-up-0.9": {"long-warm-up"},
    "staircase-5": {"rates-ran-out", "rates-fell-early"},
    "idcnn-head-1e-2": {"head-rate-too-high", "head-rate-high"},
    "idcnn-head-1e-1": {"head-rate-too-high", "diverged"},
    "dropout-0.9": {"strong-dropout"},
    "other-language": {"unknown-words", "words-in-letters"},
    "windows-of-8": {"cut-entities"},
    "dev-of-10": {"small-dev"},
    "by-heart": {"learning-by-heart", "trust-f1", "settled"},
    "clip-1e-2": {"always-clipped"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(10)))
    asked = parser.parse_args()
    print("| run | best F1 | sentence | instead of |\n|---|---|---|---|")
    found, remedies = {}, []
    for pair in STARTER_PAIRS:
        counts = dict.fromkeys(("planted", "right", "healthy", "alarms"), 0)
        folders = [path.parent for path in sorted((EVIDENCE / pair).glob("*/config.json"))]
        runs = {folder: Run(folder) for folder in folders}
        top = max((run.best_f1 or 0.0 for folder, run in runs.items() if folder.name.startswith("grid")), default=0.0)
        for folder, run in runs.items():
            kind, seed = folder.name.rsplit("-seed-", 1)
            if int(seed) not in asked.seeds:
                continue
            replayed = list(replay(folder))
            right = RIGHT.get(kind.removeprefix("planted-")) if kind.startswith("planted-") else None
            f1 = run.best_f1 or 0.0
            if right:
                counts["planted"] += 1
                first = replayed[-1][0].rule if replayed[-1] else "nothing"
                counts["right"] += first in right
                if int(seed) == 0:
                    remedies.append(describe_remedy(run, replayed[-1], list(runs.values())))
                if first not in right:
                    print(f"| {pair} {folder.name} | {f1:.3f} | {first} | {', '.join(sorted(right))} |")
            if f1 >= HEALTHY * top > 0:
                counts["healthy"] += 1
                alarm = next((one.rule for given in replayed for one in given if one.level == "alarm"), None)
                counts["alarms"] += alarm is not None
                if alarm:
                    print(f"| {pair} {folder.name} | {f1:.3f} | {alarm} | no alarm |")
        found[pair] = counts
    print("\n| planted | F1 | first sentence | remedy | F1 with it |\n|---|---|---|---|---|")
    print("\n".join(remedies), end="\n\n")
    print(json.dumps(found))


def describe_remedy(run: Run, given: list[Advice], runs: list[Run]) -> str:
    """Row of a table: a planted run, its first sentence, and F1 of the run that has the settings offered."""
    name, before = f"{run.folder.parent.name} {run.folder.name}", f"{run.best_f1 or 0:.3f}"
    if not given or not given[0].remedy or not run.config:
        return f"| {name} | {before} | {given[0].rule if given else 'nothing'} | – | – |"
    wanted = comparable(run.config.replace(**given[0].remedy))
    after = next((one.best_f1 or 0 for one in runs if one.config and comparable(one.config) == wanted), None)
    mended = "not run" if after is None else f"{after:.3f}"
    return f"| {name} | {before} | {given[0].rule} | `{given[0].format_options()}` | {mended} |"


def comparable(config: RunConfig) -> RunConfig:
    """A config without what makes no difference: a CRF's rate that is the head's, stairs that are not used."""
    config = config.replace(crf_rate=None) if config.crf_rate == config.head_rate else config
    if "staircase" not in (config.encoder_schedule, config.head_schedule):
        config = config.replace(staircase_steps=RunConfig().staircase_steps)
    return config


def replay(folder: Path) -> Iterator[list[Advice]]:
    """Advice after each evaluation on dev, and at the end."""
    run = Run(config=read_config(folder).config)
    for event in open_event_log(folder).iter_events():
        run.add(event)
        if isinstance(event, Evaluated) and event.split == "dev":
            yield advise(run)
    yield advise(run)


if __name__ == "__main__":
    main()
