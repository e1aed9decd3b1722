import pytest

from labkit.data import corpus_counts
from labkit.data.corpora import read_corpus
from labkit.data.corpus_counts import CorpusCounts, SplitCounts, count_corpus

TEXT = "Anna\tB-PER\nwent\tO\n\nBen\tB-PER\nSmith\tI-PER\nsaw\tO\n\n" * 20
BROKEN = "Anna\tI-PER\nwent\tO\n\n" + TEXT


@pytest.fixture(autouse=True)
def entries(tmp_path, monkeypatch):
    """Folder of the cached counts; empty, and the test's own."""
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "counted"


@pytest.fixture
def reads(monkeypatch):
    """Counts how often a corpus was read."""
    found = []
    monkeypatch.setattr(corpus_counts, "read_corpus", lambda *args, **how: found.append(1) or read_corpus(*args, **how))
    return found


@pytest.fixture
def place(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "train.txt").write_text(TEXT)
    (folder / "test.txt").write_text("Anna\tB-PER\n\n" * 7)
    return folder


def count(place, dev_share=0.2, repair=False, types=""):
    return count_corpus(str(place), dev_share=dev_share, repair=repair, types=types)


def sizes(counts):
    return tuple(map(counts.count_sentences, ("train", "dev", "test")))


def test_a_corpus_is_read_once_and_counted_as_reading_it_gives(place, reads):
    read = read_corpus(place, dev_share=0.2)
    splits = {
        name: SplitCounts(len(split), sum(len(sentence.words) for sentence in split), {"PER": len(split)})
        for name, split in {"train": read.train, "dev": read.dev, "test": read.test}.items()
    }
    assert (
        count(place)
        == count(place)
        == CorpusCounts(
            splits, {f"{place}/{name}.txt": "conll" for name in ("train", "test")}, "BIO", read.notes, read.warnings
        )
    )
    assert sizes(count(place)) == (32, 8, 7)
    assert len(reads) == 1


def test_other_content_shares_and_splits_are_counted_again(place, reads):
    before = count(place)
    assert sizes(count(place, dev_share=0.5)) == (20, 20, 7)
    (place / "train.txt").write_text(TEXT * 2)
    assert sizes(count(place)) == (64, 16, 7)
    (place / "test.txt").rename(place / "dev.txt")
    assert sizes(count(place)) == (80, 7, 0)
    (place / "dev.txt").rename(place / "test.txt")
    (place / "train.txt").write_text(TEXT)
    assert count(place) == before
    assert count(place, types="PER=PERSON").splits["test"].entities == {"PERSON": 7}
    assert len(reads) == 5


def test_notes_are_those_of_reading_and_call_the_files_as_they_are_called_now(place, reads):
    first = count(place).notes
    assert first == count(place).notes == read_corpus(place, dev_share=0.2).notes
    assert any("split off for dev" in note for note in first)
    moved = place.rename(place.with_name("yours"))
    assert count(moved).notes == read_corpus(moved, dev_share=0.2).notes != first
    (moved / "train.pdf").write_text("")
    assert any("train.pdf was not read" in note for note in count(moved).notes)
    (moved / "train.txt").write_text(BROKEN)
    assert any("1 illegal tag sequences mended" in note for note in count(moved, repair=True).notes)


def test_a_corpus_that_can_only_be_counted_when_mended_is_refused_otherwise(place):
    (place / "train.txt").write_text(BROKEN)
    assert sizes(count(place, repair=True)) == (33, 8, 7)
    with pytest.raises(ValueError, match="illegal tag sequence"):
        count(place)


BAD_ENTRIES = ["", "[1, 2]", "[1, 2, 3]", "[1, 2, -3, []]", "[1, 2, 3.0, []]", '{"train": 1}', "[true, 1, 1, []]"]


@pytest.mark.parametrize("content", [*BAD_ENTRIES, "[1, 2, 3, [4]]"])
def test_an_entry_that_is_not_valid_is_not_believed(place, entries, content):
    before = count(place)
    (entry,) = entries.iterdir()
    entry.write_text(content)
    assert count(place) == before
    assert count(place) == before


def test_an_edit_while_it_is_read_is_not_taken_for_what_was_there_before(place, monkeypatch):
    def edited(source, **how):
        (place / "train.txt").write_text(TEXT * 2)
        return read_corpus(source, **how)

    monkeypatch.setattr(corpus_counts, "read_corpus", edited)
    assert sizes(count(place)) == (64, 16, 7)
    monkeypatch.undo()
    (place / "train.txt").write_text(TEXT)
    assert sizes(count(place)) == (32, 8, 7)
