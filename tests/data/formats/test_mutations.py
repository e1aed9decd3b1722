"""All formats: a corpus comes back word for word; a damaged file is read or refused, nothing lost in silence."""

import json
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from labkit.data.corpora import read_corpus
from labkit.data.formats import FORMATS, json_shapes
from labkit.data.formats.parsed_file import ParsedFile
from tests.data.formats.samples import pairs, read
from tests.data.formats.writers import CHARACTERS, SHAPES, WRITERS, Example, draw_characters, draw_example
from tests.long_cases import mostly_long

BATCH = 100  # mutated files a test
NAMES = [*WRITERS, *SHAPES]
BINARY = {"parquet", "arrow folder"}  # errors name the file, or the row too; bytes that are found say nothing
TEXTS = {"brat": "*.txt", "parallel lines": "sentences.txt"}  # files of a folder that hold words
TYPED = {*SHAPES, "conll"} - {"CLUENER"}  # a type is the label of an entity; CLUENER has some without
MARKS = [chr(0x5000 + number) for number in range(6)]  # a word in each sentence, which is nowhere else


def draw(name: str, rng: random.Random, marks: Sequence[str]) -> list[Example]:
    return [(draw_characters if name in CHARACTERS else draw_example)(rng, mark) for mark in marks]


def mark_types(one: Example, number: int) -> Example:
    """The example with types that are nowhere else, by which a lost entity is noticed."""
    types = iter([f"E{number}x{place:02}" for place in range(len(one.spans))])
    spans = [(start, end, next(types)) for start, end, _ in one.spans]
    types = iter([type_ for *_, type_ in spans])
    tags, type_ = [], ""
    for tag in one.tags:
        type_ = next(types) if tag[0] == "B" else type_
        tags.append(tag if tag == "O" else f"{tag[0]}-{type_}")
    return one._replace(tags=tuple(tags), spans=spans)


def write(name: str, folder: Path, examples: Sequence[Example], ending: str = "jsonl") -> Path:
    if name in WRITERS:
        return WRITERS[name](folder, examples)
    path = folder / f"train.{ending}"
    path.write_bytes(join_records([SHAPES[name](one) for one in examples], is_array=ending == "json"))
    return path


def join_records(records: Sequence[dict[str, Any]], *, is_array: bool) -> bytes:
    lines = [json.dumps(record, ensure_ascii=False).encode("utf-8", "replace") for record in records]
    return b"[" + b",\n".join(lines) + b"]" if is_array else b"\n".join(lines)


def test_each_format_and_each_shape_of_json_has_a_writer() -> None:
    assert set(FORMATS) == {*WRITERS, "json"}
    assert all(any(name.startswith(shape.name) for name in SHAPES) for shape in json_shapes.SHAPES)


@pytest.mark.parametrize("name", NAMES)
def test_a_corpus_comes_back_word_for_word(tmp_path: Path, name: str) -> None:
    examples = draw(name, random.Random(name), MARKS * 8)
    assert sum(len(one.spans) for one in examples) > 50
    for ending in ("jsonl", "json") if name in SHAPES else ("",):
        parsed = read(write(name, tmp_path, examples, ending))
        assert pairs(parsed) == [(one.words, one.tags) for one in examples]
        assert len(parsed.notes) == (name == "conllu")  # the key of its tags


# --- damaged files


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Changes, deletes, doubles or cuts off some bytes, or deletes, doubles or swaps lines."""
    for _ in range(rng.randint(1, 3)):
        start = rng.randrange(len(data) + 1)
        end = start + rng.randint(0, 4)
        lines = data.split(b"\n")
        one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
        match rng.randrange(8):
            case 0 | 1 | 2:
                data = data[:start] + rng.randbytes(rng.randint(0, 4)) + data[end:]
            case 3:
                data = data[:end] + data[start:]
            case 4:
                data = data[:start] if rng.random() < 0.2 else data[:start] + data[end:]
            case 5:
                data = b"\n".join([*lines[:one], *lines[one + 1 :]])
            case 6:
                data = b"\n".join([*lines[:other], lines[one], *lines[other:]])
            case 7:
                lines[one], lines[other] = lines[other], lines[one]
                data = b"\n".join(lines)
    return data


def mutate_records(records: list[Any], rng: random.Random) -> None:
    """Deletes, renames or replaces something somewhere in the records."""
    place: Any = rng.choice(records)
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return
        key = rng.choice(keys)
        if not isinstance(place[key], (dict, list)) or rng.random() < 0.3:
            break
        place = place[key]
    strange = [None, True, -1, 7, 10**30, 1.5, "", " ", "x", "\ud83d", [], {}, [[0, 1, "X"]], {"a": {"b": [[0, 1]]}}]
    if rng.random() < 0.3:
        del place[key]
    elif isinstance(place, dict) and rng.random() < 0.3:
        place[rng.choice(["text", "label", "labels", "spans", "data", "tokens", "answer", "x"])] = place.pop(key)
    else:
        place[key] = rng.choice(strange)


def damage(name: str, path: Path, examples: Sequence[Example], rng: random.Random) -> None:
    """Mutates the file, or one of the folder's; of JSON mostly its records."""
    if name in SHAPES and rng.random() < 0.7:
        records = json.loads(json.dumps([SHAPES[name](one) for one in examples]))
        for _ in range(rng.randint(1, 3)):
            mutate_records(records, rng)
        path.write_bytes(join_records(records, is_array=path.suffix == ".json"))
        return
    file = rng.choice(sorted(path.iterdir()) if path.is_dir() else [path])
    file.write_bytes(mutate(file.read_bytes(), rng))


def read_or_refusal(path: Path, *, whole: bool = False) -> tuple[ParsedFile | None, str]:
    """The file, or why it is refused; `whole` also joins it to a corpus."""
    try:
        if whole:
            read_corpus(path, repair=True)
            return None, ""
        return read(path), ""
    except ValueError as error:
        return None, str(error)


@pytest.mark.parametrize("batch", mostly_long(range(100), lambda batch: batch == 0))
@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_file_is_read_or_refused_with_its_place_and_nothing_is_lost_in_silence(
    tmp_path: Path, name: str, batch: int
) -> None:
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        rng = random.Random(f"{name} {seed}")
        examples = draw(name, rng, MARKS)
        if name in TYPED:
            examples = [mark_types(one, number) for number, one in enumerate(examples)]
        path = write(name, tmp_path, examples, rng.choice(["jsonl", "json"]))
        known_notes = {"", *read(path).notes}
        damage(name, path, examples, rng)
        parsed, refusal = read_or_refusal(path)
        place = r"(:\d+)?: " if name in BINARY else r"(:\d+|, record \d+): "
        assert parsed or re.match(rf"{path.name}(/[\w.-]+)?{place}", refusal), seed
        if parsed and name not in BINARY:
            files = path.glob(TEXTS[name]) if path.is_dir() else [path]
            written = b"".join(file.read_bytes() for file in files).decode(errors="replace")
            words = {character for words, _ in pairs(parsed) for word in words for character in word}
            lost = {mark for mark in MARKS if mark in written} - words
            types = " ".join(tag for _, tags in pairs(parsed) for tag in tags)
            lost |= {mark for mark in re.findall(r"E\dx\d\d", written) if mark not in types}
            assert not lost or parsed.missing_labels or {*parsed.notes} - known_notes, seed
        if parsed:
            _, refusal = read_or_refusal(path, whole=True)
            assert not refusal or path.name in refusal, seed
