"""Writers of predicted documents: span JSON, CoNLL, Label Studio tasks, BRAT standoff.

The readers of these formats read what is written here.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from labkit.data.documents import Document, PredictedDocument, PredictedSpan
from labkit.data.formats import doccano, label_studio, label_studio_min
from labkit.data.formats.text_lines import BOM
from labkit.data.word_splitting import WordSpan

_ANNOTATIONS = {"spans", *doccano.KEYS, "relations", "annotations", "predictions", "answer", "annotation_id"}
_SEPARATOR = re.compile(r"[\t\n\r]")  # of columns or lines: no word of a text has one, but a given word may
_LINE = re.compile(r"[^\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+")


def format_spans(documents: Iterable[PredictedDocument]) -> Iterator[str]:
    """Iterate over lines of span JSON. Other keys of a JSON record are kept, but its annotations."""
    for one in documents:
        text = one.document.text
        spans = [
            {"start": span.start, "end": span.end, "label": span.type, "text": text[span.start : span.end]}
            for span in one.spans
        ]
        yield _to_json({**_other_fields(one.document), "text": text, "spans": spans}) + "\n"


def format_conll(documents: Iterable[PredictedDocument]) -> Iterator[str]:
    """Iterate over sentences: a word and its tag a line, then a blank line. White space that is a word is left out."""
    for one in documents:
        for sentence in one.sentences:
            pairs = [(_SEPARATOR.sub(" ", word.word), _tag(word, one.spans)) for word in sentence]
            yield "".join(f"{word}\t{tag}\n" for word, tag in pairs if not word.isspace()) + "\n"


def format_label_studio(documents: Iterable[PredictedDocument]) -> Iterator[str]:
    """Iterate over pieces of a JSON array of tasks with predictions: https://labelstud.io/guide/predictions."""
    separator = "[\n"
    for one in documents:
        yield separator + _to_json(_build_task(one))
        separator = ",\n"
    yield "\n]\n" if separator == ",\n" else "[]\n"


WRITERS: dict[str, Callable[[Iterable[PredictedDocument]], Iterator[str]]] = {
    "spans": format_spans,
    "conll": format_conll,
    "label-studio": format_label_studio,
}


def write_brat(documents: Iterable[PredictedDocument], folder: Path) -> None:
    """Writes texts and entities into a folder; texts without a name of their own are numbered."""
    for number, one in enumerate(documents, 1):
        text, path = one.document.text, folder / (one.document.file or f"{number:06}.txt")
        data = text.encode()
        path.write_bytes(BOM + data if data.startswith(BOM) else data)  # else the text's own would be taken for a mark
        lines = [f"T{index}\t{_standoff(span, text)}\n" for index, span in enumerate(one.spans, 1)]
        path.with_suffix(".ann").write_bytes("".join(lines).encode())


def _standoff(span: PredictedSpan, text: str) -> str:
    """Type, offsets and text of an entity. One of several lines is written in pieces, as BRAT has no line ends."""
    pieces = [match.span() for match in _LINE.finditer(text, span.start, span.end)]
    offsets = ";".join(f"{start} {end}" for start, end in pieces)
    return f"{span.type} {offsets}\t{' '.join(text[start:end] for start, end in pieces)}"


def _tag(word: WordSpan, spans: Sequence[PredictedSpan]) -> str:
    index = bisect_right(spans, word.start, key=lambda span: span.start) - 1
    if index < 0 or word.start >= spans[index].end:
        return "O"
    return f"{'B' if word.start == spans[index].start else 'I'}-{spans[index].type}"


def _build_task(one: PredictedDocument) -> dict[str, Any]:
    text, fields = one.document.text, one.document.fields
    result = [
        {
            "id": f"T{number}",
            "from_name": "label",
            "to_name": "text",
            "type": "labels",
            "value": {
                "start": span.start,
                "end": span.end,
                "text": text[span.start : span.end],
                "labels": [span.type],
            },
            "score": round(span.confidence, 4),
        }
        for number, span in enumerate(one.spans, 1)
    ]
    task: dict[str, Any] = {"data": {**_other_fields(one.document), "text": text}}
    if label_studio.recognises(fields):
        task = {key: fields[key] for key in ("id", "data", "meta") if key in fields}
    return {**task, "predictions": [{"result": result}]}


def _other_fields(document: Document) -> dict[str, Any]:
    """Fields of a document's record, without annotations: by these it would be read as of another shape."""
    fields = document.fields
    if label_studio.recognises(fields):
        fields = {**{key: fields[key] for key in ("id",) if key in fields}, **fields["data"]}
    return {
        key: value
        for key, value in fields.items()
        if key not in _ANNOTATIONS and not any(label_studio_min.find_regions({key: value}))
    }


def _to_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
