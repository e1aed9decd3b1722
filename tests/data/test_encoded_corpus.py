import subprocess
import sys
from dataclasses import fields

import numpy as np
import pytest
from transformers import AutoTokenizer

from labkit.data import cache, encoded_corpus
from labkit.data.corpora import find_corpus, read_corpus
from labkit.data.encoded_corpus import SPLITS, load_encoded
from labkit.data.featurize import Featurizer
from labkit.data.windows import Windows

TEXT = "Anna\tB-PER\nwent\tO\n\nBen\tB-PER\nSmith\tI-PER\nsaw\tO\nrome\tB-LOC\n\n" * 20


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Folder of the cache's entries; the cache is empty and the test's own."""
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "corpora"


@pytest.fixture
def reads(monkeypatch):
    """Counts how often a corpus was read and not taken from the cache."""
    counted = []
    monkeypatch.setattr(
        encoded_corpus, "read_corpus", lambda *args, **how: counted.append(1) or read_corpus(*args, **how)
    )
    return counted


@pytest.fixture(scope="module")
def tokenizer(tiny_encoder):
    return AutoTokenizer.from_pretrained(tiny_encoder)


def corpus_in(folder, train=TEXT, **splits):
    folder.mkdir(exist_ok=True)
    for name, text in {"train": train, **splits}.items():
        (folder / f"{name}.txt").write_text(text)
    return folder


def taken(place, tokenizer, max_pieces=16, **options):
    return load_encoded(find_corpus(place), tokenizer, max_pieces, **{"dev_share": 0.2, "repair": False, **options})[0]


def plain(corpus):
    """All of it as plain values."""
    splits = {
        split: {name: array.tolist() for name, array in getattr(corpus, split).to_arrays().items()} for split in SPLITS
    }
    texts = {split: [words.get_words(i) for i in range(len(words))] for split, words in corpus.texts.items()}
    others = [field.name for field in fields(corpus) if field.name not in (*SPLITS, "texts")]
    return splits | {"texts": texts} | {name: getattr(corpus, name) for name in others}


def test_what_is_taken_from_the_cache_is_what_reading_and_encoding_gives(tmp_path, tokenizer, reads):
    place = corpus_in(tmp_path / "mine", test="Anna\tB-PER\nwent\tO\n" * 20)
    cold, cached = taken(place, tokenizer), taken(place, tokenizer)
    assert len(reads) == 1
    assert plain(cached) == plain(cold)
    corpus = read_corpus(place, dev_share=0.2)
    featurizer = Featurizer(tokenizer, corpus.tags, 16)
    for split in ("dev", "test"):
        assert plain(cached)["texts"][split] == [list(sentence.words) for sentence in getattr(corpus, split)]
    for split in SPLITS:
        assert list(getattr(cached, split)) == list(featurizer.featurize(getattr(corpus, split)))
    assert (cached.name, cached.sha256, cached.tags, cached.notes) == (
        corpus.name,
        corpus.sha256,
        corpus.tags,
        (*corpus.warnings, *corpus.notes),
    )
    assert [note.values for note in cached.notes[-len(corpus.notes) :]] == [note.values for note in corpus.notes] != []
    assert cached.test.num_sentences == 1
    assert len(cached.test) > 1


def test_what_is_taken_from_the_cache_is_mapped_and_cannot_be_changed(tmp_path, tokenizer):
    place = corpus_in(tmp_path / "mine")
    for _ in range(2):
        input_ids = taken(place, tokenizer).train.input_ids
        assert not input_ids.flags.owndata
        with pytest.raises(ValueError, match="read-only"):
            input_ids[0] = 1


def test_everything_that_determines_the_result_makes_another_entry(tmp_path, tokenizer, reads, monkeypatch):
    place = corpus_in(tmp_path / "mine")
    other = AutoTokenizer.from_pretrained(tokenizer.name_or_path)
    other.add_tokens(["smith"])
    ways = [
        lambda: taken(place, tokenizer),
        lambda: taken(place, tokenizer, max_pieces=8),
        lambda: taken(place, tokenizer, dev_share=0.4),
        lambda: taken(place, tokenizer, repair=True),
        lambda: taken(place, tokenizer, types="LOC="),
        lambda: taken(place, other),
        lambda: taken(corpus_in(tmp_path / "namesake"), tokenizer),
        lambda: taken(corpus_in(place, train=TEXT * 2), tokenizer),
    ]
    found = [plain(way()) for way in ways]
    assert len(reads) == len(ways)
    monkeypatch.setattr(encoded_corpus, "hash_source_code", lambda: "another version of this code")
    taken(place, tokenizer)
    assert len(reads) == len(ways) + 1
    assert found[0] != found[1] != found[2]
    assert found[0]["train"]["input_ids"] != found[5]["train"]["input_ids"]
    assert found[4]["tags"] == ("O", "B-PER", "I-PER")
    assert found[7]["sha256"] != found[0]["sha256"]


def test_a_corpus_edited_while_it_is_read_is_kept_as_what_was_read(tmp_path, tokenizer, monkeypatch):
    place = corpus_in(tmp_path / "mine")

    def edited(*args, **how):
        corpus_in(place, train=TEXT * 3)
        return read_corpus(*args, **how)

    monkeypatch.setattr(encoded_corpus, "read_corpus", edited)
    first = taken(place, tokenizer)
    monkeypatch.undo()
    corpus_in(place, train=TEXT)
    assert taken(place, tokenizer).train.num_words < first.train.num_words


def cut_off(data):
    return data[: len(data) // 2]


def one_bit_flipped(data):
    place = len(data) - 40
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def facts_changed(data):
    return data.replace(b"mine", b"main")


@pytest.mark.parametrize(
    "damage",
    [
        cut_off,
        one_bit_flipped,
        facts_changed,
        lambda data: b"",
        lambda data: b"\xff" * 100,
        lambda data: b"labkit" * 1000,
        lambda data: (16).to_bytes(8, "little") + b'{"other": [1,2]}',
        lambda data: (2).to_bytes(8, "little") + b"[]",
    ],
)
def test_a_damaged_entry_is_recomputed_and_replaced(tmp_path, tokenizer, folder, reads, damage):
    place = corpus_in(tmp_path / "mine")
    cold = plain(taken(place, tokenizer))
    (entry,) = folder.iterdir()
    whole = entry.read_bytes()
    entry.unlink()  # it is mapped: writing into it would change what was taken
    entry.write_bytes(damage(whole))
    assert plain(taken(place, tokenizer)) == cold
    assert plain(taken(place, tokenizer)) == cold
    assert len(reads) == 2


def test_an_entry_under_another_key_is_not_believed(tmp_path, tokenizer, folder, reads):
    place = corpus_in(tmp_path / "mine")
    taken(place, tokenizer)
    (one,) = folder.iterdir()
    cold = plain(taken(corpus_in(place, train=TEXT * 2), tokenizer))
    (other,) = set(folder.iterdir()) - {one}
    other.write_bytes(one.read_bytes())
    assert plain(taken(place, tokenizer)) == cold
    assert len(reads) == 3


def test_without_a_folder_to_write_to_a_corpus_is_read_each_time(tmp_path, tokenizer, folder, reads):
    folder.parent.parent.mkdir(exist_ok=True)
    folder.parent.write_text("a file where the folder should be")
    place = corpus_in(tmp_path / "mine")
    assert plain(taken(place, tokenizer)) == plain(taken(place, tokenizer))
    assert len(reads) == 2


def test_an_error_in_a_corpus_is_raised_and_nothing_is_kept(tmp_path, tokenizer, folder):
    place = corpus_in(tmp_path / "mine", train="Anna\tB-PER\nwent\n")
    with pytest.raises(ValueError, match=r"train.txt:2: expected a word and its tag"):
        taken(place, tokenizer)
    assert not folder.exists()


WRITE_OFTEN = """
import pathlib, sys
import numpy as np
from labkit.data import cache

