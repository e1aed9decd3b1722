"""Label Studio's JSON-MIN: an object an annotation, with the fields of its task and the spans side by side.

Which field holds the text, and which the spans, is found by their types: both are named by the project.
"""

import json
from collections.abc import Iterator, Sequence

from labkit.data.formats.json_records import Fields, JsonRecord
from labkit.data.formats.label_studio import INCOMPLETE, SEVERAL, Task, add_tasks, read_value
from labkit.data.formats.parsed_file import ParsedFile

_NO_TEXTS = {"id", "annotator", "created_at", "updated_at"}


def recognises(fields: Fields) -> bool:
    """True for a record with the number of an annotation, or with spans that have labels."""
    return "annotation_id" in fields or any(True for _ in find_regions(fields))


def read(parsed: ParsedFile, records: Sequence[JsonRecord]) -> None:
    """Adds the sentences of all annotated tasks."""
    several, incomplete = [], []
    tasks: list[Task] = []
    seen: set[str] = set()
    for record in records:
        data = {key: value for key, value in record.fields.items() if isinstance(value, str) and key not in _NO_TEXTS}
        regions = list(find_regions(record.fields))
        incomplete += [record.line] * sum(1 for _ in _find_incomplete(record.fields))
        task = json.dumps([record.fields.get("id"), max(data.values(), key=len, default="")])  # not its choices
        if record.fields.get("annotation_id", 0) is None and not regions:
            tasks.append((record, data, None))
        elif "id" in record.fields and task in seen:
            several.append(record.line)
        else:
            seen.add(task)
            tasks.append((record, data, [span for region in regions for span in read_value(record, region)]))
    parsed.note_left_out(SEVERAL, several)
    parsed.note_left_out(INCOMPLETE, incomplete)
    add_tasks(parsed, tasks)


def find_regions(fields: Fields) -> Iterator[Fields]:
    """Objects with labels in any list of a record."""
    yield from (each for each in _list_objects(fields) if {"start", "labels"} <= each.keys())


def _find_incomplete(fields: Fields) -> Iterator[Fields]:
    for each in _list_objects(fields):
        if each.keys() & {"start", "end", "labels"} and not {"start", "labels"} <= each.keys():
            yield each


def _list_objects(fields: Fields) -> Iterator[Fields]:
    for value in fields.values():
        if isinstance(value, list):
            yield from (each for each in value if isinstance(each, dict))
