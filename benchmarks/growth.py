"""What grows with the corpus, and what must not: reading, memory, training and evaluation at 1, 10 and 100 times.

    python benchmarks/growth.py [--times 1 10 100] [--rounds 6] [--steps 50] [--picture growth.png]

Each corpus is the English default (wnut16) so many times over, the letters of all but its 500 most frequent words
exchanged anew in every repetition, in the first one too: the same sentences by length, of other words and pieces.
Reading and encoding are timed in a fresh process with an empty cache, then in another one that finds it filled.
Training is labkit's own `train(config)`, a process a size, all alive and taking turns: a round is some steps of warm-up
and some that are timed, by the events' own seconds and real (unpadded) tokens. At the end each evaluates its dev part
once. Memory is a process's peak (RSS); a word's share of it is by the difference between the largest and the smallest.

The last line is JSON: `throughput_drift` is the largest deviation of tokens/s from that of the smallest corpus in the
same round, as a share, in the median of the rounds; `encode_cold_s` and `encode_cached_s` are of the largest corpus.
"""

import argparse
import json
import multiprocessing
import os
import random
import resource
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from labkit.config import RunConfig
from labkit.data.pins import CORPORA

FREQUENT = 500  # words that stay as they are, about half of the text
WARM_UP = 10  # steps a round before those that are timed
MIB = 2**20


@dataclass
class Size:
    """What was measured of one corpus."""

    times: int
    words: int = 0
    pieces: int = 0
    cold_s: float = 0.0
    cached_s: float = 0.0
    cold_mib: float = 0.0  # peaks of whole processes
    cached_mib: float = 0.0
    training_mib: float = 0.0
    rounds: list[float] = field(default_factory=list)  # tokens/s
    evaluated: int = 0  # sentences
    evaluation_s: float = 0.0

    @property
    def tokens_per_s(self) -> float:
        return statistics.median(self.rounds)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, nargs="+", default=[1, 10, 100])
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--steps", type=int, default=50, help="timed, a round")
    parser.add_argument("--picture", type=Path, help="draw into this PNG")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="labkit-growth-") as place:
        os.environ["LABKIT_CACHE"] = f"{place}/cache"
        sizes = [Size(times) for times in asked.times]
        for size in sizes:
            write_corpus(Path(place) / f"x{size.times}", size.times)
            measure_reading(size, config_of(Path(place), size))
        measure_training(sizes, Path(place), asked.rounds, asked.steps)
    report(sizes)
    if asked.picture:
        draw(sizes, asked.picture)
    print(json.dumps(outcome(sizes)))


def config_of(place: Path, size: Size) -> RunConfig:
    return RunConfig(corpus=str(place / f"x{size.times}"), epochs=50, keep="none")


# --- corpora


def write_corpus(folder: Path, times: int) -> None:
    folder.mkdir()
    lines = (CORPORA["wnut16"].require() / "train.txt").read_text(encoding="utf-8").split("\n")
    rows = [line.rpartition("\t") for line in lines]
    frequent = {word for word, _ in Counter(word for word, _, _ in rows).most_common(FREQUENT)}
    with open(folder / "train.txt", "w", encoding="utf-8") as file:
        for number in range(times):
            table = exchange(number)
            words = (word if word in frequent else word.translate(table) for word, _, _ in rows)
            file.writelines(f"{word}\t{tag}\n" if word else "\n" for word, (_, _, tag) in zip(words, rows, strict=True))
            file.write("\n")


def exchange(seed: int) -> dict[int, int]:
    """Vowels for vowels and consonants for consonants, capitals kept."""
    letters: dict[int, int] = {}
    for kind in ("aeiou", "bcdfghjklmnpqrstvwxyz"):
        others = "".join(random.Random(seed).sample(kind, len(kind)))
        letters |= str.maketrans(kind + kind.upper(), others + others.upper())
    return letters


# --- reading


def measure_reading(size: Size, config: RunConfig) -> None:
    """In two fresh processes: the first finds an empty cache, the second a filled one."""
    for name in ("cold", "cached"):
        found = in_fresh_process(read, config)
        setattr(size, f"{name}_s", found["seconds"])
        setattr(size, f"{name}_mib", found["peak_mib"])
    size.words, size.pieces = found["words"], found["pieces"]


def in_fresh_process(work: Any, config: RunConfig) -> dict[str, Any]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=work, args=(config, theirs))
    process.start()
    theirs.close()
    found: dict[str, Any] = ours.recv()
    process.join()
    return found


def read(config: RunConfig, told: Connection) -> None:
    from labkit.data.corpora import find_corpus
    from labkit.training.setup import load_corpus, load_pretrained

    pretrained = load_pretrained(config)
    pretrained.tokenizer(["warm"])
    begin = time.perf_counter()
    corpus, _ = load_corpus(config, find_corpus(config.corpus), pretrained)
    seconds = time.perf_counter() - begin
    parts = (corpus.train, corpus.dev)
    words, pieces = sum(part.num_words for part in parts), sum(len(part.input_ids) for part in parts)
    told.send({"seconds": seconds, "peak_mib": peak_mib(), "words": words, "pieces": pieces})


def peak_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (MIB if sys.platform == "darwin" else 1024)


# --- training


