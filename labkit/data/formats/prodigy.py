"""Prodigy's JSONL: a text, its spans and the annotator's answer. Only the spans of accepted records are read."""

from collections.abc import Sequence

from labkit.data.formats.json_records import Fields, JsonRecord
from labkit.data.formats.parsed_file import ParsedFile
from labkit.data.formats.spans import add_documents
from labkit.messages import N_


def recognises(fields: Fields) -> bool:
    """True for a record with a text and an answer, or with Prodigy's hashes."""
    return "text" in fields and ("answer" in fields or "_input_hash" in fields)


def read(parsed: ParsedFile, records: Sequence[JsonRecord]) -> None:
    """Adds the sentences of all accepted records."""
    accepted = [record.fields.get("answer", "accept") == "accept" for record in records]
    text = N_(
        "{file}: {count:,} records whose answer is not accept, but reject or ignore, left out, the first {place}."
    )
    parsed.note_left_out(text, [record.line for record, kept in zip(records, accepted, strict=True) if not kept])
    text = N_(
        "{file}: {count:,} records have no annotations and are read as texts without entities, the first {place}."
    )
    missing = [record.fields.get("spans") is None for record in records]
    lines = [record.line for record, *is_read in zip(records, accepted, missing, strict=True) if all(is_read)]
    parsed.note_left_out(text, lines)
    documents = [
        record.make_document(record.get("text", str), record.read_spans("spans") if kept else [], is_annotated=kept)
        for record, kept in zip(records, accepted, strict=True)
    ]
    add_documents(parsed, documents)
