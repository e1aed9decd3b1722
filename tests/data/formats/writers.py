"""A writer of each format and JSON shape, somebody else's where there is one, and random sentences for them."""

import csv
import io
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from labkit.cli.convert import format_sentence
from labkit.data.corpora import Sentence
from labkit.data.word_splitting import Granularity, split_text

Sentences = Sequence[tuple[tuple[str, ...], tuple[str, ...]]]


class Example(NamedTuple):
    """A text, its words and tags, and the same entities as spans of characters."""

    text: str
    words: tuple[str, ...]
    tags: tuple[str, ...]
    spans: list[tuple[int, int, str]]


def draw_example(rng: random.Random, mark: str = "") -> Example:
    """A text that begins with a mark, split into words as raw text is."""
    pieces = ["Ann", "O'Neil", "isn't", "北", "京", "，", "😀", "e\u0301t", "3.5", "@bob", "(", "한국", "\u3000", '"']
    text = mark + "".join(rng.choice(pieces) + rng.choice(["", " "]) for _ in range(rng.randint(1, 20))) + "."
    ((*words,),) = split_text(text, Granularity.WORDS)
    tags, spans, place = ["O"] * len(words), [], 0
    while place < len(words):
        end = min(len(words), place + rng.randint(1, 3))
        if rng.random() < 0.5:
            type_ = rng.choice(["PER", "地点"])
            spans.append((words[place].start, words[end - 1].end, type_))
            tags[place:end] = [f"B-{type_}"] + [f"I-{type_}"] * (end - place - 1)
        place = end
    return Example(text, tuple(word.word for word in words), tuple(tags), spans)


def draw_characters(rng: random.Random, mark: str = "") -> Example:
    """A text whose characters are words, each there once but the space, with entities of the type ENTITY."""
    text, tags, spans = mark, ["O"] * len(mark), []
    characters = rng.sample([chr(number) for number in range(0x4E00, 0x4E80)], 24)
    while characters:
        size = min(rng.randint(1, 3), len(characters))
        is_entity = rng.random() < 0.5
        spans += [(len(text), len(text) + size, "ENTITY")] * is_entity
        tags += ["B-ENTITY", *["I-ENTITY"] * (size - 1)] if is_entity else ["O"] * size
        text += "".join(characters.pop() for _ in range(size))
        if characters and rng.random() < 0.2:
            text, tags = text + " ", [*tags, "O"]
    return Example(text, tuple(text), tuple(tags), spans)


# --- files of words and tags


def write_conll(folder: Path, examples: Sequence[Example]) -> Path:
    text = "\n".join(format_sentence(Sentence(one.words, one.tags)) for one in examples)
    return _write(folder / "train.txt", text)


def format_conllu(sentences: Sentences, key: str = "NER") -> str:
    conllu = pytest.importorskip("conllu")
    written = []
    for words, tags in sentences:
        tokens = [
            dict.fromkeys(("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc"))
            | {"id": number, "form": word, "misc": {"SpaceAfter": "No", key: tag} if tag != "O" else None}
            for number, (word, tag) in enumerate(zip(words, tags, strict=True), 1)
        ]
        written.append(conllu.TokenList(tokens).serialize())
    return "".join(written)


def format_multiconer(sentences: Sentences, *, mask: bool = False) -> str:
    blocks = []
    for number, (words, tags) in enumerate(sentences):
        lines = (f"{word} _ _ {'_' if mask else tag}\n" for word, tag in zip(words, tags, strict=True))
        blocks.append(f"# id 5e8c0d12-4b6f-4f8e-9d0c-{number:012d}\tdomain=en\n" + "".join(lines))
    return "\n\n".join(blocks)


def write_klue(folder: Path, examples: Sequence[Example]) -> Path:
    blocks = [
        f"## klue-ner-v1_train_{number:05d}-nsmc\t\n" + "".join(map("{}\t{}\n".format, one.words, one.tags))
        for number, one in enumerate(examples)
    ]
    return _write(folder / "train.tsv", "\n".join(blocks))


def format_word_table(
    sentences: Sentences, *, delimiter: str = ",", header: str = "Sentence #,Word,POS,Tag", repeat: bool = False
) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows([header.split(","), *table_rows(sentences, repeat=repeat)])
    return text.getvalue()


def table_rows(sentences: Sentences, *, repeat: bool) -> list[list[str]]:
    return [
        [f"Sentence: {number}" if repeat or not place else "", word, "NN", tag]
        for number, (words, tags) in enumerate(sentences, 1)
        for place, (word, tag) in enumerate(zip(words, tags, strict=True))
    ]


def write_bdci(folder: Path, examples: Sequence[Example]) -> Path:
    text = io.StringIO(newline="")
    rows = [
        [number, "", one.text, ";".join(one.text[start:end] for start, end, _ in one.spans)]
        for number, one in enumerate(examples)
    ]
    csv.writer(text).writerows([["id", "title", "text", "unknownEntities"], *rows])
    return _write(folder / "train.csv", text.getvalue())


