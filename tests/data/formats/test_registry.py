"""Registry of corpus formats: one module and one line make a format known everywhere."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from labkit.data.corpora import Sentence, find_corpus, read_corpus
from labkit.data.formats import ENDINGS, FORMATS, CorpusFormat, format_of
from labkit.data.formats.parsed_file import ParsedFile, RawSentence


def test_of_the_formats_of_an_ending_at_most_one_is_not_recognised_by_content() -> None:
    for ending in ENDINGS:
        assert sum(ending in each.endings and not each.recogniser for each in FORMATS.values()) <= 1, ending


@pytest.mark.parametrize(
    ("name", "expected"), [("a.csv", "bdci"), ("A.CSV", "bdci"), ("a", "conll"), ("a.txt", "conll"), ("a.xyz", "conll")]
)
def test_the_ending_decides_the_format_and_others_are_conll(name: str, expected: str) -> None:
    assert format_of(Path(name)) is FORMATS[expected]


def test_a_registered_format_is_found_and_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    def read_slashes(path: Path, display_path: str) -> ParsedFile:
        pairs = [line.split("/") for line in path.read_text().splitlines()]
        sentences = [RawSentence((word,), (tag,), line) for line, (word, tag) in enumerate(pairs, 1)]
        return ParsedFile(display_path, "0" * 64, sentences)

    module = ModuleType("labkit.data.formats.slashes")
    module.read_slashes = read_slashes  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(FORMATS, "slash", CorpusFormat(("slash",), "slashes.read_slashes"))
    ENDINGS.add("slash")
    request.addfinalizer(lambda: ENDINGS.discard("slash"))
    for split in ("train", "dev"):
        (tmp_path / f"{split}.slash").write_text(f"{split}/B-X\n")
    assert set(find_corpus(tmp_path).files) == {"train", "dev"}
    assert read_corpus(tmp_path).dev == (Sentence(("dev",), ("B-X",)),)
    (tmp_path / "dev.slash").write_text("dev/B-Y\n")
    assert any("dev.slash:1" in note and "B-Y" in note for note in read_corpus(tmp_path).notes)
