"""Runs to be recorded as evidence: a plane of rates, other structures, and planted failures, for both pairs.

All train on 1,000 sentences for 3 epochs unless their settings say otherwise, in float32 on a CPU.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from labkit import paths
from labkit.config import RunConfig
from labkit.data.corpora import Corpus, Sentence, read_corpus
from labkit.presets import STARTER_PAIRS, preset
from labkit.settings import format_rate

SENTENCES = 1000
COMMON = {
    "epochs": 3,
    "train_limit": SENTENCES,
    "dev_limit": 400,  # the English pair has 359
    "test_limit": 250,
    "precision": "float32",
    "device": "cpu",
    "keep": "best",
}
ENCODER_RATES = {"chinese": (3e-5, 1e-4, 3e-4, 1e-3, 3e-3), "english": (5e-6, 2e-5, 5e-5, 2e-4, 5e-4)}
HEAD_RATES = {
    "chinese": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1),
    "english": (5e-5, 2e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1),
}
SINGLE_RATES = {"chinese": (1e-4, 3e-4, 1e-3, 3e-3), "english": (5e-5, 2e-4, 5e-4, 1e-3, 3e-3)}
IDCNN = {"downstream": "idcnn", "head_rate": 1e-3}
STRUCTURES: dict[str, dict[str, Any]] = {
    "bilstm-softmax": {"decoder": "softmax"},
    "idcnn-crf": IDCNN,
    "idcnn-softmax": {**IDCNN, "decoder": "softmax"},
    "none-crf": {"downstream": "none"},
    "none-softmax": {"downstream": "none", "decoder": "softmax"},
}
CRF_RATES = (1e-4, 1e-3, 3e-2, 1e-1, 3e-1)
ENCODER_STARTS = (0.2, 0.4)  # shares of the steps
EPOCHS = (1, 2, 4, 6, 10)

# Planted failures and what is easily taken for one: settings by kind. A `corpus` is one of PLANTED_CORPORA.
PLANTED: dict[str, dict[str, Any]] = {
    "20-sentences": {"train_limit": 20},
    "all-o": {"corpus": "all-o"},
    "shuffled-labels": {"corpus": "shuffled-labels"},
    "rare-type": {"corpus": "rare-type"},
    "encoder-1e-3": {"encoder_rate": 1e-3},
    "encoder-1e-2": {"encoder_rate": 1e-2},
    "frozen-encoder": {"encoder_rate": 0.0},
    "head-1e-5": {"head_rate": 1e-5},
    "both-rates-high": {"encoder_rate": 1e-2, "head_rate": 1e-1},
    "crf-rate-0": {"crf_rate": 0.0},
    "crf-rate-1": {"crf_rate": 1.0},
    "one-rate": {},  # by the preset
    "article": {},
    "article-idcnn": {},
    "article-head-1e-2": {"head_rate": 1e-2},  # the usual one, but too high for its tanh layer
    "1-epoch-head-1e-3": {"epochs": 1, "head_rate": 1e-3},
    "batch-256": {"batch_size": 256},
    "warm-up-0.9": {"encoder_warmup": 0.9, "head_warmup": 0.9},
    "staircase-5": {"head_schedule": "staircase", "encoder_schedule": "staircase", "staircase_steps": 5},
    "idcnn-head-1e-2": {"downstream": "idcnn", "head_rate": 1e-2},
    "idcnn-head-1e-1": {"downstream": "idcnn", "head_rate": 1e-1},
    "dropout-0.9": {"dropout": 0.9},
    "other-language": {},  # the other pair's encoder, which knows few of these words
    "windows-of-8": {"max_pieces": 8},
    "dev-of-10": {"dev_limit": 10},
    "by-heart": {"train_limit": 200, "epochs": 12},
    "clip-1e-2": {"clip_norm": 0.01},
}
PRESETS = {
    "one-rate": "one rate",
    "article": "article",
    "article-idcnn": "article IDCNN",
    "article-head-1e-2": "article",
}
# What advice offers for planted failures, where no other case has these settings.
REMEDIES: dict[str, dict[str, Any]] = {
    "20-sentences": {"epochs": 50},
    "article": {"head_rate": 3e-3},
    "article-idcnn": {"head_rate": 1e-3},
    "by-heart": {"epochs": 6},
}
OTHER = {"chinese": "english", "english": "chinese"}


@dataclass(frozen=True)
class Case:
    """One run to be recorded. `group` says what for: planted, structure, grid, start, epochs, crf or remedy."""

    pair: str
    group: str
    kind: str
    seed: int
    settings: Mapping[str, Any] = field(hash=False)
    preset: str = "labkit"

    @property
    def folder(self) -> Path:
        """Its run folder, in the folder of evidence."""
        return Path(self.pair) / f"{self.group}-{self.kind}-seed-{self.seed}"

    def config(self) -> RunConfig:
        """Its settings, with the corpus by name: see `make_corpus`."""
        config = preset(self.preset, self.pair, **{**COMMON, "seed": self.seed})
        if self.kind == "other-language":
            config = config.replace(encoder=STARTER_PAIRS[OTHER[self.pair]].encoder)
        return config.replace(**self.settings)


def cases(f1_by_folder: Mapping[Path, float | None]) -> Iterator[Case]:
    """All cases: those of seed 0 first, the pairs in turn.

    Args:
        f1_by_folder: best F1 of what is recorded so far. Cells of the grid near its best get two more seeds.
    """
    for seed in range(10):
        by_pair = [list(_pair_cases(pair, seed, f1_by_folder)) for pair in STARTER_PAIRS]
        for place in range(max(map(len, by_pair))):
            yield from (of_pair[place] for of_pair in by_pair if place < len(of_pair))


def _pair_cases(pair: str, seed: int, f1_by_folder: Mapping[Path, float | None]) -> Iterator[Case]:
    default = STARTER_PAIRS[pair]
    if seed < 3:
        for kind, settings in PLANTED.items():
            yield Case(pair, "planted", kind, seed, settings, PRESETS.get(kind, "labkit"))
    if seed < 5:
        for kind, settings in STRUCTURES.items():
            yield Case(pair, "structure", kind, seed, settings)
    cells = [(encoder, head) for encoder in ENCODER_RATES[pair] for head in HEAD_RATES[pair]]
    cells += [(rate, rate) for rate in SINGLE_RATES[pair] if (rate, rate) not in cells]
    grid = {cell: _grid_case(pair, cell, seed) for cell in cells}
    first = {cell: f1_by_folder.get(_grid_case(pair, cell, 0).folder) or 0.0 for cell in cells}
    for cell, case in grid.items():
        encoder, head = cell
        is_line = encoder in (default.encoder_rate, head)
        is_near = first[cell] >= max(first.values()) - 0.05
        is_default = cell == (default.encoder_rate, default.head_rate)
        if seed == 0 or (seed < 3 and (is_line or is_near)) or is_default:
            yield case
    if seed < 3:
        for start in ENCODER_STARTS:
            yield Case(pair, "start", f"{start:g}", seed, {"encoder_start": start})
        for epochs in EPOCHS:
            yield Case(pair, "epochs", str(epochs), seed, {"epochs": epochs})
    for rate in CRF_RATES:
        if seed == 0 or (seed < 3 and rate >= 1e-1):  # the best ones
            yield Case(pair, "crf", format_rate(rate), seed, {"crf_rate": rate})
    if seed == 0:
        for kind, remedy in REMEDIES.items():
            yield Case(pair, "remedy", kind, seed, {**PLANTED[kind], **remedy}, PRESETS.get(kind, "labkit"))


def _grid_case(pair: str, cell: tuple[float, float], seed: int) -> Case:
    encoder, head = cell
    settings = {"encoder_rate": encoder, "head_rate": head}
    return Case(pair, "grid", f"{format_rate(encoder)}-{format_rate(head)}", seed, settings)


# --- corpora with a fault


def make_corpus(pair: str, name: str) -> Path:
    """Writes a planted corpus once, and returns its folder. The sentences of dev and test stay."""
    folder = paths.cache() / "evidence" / f"{STARTER_PAIRS[pair].corpus}-{name}"
    if not (folder / "train.txt").exists():
        folder.mkdir(parents=True, exist_ok=True)
        corpus = _read_pair(pair)
        splits = {"dev": corpus.dev, "test": corpus.test, "train": PLANTED_CORPORA[name](corpus.train)}
        if name == "all-o":
            splits = {split: _without_entities(sentences) for split, sentences in splits.items()}
        for split, sentences in splits.items():
            if sentences:
                with paths.atomic_write(folder / f"{split}.txt") as file:
                    file.write_text("\n".join(map(_format, sentences)), encoding="utf-8")
    return folder


@cache
def _read_pair(pair: str) -> Corpus:
    return read_corpus(STARTER_PAIRS[pair].corpus)


def _format(sentence: Sentence) -> str:
    return "".join(f"{word}\t{tag}\n" for word, tag in zip(sentence.words, sentence.tags, strict=True))


def _without_entities(sentences: Sequence[Sentence]) -> Sequence[Sentence]:
    return [Sentence(sentence.words, ("O",) * len(sentence.words)) for sentence in sentences]


def _shuffled_labels(sentences: Sequence[Sentence]) -> Sequence[Sentence]:
    """Each sentence with the tags of another one, cut or filled with O."""
    donors = list(sentences)
    random.Random(0).shuffle(donors)
    pairs = zip(sentences, donors, strict=True)
    return [Sentence(one.words, (*other.tags, *["O"] * len(one.words))[: len(one.words)]) for one, other in pairs]


def _with_rare_type(sentences: Sequence[Sentence]) -> Sequence[Sentence]:
    """1,000 sentences, of which two have the second most frequent type: those with its longest mentions."""
    found = Counter(tag[2:] for sentence in sentences for tag in sentence.tags if tag.startswith("B-"))
    (_, _), (rare, _), *_ = found.most_common()
    chosen = sorted(sentences, key=lambda sentence: sentence.tags.count(f"I-{rare}"))[-2:]
    others = [sentence for sentence in sentences if not {f"B-{rare}", f"I-{rare}"} & set(sentence.tags)]
    return [*chosen, *random.Random(0).sample(others, SENTENCES - 2)]


PLANTED_CORPORA: dict[str, Callable[[Sequence[Sentence]], Sequence[Sentence]]] = {
    "all-o": _without_entities,
    "shuffled-labels": _shuffled_labels,
    "rare-type": _with_rare_type,
}
