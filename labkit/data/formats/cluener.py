"""CLUENER's JSON: a text, and places of its mentions by type, whose ends are inclusive."""

from collections.abc import Iterator, Sequence

from labkit.data.formats.json_records import Fields, JsonRecord
from labkit.data.formats.parsed_file import ParsedFile
from labkit.data.formats.spans import CharSpan, add_documents
from labkit.messages import N_, Message


def recognises(fields: Fields) -> bool:
    """True for a record with a text and an object of mentions by type."""
    return "text" in fields and isinstance(fields.get("label"), dict)


def read(parsed: ParsedFile, records: Sequence[JsonRecord]) -> None:
    """Adds the sentences of all records."""
    add_documents(parsed, [record.make_document(record.get("text", str), list(_spans(record))) for record in records])


def _spans(record: JsonRecord) -> Iterator[CharSpan]:
    for type_, mentions in (record.fields.get("label") or {}).items():
        for mention, places in record.expect(mentions, dict, type_).items():
            for place in record.expect(places, list, mention):
                if not isinstance(place, list) or len(place) != 2:
                    text = N_("{mention}: expected the first and the last character as [start, end]")
                    raise record.error(Message(text, mention=repr(mention[:40])))
                first, last = place
                span = record.make_span(first, last, type_, mention)
                yield span._replace(end=span.end + 1)
