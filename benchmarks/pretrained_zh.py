"""What tiny-zh is worth: named entities of MSRA from few sentences, against the same encoder without pretraining.

    python benchmarks/pretrained_zh.py [--encoder tiny-zh] [--sentences 2000] [--tested 1000] [--seeds 3] [--epochs 3 8]

BiLSTM + CRF on 2,000 training sentences drawn by the seed, scored on the first 1,000 test sentences after the last
epoch, once with tiny-zh and once with an encoder of its architecture and tokenizer, but with BERT's usual random
weights. Each has the best of its own grid of rates below, chosen by seed 0 on 500 sentences that are in neither part;
seeds differ in the sentences drawn, the head, the order, and the random weights. Takes about 20 minutes on two cores.
Prints every run, and as its last line JSON: F1 of each seed, their means, and by how many points tiny-zh is ahead.
"""

import argparse
import itertools
import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean, stdev

from labkit.environment import torch_environment

os.environ.update(torch_environment())  # before torch is imported
import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer

from labkit.config import RunConfig
from labkit.data.corpora import Sentence, read_corpus
from labkit.data.downloads import locate_encoder
from labkit.events import Evaluated, RunFinished
from labkit.training.trainer import train

# (encoder rate, head rate): what is fresh wants more than what is pretrained.
GRID = {
    "pretrained": list(itertools.product((3e-4, 5e-4, 1e-3), (5e-3, 1e-2))),
    "random": list(itertools.product((3e-4, 5e-4, 1e-3), (5e-3, 1e-2))),
}
CHOOSING = 500  # sentences that rates are chosen by
Rates = tuple[float, float]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--encoder", default="tiny-zh")
    parser.add_argument("--sentences", type=int, default=2000)
    parser.add_argument("--tested", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, nargs="+", default=[3, 8])
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="labkit-bench-") as place:
        write_corpora(Path(place) / "choosing", Path(place) / "testing", asked.tested)
        outcome = {}
        for epochs in asked.epochs:
            found = compare(asked.encoder, Path(place), epochs, asked.sentences, asked.seeds)
            outcome[f"{epochs} epochs"] = found
    print(json.dumps({"encoder": asked.encoder, "sentences": asked.sentences, "tested": asked.tested, **outcome}))


def compare(encoder: str, place: Path, epochs: int, sentences: int, seeds: int) -> dict[str, object]:
    """F1 of both kinds of encoder at their best rates, by seed."""
    found: dict[str, object] = {}
    means = {}
    for kind, grid in GRID.items():
        scored = {rates: score(encoder, kind, rates, place / "choosing", epochs, sentences, 0) for rates in grid}
        best = max(scored, key=lambda rates: scored[rates])
        f1 = [score(encoder, kind, best, place / "testing", epochs, sentences, seed) for seed in range(seeds)]
        means[kind] = fmean(f1)
        spread = stdev(f1) if len(f1) > 1 else 0.0
        found[kind] = {"rates": best, "f1": f1, "mean": round(fmean(f1), 4), "deviation": round(spread, 4)}
    return {**found, "points_ahead": round(100 * (means["pretrained"] - means["random"]), 1)}


def score(encoder: str, kind: str, rates: Rates, corpus: Path, epochs: int, sentences: int, seed: int) -> float:
    """F1 on the corpus's dev part after the last epoch."""
    with tempfile.TemporaryDirectory(prefix="labkit-bench-") as place:
        used = encoder if kind == "pretrained" else str(untrained(encoder, Path(place), seed))
        config = RunConfig(
            encoder=used,
            corpus=str(corpus),
            train_limit=sentences,
            epochs=epochs,
            encoder_rate=rates[0],
            head_rate=rates[1],
            keep="none",
            repair_tags=True,
            seed=seed,
        )
        f1 = last_f1(config)
    what = f"{epochs} epochs, seed {seed}, encoder {rates[0]:g}, head {rates[1]:g}"
    print(f"{corpus.name:>9} {kind:>10} {what}: F1 {f1:.4f}", flush=True)
    return f1


def last_f1(config: RunConfig) -> float:
    """On dev, after the last epoch. Raises RuntimeError where the run failed."""
    f1 = 0.0
    for event in train(config):
        if isinstance(event, Evaluated) and event.split == "dev":
            f1 = event.f1
        if isinstance(event, RunFinished) and event.state != "completed":
            raise RuntimeError(f"a run {event.state}: {event.reason} {event.details}")
    return round(f1, 4)


def untrained(encoder: str, folder: Path, seed: int) -> Path:
    """An encoder of the same architecture and tokenizer with random weights, saved in a folder."""
    source = locate_encoder(encoder)
    torch.manual_seed(1000 + seed)
    AutoModel.from_config(AutoConfig.from_pretrained(source), dtype=torch.float32).save_pretrained(folder)
    AutoTokenizer.from_pretrained(source).save_pretrained(folder)
    return folder


def write_corpora(choosing: Path, testing: Path, tested: int) -> None:
    """MSRA as two corpora whose dev part is what runs are scored on: the last training, or the first test sentences."""
    msra = read_corpus("msra", dev_share=0.01, seed=0)
    whole = (*msra.train, *msra.dev)
    write(testing, msra.train, msra.test[:tested])
    write(choosing, whole[:-CHOOSING], whole[-CHOOSING:])


def write(folder: Path, train_part: Iterable[Sentence], dev: Iterable[Sentence]) -> None:
    folder.mkdir(parents=True)
    for name, part in (("train", train_part), ("dev", dev)):
        blocks = ("".join(f"{word}\t{tag}\n" for word, tag in zip(s.words, s.tags, strict=True)) for s in part)
        (folder / f"{name}.txt").write_text("\n".join(blocks), encoding="utf-8")


if __name__ == "__main__":
    main()
