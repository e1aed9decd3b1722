"""Registry of corpus formats: the file endings, or the folder, that each is recognised by, and its reader.

A new format costs one module in this package and one entry in FORMATS. Readers are imported on first use, because
checking a setting must not import numpy.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from labkit.data.formats.parsed_file import ParsedFile

SNIFFED_BYTES = 65_536


@dataclass(frozen=True)
class CorpusFormat:
    """Format of a corpus file, or of a folder that holds one split.

    Attributes:
        endings: of its files, lower case, without the dot; "" for a name without an ending. Empty for a folder's.
        reader: "module.function" of this package; the function takes a path and the path that messages show.
        recogniser: "module.function" of this package; the function takes the first SNIFFED_BYTES of a file with one of
            the endings, or the path of a folder. Without one, all files with these endings are of this format, unless
            another one recognises them.
    """

    endings: tuple[str, ...]
    reader: str
    recogniser: str = ""

    def read(self, path: Path, display_path: str) -> ParsedFile:
        """Reads and checks one file or folder, except for its tag sequences.

        A file without any sentence is a ValueError, unless it has no labels: then `missing_labels` says why.
        Raises ValueError with file, line and what was expected.
        """
        parsed: ParsedFile = _load(self.reader)(path, display_path)
        return parsed

    def recognises(self, what: bytes | Path) -> bool:
        """True if the beginning of a file, or a folder, is of this format."""
        return bool(_load(self.recogniser)(what))


FORMATS = {
    "conll": CorpusFormat(
        ("", "txt", "conll", "bio", "tsv", "iob", "iob2", "bioes", "bmes", "bilou", "ner", "tags"), "conll.read_conll"
    ),
    "bdci": CorpusFormat(("csv",), "bdci.read_bdci"),
    "word table": CorpusFormat(("csv", "tsv", "txt"), "word_table.read_word_table", "word_table.recognises"),
    "conllu": CorpusFormat(("conllu", "conll", "txt", ""), "conllu.read_conllu", "conllu.recognises"),
    "multiconer": CorpusFormat(("conll", "txt", "tsv", ""), "multiconer.read_multiconer", "multiconer.recognises"),
    "klue": CorpusFormat(("tsv", "txt"), "klue.read_klue", "klue.recognises"),
    "brat": CorpusFormat((), "brat.read_brat", "brat.recognises"),
    "parallel lines": CorpusFormat((), "parallel_lines.read_folder", "parallel_lines.recognises"),
    "parquet": CorpusFormat(("parquet", "arrow"), "hugging_face.read_table"),
    "arrow folder": CorpusFormat((), "hugging_face.read_folder", "hugging_face.recognises"),
    "json": CorpusFormat(("jsonl", "json", "ndjson"), "json_shapes.read_json"),
}
ENDINGS = {ending for corpus_format in FORMATS.values() for ending in corpus_format.endings}


def file_ending(path: PurePath) -> str:
    """Ending of a file name in lower case, without the dot."""
    return path.suffix.lower().removeprefix(".")


def format_of(path: Path) -> CorpusFormat:
    """Format of a file or folder, by its ending and its first bytes; CoNLL by default."""
    if path.is_dir():
        return find_folder_format(path) or FORMATS["conll"]
    candidates = [each for each in FORMATS.values() if file_ending(path) in each.endings]
    if any(each.recogniser for each in candidates):
        try:
            with path.open("rb") as file:
                head = file.read(SNIFFED_BYTES)
        except OSError:
            head = b""  # the reader says why it cannot be read
        recognised = [each for each in candidates if each.recogniser and each.recognises(head)]
        candidates = recognised or [each for each in candidates if not each.recogniser] or candidates
    return next(iter(candidates), FORMATS["conll"])


def format_name(path: Path) -> str:
    """Name of a file's or folder's format in FORMATS."""
    found = format_of(path)
    return next(name for name, each in FORMATS.items() if each is found)


def find_folder_format(folder: Path) -> CorpusFormat | None:
    """Format of which a whole folder is one split; None for any other folder."""
    return next((each for each in FORMATS.values() if not each.endings and each.recognises(folder)), None)


def _load(name: str) -> Callable[..., Any]:
    module, function = name.split(".")
    loaded: Callable[..., Any] = getattr(importlib.import_module(f"{__name__}.{module}"), function)
    return loaded
