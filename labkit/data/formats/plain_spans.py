"""Span JSON: a text and its spans, `{"text", "spans": [{"start", "end", "label"}]}`."""

from collections.abc import Sequence

from labkit.data.formats.json_records import Fields, JsonRecord
from labkit.data.formats.parsed_file import ParsedFile
from labkit.data.formats.spans import add_documents


def recognises(fields: Fields) -> bool:
    """True for a record with a text and spans."""
    return "text" in fields and "spans" in fields


def read(parsed: ParsedFile, records: Sequence[JsonRecord]) -> None:
    """Adds the sentences of all records."""
    add_documents(
        parsed, [record.make_document(record.get("text", str), record.read_spans("spans")) for record in records]
    )
