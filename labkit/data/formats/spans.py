"""Span annotations: texts with character spans, turned into words and tags.

Nothing is dropped in silence: each span that is empty, lies outside its text, has white space at its ends, cuts a word
or overlaps another one is counted, and the first of each kind is shown with its place. Of overlapping spans the longest
is kept. A span that cuts a word is widened to it.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from labkit.data.formats.parsed_file import ParsedFile, RawSentence
from labkit.data.word_splitting import Granularity, WordSpan, split_text
from labkit.messages import N_, Message


class CharSpan(NamedTuple):
    """Entity in a text: its type, first character, and the character after its last."""

    type: str
    start: int
    end: int
    surface: str | None = None  # its text as the file has it, where it does


@dataclass(frozen=True)
class SpanDocument:
    """A text with its spans, and the line or record of the file that it stands in."""

    text: str
    spans: Sequence[CharSpan]
    line: int
    file: str = ""  # its own, in a folder of documents; messages then tell the line of the span
    fields: dict[str, Any] = field(default_factory=dict)  # its JSON record
    is_annotated: bool = True  # False: it can only be predicted


PROBLEMS = {
    "empty": N_("{file}: {count:,} empty spans left out, first {place}: {example}."),
    "outside": N_("{file}: {count:,} spans outside of their text left out, first {place}: {example}."),
    "space": N_("{file}: white space cut off at the ends of {count:,} spans, first {place}: {example}."),
    "cut": N_("{file}: {count:,} spans that cut a word widened to whole words, first {place}: {example}."),
    "overlap": N_("{file}: {count:,} spans that overlap a longer one left out, first {place}: {example}."),
    "nested": N_("{file}: {count:,} spans inside a longer one left out, first {place}: {example}."),
    "again": N_(
        "{file}: {count:,} texts are there again with other annotations, which contradict the first ones, first "
        "{place}: {example}."
    ),
    "repeated": N_("{file}: {count:,} spans that are there twice read once, first {place}: {example}."),
    "differs": N_("{file}: {count:,} spans hold another text than the file gives them, first {place}: {example}."),
    "type": N_("{file}: white space in the types of {count:,} spans replaced by _, first {place}: {example}."),
}
MIN_BYTE_SPANS = 5  # by which bytes are recognised: in Chinese any multiple of 3 fits
UNITS = {"utf-16": N_("UTF-16 code units, as JavaScript counts"), "utf-8": N_("bytes of UTF-8")}


@dataclass
class _Problems:
    """Counts of what was mended or left out, and the first example of each kind."""

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, tuple[int, str]] = field(default_factory=dict)

    def add(self, kind: str, document: SpanDocument, span: CharSpan) -> None:
        self.counts[kind] += 1
        shown = document.text[max(0, span.start) : max(0, span.end)][:40] or f"{span.start} to {span.end}"
        example, line = f"{shown!r} ({span.type})", document.line
        if document.file:
            example, line = f"{example}, {document.file}", document.text.count("\n", 0, max(0, span.start)) + 1
        self.first.setdefault(kind, (line, example))

    def notes(self, parsed: ParsedFile) -> list[Message]:
        found = []
        for kind, text in PROBLEMS.items():
            if count := self.counts[kind]:
                line, example = self.first[kind]
                place = parsed.describe_place(line)
                found.append(Message(text, file=parsed.display_path, count=count, place=place, example=example))
        return found


def add_documents(parsed: ParsedFile, documents: Sequence[SpanDocument]) -> None:
    """Adds the texts of documents to a parsed file, the sentences of annotated ones, and notes on what was mended.

    A line of a text is a sentence, unless a span reaches from one into the next.
    """
    parsed.texts = documents
    documents = [one for one in documents if one.is_annotated]
    unit = find_offset_unit(documents)
    if unit:
        text = N_("{file}: offsets count {unit}: as characters they do not fit the texts.")
        parsed.notes.append(Message(text, file=parsed.display_path, unit=Message(UNITS[unit])))
        documents = [convert_offsets(document, unit) for document in documents]
    problems = _Problems()
    wordless = []
    known: dict[str, set[CharSpan]] = {}
    for document in documents:
        spans = list(_clean(document, problems))
        own = {span._replace(surface=None) for span in spans}
        if differing := known.setdefault(document.text, own) ^ own:
            problems.add("again", document, min(differing))
        sentences = _sentences(document, spans, problems)
        parsed.sentences += sentences
        if not sentences:
            wordless.append(document.line)
    parsed.one_word_per_line = False
    parsed.note_left_out(N_("{file}: {count:,} texts without a word left out, the first {place}."), wordless)
    parsed.notes += problems.notes(parsed)
    if problems.counts["cut"] > max(2, sum(len(document.spans) for document in documents) // 2):
        text = N_(
            "{file}: most spans cut a word: their offsets are wrong, or there are no spaces between words, as in Thai, "
            "where words and tags must be given, as in CoNLL."
        )
        parsed.notes.append(Message(text, file=parsed.display_path))


def find_offset_unit(documents: Sequence[SpanDocument]) -> str:
    """Unit of the offsets: empty for characters, `utf-16` or `utf-8` where only these fit the texts.

    A span fits if it lies in its text, begins and ends with no white space, and, where the file has its surface, is
    equal to it. Only texts in which the units differ are looked at. Another unit must mend nearly all of the misfits;
    bytes moreover MIN_BYTE_SPANS of them, or one of a span with its surface.
    """
    misfits, surfaces = {}, {}
    for unit in ("", *UNITS):
        differing = [one for one in documents if not one.text.isascii() and one.spans]
        found = [
            span
            for document in differing
            for one in [convert_offsets(document, unit)]
            for span in one.spans
            if not _fits(one.text, span)
        ]
        misfits[unit], surfaces[unit] = len(found), sum(span.surface is not None for span in found)
    best = min(misfits, key=lambda unit: misfits[unit])  # the first of equal ones
    mended = misfits[""] - misfits[best]
    is_backed = best != "utf-8" or mended >= MIN_BYTE_SPANS or surfaces[best] < surfaces[""]
    return best if mended and is_backed and 5 * misfits[best] <= misfits[""] else ""


def convert_offsets(document: SpanDocument, unit: str) -> SpanDocument:
    """The document with its offsets in characters. An offset inside a character is outside of the text."""
    if not unit or document.text.isascii():
        return document
    size: Callable[[str], int] = {
        "utf-16": lambda character: 1 + (character > "\uffff"),
        "utf-8": lambda character: len(character.encode("utf-8", "surrogatepass")),
    }[unit]
    places, offset = {}, 0
    for place, character in enumerate(document.text):
        places[offset] = place
        offset += size(character)
    places[offset] = len(document.text)
    outside = len(document.text) + 1
    spans = [
        span._replace(start=places.get(span.start, outside), end=places.get(span.end, outside))
        for span in document.spans
    ]
    return replace(document, spans=spans)


def _fits(text: str, span: CharSpan) -> bool:
    inside = text[span.start : span.end] if 0 <= span.start < span.end <= len(text) else ""
    if span.surface is not None:
        return inside == span.surface
    return bool(inside) and not inside[0].isspace() and not inside[-1].isspace()


def _clean(document: SpanDocument, problems: _Problems) -> Iterable[CharSpan]:
    """Spans that lie in the text, without white space at their ends; each once."""
    seen = set()
    for span in document.spans:
        if span.start >= span.end:
            problems.add("empty", document, span)
        elif not 0 <= span.start < span.end <= len(document.text):
            problems.add("outside", document, span)
        elif not (inside := document.text[span.start : span.end]).strip():
            problems.add("empty", document, span)
        elif (span.type, span.start, span.end) in seen:
            problems.add("repeated", document, span)
        else:
            seen.add((span.type, span.start, span.end))
            if inside != inside.strip():
                problems.add("space", document, span)
                start = span.start + len(inside) - len(inside.lstrip())
                span = span._replace(start=start, end=start + len(inside.strip()))
            if span.surface is not None and span.surface.split() != inside.split():
                problems.add("differs", document, span)
            if len(span.type.split()) > 1:
                problems.add("type", document, span)
            yield span._replace(type="_".join(span.type.split()))


def _sentences(document: SpanDocument, spans: Sequence[CharSpan], problems: _Problems) -> list[RawSentence]:
    """Sentences of a document: words with tags in BIO."""
    lines = split_text(document.text, Granularity.WORDS)
    words = [word for line in lines for word in line]
    tags = ["O"] * len(words)
    joined: set[int] = set()  # words that must stay in the sentence of the word before
    for span in sorted(spans, key=lambda span: (span.start - span.end, span.start)):
        first, end = _word_range(words, span)
        if first == end:  # nothing visible
            problems.add("empty", document, span)
            continue
        if words[first].start < span.start or words[end - 1].end > span.end:
            problems.add("cut", document, span)
        taken = [tag != "O" for tag in tags[first:end]]
        if any(taken):
            problems.add("nested" if all(taken) else "overlap", document, span)
            continue
        tags[first:end] = [f"B-{span.type}", *[f"I-{span.type}"] * (end - first - 1)]
        joined.update(range(first + 1, end))
    return _cut_into_sentences(document.line, lines, words, tags, joined)


def _word_range(words: Sequence[WordSpan], span: CharSpan) -> tuple[int, int]:
    """First word that a span touches, and the word after the last one."""
    first = bisect_right(words, span.start, key=lambda word: word.end)
    return first, max(first, bisect_left(words, span.end, key=lambda word: word.start))


def _cut_into_sentences(
    line: int, lines: Sequence[Sequence[WordSpan]], words: Sequence[WordSpan], tags: Sequence[str], joined: set[int]
) -> list[RawSentence]:
    sentences, start, end = [], 0, 0
    for of_line in lines:
        end += len(of_line)
        if end not in joined:
            texts = tuple(word.word for word in words[start:end])
            sentences.append(RawSentence(texts, tuple(tags[start:end]), line))
            start = end
    return sentences
