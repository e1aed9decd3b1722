"""BRAT standoff: folder of texts (`.txt`), each with its annotations (`.ann`) beside it.

Only entities are read. An entity in several pieces is read as one that reaches from the first to the last.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from labkit.data.corpus_files import SourceFile, hash_source
from labkit.data.formats.parsed_file import ParsedFile, line_error
from labkit.data.formats.spans import CharSpan, SpanDocument, add_documents
from labkit.data.formats.text_lines import iter_lines, read_bytes, to_utf8
from labkit.messages import N_, Message

_ENTITY = re.compile(r"T\S*\t(\S+) (-?\d+ -?\d+(?:;-?\d+ -?\d+)*)(?:\t(.*))?")
IGNORED = {
    "R": "relations",
    "*": "relations",
    "E": "events",
    "A": "attributes",
    "M": "attributes",
    "N": "normalisations",
    "#": "comments",
}
_TEXT_FORMS: tuple[Callable[[str], str], ...] = (  # other programs count other characters
    str,
    lambda text: text.replace("\r\n", "\n"),
    lambda text: "\ufeff" + text,
)


@dataclass
class _Counts:
    """Counts of what is not read as it stands, and the first place."""

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, place: str) -> None:
        self.counts[kind] += 1
        self.first.setdefault(kind, place)


def recognises(folder: Path) -> bool:
    """True if a folder has annotations and the text of one of them."""
    return any(path.with_suffix(".txt").is_file() for path in folder.glob("*.ann"))


def read_brat(path: Path, display_path: str) -> ParsedFile:
    """Reads a folder; one without annotations has texts only.

    Raises ValueError with file, line and what was expected.
    """
    texts = sorted(file for file in path.glob("*.txt") if not file.name.startswith("."))
    annotated = {file for file in texts if file.with_suffix(".ann").is_file()}
    alone = sorted({file.stem for file in path.glob("*.ann")} - {file.stem for file in texts})
    if alone:
        problem = Message("expected its text beside it, in {file}", file=f"{alone[0]}.txt")
        raise line_error(f"{display_path}/{alone[0]}.ann", 1, problem)
    sha256 = hash_source(SourceFile(path, display_path))
    parsed = ParsedFile(display_path, sha256, [], documents=[file.name for file in texts])
    counts = _Counts()
    documents = [
        _read_document(parsed, number, file, counts)
        if file in annotated
        else SpanDocument(_read_text(parsed, file).decode(), [], number, file.name, is_annotated=False)
        for number, file in enumerate(texts, 1)
    ]
    parsed.notes += _notes(display_path, counts)
    if len(texts) > len(annotated):
        missing = next(file.name for file in texts if file not in annotated)
        text = N_("{folder}: {count:,} texts without annotations (.ann) left out, the first {file}.")
        parsed.notes.append(Message(text, folder=display_path, count=len(texts) - len(annotated), file=missing))
    add_documents(parsed, documents)
    if annotated and not parsed.sentences:
        raise parsed.error(1, Message("no words here, nor in the texts beside it"))
    return parsed


def _read_document(parsed: ParsedFile, number: int, file: Path, counts: _Counts) -> SpanDocument:
    text = _read_text(parsed, file).decode()
    annotations = file.with_suffix(".ann")
    shown = f"{parsed.display_path}/{annotations.name}"
    spans = []
    for line, annotation in enumerate(iter_lines(_read_text(parsed, annotations)), 1):
        annotation = annotation.rstrip("\r")
        if annotation[:1] in IGNORED:
            counts.add(IGNORED[annotation[0]], f"{shown}:{line}")
        elif annotation.strip():
            span, is_split = _parse_entity(annotation, shown, line)
            spans.append(span)
            if is_split:
                counts.add("split", f"{shown}:{line}")
    form = max(_TEXT_FORMS, key=lambda form: _count_matches(form(text), spans))  # the first of equal ones
    if form(text) != text:
        counts.add("form", f"{parsed.display_path}/{file.name}")
    return SpanDocument(form(text), spans, number, file.name)


def _read_text(parsed: ParsedFile, file: Path) -> bytes:
    shown = f"{parsed.display_path}/{file.name}"
    data, notes = to_utf8(read_bytes(file, shown), shown)
    parsed.notes += notes
    return data


def _parse_entity(annotation: str, shown: str, line: int) -> tuple[CharSpan, bool]:
    """Entity of a line, and True if it is in several pieces."""
    match = _ENTITY.fullmatch(annotation)
    if not match:
        text = N_("expected an entity of BRAT, such as T1, a tab, PER 0 5, a tab and its text; found {text!r}")
        raise line_error(shown, line, Message(text, text=annotation[:80]))
    kind, pieces, surface = match.groups()
    offsets = [int(offset) for offset in re.findall(r"-?\d+", pieces)]
    is_split = len(offsets) > 2
    return CharSpan(kind, min(offsets), max(offsets), None if is_split else surface), is_split


def _count_matches(text: str, spans: Sequence[CharSpan]) -> int:
    return sum(
        span.surface is not None and text[max(0, span.start) : max(0, span.end)].split() == span.surface.split()
        for span in spans
    )


NOTES = {
    "split": N_(
        "{folder}: {count:,} entities in several pieces read as one from the first to the last, the first at {place}."
    ),
    "form": N_(
        "{folder}: offsets of {count:,} texts count line ends or byte order marks otherwise, and are read so, the "
        "first {place}."
    ),
    "relations": N_("{folder}: {count:,} relations not read, the first at {place}."),
    "events": N_("{folder}: {count:,} events not read, the first at {place}."),
    "attributes": N_("{folder}: {count:,} attributes not read, the first at {place}."),
    "normalisations": N_("{folder}: {count:,} normalisations not read, the first at {place}."),
    "comments": N_("{folder}: {count:,} comments not read, the first at {place}."),
}


def _notes(display_path: str, counts: _Counts) -> list[Message]:
    return [
        Message(NOTES[kind], folder=display_path, count=count, place=counts.first[kind])
        for kind, count in counts.counts.items()
    ]
