"""Samples of JSON corpora, as their exporters write them, and the reading of such files."""

import json
from pathlib import Path
from typing import Any

from labkit.data.formats import format_of
from labkit.data.formats.parsed_file import ParsedFile

Records = list[dict[str, Any]]

TEXT = "Ann Lee met Bob in New York."
WORDS = ("Ann", "Lee", "met", "Bob", "in", "New", "York", ".")
TAGS = ("B-PER", "I-PER", "O", "B-PER", "O", "B-LOC", "I-LOC", "O")
SPANS = [(0, 7, "PER"), (12, 15, "PER"), (19, 27, "LOC")]

# Prodigy's documentation, "Annotation interfaces" > "ner_manual": https://prodi.gy/docs/api-interfaces#ner_manual
PRODIGY = {
    "text": TEXT,
    "_input_hash": -1123927101,
    "_task_hash": 1890123456,
    "tokens": [{"text": "Ann", "start": 0, "end": 3, "id": 0, "ws": True}],
    "spans": [
        {"start": start, "end": end, "token_start": 0, "token_end": 1, "label": label} for start, end, label in SPANS
    ],
    "_view_id": "ner_manual",
    "answer": "accept",
    "_timestamp": 1700000000,
}


def region(start: int, end: int, label: str, text: str = TEXT) -> dict[str, Any]:
    """Region of Label Studio's results."""
    return {
        "value": {"start": start, "end": end, "text": text[start:end], "labels": [label]},
        "id": "gew3t9fgkg",
        "from_name": "label",
        "to_name": "text",
        "type": "labels",
        "origin": "manual",
    }


# Label Studio's documentation, "Export annotations" > "Raw JSON format of completed tasks":
# https://labelstud.io/guide/export
LABEL_STUDIO = {
    "id": 1,
    "annotations": [
        {
            "id": 9,
            "completed_by": 1,
            "result": [region(*span) for span in SPANS],
            "was_cancelled": False,
            "ground_truth": False,
            "created_at": "2023-01-01T10:00:00.000000Z",
            "lead_time": 14.2,
        }
    ],
    "file_upload": "f1.txt",
    "drafts": [],
    "predictions": [],
    "data": {"text": TEXT},
    "meta": {},
    "created_at": "2023-01-01T09:00:00.000000Z",
    "project": 1,
}

# The same page, "JSON_MIN"
LABEL_STUDIO_MIN = {
    "text": TEXT,
    "id": 1,
    "label": [{"start": start, "end": end, "text": TEXT[start:end], "labels": [label]} for start, end, label in SPANS],
    "annotator": 1,
    "annotation_id": 9,
    "created_at": "2023-01-01T10:00:00.000000Z",
    "updated_at": "2023-01-01T10:00:00.000000Z",
    "lead_time": 14.2,
}

# doccano's documentation, "Tutorial" > "Export", for sequence labeling: https://doccano.github.io/doccano/tutorial/
DOCCANO_LABEL = {"id": 1, "text": TEXT, "label": [list(span) for span in SPANS], "Comments": []}
DOCCANO_LABELS = {"id": 1, "text": TEXT, "labels": [list(span) for span in SPANS], "annotation_approver": None}
DOCCANO_ENTITIES = {
    "id": 1,
    "text": TEXT,
    "entities": [
        {"id": number, "label": label, "start_offset": start, "end_offset": end}
        for number, (start, end, label) in enumerate(SPANS)
    ],
    "relations": [{"id": 5, "from_id": 0, "to_id": 2, "type": "lives_in"}],
    "Comments": [],
}

# README of CLUENER2020: https://github.com/CLUEbenchmark/CLUENER2020; its ends are inclusive
CLUENER = {"text": TEXT, "label": {"PER": {"Ann Lee": [[0, 6]], "Bob": [[12, 14]]}, "LOC": {"New York": [[19, 26]]}}}

# Lines of `Dataset.to_json` of a data set like conll2003 whose tags were written as names:
# https://huggingface.co/docs/datasets/process#export
TOKENS = {"id": "0", "tokens": list(WORDS), "pos_tags": [0] * len(WORDS), "ner_tags": list(TAGS)}

PLAIN = {"text": TEXT, "spans": [{"start": start, "end": end, "label": label} for start, end, label in SPANS]}

SAMPLES = {
    "span JSON": PLAIN,
    "doccano label": DOCCANO_LABEL,
    "doccano labels": DOCCANO_LABELS,
    "doccano entities": DOCCANO_ENTITIES,
    "CLUENER": CLUENER,
    "Prodigy": PRODIGY,
    "Label Studio": LABEL_STUDIO,
    "Label Studio MIN": LABEL_STUDIO_MIN,
    "Hugging Face": TOKENS,
}


def read(folder: Path, records: Records | str | bytes, name: str = "a.jsonl") -> ParsedFile:
    """Writes a file and reads it as any corpus file is read: records a line each, or an array in `.json`."""
    if isinstance(records, list):
        lines = [json.dumps(record, ensure_ascii=False) for record in records]
        records = "\n".join(lines) if name.endswith("l") else f"[{', '.join(lines)}]"
    path = folder / name
    path.write_bytes(records.encode() if isinstance(records, str) else records)
    return format_of(path).read(path, name)


def tags(parsed: ParsedFile) -> list[str]:
    """Tags of each sentence."""
    return [" ".join(sentence.tags) for sentence in parsed.sentences]
