"""CoNLL-U: ten columns, with named entities in the last one, MISC.

The key is `Entity=`, `NE=`, `NER=` (also `ner=`, as Stanza writes) or `name=` (as in NorNE). A word without it is
outside of entities. Words written as one (`1-2`) and empty nodes (`1.1`) are not read.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from labkit.data.formats.parsed_file import ParsedFile
from labkit.data.formats.sentence_builder import SentenceBuilder
from labkit.data.formats.text_lines import first_lines, read_lines
from labkit.data.tags import TAG_PATTERN
from labkit.messages import N_, Message

COLUMNS = 10
KEYS = ("entity", "ner", "ne", "name")  # the first one whose values are tags

_NUMBER = re.compile(r"\d+(?:([-.])\d+)?")
_KEY = re.compile(rf"(?:^|\|)(?:{'|'.join(KEYS)})=", re.IGNORECASE)


class _Word(NamedTuple):
    line: int
    word: str
    values: Mapping[str, str]  # of KEYS, by key in lower case


def recognises(head: bytes) -> bool:
    """True if the first line of ten columns has the number of a word, and some word has an entity."""
    rows = [line.split("\t") for line in first_lines(head) if line.count("\t") == COLUMNS - 1]
    return bool(rows) and _NUMBER.fullmatch(rows[0][0]) is not None and any(_KEY.search(row[-1]) for row in rows)


def read_conllu(path: Path, display_path: str) -> ParsedFile:
    """Reads one file. Raises ValueError with file, line and what was expected."""
    parsed, lines = read_lines(path, display_path)
    sentences: list[list[_Word]] = [[]]
    for number, line in lines:
        if not line.strip(" \t"):
            sentences.append([])
        elif line.startswith("#") and line.count("\t") != COLUMNS - 1:
            continue  # a comment
        elif found := _parse_line(parsed, line, number):
            sentences[-1].append(found)
    words = [word for sentence in sentences for word in sentence]
    key = _find_key(words)
    if found := next((word for word in words if re.search(r"[()]", word.values.get(key, ""))), None):
        text = N_("{value!r} is part of a coreference annotation (as in GUM); expected a tag, such as {key}=B-PER")
        raise parsed.error(found.line, Message(text, value=found.values[key][:80], key=key))
    builder = SentenceBuilder(parsed)
    for sentence in sentences:
        for each in sentence:
            builder.add_word(each.word, each.values.get(key, "O"), each.line)
        builder.end_sentence()
    builder.finish()
    if not key:
        text = N_("no word has an entity in its last column (MISC); expected Entity=, NER=, NE= or name=")
        return parsed.mark_unlabelled(Message(text))
    text = N_("{file}: tags are read from {key}= in the last column (MISC).")
    parsed.notes.append(Message(text, file=display_path, key=key))
    return parsed


def _parse_line(parsed: ParsedFile, line: str, number: int) -> _Word | None:
    """Word of a line; None for words written as one, and for empty nodes."""
    columns = line.split("\t")
    if len(columns) != COLUMNS:
        text = N_("expected the {count} columns of CoNLL-U, separated by tabs; found {found}")
        raise parsed.error(number, Message(text, count=COLUMNS, found=len(columns)))
    match = _NUMBER.fullmatch(columns[0])
    if not match:
        text = N_("expected the number of a word in the first column, as in CoNLL-U; found {text!r}")
        raise parsed.error(number, Message(text, text=columns[0][:80]))
    if match[1]:
        return None
    pairs = (pair.partition("=") for pair in columns[-1].strip(" ").split("|"))
    values = {key.lower(): value for key, _, value in pairs if key.lower() in KEYS and value not in ("", "_")}
    return _Word(number, columns[1].strip(" "), values)


def _find_key(words: Sequence[_Word]) -> str:
    """First key whose values are tags, else the first one that is there; empty if none is."""
    values = {key: {word.values[key] for word in words if key in word.values} for key in KEYS}
    present = [key for key in KEYS if values[key]]
    with_tags = [key for key in present if all(map(TAG_PATTERN.fullmatch, values[key]))]
    return next(iter(with_tags or present), "")