folder = pathlib.Path(sys.argv[1])
for _ in range(40):
    cache.store(folder, "key", {"values": np.full(50_000, 7, np.int32)}, {"same": "for all"})
    arrays, facts = cache.load(folder, "key")
    assert (arrays["values"] == 7).all()
    assert facts == {"same": "for all"}
"""


def test_several_processes_write_and_read_one_entry_at_once(tmp_path):
    processes = [subprocess.Popen([sys.executable, "-c", WRITE_OFTEN, str(tmp_path)]) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["key.safetensors"]


def test_entries_used_longest_ago_go_first_when_there_are_too_many(tmp_path, monkeypatch):
    values = {"values": np.zeros(1000, np.int64)}
    monkeypatch.setattr(cache, "MAX_BYTES", 3 * 9000)
    for number, key in enumerate("abc"):
        cache.store(tmp_path, key, values, {})
        old = 1_000_000 + number
        cache.os.utime(tmp_path / f"{key}.safetensors", (old, old))
    assert cache.load(tmp_path, "a")  # used again
    cache.store(tmp_path, "d", values, {})
    assert {path.stem for path in tmp_path.iterdir()} == {"a", "c", "d"}


def test_windows_come_back_from_their_arrays(tokenizer, tmp_path):
    windows = taken(corpus_in(tmp_path / "mine"), tokenizer).train
    assert list(Windows(**windows.to_arrays())) == list(windows)


def test_entities_are_kept_whole_in_training_and_cut_unseen_where_scores_are_taken(tmp_path, tokenizer):
    """Cutting dev around entities that nobody knows yet would flatter its score."""
    text = "the\tO\n" * 5 + "anna\tB-PER\n" + "the\tI-PER\n" * 4 + "\n"
    corpus = taken(corpus_in(tmp_path / "mine", train=text, dev=text, test=text), tokenizer, max_pieces=10)
    lengths = [[len(window.first_token) for window in split] for split in (corpus.train, corpus.dev, corpus.test)]
    assert lengths == [[5, 5], [8, 2], [8, 2]]
