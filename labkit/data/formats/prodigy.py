"""Prodigy's JSONL: a text, its spans and the annotator's answer. Only accepted records are read."""

from collections.abc import Sequence

from labkit.data.formats import plain_spans
from labkit.data.formats.json_records import Fields, JsonRecord
from labkit.data.formats.parsed_file import ParsedFile
from labkit.messages import N_


def recognises(fields: Fields) -> bool:
    """True for a record with a text and an answer, or with Prodigy's hashes."""
    return "text" in fields and ("answer" in fields or "_input_hash" in fields)


def read(parsed: ParsedFile, records: Sequence[JsonRecord]) -> None:
    """Adds the sentences of all accepted records."""
    left_out = [record for record in records if record.fields.get("answer", "accept") != "accept"]
    text = N_(
        "{file}: {count:,} records whose answer is not accept, but reject or ignore, left out, the first {place}."
    )
    parsed.note_left_out(text, [record.line for record in left_out])
    plain_spans.read(parsed, [record for record in records if record.fields.get("answer", "accept") == "accept"])
