"""Registry of corpus file formats: file name endings and reader of each.

A new format costs one module in this package and one line in FORMATS. Readers are imported on first use, because
checking a setting must not import numpy.
"""

import importlib
from dataclasses import dataclass
from pathlib import Path

from labkit.data.formats.parsed_file import ParsedFile


@dataclass(frozen=True)
class CorpusFormat:
    """File format of a corpus, recognised by file name endings."""

    endings: tuple[str, ...]  # lower case, without the dot; "" for a name without an ending
    reader: str  # "module.function" of this package; the function takes a path and the path that messages show

    def read(self, path: Path, display_path: str) -> ParsedFile:
        """Reads and checks one file, except for its tag sequences.

        A file without any sentence is a ValueError, unless it has no labels: then `missing_labels` says why.
        Raises ValueError with file, line and what was expected.
        """
        module, function = self.reader.split(".")
        parsed: ParsedFile = getattr(importlib.import_module(f"{__name__}.{module}"), function)(path, display_path)
        return parsed


FORMATS = {
    "conll": CorpusFormat(
        ("", "txt", "conll", "bio", "tsv", "iob", "iob2", "bioes", "bmes", "bilou", "ner", "tags"), "conll.read_conll"
    ),
    "bdci": CorpusFormat(("csv",), "bdci.read_bdci"),
}
ENDINGS = {ending: corpus_format for corpus_format in FORMATS.values() for ending in corpus_format.endings}


def file_ending(path: Path) -> str:
    """Ending of a file name in lower case, without the dot."""
    return path.suffix.lower().removeprefix(".")


def format_of(path: Path) -> CorpusFormat:
    """Format of a file by its ending; CoNLL by default."""
    return ENDINGS.get(file_ending(path), FORMATS["conll"])
