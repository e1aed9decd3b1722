"""doccano's JSONL: spans under `label`, `labels`, `entities` (with relations), or `annotations` in its first versions.

Some versions call the text `data`. spaCy's training examples, `["text", {"entities": [[0, 3, "PER"]]}]`, are read too.
"""

from collections.abc import Sequence

from labkit.data.formats.json_records import Fields, JsonRecord
from labkit.data.formats.parsed_file import ParsedFile
from labkit.data.formats.spans import add_documents
from labkit.messages import N_

KEYS = ("entities", "label", "labels")


def recognises(fields: Fields) -> bool:
    """True for a record with a text and a list of spans."""
    return ("text" in fields or isinstance(fields.get("data"), str)) and find_spans(fields) != ""


def find_spans(fields: Fields) -> str:
    """Key of the spans: of the first list that holds some, else of the first list; empty if there is none."""
    lists = [key for key in KEYS if isinstance(fields.get(key), list)]
    annotations = fields.get("annotations")
    if isinstance(annotations, list) and any(isinstance(one, dict) and "start_offset" in one for one in annotations):
        lists.append("annotations")
    with_spans = [key for key in lists if fields[key] and not isinstance(fields[key][0], str)]  # texts are classes
    return next(iter([*with_spans, *lists]), "")


def read(parsed: ParsedFile, records: Sequence[JsonRecord]) -> None:
    """Adds the sentences of all records, and a note on relations."""
    documents = []
    for record in records:
        text_key = "text" if "text" in record.fields else "data"
        spans = record.read_spans(find_spans(record.fields) or KEYS[0])
        documents.append(record.make_document(record.get(text_key, str), spans))
    text = N_("{file}: {count:,} relations between entities are not read, the first {place}.")
    parsed.note_left_out(text, [record.line for record in records for _ in record.get_list("relations")])
    add_documents(parsed, documents)
