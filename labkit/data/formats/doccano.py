"""doccano's JSONL in its three dialects: spans under `label` (older), `labels`, or `entities` (with relations)."""

from collections.abc import Sequence

from labkit.data.formats.json_records import Fields, JsonRecord
from labkit.data.formats.parsed_file import ParsedFile
from labkit.data.formats.spans import add_documents
from labkit.messages import N_

KEYS = ("entities", "label", "labels")


def recognises(fields: Fields) -> bool:
    """True for a record with a text and a list of spans under one of KEYS."""
    return "text" in fields and any(isinstance(fields.get(key), list) for key in KEYS)


def read(parsed: ParsedFile, records: Sequence[JsonRecord]) -> None:
    """Adds the sentences of all records, and a note on relations."""
    documents = []
    for record in records:
        key = next((key for key in KEYS if isinstance(record.fields.get(key), list)), KEYS[0])
        documents.append(record.make_document(record.get("text", str), record.read_spans(key)))
    text = N_("{file}: {count:,} relations between entities are not read, the first {place}.")
    parsed.note_left_out(text, [record.line for record in records for _ in record.get_list("relations")])
    add_documents(parsed, documents)
