"""Reading and encoding of Chinese corpora: MSRA, and a table of long texts as in the BDCI competition.

    python benchmarks/reading.py [--documents 5000] [--encoder minilm]

Timed in a fresh process with an empty cache, then in another one that finds it filled, as benchmarks/growth.py does.
The table's texts are MSRA sentences in random order, 1,500 characters each with a paragraph every 300, and its
entities are those of the sentences, many more than the competition has. The last line is JSON: seconds by corpus, cold
and cached, and characters a second when cold.
"""

import argparse
import csv
import json
import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

from growth import Size, measure_reading

from labkit.config import RunConfig
from labkit.data.corpora import Sentence, bio_tags_to_spans, read_corpus

LONG = 1_500  # characters of a text
PARAGRAPH = 300


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--documents", type=int, default=5_000, help="rows of the table")
    parser.add_argument("--encoder", default="minilm", help="whose tokenizer is used")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="labkit-reading-") as place:
        os.environ["LABKIT_CACHE"] = f"{place}/cache"
        write_table(Path(place) / "bdci", asked.documents)
        sizes = {"msra": Size(1), "bdci": Size(1)}
        for name, size in sizes.items():
            corpus = name if name == "msra" else f"{place}/bdci"
            measure_reading(size, RunConfig(corpus=corpus, encoder=asked.encoder))
    report(sizes)


def write_table(folder: Path, documents: int) -> None:
    folder.mkdir()
    corpus = read_corpus("msra")
    every = [*corpus.train, *corpus.dev]
    sentences = iter([each for seed in range(10) for each in random.Random(seed).sample(every, len(every))])
    with open(folder / "train.csv", "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(("id", "title", "text", "unknownEntities"))
        table.writerows(row(number, text) for number, text in enumerate(texts(sentences, documents)))


def texts(sentences: Iterator[Sentence], documents: int) -> list[list[Sentence]]:
    found: list[list[Sentence]] = []
    while len(found) < documents:
        text: list[Sentence] = []
        while sum(len(sentence.words) for sentence in text) < LONG:
            text.append(next(sentences))
        found.append(text)
    return found


def row(number: int, sentences: list[Sentence]) -> tuple[str, str, str, str]:
    text = ""
    entities: dict[str, None] = {}
    for sentence in sentences:
        words = "".join(sentence.words)
        text += words
        if len(text) % PARAGRAPH < len(words):
            text += "</p><p>"
        entities |= dict.fromkeys(words[start:end] for _, start, end in bio_tags_to_spans(sentence.tags))
    return str(number), text[:20], f"<p>{text}</p>", ";".join(entities)


def report(sizes: dict[str, Size]) -> None:
    print(" ".join(f"{name:>12}" for name in ("corpus", "words", "cold s", "cached s", "cold MiB", "cached MiB")))
    for name, size in sizes.items():
        cells = [name, f"{size.words:,}", f"{size.cold_s:.2f}", f"{size.cached_s:.3f}"]
        print(" ".join(f"{cell:>12}" for cell in (*cells, f"{size.cold_mib:.0f}", f"{size.cached_mib:.0f}")))
    told = {f"{name}_cold_s": round(size.cold_s, 2) for name, size in sizes.items()}
    told |= {f"{name}_cached_s": round(size.cached_s, 3) for name, size in sizes.items()}
    told |= {f"{name}_words_per_s": round(size.words / size.cold_s) for name, size in sizes.items()}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
