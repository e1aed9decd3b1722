"""A corpus that every format is written with, and mutated files, which are read or refused."""

import random
from pathlib import Path

from labkit.data.formats import format_of
from labkit.data.formats.parsed_file import ParsedFile

Sentences = list[tuple[tuple[str, ...], tuple[str, ...]]]

SENTENCES: Sentences = [
    (("EU", "rejects", "German", "call", "."), ("B-ORG", "O", "B-MISC", "O", "O")),
    (("Zoë", "Müller", "in", "北", "京", "😀"), ("B-PER", "I-PER", "O", "B-LOC", "I-LOC", "O")),
    (('"', "a,b", "O'Hara", "#", "1-2"), ("O", "O", "B-PER", "O", "O")),
    (("Ulm",), ("B-LOC",)),
]


def read(path: Path) -> ParsedFile:
    """Reads with the format that is recognised; messages show the name alone."""
    return format_of(path).read(path, path.name)


def pairs(parsed: ParsedFile) -> Sentences:
    return [(sentence.words, sentence.tags) for sentence in parsed.sentences]


def read_mutated(path: Path, seed: int, count: int = 100) -> None:
    """Reads so many mutated copies of a file or of a folder: a refusal is a ValueError that names it."""
    rng = random.Random(seed)
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    for _ in range(count):
        file = rng.choice(files)
        original = file.read_bytes()
        file.write_bytes(mutate(original, rng))
        refusal = path.name
        try:
            parsed = read(path)
            assert parsed.sentences or parsed.missing_labels
            assert all(len(words) == len(tags) > 0 for words, tags in pairs(parsed))
        except ValueError as error:
            refusal = str(error)
        assert path.name in refusal
        file.write_bytes(original)


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Some random bytes, or lines that are deleted, doubled or swapped."""
    for _ in range(rng.randint(1, 3)):
        if rng.random() < 0.5:
            place = rng.randrange(len(data) + 1)
            data = data[:place] + rng.randbytes(rng.randint(0, 4)) + data[place + rng.randint(0, 4) :]
            continue
        lines = data.split(b"\n")
        one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
        match rng.randrange(3):
            case 0:
                del lines[one]
            case 1:
                lines.insert(other, lines[one])
            case _:
                lines[one], lines[other] = lines[other], lines[one]
        data = b"\n".join(lines)
    return data
