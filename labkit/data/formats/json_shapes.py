"""JSON corpora: the registry of record shapes, and the reader that finds out which one a file has.

A new shape costs one module with `recognises` and `read`, and one entry in SHAPES.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from labkit.data.formats import cluener, doccano, label_studio, label_studio_min, plain_spans, prodigy, token_records
from labkit.data.formats.json_records import Fields, JsonRecord, read_records
from labkit.data.formats.parsed_file import ParsedFile
from labkit.data.formats.spans import add_documents
from labkit.data.formats.text_lines import EncodingError, read_bytes, to_utf8
from labkit.messages import N_, Message


@dataclass(frozen=True)
class JsonShape:
    """Shape of the records of a JSON file.

    Attributes:
        name: as messages show it.
        example: keys that tell it from others, as messages show them.
        recognises: tells it by the keys of a record.
        read: adds the sentences of all records to a parsed file, with notes.
    """

    name: str
    example: str
    recognises: Callable[[Fields], bool]
    read: Callable[[ParsedFile, Sequence[JsonRecord]], None]


# The first that recognises a record counts.
SHAPES = (
    JsonShape("Label Studio JSON", '{"data", "annotations"}', label_studio.recognises, label_studio.read),
    JsonShape(
        "Label Studio JSON-MIN",
        '{"text", "label", "annotation_id"}',
        label_studio_min.recognises,
        label_studio_min.read,
    ),
    JsonShape("Hugging Face", '{"tokens", "ner_tags"}', token_records.recognises, token_records.read),
    JsonShape("Prodigy", '{"text", "spans", "answer"}', prodigy.recognises, prodigy.read),
    JsonShape("CLUENER", '{"text", "label": {…}}', cluener.recognises, cluener.read),
    JsonShape("span JSON", '{"text", "spans"}', plain_spans.recognises, plain_spans.read),
    JsonShape("doccano", '{"text", "label" | "labels" | "entities": […]}', doccano.recognises, doccano.read),
)

_NO_ANNOTATIONS = ("meta", "pos_tags", "chunk_tags")  # lists and objects beside a text or words that are no entities


def read_json(path: Path, display_path: str) -> ParsedFile:
    """Reads a file of JSON records, all of one shape.

    Returns no sentences, but a note, if no record has annotations.
    Raises ValueError with file, line or record, and what was expected.
    """
    data = read_bytes(path, display_path)
    parsed = ParsedFile(display_path, hashlib.sha256(data).hexdigest(), [], one_word_per_line=False)
    try:
        content, parsed.notes = to_utf8(data, display_path)
    except EncodingError as error:
        if error.readable.lstrip()[:1] not in (b"{", b"[", b""):
            list(read_records(parsed, error.readable.decode()))  # tells first if the format is another one
        raise
    records = list(read_records(parsed, content.decode()))
    shape, unlabelled = _find_shape(records)
    if shape:
        parsed.json_shape = shape.name
        text = N_(
            "{file}: {count:,} records have no annotations and are read as texts without entities, the first {place}."
        )
        parsed.note_left_out(text, unlabelled)
        shape.read(parsed, records)
    elif records:
        _keep_unlabelled(parsed, records)
    if not parsed.sentences and not parsed.missing_labels:
        raise parsed.error(1, Message("no record to learn from; expected {shapes}", shapes=_list_shapes()))
    return parsed


def _keep_unlabelled(parsed: ParsedFile, records: Sequence[JsonRecord]) -> None:
    """Keeps texts, or words, that nobody has annotated, and says so."""
    if isinstance(records[0].fields.get("text"), str):
        texts = [record.make_document(record.get("text", str), [], is_annotated=False) for record in records]
        add_documents(parsed, texts)
    else:
        token_records.read(parsed, records)
        parsed.unlabelled, parsed.sentences = parsed.sentences, []
    parsed.missing_labels = Message("no record has annotations; without them there is nothing to learn from")
    parsed.notes.append(Message("{file}: no record has annotations: it is not scored.", file=parsed.display_path))


def _find_shape(records: Sequence[JsonRecord]) -> tuple[JsonShape | None, list[int]]:
    """Shape of all records, and the lines of those without annotations. Raises ValueError if there are two shapes."""
    found: JsonShape | None = None
    unlabelled = []
    for record in records:
        shape = next((each for each in SHAPES if each.recognises(record.fields)), None)
        if shape:
            found = found or shape
            if shape is not found:
                text = N_("a record of {shape} after records of {first}; expected one shape a file, so divide it")
                raise record.error(Message(text, shape=shape.name, first=found.name))
        elif _is_unlabelled(record.fields):
            unlabelled.append(record.line)
        else:
            text = N_("a record of no known shape, with the keys {keys}; expected one of {shapes}")
            keys = ", ".join(key[:40] for key in [*record.fields][:12]) or Message("(none)")
            raise record.error(Message(text, keys=keys, shapes=_list_shapes()))
    return found, unlabelled


def _is_unlabelled(fields: Fields) -> bool:
    """True for a text, or words, beside which nothing stands that could be annotations."""
    content = {"text": str, **dict.fromkeys(token_records.WORD_KEYS, list)}
    labels = {"spans", *doccano.KEYS, *token_records.TAG_KEYS}
    return any(isinstance(fields.get(key), kind) for key, kind in content.items()) and not any(
        value is not None if key in labels else value and isinstance(value, (list, dict))
        for key, value in fields.items()
        if key not in {*content, *_NO_ANNOTATIONS}
    )


def _list_shapes() -> str:
    return "; ".join(f"{shape.name} {shape.example}" for shape in SHAPES)
