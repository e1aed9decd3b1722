"""Tagging a text that somebody typed, with the weights of a run."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labkit.data import bdci
from labkit.data.corpora import spans
from labkit.model.checkpoint import load_tagger

# Web addresses, @names and #tags stay whole, as in the tweets of WNUT; each Chinese, Japanese or Korean character is a
# word, as in MSRA; 's and n't come apart from their words, as in CoNLL.
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af"
_PLAIN = rf"(?:(?![{_CJK}])\w)+"
_WORDS = re.compile(
    rf"https?://\S+|[@#]\w+|[{_CJK}]|{_PLAIN}?(?=n't\b)|n't\b|'(?:s|m|d|re|ve|ll)\b|{_PLAIN}|[^\w\s]", re.IGNORECASE
)

_ROWS = 256  # of a table, tagged together: batches are of similar length then, and something is written early


def split_words(text: str) -> list[tuple[str, int, int]]:
    """Words with their places in the text, `text[start:end] == word`.

    >>> [word for word, _, _ in split_words("Obama's in 北京, isn't he? http://x.yz")]
    ['Obama', "'s", 'in', '北', '京', ',', 'is', "n't", 'he', '?', 'http://x.yz']
    """
    return [(found.group(), found.start(), found.end()) for found in _WORDS.finditer(text)]


def predict_text(folder: str | Path, text: str) -> dict[str, Any]:
    """The entities of a text by a run's weights, as plain values for JSON.

    Returns:
        `words`, `tags` (a tag a word), `entities` ({type, start, end} in characters of the text,
        `first`, the number of its first word, and `confidence`, the probability of exactly these tags there, from 0 to
        1), `seconds`.

    Raises ValueError where the run has no weights.
    """
    begin = time.perf_counter()
    tagger = load_tagger(folder)
    words: list[tuple[str, int, int]] = []
    tags: list[str] = []
    entities: list[dict[str, Any]] = []
    lines = [line for line in _lines(text) if line]
    found = tagger.predict_with_confidence([[word for word, _, _ in line] for line in lines])
    for line, tagged in zip(lines, found, strict=True):
        for kind, start, end in spans(tagged.tags):
            place = {"type": kind, "start": line[start][1], "end": line[end - 1][2], "first": len(words) + start}
            entities.append({**place, "confidence": tagged.confidence(start, end)})
        words += line
        tags += tagged.tags
    seconds = time.perf_counter() - begin
    return {"words": [word for word, _, _ in words], "tags": tags, "entities": entities, "seconds": seconds}


def predict_table(folder: str | Path, table: bdci.Table) -> Iterator[tuple[str, str]]:
    """The id of each row, in the order of the file, and its entities as BDCI writes them: joined by `;`.

    Every character is a word, so this is for runs that were trained so, as on `msra` or such a table. Long texts are
    tagged window by window and told as a whole. Raises ValueError where the run has no weights.
    """
    tagger = load_tagger(folder)
    for start in range(0, len(table.rows), _ROWS):
        rows = table.rows[start : start + _ROWS]
        documents = [row.document() for row in rows]
        tagged = iter(tagger.predict([document.text for document in documents if document.text]))
        for row, document in zip(rows, documents, strict=True):
            yield row.id, bdci.as_cell(document, spans(next(tagged)) if document.text else [])


def _lines(text: str) -> list[list[tuple[str, int, int]]]:
    """The words of each line of the text, placed in the whole text: a line is read as a sentence of its own."""
    lines: list[list[tuple[str, int, int]]] = [[]]
    begin = 0
    for line in text.split("\n"):
        lines.append([(word, start + begin, end + begin) for word, start, end in split_words(line)])
        begin += len(line) + 1
    return lines
