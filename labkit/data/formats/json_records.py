"""JSON records of a corpus file: an array of objects, or objects one after another, as in JSON Lines."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from labkit.data.formats.parsed_file import ParsedFile
from labkit.data.formats.spans import CharSpan, SpanDocument
from labkit.messages import N_, Message

T = TypeVar("T")
Fields = dict[str, Any]

KINDS: dict[type, str] = {
    str: N_("a text"),
    int: N_("a whole number"),
    list: N_("a list"),
    dict: N_("an object"),
}

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\n]*")
_LABEL_KEYS = ("type", "entity", "entity_group", "entity_type")  # of a span, instead of `label`
_LIST_A_LINE = re.compile(r'\[[ \t\n]*"')
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")  # escape of half a character beyond U+FFFF


@dataclass(frozen=True, slots=True)
class JsonRecord:
    """Object of a JSON file, with its place: line, or number in an array."""

    parsed: ParsedFile
    line: int
    fields: Fields

    def error(self, problem: Message) -> ValueError:
        """ValueError that names file and place."""
        return self.parsed.error(self.line, problem)

    def expect(self, value: object, kind: type[T], what: str) -> T:
        """The value, if it is of this type; else raises ValueError, which calls it `what`."""
        if isinstance(value, kind) and not isinstance(value, bool):  # to Python, True is an int
            return value
        text = N_("{what}: expected {kind}, found {value}")
        found = json.dumps(value, ensure_ascii=False)[:60]
        raise self.error(Message(text, what=what, kind=Message(KINDS[kind]), value=found))

    def get(self, key: str, kind: type[T]) -> T:
        """Value of a key. Raises ValueError if it is missing or of another type."""
        return self.expect(self.fields.get(key), kind, key)

    def get_list(self, key: str) -> list[Any]:
        """List of a key; empty where there is none, or null."""
        return [] if self.fields.get(key) is None else self.get(key, list)

    def make_document(self, text: str, spans: Sequence[CharSpan], *, is_annotated: bool = True) -> SpanDocument:
        """Text of this record with its spans."""
        return SpanDocument(text, spans, self.line, fields=self.fields, is_annotated=is_annotated)

    def read_spans(self, key: str) -> list[CharSpan]:
        """Spans of a key: objects with start, end and label, or lists of the three."""
        return [self._read_span(item, key) for item in self.get_list(key)]

    def _read_span(self, item: object, key: str) -> CharSpan:
        if isinstance(item, list) and len(item) == 3:
            return self.make_span(*item)
        if isinstance(item, dict):
            start, end = (item.get(name, item.get(f"{name}_offset")) for name in ("start", "end"))
            return self.make_span(start, end, self._find_label(item), item.get("text"))
        text = N_("{key}: expected [start, end, type], or an object with start, end and label; found {value}")
        raise self.error(Message(text, key=key, value=json.dumps(item, ensure_ascii=False)[:60]))

    def _find_label(self, span: Fields) -> object:
        """Label of a span, under its usual key or one of the others. Raises ValueError if there is none, or several."""
        if (label := span.get("label")) is not None:
            return label
        keys = [key for key in _LABEL_KEYS if span.get(key) is not None]
        if len(keys) != 1:
            text = N_("a span without a label; expected it under the key label, found the keys {keys}")
            raise self.error(Message(text, keys=", ".join(key[:40] for key in [*span][:12])))
        return span[keys[0]]

    def make_span(self, start: object, end: object, label: object, surface: object = None) -> CharSpan:
        """Span of checked values. Raises ValueError if one is of another type, or the type is empty."""
        if type(label) is int:
            text = N_("label: the number {value}, whose name is not in the file; export labels as texts, such as PER")
            raise self.error(Message(text, value=label))
        type_ = self.expect(label, str, "label")
        if not type_.strip():
            raise self.error(Message("a span without a type; expected a name such as PER"))
        ends = self.expect(start, int, "start"), self.expect(end, int, "end")
        return CharSpan(type_, *ends, surface if isinstance(surface, str) else None)


def read_records(parsed: ParsedFile, text: str) -> Iterator[JsonRecord]:
    """Yields the records of a text.

    Raises ValueError with file, place and what was expected.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")  # JSON strings hold none
    may_have_halves = _SURROGATE.search(text) is not None
    place = _skip_space(text, 0)
    parsed.counts_records = text.startswith("[", place) and not _LIST_A_LINE.match(text, place)
    if parsed.counts_records:
        place = _skip_space(text, place + 1)
    line, counted = 1, 0
    number = 0
    while text[place : place + 1] != ("]" if parsed.counts_records else ""):
        line, counted = line + text.count("\n", counted, place), place
        number = number + 1 if parsed.counts_records else line
        fields, place = _decode_object(parsed, text, place, number)
        record = JsonRecord(parsed, number, fields)
        if may_have_halves:
            _check_characters(record)
        yield record
        place = _skip_space(text, place)
        if parsed.counts_records and not text.startswith("]", place):
            place = _skip_space(text, _expect_comma(parsed, text, place, number))
    if parsed.counts_records and (rest := text[place + 1 :].strip()):
        raise parsed.error(number, Message("expected nothing behind the array, found {rest!r}", rest=rest[:40]))


def _skip_space(text: str, place: int) -> int:
    match = _SPACE.match(text, place)
    assert match
    return match.end()


def _decode_object(parsed: ParsedFile, text: str, place: int, number: int) -> tuple[Fields, int]:
    try:
        value, end = _DECODER.raw_decode(text, place)
    except json.JSONDecodeError as error:
        raise _syntax_error(parsed, text, error.pos, number, error.msg) from None
    except (ValueError, RecursionError):  # a number of thousands of digits, thousands of brackets
        raise _syntax_error(parsed, text, place, number, Message("too long or too deep")) from None
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], dict):
        value = {**value[1], "text": value[0]}  # spaCy's training examples
    if not isinstance(value, dict):
        problem = N_("expected an object as record, found {value!r}")
        raise parsed.error(number, Message(problem, value=text[place : min(end, place + 40)]))
    return value, end


def _expect_comma(parsed: ParsedFile, text: str, place: int, number: int) -> int:
    if text.startswith(",", place):
        return place + 1
    raise _syntax_error(parsed, text, place, number, Message("expected a comma or ]"))


def _syntax_error(parsed: ParsedFile, text: str, place: int, number: int, error: str) -> ValueError:
    problem = N_(
        "not JSON at line {line}, column {column}: {error}; expected an object a line, or an array of objects, as "
        "json.dump writes them"
    )
    line, column = text.count("\n", 0, place) + 1, place - text.rfind("\n", 0, place)
    return parsed.error(number, Message(problem, line=line, column=column, error=error))


def _check_characters(record: JsonRecord) -> None:
    """Raises ValueError if a text holds half a character, as tools cut them that count in UTF-16."""
    try:
        json.dumps(record.fields, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        text = N_("half a character, \\u{code}; expected both halves of a surrogate pair, or neither")
        code = f"{ord(error.object[error.start]):04x}"
        raise record.error(Message(text, code=code)) from None