def measure_training(sizes: list[Size], place: Path, rounds: int, steps: int) -> None:
    """All in turns, so that whatever the machine does meanwhile meets all of them."""
    context = multiprocessing.get_context("spawn")
    pipes = []
    for size in sizes:
        ours, theirs = context.Pipe()
        config = config_of(place, size).replace(evaluate_every=rounds * (WARM_UP + steps))
        process = context.Process(target=take_turns, args=(config, theirs, rounds, steps))
        process.start()  # one right after the other, so that all import the same state of the code
        theirs.close()
        pipes.append((size, ours, process))
    for _, pipe, _ in pipes:
        pipe.recv()  # ready
    for number in range(rounds):
        for size, pipe, _ in pipes if number % 2 else reversed(pipes):
            pipe.send("go on")
            size.rounds.append(pipe.recv())
    for size, pipe, process in pipes:
        pipe.send("go on")
        size.evaluated, size.evaluation_s, size.training_mib = pipe.recv()
        process.join()


def take_turns(config: RunConfig, pipe: Connection, rounds: int, steps: int) -> None:
    """In a process of its own: a round whenever it is told to, then one evaluation."""
    from labkit.events import CorpusRead, TrainingPlanned
    from labkit.training.trainer import train

    events = train(config)
    read = next(event for event in events if isinstance(event, CorpusRead))
    next(event for event in events if isinstance(event, TrainingPlanned))
    pipe.send("ready")
    timed = rates(events, steps)
    for _ in range(rounds):
        pipe.recv()
        pipe.send(next(timed))
    pipe.recv()
    pipe.send((read.dev_sentences, evaluation_s(events), peak_mib()))


def rates(events: Iterator[Any], steps: int) -> Iterator[float]:
    """Real tokens a second over `steps` steps, after WARM_UP others; what lies between two epochs does not count."""
    from labkit.events import Evaluated, PhaseEntered, RunFinished, StepDone

    before, done, tokens, seconds = None, 0, 0, 0.0
    for event in events:
        if isinstance(event, RunFinished):
            raise RuntimeError(f"training ended early: {event.reason or event.state}")
        if isinstance(event, PhaseEntered | Evaluated):
            before = None
        if not isinstance(event, StepDone):
            continue
        done += 1
        if before and done > WARM_UP:
            tokens += event.tokens - before.tokens
            seconds += event.seconds - before.seconds
        before = event
        if done == WARM_UP + steps:
            yield tokens / seconds
            before, done, tokens, seconds = None, 0, 0, 0.0


def evaluation_s(events: Iterator[Any]) -> float:
    from labkit.events import Evaluated, PhaseEntered

    begin = next(event for event in events if isinstance(event, PhaseEntered) and event.text == "evaluating")
    end = next(event for event in events if isinstance(event, Evaluated))
    return float(end.seconds - begin.seconds)


# --- the outcome


def report(sizes: list[Size]) -> None:
    columns = ("times", "words", "pieces/word", "cold s", "cached s", "cold MiB", "cached MiB", "training MiB")
    print(" ".join(f"{name:>12}" for name in (*columns, "tokens/s", "against 1st", "eval sent/s")))
    for size in sizes:
        cells = [f"{size.times}", f"{size.words:,}", f"{size.pieces / size.words:.2f}", f"{size.cold_s:.2f}"]
        cells += [f"{size.cached_s:.3f}", f"{size.cold_mib:.0f}", f"{size.cached_mib:.0f}", f"{size.training_mib:.0f}"]
        cells += [
            f"{size.tokens_per_s:,.0f}",
            f"{ratio(size, sizes[0]):.3f}",
            f"{size.evaluated / size.evaluation_s:,.0f}",
        ]
        print(" ".join(f"{cell:>12}" for cell in cells))
    told = ", ".join(f"{name} {bytes_per_word(sizes, name):.0f}" for name in ("cold", "cached", "training"))
    print(f"bytes a word: {told}")


def bytes_per_word(sizes: list[Size], name: str) -> float:
    """What peak memory grows by from the smallest corpus to the largest."""
    small, large = sizes[0], sizes[-1]
    grown = getattr(large, f"{name}_mib") - getattr(small, f"{name}_mib")
    return float(grown * MIB / max(1, large.words - small.words))


def outcome(sizes: list[Size]) -> dict[str, float]:
    return {
        "throughput_drift": round(max(abs(ratio(size, sizes[0]) - 1) for size in sizes), 4),
        "encode_cold_s": round(sizes[-1].cold_s, 2),
        "encode_cached_s": round(sizes[-1].cached_s, 3),
        "bytes_per_word": round(bytes_per_word(sizes, "training"), 1),
    }


def ratio(size: Size, first: Size) -> float:
    """Of their tokens/s, round by round, as what the machine does meanwhile meets both; the median."""
    return statistics.median(own / other for own, other in zip(size.rounds, first.rounds, strict=True))


def draw(sizes: list[Size], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.6), layout="constrained")
    reading, memory, speed = figure.subplots(1, 3)
    words = [size.words for size in sizes]
    for axes, title, lines in (
        (reading, "Reading and encoding, s", {"cold": "cold_s", "cached": "cached_s"}),
        (memory, "Peak memory, MiB", {"cold": "cold_mib", "cached": "cached_mib", "training": "training_mib"}),
        (speed, "Training, tokens/s", {"median of rounds": "tokens_per_s"}),
    ):
        for label, name in lines.items():
            axes.plot(words, [getattr(size, name) for size in sizes], marker="o", label=label)
        axes.set(title=title, xlabel="words", xscale="log")
        axes.legend(frameon=False)
    for size in sizes:
        speed.plot([size.words] * len(size.rounds), size.rounds, ".", color="0.7", zorder=0)
    reading.set_yscale("log")
    memory.set_ylim(bottom=0)
    speed.set_ylim(bottom=0)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
