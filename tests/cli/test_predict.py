"""`labkit predict --file`: a file in any format, with a fake tagger that calls `Ulm` a place."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from labkit.data.documents import Document, PredictedDocument, PredictedSpan
from labkit.data.word_splitting import Granularity
from tests.cli.conftest import Said
from tests.runs.samples import write_run

TEXT = "😀 in Ulm"


@pytest.fixture(autouse=True)
def fake_tagger(monkeypatch: pytest.MonkeyPatch, runs_folder: Path) -> None:
    write_run(runs_folder)

    def predict(run: Path, documents: Sequence[Document], types: Any, on_note: Any) -> Iterator[PredictedDocument]:
        on_note("take care")
        for document in documents:
            if document.text == "fail":
                raise ValueError("no memory")
            start = document.text.find("Ulm")
            spans = [PredictedSpan("LOC", start, start + 3, 0.9)] if start >= 0 else []
            yield PredictedDocument(document, document.split(Granularity.WORDS), spans)

    monkeypatch.setattr("labkit.training.prediction.predict_documents", predict)


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    path = tmp_path / "in.jsonl"
    path.write_text(json.dumps({"id": 7, "text": TEXT}) + "\n")
    return path


def test_a_file_is_written_in_its_own_format(labkit: Callable[..., Said], texts: Path, tmp_path: Path) -> None:
    said = labkit("predict", 1, "--file", texts)
    assert (said.code, said.err) == (0, "take care\n")
    spans = [{"start": 5, "end": 8, "label": "LOC", "text": "Ulm"}]
    assert json.loads(said.out) == {"id": 7, "text": TEXT, "spans": spans}
    (tmp_path / "in.conll").write_text("Ulm\tO\nis\tO\n")
    assert labkit("predict", 1, "--file", tmp_path / "in.conll").out == "Ulm\tB-LOC\nis\tO\n\n"
    texts.write_text(json.dumps([{"data": {"text": TEXT}}]))
    assert (
        json.loads(labkit("predict", 1, "--file", texts).out)[0]["predictions"][0]["result"][0]["value"]["start"] == 5
    )


def test_a_folder_of_texts_becomes_one_of_brat(labkit: Callable[..., Said], tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "doc.txt").write_text(TEXT)
    out = tmp_path / "out"
    said = labkit("predict", 1, "--file", tmp_path / "in")
    assert (said.code, "--out FOLDER" in said.err) == (1, True)
    assert labkit("predict", 1, "--file", tmp_path / "in", "--out", out).code == 0
    assert (out / "doc.txt").read_text() == TEXT
    assert (out / "doc.ann").read_text() == "T1\tLOC 5 8\tUlm\n"
    said = labkit("predict", 1, "--file", tmp_path / "in", "--out", out)
    assert (said.code, said.err) == (1, f"labkit: {out} is there already; give another name\n")


@pytest.mark.parametrize("format_", ["spans", "conll", "label-studio", "brat"])
def test_nothing_is_overwritten_and_nothing_half_written(
    labkit: Callable[..., Said], texts: Path, tmp_path: Path, format_: str
) -> None:
    original = texts.read_text()
    asked = ("predict", 1, "--file", texts, "--format", format_, "--out")
    assert labkit(*asked, texts).code == 1
    texts.write_text(original + '{"text": "fail"}\n')
    said = labkit(*asked, tmp_path / "out")
    assert (said.code, said.err.splitlines()[-1]) == (1, "labkit: no memory")
    texts.write_text('{"text": "so"}\n{"text": 3}\n')
    said = labkit(*asked, tmp_path / "out")
    assert said.err.startswith(f"labkit: {texts}:2: a record of no known shape")
    assert [path.name for path in tmp_path.iterdir() if path.name != "runs"] == ["in.jsonl"]
