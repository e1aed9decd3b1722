"""Shapes of JSON records: recognised, never mixed, and others told with their keys."""

import json
from pathlib import Path
from typing import Any

import pytest

from labkit.data.corpora import read_corpus
from tests.data.formats.json_samples import CLUENER, DOCCANO_LABEL, PLAIN, SAMPLES, TAGS, read

BATCH = 100  # mutated files a test


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_of_each_shape_is_a_corpus(tmp_path: Path, name: str) -> None:
    path = tmp_path / "export.json"
    path.write_text(json.dumps([{**SAMPLES[name], "id": number} for number in range(3)]))
    corpus = read_corpus(path)
    assert {sentence.tags for sentence in (*corpus.train, *corpus.dev)} == {TAGS}


def test_a_file_of_two_shapes_is_an_error(tmp_path: Path) -> None:
    message = r"a\.jsonl:3: a record of doccano after records of span JSON; expected one shape a file"
    with pytest.raises(ValueError, match=message):
        read(tmp_path, [PLAIN, {"text": "so"}, DOCCANO_LABEL])
    with pytest.raises(ValueError, match=r"a\.json, record 2: a record of doccano after records of CLUENER"):
        read(tmp_path, [CLUENER, DOCCANO_LABEL], "a.json")


@pytest.mark.parametrize(
    ("record", "keys"),
    [
        ({"sentence": "so", "ner": []}, "sentence, ner"),
        ({"text": "so", "label": "positive"}, "text, label"),
        ({"text": "so", "annotations": [[0, 2, "X"]]}, "text, annotations"),
        ({"data": [{"context": "so"}]}, "data"),
        ({}, r"\(none\)"),
    ],
)
def test_a_record_of_no_known_shape_names_its_keys_and_the_shapes(tmp_path: Path, record: Any, keys: str) -> None:
    with pytest.raises(
        ValueError, match=rf'^a\.jsonl:1: .* with the keys {keys}; expected .*doccano {{"text", "label"'
    ):
        read(tmp_path, [record])
