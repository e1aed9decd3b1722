"""Documents: texts, or sentences of words, of a file in any format. They are annotated or not, and can be predicted."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from labkit.data.corpus_files import MAX_LISTED, open_or_explain
from labkit.data.formats import ENDINGS, FORMATS, SNIFFED_BYTES, file_ending, find_folder_format, format_of, plain_text
from labkit.data.formats.label_studio import TEXT_FIELD
from labkit.data.formats.label_studio import recognises as is_task
from labkit.data.formats.parsed_file import NOT_SCORED, ParsedFile
from labkit.data.formats.text_lines import OTHER_ENCODING
from labkit.data.word_splitting import Granularity, WordSpan, detect_granularity, split_text
from labkit.messages import N_, Message

_NOTES_ON_TEXTS = {OTHER_ENCODING, TEXT_FIELD, plain_text.PLAIN_TEXT}  # others are on annotations


@dataclass(frozen=True)
class Document:
    """Text to be predicted, with its words if its file has words."""

    text: str
    words: Sequence[WordSpan] | None = None
    file: str = ""  # its own, in a folder of documents
    fields: dict[str, Any] = field(default_factory=dict)  # its JSON record

    def split(self, granularity: Granularity) -> list[list[WordSpan]]:
        """Sentences: that of its words, else those of the text in words of this granularity."""
        return split_text(self.text, granularity) if self.words is None else [list(self.words)]


class PredictedSpan(NamedTuple):
    """Predicted entity in characters of a text, and the probability of its tags."""

    type: str
    start: int
    end: int
    confidence: float


@dataclass(frozen=True)
class PredictedDocument:
    """Document with its sentences and predicted entities, in the order of the text."""

    document: Document
    sentences: Sequence[Sequence[WordSpan]]
    spans: Sequence[PredictedSpan]


@dataclass(frozen=True)
class DocumentFile:
    """Documents of one file or folder, in its order."""

    documents: Sequence[Document]
    format: str  # of `writers.py`, the nearest to its own
    notes: Sequence[Message]


def read_documents(path: Path) -> DocumentFile:
    """Reads a file or folder of any corpus format, or plain text, a text a line.

    Raises ValueError with file, line or record, and what was expected.
    """
    parsed = _read(path, str(path))
    if parsed.texts:
        documents = [Document(one.text, None, one.file, one.fields) for one in parsed.texts]
        default = "brat" if parsed.documents else "label-studio" if is_task(documents[0].fields) else "spans"
        return DocumentFile(documents, default, [one for one in parsed.notes if one.template in _NOTES_ON_TEXTS])
    sentences = [sentence.words for sentence in parsed.sentences or parsed.unlabelled]
    separator = detect_granularity(sentences).separator
    notes = [one for one in parsed.notes if one.template != NOT_SCORED]
    return DocumentFile([_join(words, separator) for words in sentences], "conll", notes)


def _read(path: Path, display_path: str) -> ParsedFile:
    if path.is_dir():
        if not (folder_format := find_folder_format(path)):
            if not _has_plain_texts(path):
                raise ValueError(_describe_unknown_folder(path, display_path))
            folder_format = FORMATS["brat"]
        return folder_format.read(path, display_path)
    found = format_of(path)
    may_be_plain = found is FORMATS["conll"] and (file_ending(path) in ("", "txt") or file_ending(path) not in ENDINGS)
    if may_be_plain and plain_text.recognises(_read_head(path, display_path)):
        return plain_text.read_plain_text(path, display_path)
    return found.read(path, display_path)


def _has_plain_texts(folder: Path) -> bool:
    """True if a folder has texts, as BRAT has them, and no corpus file that is called so."""
    texts = [file for file in folder.glob("*.txt") if not file.name.startswith(".")]
    return bool(texts) and all(plain_text.recognises(_read_head(file, str(file))) for file in texts)


def _read_head(path: Path, display_path: str) -> bytes:
    with open_or_explain(path, display_path) as file:
        return file.read(SNIFFED_BYTES)


def _describe_unknown_folder(folder: Path, display_path: str) -> Message:
    names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    text = N_("{folder}: a folder to predict holds texts (.txt), or one split of a corpus; give one of these: {names}")
    listed = ", ".join(names[:MAX_LISTED]) + (" …" if len(names) > MAX_LISTED else "")
    return Message(text, folder=display_path, names=listed or Message("(none)"))


def _join(words: Sequence[str], separator: str) -> Document:
    """Document of words, whose text puts a separator between them."""
    placed, start = [], 0
    for word in words:
        placed.append(WordSpan(word, start, start + len(word)))
        start += len(word) + len(separator)
    return Document(separator.join(words), placed)
