"""Label Studio's JSON: tasks with the annotations of one or more people.

Of several annotations of a task the first that was not cancelled is read. Predictions are not.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from labkit.data.formats.json_records import Fields, JsonRecord
from labkit.data.formats.parsed_file import ParsedFile
from labkit.data.formats.spans import CharSpan, add_documents
from labkit.messages import N_, Message

NOT_ANNOTATED = N_("{file}: {count:,} tasks that nobody has annotated left out, the first {place}.")
TEXT_FIELD = N_("{file}: the texts are read from {key}, of the fields {fields}.")
SEVERAL = N_(
    "{file}: {count:,} tasks have several annotations, the first {place}; of each task the first annotation is read."
)
INCOMPLETE = N_("{file}: {count:,} spans without their labels or offsets left out, the first {place}.")

Task = tuple[JsonRecord, Fields, Sequence[CharSpan] | None]  # its fields, and its spans unless nobody has annotated it


def recognises(fields: Fields) -> bool:
    """True for a task: an object with the object that was imported."""
    return isinstance(fields.get("data"), dict)


def read(parsed: ParsedFile, records: Sequence[JsonRecord]) -> None:
    """Adds the sentences of all annotated tasks."""
    cancelled, several = [], []
    incomplete: list[int] = []
    tasks: list[Task] = []
    other_kinds: Counter[str] = Counter()
    for record in records:
        data = record.get("data", dict)
        key = "annotations" if "annotations" in record.fields else "completions"  # in its first versions
        annotations = [record.expect(each, dict, key) for each in record.get_list(key)]
        kept = [each for each in annotations if not each.get("was_cancelled")]
        cancelled += [record.line] * (len(annotations) - len(kept))
        if len(kept) > 1:
            several.append(record.line)
        tasks.append((record, data, list(_read_result(record, kept[0], other_kinds, incomplete)) if kept else None))
    text = N_("{file}: {count:,} cancelled annotations left out, the first {place}.")
    parsed.note_left_out(text, cancelled)
    parsed.note_left_out(SEVERAL, several)
    parsed.note_left_out(INCOMPLETE, incomplete)
    add_tasks(parsed, tasks)
    if other_kinds["hypertextlabels"] or other_kinds["paragraphlabels"]:
        text = N_(
            "{file}: labels of HTML or of a dialogue are not read, as they stand at places of a page; label plain "
            "texts, by <Text> in the labeling interface."
        )
        parsed.notes.append(Message(text, file=parsed.display_path))
    if other_kinds:
        text = N_("{file}: {count:,} annotations of other kinds than spans of a text are not read: {kinds}.")
        kinds = ", ".join(sorted(other_kinds))
        parsed.notes.append(Message(text, file=parsed.display_path, count=other_kinds.total(), kinds=kinds))


def add_tasks(parsed: ParsedFile, tasks: Sequence[Task]) -> None:
    """Adds the sentences of annotated tasks, whose text is found out; without any, says that labels are missing."""
    annotated = [(data, spans) for _, data, spans in tasks if spans is not None]
    if annotated:
        not_annotated = [record.line for record, _, spans in tasks if spans is None]
        parsed.note_left_out(NOT_ANNOTATED, not_annotated)
    key = find_text_key(parsed, annotated or [(data, ()) for _, data, _ in tasks])
    documents = []
    for record, data, spans in tasks:
        text = data.get(key)
        if spans is not None:
            documents.append(record.make_document(record.expect(text, str, key), spans))
        else:
            documents.append(record.make_document(text if isinstance(text, str) else "", [], is_annotated=False))
    add_documents(parsed, documents)
    if tasks and not annotated:
        parsed.missing_labels = Message("no task has annotations; without them there is nothing to learn from")
        text = N_("{file}: nobody has annotated any of its tasks: it is not scored.")
        parsed.notes.append(Message(text, file=parsed.display_path))


def read_value(record: JsonRecord, value: Mapping[str, Any]) -> Iterator[CharSpan]:
    """Spans of one region, one for each of its labels."""
    for label in record.expect(value.get("labels"), list, "labels"):
        yield record.make_span(value.get("start"), value.get("end"), label, value.get("text"))


def find_text_key(parsed: ParsedFile, tasks: Sequence[tuple[Fields, Sequence[CharSpan]]]) -> str:
    """Key of the text that was annotated: that of the text in which most spans lie.

    Of equal ones it is `text`, else the longest. A note tells it where there are several.
    """
    scores: dict[str, tuple[int, bool, int]] = {}
    for data, spans in tasks:
        for key, text in data.items():
            if isinstance(text, str):
                inside = sum(span.end <= len(text) if span.surface is None else span.surface in text for span in spans)
                score, is_text, length = scores.get(key, (0, key == "text", 0))
                scores[key] = score + inside, is_text, length + len(text)
    key = max(scores, key=lambda key: scores[key], default="text")
    if len(scores) > 1:
        parsed.notes.append(Message(TEXT_FIELD, file=parsed.display_path, key=key, fields=", ".join(scores)))
    return key


def _read_result(
    record: JsonRecord, annotation: Fields, other_kinds: Counter[str], incomplete: list[int]
) -> Iterator[CharSpan]:
    for region in record.expect(annotation.get("result", annotation) or [], list, "result"):
        value = record.expect(region, dict, "result").get("value")
        if isinstance(value, dict) and "labels" in value:
            yield from read_value(record, value)
        elif region.get("type") == "labels":
            incomplete.append(record.line)
        else:
            other_kinds[str(region.get("type"))] += 1