def write_parallel_lines(
    folder: Path, sentences: Sentences, names: Sequence[str] = ("sentences.txt", "tags.txt"), end: str = "\n"
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, column in zip(names, zip(*sentences, strict=True), strict=True):
        _write(folder / name, "".join(" ".join(line) + end for line in column))
    return folder


# --- folders and tables


def write_brat(folder: Path, examples: Sequence[Example]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(examples):
        lines = [
            f"T{n}\t{kind} {start} {end}\t{one.text[start:end]}\n" for n, (start, end, kind) in enumerate(one.spans, 1)
        ]
        _write(folder / f"doc{number:02d}.txt", one.text)
        _write(folder / f"doc{number:02d}.ann", "".join(lines))
    return folder


def label_columns(sentences: Sentences) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """Columns with numbers for tags, and the features that name them, as `datasets` keeps them."""
    names = ["O", *sorted({tag for _, tags in sentences for tag in tags} - {"O"})]
    columns: dict[str, list[Any]] = {
        "id": [str(number) for number in range(len(sentences))],
        "tokens": [list(words) for words, _ in sentences],
        "ner_tags": [[names.index(tag) for tag in tags] for _, tags in sentences],
    }
    return columns, {"ner_tags": {"feature": {"names": names, "_type": "ClassLabel"}, "_type": "List"}}


def write_parquet(path: Path, columns: dict[str, list[Any]], features: Any = None) -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pyarrow.table(columns)
    if features is not None:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    parquet.write_table(table, path)
    return path


def write_arrow_folder(folder: Path, columns: dict[str, list[Any]], features: Any) -> Path:
    """Two shards, as `save_to_disk` writes them."""
    pyarrow = pytest.importorskip("pyarrow")
    folder.mkdir(exist_ok=True)
    table = pyarrow.table(columns)
    files = [f"data-0000{shard}-of-00002.arrow" for shard in range(2)]
    for file, rows in zip(files, (table.slice(0, 3), table.slice(3)), strict=True):
        with pyarrow.ipc.new_stream(str(folder / file), table.schema) as writer:
            writer.write_table(rows)
    _write(folder / "state.json", json.dumps({"_data_files": [{"filename": file} for file in files]}))
    _write(folder / "dataset_info.json", json.dumps({"features": features}))
    return folder


# --- shapes of JSON


def as_cluener(one: Example) -> dict[str, Any]:
    label: dict[str, Any] = {}
    for start, end, type_ in one.spans:
        label.setdefault(type_, {}).setdefault(one.text[start:end], []).append([start, end - 1])
    return {"text": one.text, "label": label}


def as_regions(one: Example) -> list[dict[str, Any]]:
    return [{"start": s, "end": e, "text": one.text[s:e], "labels": [label]} for s, e, label in one.spans]


def as_label_studio(one: Example) -> dict[str, Any]:
    result = [{"type": "labels", "value": value} for value in as_regions(one)]
    return {"data": {"text": one.text}, "annotations": [{"result": result}]}


def as_objects(one: Example, start: str = "start", end: str = "end") -> list[dict[str, Any]]:
    return [{start: span[0], end: span[1], "label": span[2]} for span in one.spans]


SHAPES: dict[str, Callable[[Example], dict[str, Any]]] = {
    "span JSON": lambda one: {"text": one.text, "spans": as_objects(one)},
    "doccano label": lambda one: {"text": one.text, "label": one.spans},
    "doccano labels": lambda one: {"text": one.text, "labels": one.spans},
    "doccano entities": lambda one: {"text": one.text, "entities": as_objects(one, "start_offset", "end_offset")},
    "CLUENER": as_cluener,
    "Prodigy": lambda one: {"text": one.text, "spans": as_objects(one), "answer": "accept"},
    "Label Studio JSON": as_label_studio,
    "Label Studio JSON-MIN": lambda one: {"text": one.text, "label": as_regions(one), "annotation_id": 1},
    "Hugging Face": lambda one: {"tokens": one.words, "ner_tags": one.tags},
}


def _write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def _pairs(examples: Sequence[Example]) -> Sentences:
    return [(one.words, one.tags) for one in examples]


# Writers of whole files or folders; each takes a folder and the examples, and returns the path that it wrote.
WRITERS: dict[str, Callable[[Path, Sequence[Example]], Path]] = {
    "conll": write_conll,
    "bdci": write_bdci,
    "word table": lambda folder, some: _write(folder / "train.csv", format_word_table(_pairs(some))),
    "conllu": lambda folder, some: _write(folder / "train.conllu", format_conllu(_pairs(some))),
    "multiconer": lambda folder, some: _write(folder / "train.conll", format_multiconer(_pairs(some))),
    "klue": write_klue,
    "brat": lambda folder, some: write_brat(folder / "train", some),
    "parallel lines": lambda folder, some: write_parallel_lines(folder / "train", _pairs(some)),
    "parquet": lambda folder, some: write_parquet(folder / "train.parquet", *label_columns(_pairs(some))),
    "arrow folder": lambda folder, some: write_arrow_folder(folder / "train", *label_columns(_pairs(some))),
}
CHARACTERS = {"bdci", "klue"}  # formats whose words are characters
